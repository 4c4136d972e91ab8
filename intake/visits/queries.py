"""Which visits are ahead, and which nobody has accounted for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, func, select

from intake.db import db
from intake.visits.models import Appointment, AppointmentState

_OF_CASE = select(Appointment).where(Appointment.case_id == bindparam("case")).order_by(Appointment.starts_at.desc())


def ahead(*, now: datetime, case_id: int | None = None, person_id: int | None = None) -> list[Appointment]:
    """Booked visits of a case or person from now on, soonest first."""
    wanted = Appointment.case_id == case_id if case_id is not None else Appointment.person_id == person_id
    return list(
        db.session.scalars(
            select(Appointment)
            .where(wanted, Appointment.state == AppointmentState.BOOKED, Appointment.starts_at >= now)
            .order_by(Appointment.starts_at)
        )
    )


def of_case(case_id: int) -> list[Appointment]:
    """Every visit of a case, newest first."""
    return list(db.session.scalars(_OF_CASE, {"case": case_id}))


def overdue(site_id: int, *, before: datetime) -> list[Appointment]:
    """Booked visits that started before a time and were neither kept nor missed: a person has to say which."""
    return list(
        db.session.scalars(
            select(Appointment)
            .where(
                Appointment.site_id == site_id,
                Appointment.state == AppointmentState.BOOKED,
                Appointment.starts_at < before,
            )
            .order_by(Appointment.starts_at)
        )
    )


def booked_between(site_id: int, start: datetime, end: datetime) -> int:
    """How many visits are booked from `start` until before `end`."""
    return int(
        db.session.scalar(
            select(func.count())
            .select_from(Appointment)
            .where(
                Appointment.site_id == site_id,
                Appointment.state == AppointmentState.BOOKED,
                Appointment.starts_at >= start,
                Appointment.starts_at < end,
            )
        )
        or 0
    )
