"""The table of check-ins."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class CheckInState(StrEnum):
    """Owed until answered, too late or withdrawn."""

    OWED = "owed"
    ANSWERED = "answered"
    REVIEWED = "reviewed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class CheckIn(Base, Stamped, Versioned):
    """One owed or given answer about a step of a plan version; opening the link writes nothing."""

    __tablename__ = "check_in"
    __table_args__ = (UniqueConstraint("version_id", "step", "purpose"),)

    id: Mapped[Id]
    case_id: Mapped[int] = ref("care_case.id")
    person_id: Mapped[int] = ref("person.id")
    version_id: Mapped[int] = ref("plan_version.id", index=False)
    step: Mapped[int]
    purpose: Mapped[str] = mapped_column(default="check_in")
    message_id: Mapped[int | None] = ref("message.id")
    state: Mapped[CheckInState] = mapped_column(coded(CheckInState), default=CheckInState.OWED, index=True)
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    answers: Mapped[Sealed | None]
    triggers: Mapped[list[Any]] = mapped_column(default=list)
    level: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]
    overdue_task_at: Mapped[datetime | None]
    reviewed_by: Mapped[int | None] = mapped_column(BigInteger)
    reviewed_at: Mapped[datetime | None]
