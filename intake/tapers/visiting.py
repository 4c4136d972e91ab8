"""Keep the mails about a case's visits right: whatever changed, the same few rows are owed afterwards.

A day on which the active plan writes anyway tells of the visit in that mail; any other day gets a mail of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, delete, exists, select

from intake.cases.models import Case
from intake.clinical import cadence
from intake.db import db, new_id
from intake.messages import service as messages
from intake.messages.models import Message, MessagePart, MessageState
from intake.messages.states import OPEN
from intake.people.models import ContactKind, ContactPoint, Person
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tapers.told import VISIT_DAYS
from intake.visits.models import Appointment, AppointmentState

REMINDER = "visit_reminder"
CHANGED = "visit_changed"
IN_PLAN = "reminder"
# rulings 22: after these ends no mail goes to the person.
SILENT_ENDS = frozenset({"against_advice", "administrative", "incarcerated", "died"})
Told = tuple[str, int]
_REACHABLE = select(
    exists().where(ContactPoint.person_id == bindparam("person"), ContactPoint.kind == ContactKind.EMAIL)
)
_AHEAD = (
    select(Appointment)
    .where(
        Appointment.case_id == bindparam("case"),
        Appointment.state == AppointmentState.BOOKED,
        Appointment.starts_at > bindparam("now"),
    )
    .order_by(Appointment.starts_at, Appointment.id)
)
# The unsent reminders of the plan in force.
_OF_PLAN = (
    # A version names its plan; that is said too, because messages are found by plan.
    Message.plan_id.in_(select(TaperPlan.id).where(TaperPlan.case_id == bindparam("case"))),
    Message.plan_version_id.in_(
        select(TaperPlan.current_version_id)
        .join(PlanVersion, PlanVersion.id == TaperPlan.current_version_id)
        .where(TaperPlan.case_id == bindparam("case"), PlanVersion.state == PlanState.ACTIVE)
    ),
    Message.kind == IN_PLAN,
    Message.state == MessageState.SCHEDULED,
    Message.attempts == 0,
)
_IN_PLAN = (
    select(MessagePart.id, MessagePart.message_id, MessagePart.kind, MessagePart.appointment_id, Message.local_date)
    .join(Message, Message.id == MessagePart.message_id)
    .where(*_OF_PLAN, MessagePart.kind.in_(list(VISIT_DAYS)))
)
_OF_DAY = select(Message.id).where(*_OF_PLAN, Message.local_date == bindparam("day")).limit(1)
_ALONE = select(Message.id).where(
    Message.case_id == bindparam("case"),
    Message.kind == REMINDER,
    Message.state.in_(OPEN),
    Message.dedupe_key.not_in(bindparam("right", expanding=True)),
)


@dataclass(frozen=True)
class _House:
    """Whose mails they are."""

    case: Case
    person: Person
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The person's own zone: days are counted there."""
        return ZoneInfo(self.person.time_zone)


def visit_changed(visit: Appointment, verb: str, now: datetime) -> None:
    """Registered with `visits.when_changed`: remind anew, and tell a person who was told before."""
    if visit.case_id is None:
        return
    db.session.flush()
    case = db.session.get_one(Case, visit.case_id)
    settle(case, now=now)
    if verb in ("moved", "cancelled") and visit.starts_at > now and case.discharge_type not in SILENT_ENDS:
        _tell_change(visit, _House(case, db.session.get_one(Person, case.person_id), now))


def settle(case: Case, *, now: datetime) -> int:
    """Owe exactly the reminders that the booked visits of a case need now; returns how many days have one.

    Call it in the transaction of whatever changes a visit, the plan, or the case.
    """
    db.session.flush()
    house = _House(case, db.session.get_one(Person, case.person_id), now)
    wanted = _wanted(house)
    _drop_stale(house, wanted)
    alone = {day: told for day, told in wanted.items() if not _join(house, day, told)}
    _cancel_others(house, alone)
    for day, told in alone.items():
        _owe(house, day, told)
    messages.touch(case_id=case.id)
    return len(wanted)


def _wanted(house: _House) -> dict[date, list[Told]]:
    """The days on which visits are told, with the part and the visit; today counts while it comes before the visit."""
    case, person = house.case, house.person
    if case.discharge_type in SILENT_ENDS or not db.session.scalar(_REACHABLE, {"person": person.id}):
        return {}
    today = house.now.astimezone(house.zone).date()
    wanted: dict[date, list[Told]] = {}
    for visit in db.session.scalars(_AHEAD, {"case": case.id, "now": house.now}):
        for part, days in VISIT_DAYS.items():
            day = visit.starts_at.astimezone(house.zone).date() - timedelta(days=days)
            if day >= today and _window(house, day).due_at < visit.starts_at:
                wanted.setdefault(day, []).append((part, visit.id))
    return wanted


