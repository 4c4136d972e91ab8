"""Tables of inquiries. The danger answers are codes in the open: they order queues and are never identity."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class Channel(StrEnum):
    """How an inquiry came."""

    WEB = "web"
    PHONE = "phone"
    WALK_IN = "walk_in"
    REFERRAL = "referral"


class Relation(StrEnum):
    """Who asks."""

    SELF = "self"
    FAMILY = "family"
    PROFESSIONAL = "professional"


class InquiryState(StrEnum):
    """The states of product.md 2.2."""

    NEW = "new"
    CONTACTING = "contacting"
    SCREENING = "screening"
    CLINICAL_REVIEW = "clinical_review"
    ACCEPTED = "accepted"
    REFERRED_OUT = "referred_out"
    NOT_SUITABLE = "not_suitable"
    DECLINED_BY_PERSON = "declined_by_person"
    UNREACHABLE = "unreachable"
    DUPLICATE = "duplicate"
    CRISIS_HANDED_OVER = "crisis_handed_over"


class Inquiry(Base, Stamped, Versioned):
    """One first contact asking for help; never deleted."""

    __tablename__ = "inquiry"
    __table_args__ = (Index("inquiry_inbox", "site_id", "state", "received_at", "id"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id", index=False)
    reference: Mapped[str] = mapped_column(unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    received_at: Mapped[datetime]
    channel: Mapped[Channel] = mapped_column(coded(Channel))
    relation: Mapped[Relation] = mapped_column(coded(Relation))
    taken_by: Mapped[int | None] = mapped_column(BigInteger)
    owner_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    inquirer_id: Mapped[int] = ref("person.id")
    person_id: Mapped[int] = ref("person.id")
    will_call_back: Mapped[bool] = mapped_column(default=False)
    danger: Mapped[dict[str, Any]] = mapped_column(default=dict)
    own_words: Mapped[Sealed | None]
    facts: Mapped[Sealed | None]
    state: Mapped[InquiryState] = mapped_column(coded(InquiryState), default=InquiryState.NEW)
    closing_reason: Mapped[str] = mapped_column(default="")
    referrer: Mapped[Sealed | None]
    first_contact_due_at: Mapped[datetime]
    first_contact_at: Mapped[datetime | None]
    funding: Mapped[str] = mapped_column(default="unknown")
    contact_consent_at: Mapped[datetime | None]
    contact_consent_how: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]


class Attempt(Base, Stamped):
    """One try to reach someone; a conversation stops the first-contact clock, a mail never does."""

    __tablename__ = "attempt"

    id: Mapped[Id]
    inquiry_id: Mapped[int] = ref("inquiry.id")
    at: Mapped[datetime]
    by: Mapped[int] = mapped_column(BigInteger)
    channel: Mapped[str]
    outcome: Mapped[str]
    words: Mapped[Sealed | None]


class Promise(Base, Stamped, Versioned):
    """A time we gave (callback, appointment): kept, missed or replaced, never edited."""

    __tablename__ = "promise"

    id: Mapped[Id]
    inquiry_id: Mapped[int] = ref("inquiry.id")
    kind: Mapped[str]
    due_at: Mapped[datetime]
    kept_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]
    replaced_by: Mapped[int | None] = ref("promise.id", index=False)


class InquiryDraft(Base):
    """What somebody has typed so far, on the server, sealed under a short-lived key of its own."""

    __tablename__ = "inquiry_draft"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    channel: Mapped[Channel] = mapped_column(coded(Channel))
    taken_by: Mapped[int | None] = mapped_column(BigInteger, index=True)
    answers: Mapped[Sealed]
    inquiry_id: Mapped[int | None] = ref("inquiry.id")
    created_at: Mapped[datetime]
    saved_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class Referral(Base, Stamped, Versioned):
    """What a professional sent beside the inquiry itself; content and answer are sealed under the patient's key."""

    __tablename__ = "referral"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    inquiry_id: Mapped[int] = ref("inquiry.id")
    client_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    body_digest: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    source: Mapped[str]
    legal_basis: Mapped[str]
    content: Mapped[Sealed]
    missing: Mapped[list[Any]] = mapped_column(default=list)
    reply_due_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime]
    answer: Mapped[str] = mapped_column(default="")
    answer_code: Mapped[str] = mapped_column(default="")
    answer_words: Mapped[Sealed | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[int | None] = mapped_column(BigInteger)
    consent_id: Mapped[int | None] = ref("consent.id")


class ReferralOut(Base, Stamped, Versioned):
    """Somebody sent on to another place, and what became of them there; places and words sealed under the person."""

    __tablename__ = "referral_out"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    inquiry_id: Mapped[int] = ref("inquiry.id")
    case_id: Mapped[int | None] = ref("care_case.id")
    cause: Mapped[str]
    level: Mapped[str] = mapped_column(default="")
    places: Mapped[Sealed | None]
    ask_at: Mapped[datetime]
    asked: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str] = mapped_column(default="")
    outcome_code: Mapped[str] = mapped_column(default="")
    words: Mapped[Sealed | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(BigInteger)


class OutsidePlace(Base, Stamped, Versioned):
    """A place that somebody can be sent on to; taken off the list it stays as a row."""

    __tablename__ = "outside_place"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    name: Mapped[str]
    care: Mapped[str]
    phone: Mapped[str]
    takes: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]
