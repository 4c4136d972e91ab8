"""Tables of cases."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class CaseState(StrEnum):
    """The states of product.md 2.2."""

    IN_REVIEW = "in_review"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    WAITLISTED = "waitlisted"
    NO_SHOW = "no_show"
    ADMITTED = "admitted"
    TRANSFER_PENDING = "transfer_pending"
    DISCHARGED = "discharged"
    AFTERCARE = "aftercare"
    CLOSED = "closed"


_OPEN = text("state NOT IN ('discharged', 'closed')")
_RESTRICTED = text("restricted")


class Case(Base, Stamped, Versioned):
    """One stay of a person with us, from review to closing; at most one is open per person."""

    __tablename__ = "care_case"
    __table_args__ = (
        Index("care_case_one_open", "person_id", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("care_case_owner", "owner_id", "state"),
        # Few are restricted, and every list asks which: whom somebody must not meet is known at any size of center.
        Index("care_case_restricted", "site_id", postgresql_where=_RESTRICTED, sqlite_where=_RESTRICTED),
    )

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    person_id: Mapped[int] = ref("person.id")
    opened_from: Mapped[int] = ref("inquiry.id")
    owner_id: Mapped[int | None] = mapped_column(BigInteger)
    opened_at: Mapped[datetime]
    state: Mapped[CaseState] = mapped_column(coded(CaseState), default=CaseState.IN_REVIEW)
    flags: Mapped[list[Any]] = mapped_column(default=list)
    restricted: Mapped[bool] = mapped_column(default=False)
    decision: Mapped[str] = mapped_column(default="")
    decision_level: Mapped[str] = mapped_column(default="")
    decision_code: Mapped[str] = mapped_column(default="")
    decision_reason: Mapped[Sealed | None]
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decided_at: Mapped[datetime | None]
    told_whom: Mapped[str] = mapped_column(default="")
    external_level: Mapped[str] = mapped_column(default="")
    external_tool: Mapped[str] = mapped_column(default="")
    external_on: Mapped[date | None]
    request_on: Mapped[date | None]
    wait_number: Mapped[int | None]
    wait_class: Mapped[str] = mapped_column(default="")
    waiting_from: Mapped[datetime | None]
    interim_at: Mapped[datetime | None]
    interim: Mapped[list[Any]] = mapped_column(default=list)
    slot_offered_at: Mapped[datetime | None]
    offers_refused: Mapped[int] = mapped_column(default=0)
    offer_after: Mapped[datetime | None]
    admitted_on: Mapped[date | None]
    admit_level: Mapped[str] = mapped_column(default="")
    billed_level: Mapped[str] = mapped_column(default="")
    moud: Mapped[dict[str, Any]] = mapped_column(default=dict)
    naloxone: Mapped[dict[str, Any]] = mapped_column(default=dict)
    care_plan: Mapped[Sealed | None]
    circumstances: Mapped[Sealed | None]
    legal: Mapped[Sealed | None]
    last_contact_on: Mapped[date | None]
    discharged_on: Mapped[date | None]
    discharge_type: Mapped[str] = mapped_column(default="")
    discharge_status: Mapped[str] = mapped_column(default="")
    closing_reason: Mapped[str] = mapped_column(default="")
    next_contact: Mapped[Sealed | None]


class Note(Base, Stamped):
    """Free text on the timeline, sealed under the case's person."""

    __tablename__ = "note"

    id: Mapped[Id]
    case_id: Mapped[int] = ref("care_case.id")
    author_name: Mapped[str]
    words: Mapped[Sealed]


class CaseAlert(Base, Stamped, Versioned):
    """A call on staff to act now; open until a person acknowledges it."""

    __tablename__ = "case_alert"

    id: Mapped[Id]
    case_id: Mapped[int] = ref("care_case.id")
    code: Mapped[str]
    triggers: Mapped[list[Any]] = mapped_column(default=list)
    raised_at: Mapped[datetime]
    acknowledge_by: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[int | None] = mapped_column(BigInteger)
    acknowledged_name: Mapped[str] = mapped_column(default="")
    escalated_at: Mapped[datetime | None]
    outcome: Mapped[Sealed | None]


class NoteDraft(Base, Versioned):
    """A note somebody is still writing; one per author and case, sealed under the case's person."""

    __tablename__ = "note_draft"
    __table_args__ = (UniqueConstraint("case_id", "author_id"),)

    id: Mapped[Id]
    case_id: Mapped[int] = ref("care_case.id", index=False)
    author_id: Mapped[int] = mapped_column(BigInteger)
    words: Mapped[Sealed | None]
    saved_at: Mapped[datetime]


class Grant(Base, Stamped, Versioned):
    """Emergency access to one restricted case for one member of staff, for an hour, with its reason and its review."""

    __tablename__ = "case_grant"

    id: Mapped[Id]
    case_id: Mapped[int] = ref("care_case.id")
    staff_id: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[Sealed]
    until: Mapped[datetime]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[int | None] = mapped_column(BigInteger)
    review: Mapped[str] = mapped_column(default="")
    review_words: Mapped[Sealed | None]


class TransferState(StrEnum):
    """Asked, answered, arrived, or one of the other ends."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    ARRIVED = "arrived"


_ASKED = text("state IN ('requested', 'accepted')")


class Transfer(Base, Stamped, Versioned):
    """A move to another level or team, asked by one and accepted by the other; the sender stays owner until arrival."""

    __tablename__ = "transfer"
    __table_args__ = (Index("transfer_accepted", "case_id", "state", postgresql_where=_ASKED, sqlite_where=_ASKED),)

    id: Mapped[Id]
    case_id: Mapped[int] = ref("care_case.id", index=False)
    to_level: Mapped[str]
    to_outside: Mapped[Sealed | None]
    reason: Mapped[Sealed]
    asked_by: Mapped[int] = mapped_column(BigInteger)
    asked_at: Mapped[datetime]
    state: Mapped[TransferState] = mapped_column(coded(TransferState), default=TransferState.REQUESTED)
    answered_by: Mapped[int | None] = mapped_column(BigInteger)
    answered_at: Mapped[datetime | None]
    decline_code: Mapped[str] = mapped_column(default="")
    readiness: Mapped[dict[str, Any]] = mapped_column(default=dict)
    from_level: Mapped[str] = mapped_column(default="")


class LegalHold(Base, Stamped):
    """Nothing about a person is purged or erased until it is released; the reason is sealed under the person."""

    __tablename__ = "legal_hold"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    person_id: Mapped[int] = ref("person.id")
    case_id: Mapped[int] = ref("care_case.id")
    reason: Mapped[Sealed]
    released_at: Mapped[datetime | None]
    released_by: Mapped[int | None] = mapped_column(BigInteger)
