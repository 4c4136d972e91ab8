"""The table of appointments."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Stamped, Versioned, coded, ref


class AppointmentState(StrEnum):
    """Planned, or how it ended."""

    BOOKED = "booked"
    KEPT = "kept"
    MISSED = "missed"
    CANCELLED = "cancelled"


class Appointment(Base, Stamped, Versioned):
    """A visit promised to a person; `sequence` grows with each change, for the calendar file."""

    __tablename__ = "appointment"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    person_id: Mapped[int] = ref("person.id")
    inquiry_id: Mapped[int | None] = ref("inquiry.id")
    case_id: Mapped[int | None] = ref("care_case.id")
    kind: Mapped[str]
    starts_at: Mapped[datetime]
    zone: Mapped[str]
    place_code: Mapped[str]
    state: Mapped[AppointmentState] = mapped_column(coded(AppointmentState), default=AppointmentState.BOOKED)
    sequence: Mapped[int] = mapped_column(default=0)
