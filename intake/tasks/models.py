"""The table of tasks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from intake.actor import Role
from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class TaskState(StrEnum):
    """Open, taken, or at one of its two ends."""

    OPEN = "open"
    CLAIMED = "claimed"
    DONE = "done"
    CANCELLED = "cancelled"


class Task(Base, Stamped, Versioned):
    """One piece of work; `key` makes a cause create it at most once while it is open."""

    __tablename__ = "task"
    __table_args__ = (Index("task_owed", "site_id", "state", "due_at", "id"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id", index=False)
    kind: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    inquiry_id: Mapped[int | None] = ref("inquiry.id")
    case_id: Mapped[int | None] = ref("care_case.id")
    role: Mapped[Role] = mapped_column(coded(Role))
    owner_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    due_at: Mapped[datetime]
    snoozed_until: Mapped[datetime | None]
    cause: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[TaskState] = mapped_column(coded(TaskState), default=TaskState.OPEN)
    outcome: Mapped[str] = mapped_column(default="")
    reason: Mapped[Sealed | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(BigInteger)
    escalated_at: Mapped[datetime | None]
