"""Tables of screenings. A complete screening is final; a correction is a new one that names the old."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref
from intake.queues.models import Queue


class ScreeningState(StrEnum):
    """Draft until completed."""

    DRAFT = "draft"
    COMPLETE = "complete"
    EXPIRED = "expired"


_DRAFT = text("state = 'draft'")


class Screening(Base, Stamped, Versioned):
    """Answers are one sealed document {part: {item: answer}}; scores are what the server computed from them."""

    __tablename__ = "screening"
    __table_args__ = (
        Index("screening_of_inquiry", "inquiry_id", "created_at"),
        Index("screening_left", "saved_at", postgresql_where=_DRAFT, sqlite_where=_DRAFT),
    )

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    person_id: Mapped[int] = ref("person.id")
    inquiry_id: Mapped[int] = ref("inquiry.id", index=False)
    case_id: Mapped[int | None] = ref("care_case.id")
    corrects_id: Mapped[int | None] = ref("screening.id", index=False)
    rater_id: Mapped[int | None] = mapped_column(BigInteger)
    mode: Mapped[str]
    state: Mapped[ScreeningState] = mapped_column(coded(ScreeningState), default=ScreeningState.DRAFT)
    taken_at: Mapped[datetime]
    saved_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    answers: Mapped[Sealed | None]
    scores: Mapped[list[Any]] = mapped_column(default=list)
    explanation: Mapped[dict[str, Any]] = mapped_column(default=dict)
    mme: Mapped[dict[str, Any]] = mapped_column(default=dict)
    scorer_version: Mapped[str] = mapped_column(default="")


class ScreeningLink(Base, Stamped, Versioned):
    """A link that staff sent, by which a person answers the questions alone; what they typed is kept until they send.

    It ends when its answers were sent (`screening_id`), or when a newer one takes its place.
    """

    __tablename__ = "screening_link"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    person_id: Mapped[int] = ref("person.id")
    inquiry_id: Mapped[int] = ref("inquiry.id")
    answers: Mapped[Sealed | None]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    screening_id: Mapped[int | None] = ref("screening.id", index=False)


class OpioidLine(Base, Stamped):
    """One opioid somebody takes now, as told; drug and dose are sealed with the person's key."""

    __tablename__ = "opioid_line"

    id: Mapped[Id]
    person_id: Mapped[int] = ref("person.id")
    screening_id: Mapped[int] = ref("screening.id")
    content: Mapped[Sealed]
    ended_at: Mapped[datetime | None]


class Vitals(Base, Stamped):
    """Blood pressure in mmHg and pulse per minute, measured at a time."""

    __tablename__ = "vitals"

    id: Mapped[Id]
    person_id: Mapped[int] = ref("person.id")
    screening_id: Mapped[int | None] = ref("screening.id")
    systolic: Mapped[int | None]
    diastolic: Mapped[int | None]
    pulse: Mapped[int | None]
    at: Mapped[datetime]


class PlacementState(StrEnum):
    """A proposal until somebody answers it."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"
    SUPERSEDED = "superseded"


class Placement(Base, Stamped, Versioned):
    """What the rules propose from the facts of one screening, and what a person made of it."""

    __tablename__ = "placement"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    inquiry_id: Mapped[int] = ref("inquiry.id")
    case_id: Mapped[int | None] = ref("care_case.id")
    screening_id: Mapped[int | None] = ref("screening.id")
    rules_version: Mapped[int]
    facts: Mapped[Sealed]
    facts_hash: Mapped[bytes]
    queue: Mapped[Queue] = mapped_column(coded(Queue))
    acuity: Mapped[int]
    priority: Mapped[int]
    next_queue: Mapped[str] = mapped_column(default="")
    fired: Mapped[list[Any]] = mapped_column(default=list)
    flags: Mapped[list[Any]] = mapped_column(default=list)
    missing: Mapped[list[Any]] = mapped_column(default=list)
    incomplete: Mapped[bool] = mapped_column(default=False)
    state: Mapped[PlacementState] = mapped_column(coded(PlacementState), default=PlacementState.PROPOSED)
    override_queue: Mapped[str] = mapped_column(default="")
    override_acuity: Mapped[int | None]
    override_code: Mapped[str] = mapped_column(default="")
    override_reason: Mapped[Sealed | None]
    answered_by: Mapped[int | None] = mapped_column(BigInteger)
    answered_at: Mapped[datetime | None]