def _window(house: _House, day: date) -> cadence.Window:
    person = house.person
    when = (day, person.reminder_hour, person.reminder_minute, person.time_zone)
    today = house.now.astimezone(house.zone).date()
    return cadence.same_day(*when, house.now) if day == today else cadence.send_window(*when)


def _drop_stale(house: _House, wanted: dict[date, list[Told]]) -> None:
    """Take the parts of visits that are gone out of the plan's mails; a mail that is left empty is taken back."""
    rows = db.session.execute(_IN_PLAN, {"case": house.case.id}).all()
    stale = [row for row in rows if (row.kind, row.appointment_id) not in wanted.get(row.local_date, [])]
    if not stale:
        return
    db.session.execute(delete(MessagePart).where(MessagePart.id.in_([row.id for row in stale])))
    touched = {row.message_id for row in stale}
    left = set(db.session.scalars(select(MessagePart.message_id).where(MessagePart.message_id.in_(touched))))
    messages.cancel_these(touched - left, reason="visit_gone", now=house.now)


def _join(house: _House, day: date, told: list[Told]) -> bool:
    """Put the visits into the plan's mail of that day; False when there is none to put them into."""
    found = db.session.scalar(_OF_DAY, {"case": house.case.id, "day": day})
    if found is None:
        return False
    known = {
        (row.kind, row.appointment_id)
        for row in db.session.execute(
            select(MessagePart.kind, MessagePart.appointment_id).where(MessagePart.message_id == found)
        )
    }
    for part, visit_id in told:
        if (part, visit_id) not in known:
            db.session.add(MessagePart(id=new_id(), message_id=found, kind=part, appointment_id=visit_id))
    db.session.flush()
    return True


def _key(house: _House, day: date, told: list[Told]) -> str:
    visits = {
        row.id: row.sequence
        for row in db.session.execute(
            select(Appointment.id, Appointment.sequence).where(Appointment.id.in_([visit for _, visit in told]))
        )
    }
    words = ",".join(f"{part}.{visit}.{visits[visit]}" for part, visit in sorted(told))
    return f"{REMINDER}:{house.case.id}:{day.isoformat()}:{words}"


def _cancel_others(house: _House, alone: dict[date, list[Told]]) -> None:
    right = [_key(house, day, told) for day, told in alone.items()]
    stale = db.session.scalars(_ALONE, {"case": house.case.id, "right": right}).all()
    if stale:
        messages.cancel_these(stale, reason="visit_gone", now=house.now)


def _owe(house: _House, day: date, told: list[Told]) -> None:
    _schedule(
        house,
        REMINDER,
        subject_id=told[0][1],
        window=_window(house, day),
        key=_key(house, day, told),
        day=day,
        parts=[(part, None, visit) for part, visit in told],
    )


def _tell_change(visit: Appointment, house: _House) -> None:
    mails = select(Message.id).join(MessagePart, MessagePart.message_id == Message.id)
    before = db.session.scalar(
        mails.where(MessagePart.appointment_id == visit.id, Message.accepted_at.is_not(None)).limit(1)
    )
    messages.cancel(reason="superseded", now=house.now, kind=CHANGED, subject_id=visit.id)
    if before is None:
        return
    today = house.now.astimezone(house.zone).date()
    _schedule(
        house,
        CHANGED,
        subject_id=visit.id,
        window=cadence.same_day(today, cadence.FIRST_HOUR, 0, house.person.time_zone, house.now),
        key=f"{CHANGED}:{visit.id}:{visit.sequence}",
        day=today,
        parts=[(CHANGED, None, visit.id)],
    )


def _schedule(
    house: _House,
    kind: str,
    *,
    subject_id: int,
    window: cadence.Window,
    key: str,
    day: date,
    parts: list[messages.Part],
) -> None:
    messages.schedule(
        kind,
        subject_id=subject_id,
        recipient_type="person",
        recipient_id=house.person.id,
        due_at=window.due_at,
        window_start=window.start,
        window_end=window.end,
        tz=house.person.time_zone,
        dedupe_key=key,
        site_id=house.case.site_id,
        now=house.now,
        order_key=house.person.id,
        case_id=house.case.id,
        locale=house.person.locale,
        local_date=day,
        parts=parts,
    )
