"""Tables of consents (42 CFR 2.31) and disclosures."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class ConsentKind(StrEnum):
    """What is agreed to."""

    TREATMENT = "treatment"
    TELEHEALTH = "telehealth"
    MESSAGES = "messages"
    DISCLOSURE = "disclosure"


class ConsentState(StrEnum):
    """A consent counts only while active."""

    DRAFT = "draft"
    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class Consent(Base, Stamped, Versioned):
    """Every element of 2.31 as a field; revocation works from the next request on."""

    __tablename__ = "consent"

    id: Mapped[Id]
    person_id: Mapped[int] = ref("person.id")
    kind: Mapped[ConsentKind] = mapped_column(coded(ConsentKind))
    state: Mapped[ConsentState] = mapped_column(coded(ConsentState))
    discloser: Mapped[str] = mapped_column(default="")
    recipient: Mapped[Sealed | None]
    recipient_kind: Mapped[str] = mapped_column(default="named")
    description: Mapped[list[Any]] = mapped_column(default=list)
    purpose: Mapped[str] = mapped_column(default="")
    purpose_words: Mapped[Sealed | None]
    text_version: Mapped[str] = mapped_column(default="")
    text_hash: Mapped[bytes] = mapped_column(default=b"")
    notice_version: Mapped[str] = mapped_column(default="")
    signed_at: Mapped[datetime | None]
    signed_how: Mapped[str] = mapped_column(default="")
    signed_name: Mapped[Sealed | None]
    guardian: Mapped[Sealed | None]
    expires_at: Mapped[datetime | None]
    end_event: Mapped[Sealed | None]
    ended_at: Mapped[datetime | None]
    # A condition of a criminal case (42 CFR 2.35) is not taken back before this day, or before this has happened.
    bound_until: Mapped[datetime | None]
    bound_event: Mapped[Sealed | None]
    freed_at: Mapped[datetime | None]
    replaces: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[int | None] = mapped_column(BigInteger)
    revoked_how: Mapped[str] = mapped_column(default="")


class DisclosureState(StrEnum):
    """Allowed or refused at the gate; an allowed one is handed out, or fails when the ground is gone by then."""

    AUTHORIZED = "authorized"
    REFUSED = "refused"
    DELIVERED = "delivered"
    FAILED = "failed"


class Disclosure(Base, Stamped):
    """Each release of a record, written before the first byte leaves; also when refused."""

    __tablename__ = "disclosure"
    __table_args__ = (Index("disclosure_newest", "site_id", "at", "id"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id", index=False)
    case_id: Mapped[int] = ref("care_case.id")
    consent_id: Mapped[int | None] = ref("consent.id")
    legal_ground: Mapped[str] = mapped_column(default="")
    recipient: Mapped[Sealed | None]
    affiliation: Mapped[Sealed | None]
    facts: Mapped[Sealed | None]
    purpose: Mapped[str] = mapped_column(default="")
    scope: Mapped[list[Any]] = mapped_column(default=list)
    way: Mapped[str] = mapped_column(default="")
    actor_id: Mapped[int] = mapped_column(BigInteger)
    actor_name: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]
    notice_version: Mapped[str] = mapped_column(default="")
    state: Mapped[DisclosureState] = mapped_column(coded(DisclosureState))
    reason: Mapped[str] = mapped_column(default="")
    delivered_at: Mapped[datetime | None]
