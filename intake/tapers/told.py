"""Which visits a mail tells of, and the condition under which that is still so at the gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, Table, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement

from intake.db import db
from intake.messages.models import Message, MessagePart
from intake.visits import saying
from intake.visits.models import Appointment, AppointmentState

VISIT_DAYS = {"APPT_3D": 3, "APPT_1D": 1}


def visits(messages: Sequence[Message]) -> dict[int, list[Appointment]]:
    """The booked visits that each message names, soonest first; one statement."""
    found: dict[int, list[Appointment]] = {}
    rows = db.session.execute(
        select(MessagePart.message_id, Appointment)
        .join(Appointment, Appointment.id == MessagePart.appointment_id)
        .where(MessagePart.message_id.in_([m.id for m in messages]), Appointment.state == AppointmentState.BOOKED)
        .order_by(Appointment.starts_at, Appointment.id)
    )
    for message_id, visit in rows:
        found.setdefault(message_id, []).append(visit)
    return found


def unchanged(table: Table) -> ColumnElement[bool]:
    """The booked visits that a message names are those it was rendered with (parameter `visits_seen`)."""
    now = (
        select(func.coalesce(func.sum(Appointment.sequence + 1), 0))
        .join(MessagePart, MessagePart.appointment_id == Appointment.id)
        .where(MessagePart.message_id == table.c.id, Appointment.state == AppointmentState.BOOKED)
        .correlate(table)
        .scalar_subquery()
    )
    return now == bindparam("visits_seen", type_=BigInteger())


def seen(of: Iterable[Appointment]) -> int:
    """The value of `visits_seen`: a visit that is moved, taken back or added makes another one."""
    return sum(visit.sequence + 1 for visit in of)


def spoken(of: Iterable[Appointment], locale: str) -> list[dict[str, str]]:
    """When and where, as templates say it."""
    return [{"at": saying.when(visit, locale), "place": visit.place_code} for visit in of]
