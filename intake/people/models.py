"""Tables of persons. Identity and contact are sealed under the person's own data key."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class PersonKind(StrEnum):
    """Known, asked about by somebody else, or merged away."""

    KNOWN = "known"
    PLACEHOLDER = "placeholder"
    TOMBSTONE = "tombstone"


class Person(Base, Stamped, Versioned):
    """Any human we know of; a placeholder is one another person inquires about."""

    __tablename__ = "person"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    kind: Mapped[PersonKind] = mapped_column(coded(PersonKind))
    merged_into: Mapped[int | None] = ref("person.id")
    legal_name: Mapped[Sealed | None]
    used_name: Mapped[Sealed | None]
    born_on: Mapped[Sealed | None]
    age_years: Mapped[int | None]
    pronouns: Mapped[Sealed | None]
    sex: Mapped[str] = mapped_column(default="unknown")
    locale: Mapped[str] = mapped_column(default="en")
    language: Mapped[str] = mapped_column(default="")
    interpreter: Mapped[bool] = mapped_column(default=False)
    gender: Mapped[Sealed | None]
    needs: Mapped[Sealed | None]
    county: Mapped[str] = mapped_column(default="")
    no_fixed_address: Mapped[bool] = mapped_column(default=False)
    time_zone: Mapped[str]
    reminder_hour: Mapped[int] = mapped_column(default=10)
    reminder_minute: Mapped[int] = mapped_column(default=0)
    allergies: Mapped[Sealed | None]
    demographics: Mapped[Sealed | None]
    died_at: Mapped[datetime | None]


class ContactKind(StrEnum):
    """How somebody can be reached."""

    PHONE = "phone"
    EMAIL = "email"
    POST = "post"


class ContactPoint(Base, Stamped, Versioned):
    """One phone, email or postal address with what is safe on it; added and stopped, never overwritten."""

    __tablename__ = "contact_point"

    id: Mapped[Id]
    person_id: Mapped[int] = ref("person.id")
    kind: Mapped[ContactKind] = mapped_column(coded(ContactKind))
    value: Mapped[Sealed]
    may_call: Mapped[bool] = mapped_column(default=False)
    may_voicemail: Mapped[bool] = mapped_column(default=False)
    may_text: Mapped[bool] = mapped_column(default=False)
    may_email: Mapped[bool] = mapped_column(default=False)
    may_post: Mapped[bool] = mapped_column(default=False)
    may_name_center: Mapped[bool] = mapped_column(default=False)
    hours: Mapped[str] = mapped_column(default="")
    who_else: Mapped[Sealed | None]
    verified_at: Mapped[datetime | None]
    verified_how: Mapped[str] = mapped_column(default="")
    consented_at: Mapped[datetime | None]
    consent_kinds: Mapped[list[Any]] = mapped_column(default=list)
    # Which mails they agreed to: all, or only those about visits.
    mail_scope: Mapped[str] = mapped_column(default="all")
    # Days between mails that are only about the weekly question; 0: each one as it comes.
    mail_every: Mapped[int] = mapped_column(default=0)
    stopped_at: Mapped[datetime | None]
    bad_since: Mapped[datetime | None]


class EmergencyContact(Base, Stamped, Versioned):
    """Whom a person wants told when something happens to them: a person of their own, and the consent that lets us."""

    __tablename__ = "emergency_contact"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    person_id: Mapped[int] = ref("person.id")
    contact_id: Mapped[int] = ref("person.id")
    relation: Mapped[str]
    may_be_told: Mapped[Sealed | None]
    consent_id: Mapped[int | None] = ref("consent.id")
    ended_at: Mapped[datetime | None]


class MatchKey(Base):
    """A blind token of a normalised name part, birth date, phone or email; serves find and duplicates."""

    __tablename__ = "match_key"
    __table_args__ = (Index("match_key_token", "site_id", "kind", "token", "person_id"),)

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    person_id: Mapped[int] = ref("person.id", ondelete="CASCADE")
    kind: Mapped[str]
    token: Mapped[int] = mapped_column(BigInteger)


class PersonMerge(Base, Stamped):
    """A join of two records of one human, with what pointed at each before, so that it can be taken back exactly."""

    __tablename__ = "person_merge"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    loser_id: Mapped[int] = ref("person.id")
    survivor_id: Mapped[int] = ref("person.id")
    loser_kind: Mapped[str]
    moved: Mapped[dict[str, Any]] = mapped_column(default=dict)
    kept: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reason: Mapped[str] = mapped_column(default="")
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None] = mapped_column(BigInteger)


class CoverageKind(StrEnum):
    """Who pays."""

    PRIVATE = "private"
    MEDICAID = "medicaid"
    MEDICARE = "medicare"
    MILITARY = "military"
    STATE = "state_funded"
    SCHOLARSHIP = "scholarship"
    SELF = "self_pay"
    OTHER = "other"


class CheckState(StrEnum):
    """How the check of a coverage stands (product.md 2.2)."""

    PENDING = "pending"
    VERIFIED = "verified"
    PARTIAL = "partial"
    DENIED = "denied"
    EXPIRED = "expired"


class Coverage(Base, Stamped, Versioned):
    """One way a person's care is paid: payer, holder, policy and group are sealed; the newest check gives its state."""

    __tablename__ = "coverage"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    person_id: Mapped[int] = ref("person.id")
    kind: Mapped[CoverageKind] = mapped_column(coded(CoverageKind))
    order: Mapped[int] = mapped_column("place", default=1)
    content: Mapped[Sealed]
    state: Mapped[CheckState] = mapped_column(coded(CheckState), default=CheckState.PENDING)
    expires_on: Mapped[date | None]
    ended_at: Mapped[datetime | None]


class CoverageCheck(Base, Stamped):
    """One check of a coverage: who asked, when, what came of it, and until when that holds."""

    __tablename__ = "coverage_check"

    id: Mapped[Id]
    coverage_id: Mapped[int] = ref("coverage.id")
    at: Mapped[datetime]
    by: Mapped[int] = mapped_column(BigInteger)
    by_name: Mapped[str]
    state: Mapped[CheckState] = mapped_column(coded(CheckState))
    words: Mapped[Sealed | None]
    expires_on: Mapped[date | None]


class CoverageCard(Base, Stamped):
    """The picture of a card, sealed; the newest of a coverage counts, earlier ones stay."""

    __tablename__ = "coverage_card"

    id: Mapped[Id]
    coverage_id: Mapped[int] = ref("coverage.id")
    mimetype: Mapped[str]
    picture: Mapped[Sealed]
