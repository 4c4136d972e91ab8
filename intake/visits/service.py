"""Book, move, cancel, keep and miss appointments; every change raises the sequence of the calendar file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.settings import queries as settings
from intake.visits.models import Appointment, AppointmentState

FARTHEST = timedelta(days=366)
KINDS = ("first_visit", "admission", "visit", "follow_up", "aftercare")

_LOCKED = (
    select(Appointment)
    .where(Appointment.id == bindparam("visit"), Appointment.site_id == bindparam("site"))
    .with_for_update()
)
# Called with the visit, what was done ("booked", "moved", "cancelled", "kept", "missed") and the time.
when_changed: list[Callable[[Appointment, str, datetime], None]] = []


def _check(kind: str, starts_at: datetime, now: datetime) -> None:
    if kind not in KINDS:
        raise RuleBroken("Pick a kind of visit from the list.", code="VISIT_KIND", fields={"kind": "Pick one."})
    if not now < starts_at <= now + FARTHEST:
        raise RuleBroken(
            "Pick a time within the next year.", code="VISIT_TIME", fields={"starts_at": "Pick a time ahead."}
        )


def book(
    *,
    site_id: int,
    person_id: int,
    kind: str,
    starts_at: datetime,
    actor: Actor,
    now: datetime,
    inquiry_id: int | None = None,
    case_id: int | None = None,
) -> Appointment:
    """Promise a visit to a person, in the site's zone and at its place.

    Raises:
        RuleBroken: an unknown kind, or a time that is past or more than a year ahead.
    """
    _check(kind, starts_at, now)
    site = settings.site(site_id)
    row = Appointment(
        id=new_id(), site_id=site_id, person_id=person_id, inquiry_id=inquiry_id, case_id=case_id, kind=kind,
        starts_at=starts_at, zone=site.time_zone, place_code=site.place_code, created_at=now, created_by=actor.id,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    _record(row, "booked", actor, now)
    return row


def _booked(appointment_id: int, actor: Actor) -> Appointment:
    row = db.session.scalar(_LOCKED, {"visit": appointment_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such visit.")
    if row.state is not AppointmentState.BOOKED:
        raise AlreadyDone(f"This visit is already {row.state.value}.")
    return row


def move(appointment_id: int, *, starts_at: datetime, actor: Actor, now: datetime) -> Appointment:
    """Put a booked visit on another time; the same visit, its sequence one higher.

    Raises:
        Missing, AlreadyDone: not here, or no longer booked. RuleBroken: a time that is not ahead.
    """
    row = _booked(appointment_id, actor)
    _check(row.kind, starts_at, now)
    row.starts_at, row.sequence = starts_at, row.sequence + 1
    _record(row, "moved", actor, now)
    return row


def _end(appointment_id: int, state: AppointmentState, actor: Actor, now: datetime) -> Appointment:
    row = _booked(appointment_id, actor)
    row.state, row.sequence = state, row.sequence + 1
    _record(row, state.value, actor, now)
    return row


def cancel(appointment_id: int, *, actor: Actor, now: datetime) -> Appointment:
    """Take a booked visit back.

    Raises:
        Missing, AlreadyDone: not here, or no longer booked.
    """
    return _end(appointment_id, AppointmentState.CANCELLED, actor, now)


def keep(appointment_id: int, *, actor: Actor, now: datetime) -> Appointment:
    """Record that the person came.

    Raises:
        Missing, AlreadyDone: not here, or no longer booked.
    """
    return _end(appointment_id, AppointmentState.KEPT, actor, now)


def miss(appointment_id: int, *, actor: Actor, now: datetime) -> Appointment:
    """Record that the person did not come; only after the time and its grace, and only a person may say so.

    Raises:
        Missing, AlreadyDone: not here, or no longer booked. RuleBroken: the grace is not over yet.
    """
    row = _booked(appointment_id, actor)
    grace = timedelta(minutes=int(settings.value(row.site_id, "appointment_grace_minutes")))
    if now < row.starts_at + grace:
        raise RuleBroken("The time of this visit and its grace are not over yet.", code="GRACE")
    return _end(appointment_id, AppointmentState.MISSED, actor, now)


def _record(row: Appointment, verb: str, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor, verb=verb, record="appointment", record_id=row.id, site_id=row.site_id, case_id=row.case_id,
        purpose=row.kind, now=now,
    )  # fmt: skip
    if row.case_id or row.inquiry_id:
        audit.tell(
            kind=f"visit_{verb}", actor=actor, now=now, case_id=row.case_id, inquiry_id=row.inquiry_id,
            params={"visit": row.kind, "starts_at": row.starts_at.isoformat()},
        )  # fmt: skip
    for hook in when_changed:
        hook(row, verb, now)
