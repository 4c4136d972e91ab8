"""Tables of taper plans (rulings 4). A signed version is never edited; every change is a new version."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class PlanState(StrEnum):
    """Where a version stands; at most one per plan is active or paused."""

    DRAFT = "draft"
    AWAITING_SIGNATURE = "awaiting_signature"
    ACTIVE = "active"
    PAUSED = "paused"
    SUPERSEDED = "superseded"
    COMPLETED = "completed"
    STOPPED = "stopped"
    DISCARDED = "discarded"


class TaperPlan(Base, Stamped, Versioned):
    """The plan of one case; its content stands in its versions."""

    __tablename__ = "taper_plan"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    case_id: Mapped[int] = ref("care_case.id")
    person_id: Mapped[int] = ref("person.id")
    current_version_id: Mapped[int | None] = mapped_column(BigInteger)


_LIVE = text("state IN ('active', 'paused')")


class PlanVersion(Base, Stamped, Versioned):
    """One edition: what was asked for (`request`), the steps it gives, who signed, what was answered to each concern.

    `steps` is the list of clinical.md 4.5 (doses in mg or mcg/h per administration, dates ISO).
    """

    __tablename__ = "plan_version"
    __table_args__ = (
        UniqueConstraint("plan_id", "n"),
        Index("plan_version_live", "plan_id", unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = ref("taper_plan.id", index=False)
    n: Mapped[int]
    change: Mapped[str]
    supersedes_id: Mapped[int | None] = ref("plan_version.id", index=False)
    state: Mapped[PlanState] = mapped_column(coded(PlanState), default=PlanState.DRAFT, index=True)
    product: Mapped[str]
    request: Mapped[dict[str, Any]]
    by_hand: Mapped[bool] = mapped_column(default=False)
    steps: Mapped[list[Any]]
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    holds: Mapped[bool] = mapped_column(default=False)
    ceiling_mme: Mapped[str] = mapped_column(default="")
    standing_approval: Mapped[bool] = mapped_column(default=False)
    concerns: Mapped[list[Any]] = mapped_column(default=list)
    checklist: Mapped[dict[str, Any]] = mapped_column(default=dict)
    goals: Mapped[Sealed | None]
    co_therapies: Mapped[Sealed | None]
    content_hash: Mapped[bytes] = mapped_column(default=b"")
    activated_on: Mapped[date | None]
    signed_by: Mapped[int | None] = mapped_column(BigInteger)
    signed_name: Mapped[str] = mapped_column(default="")
    signed_at: Mapped[datetime | None]
    released_by: Mapped[int | None] = mapped_column(BigInteger)
    pause_reason: Mapped[str] = mapped_column(default="")
    pause_words: Mapped[Sealed | None]
    dose_held: Mapped[str] = mapped_column(default="")
    review_by: Mapped[date | None]
    agreed_by: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(default="")


class StepHold(Base, Stamped, Versioned):
    """While open, the reminder of this step and of later ones is not true (rulings 4)."""

    __tablename__ = "step_hold"

    id: Mapped[Id]
    version_id: Mapped[int] = ref("plan_version.id")
    first_step: Mapped[int]
    reason: Mapped[str]
    triggers: Mapped[list[Any]] = mapped_column(default=list)
    since: Mapped[datetime]
    cleared_by: Mapped[int | None] = mapped_column(BigInteger)
    cleared_at: Mapped[datetime | None]
    clear_reason: Mapped[str] = mapped_column(default="")
