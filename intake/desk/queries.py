"""The frame of every staff page: its counts in one statement, whatever the size of the center."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, or_, select

from intake.actor import CARE, STAFF, Actor, Role
from intake.beds.models import Bed, BedUse, Unit, UseKind
from intake.cases.models import Case
from intake.cases.queries import ENDED, kept_from
from intake.clock import db_now, utcnow
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.inquiries.queries import OPEN
from intake.inquiries.queries import visible as visible_inquiry
from intake.messages import pulse
from intake.queues.models import EntryState, Queue, QueueCounter, QueueEntry
from intake.queues.queries import BOARDS
from intake.settings import queries as settings
from intake.settings import scoring
from intake.tasks.models import Task, TaskState
from intake.visits.models import Appointment, AppointmentState

MOST_LATE = 100


@dataclass
class Shell:
    """The frame of a staff page (docs/screens.md)."""

    center_name: str
    nav: str = ""
    nav_items: list[tuple[str, str, str, str, int | None]] = field(default_factory=list)
    beds: list[str] = field(default_factory=list)
    late_banner: str | None = None
    scoring_banner: str | None = None
    home_url: str = "/inbox"


@dataclass(frozen=True)
class Counts:
    """Exact counts for headers; `late` stops at 100. `moved` is the version of the boards asked for."""

    mail: pulse.Pulse
    boards: dict[str, int]
    waiting: int
    moved: int
    mine_here: int
    late: int
    inbox: int
    mine: int
    tasks: int
    beds: int
    stays: int
    holds: int
    slots: int
    visits_today: int


def counts(actor: Actor, queues: Sequence[Queue] = ()) -> Counts:
    """Every count a staff page shows, in one statement; asked twice in one request it is read once.

    `queues` are those of the board on the page: their version, and how many are the actor's own or past target.
    """
    key = (actor.id, tuple(queues))
    kept: dict[Any, Counts] = g.setdefault("desk_counts", {}) if has_request_context() else {}
    if key not in kept:
        kept[key] = _read(actor, queues)
        kept.setdefault((actor.id, ()), kept[key])
    return kept[key]


def _read(actor: Actor, queues: Sequence[Queue]) -> Counts:
    day = today(actor.site_id, utcnow())
    asked = _statement(actor, tuple(queues) or (Queue.EMERGENCY,), *day)
    *found, waiting, worked = db.session.execute(asked).one()
    row = [int(value or 0) for value in found]
    n = len(BOARDS)
    mail = pulse.read(waiting, worked, utcnow())
    return Counts(mail, dict(zip(BOARDS, row[:n], strict=True)), *row[n : n + 12])


# Putting it together costs more than the database needs to answer it, so it is kept for those who work now; each takes
# about 190 KB.
@lru_cache(maxsize=64)
def _statement(actor: Actor, here: tuple[Queue, ...], start: datetime, end: datetime) -> Select[Any]:
    site = actor.site_id
    parts: list[ScalarSelect[Any]] = [_counter(site, queues) for queues in BOARDS.values()]
    parts += [
        _counter(site, here, QueueCounter.waiting),
        _counter(site, here, QueueCounter.moved),
        _mine_here(actor, here),
        _late(site, here),
        _count(Inquiry.id, visible_inquiry(actor), Inquiry.state.in_(OPEN)),
        _mine(actor),
        _tasks(actor),
        *_capacity(site, start, end),
    ]
    return select(*parts, *pulse.columns())


def _counter(site: int, queues: Sequence[Queue], column: Any = None) -> ScalarSelect[Any]:
    value = QueueCounter.waiting + QueueCounter.claimed if column is None else column
    return select(func.sum(value)).where(QueueCounter.site_id == site, QueueCounter.queue.in_(queues)).scalar_subquery()


def _count(column: Any, *where: Any) -> ScalarSelect[Any]:
    return select(func.count(column)).where(*where).scalar_subquery()


def _held(actor: Actor) -> tuple[Any, ...]:
    return (
        QueueEntry.claimed_by == actor.id,
        QueueEntry.left_at.is_(None),
        QueueEntry.state == EntryState.CLAIMED,
        QueueEntry.site_id == actor.site_id,
    )


def _mine(actor: Actor) -> ScalarSelect[Any]:
    owned = select(Case.id).where(Case.owner_id == actor.id, Case.site_id == actor.site_id, Case.state.not_in(ENDED))
    either = owned.union(select(QueueEntry.case_id).where(*_held(actor))).subquery()
    return select(func.count()).select_from(either).scalar_subquery()


def _mine_here(actor: Actor, queues: Sequence[Queue]) -> ScalarSelect[Any]:
    return _count(QueueEntry.id, *_held(actor), QueueEntry.queue.in_(queues))


def _late(site: int, queues: Sequence[Queue]) -> ScalarSelect[Any]:
    # Stops after a hundred, so that a long queue costs no more than a short one.
    rows = (
        select(QueueEntry.id)
        .where(
            QueueEntry.site_id == site,
            QueueEntry.queue.in_(queues),
            QueueEntry.left_at.is_(None),
            QueueEntry.state == EntryState.WAITING,
            QueueEntry.target_at < db_now(),
        )
        # The order is that of the index; without it a planner may walk a long queue for its first hundred.
        .order_by(QueueEntry.target_at)
        .limit(MOST_LATE)
        .subquery()
    )
    return select(func.count()).select_from(rows).scalar_subquery()


def tasks_for(actor: Actor) -> Any:
    """The condition of tasks that wait for an actor: their own, or their role's that nobody took.

    A prescriber is a clinician too.
    """
    roles = (actor.role, Role.CLINICIAN) if actor.role is Role.PRESCRIBER else (actor.role,)
    return or_(Task.owner_id == actor.id, (Task.owner_id.is_(None)) & Task.role.in_(roles))


def task_shown(actor: Actor) -> ColumnElement[bool]:
    """The condition of the site's tasks an actor may know of: their case and their request may be read.

    The privacy officer's own tasks name cases which that role never opens.
    """
    # Said to what they belong: the asking statement may have cases and requests of its own.
    kept = select(Case.id).where(kept_from(actor)).correlate(None)
    asked = select(Inquiry.id).where(Inquiry.id == Task.inquiry_id, visible_inquiry(actor)).correlate(Task)
    shown = and_(
        or_(Task.case_id.is_(None), Task.case_id.not_in(kept)),
        or_(Task.inquiry_id.is_(None), asked.exists()),
    )
    if actor.role is Role.PRIVACY:
        shown = or_(Task.role == Role.PRIVACY, shown)
    return and_(Task.site_id == actor.site_id, shown)


def _tasks(actor: Actor) -> ScalarSelect[Any]:
    return _count(
        Task.id,
        task_shown(actor),
        Task.state.in_((TaskState.OPEN, TaskState.CLAIMED)),
        or_(Task.snoozed_until.is_(None), Task.snoozed_until < db_now()),
        tasks_for(actor),
    )


def _capacity(site: int, start: datetime, end: datetime) -> list[ScalarSelect[Any]]:
    def beds(kind: str) -> Any:
        return (
            select(func.count(Bed.id))
            .join(Unit, Unit.id == Bed.unit_id)
            .where(Unit.site_id == site, Unit.kind == kind, Bed.closed_at.is_(None))
            .scalar_subquery()
        )

    def used(kind: UseKind) -> Any:
        return (
            select(func.count(BedUse.id))
            .join(Bed, Bed.id == BedUse.bed_id)
            .join(Unit, Unit.id == Bed.unit_id)
            .where(
                Unit.site_id == site,
                Unit.kind == "bed",
                BedUse.kind == kind,
                BedUse.ended_at.is_(None),
                or_(BedUse.until.is_(None), BedUse.until >= db_now()),
            )
            .scalar_subquery()
        )

    visits = _count(
        Appointment.id,
        Appointment.site_id == site,
        Appointment.state == AppointmentState.BOOKED,
        Appointment.starts_at >= start,
        Appointment.starts_at < end,
    )
    return [beds("bed"), used(UseKind.STAY), used(UseKind.HOLD), beds("slot"), visits]


def today(site_id: int, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the current day in the site's zone, as aware times."""
    zone = settings.zone(settings.site(site_id))
    start = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


_NAV: tuple[tuple[str, str, str, str, frozenset[Role]], ...] = (
    ("inbox", "/inbox", "inbox", "Inbox", STAFF),
    ("now", "/queues/now", "now", "Act now", STAFF),
    ("detox", "/queues/detox", "detox", "Detox", STAFF),
    ("outpatient", "/queues/outpatient", "outpatient", "Outpatient", STAFF),
    ("callback", "/queues/callback", "phone", "Callback", STAFF),
    ("mine", "/mine", "folder", "My cases", STAFF),
    ("tasks", "/tasks", "task", "Tasks", frozenset(Role)),
    ("today", "/today", "clock", "Today", STAFF),
    ("tapers", "/tapers", "taper", "Taper plans", CARE),
    ("reminders", "/reminders", "bell", "Reminders", STAFF),
    ("reports", "/reports", "chart", "Reports", frozenset({Role.SUPERVISOR, Role.ADMIN, Role.PRIVACY})),
    ("privacy", "/privacy", "shield", "Privacy", frozenset({Role.PRIVACY, Role.SUPERVISOR})),
    ("audit", "/audit", "audit", "Audit log", frozenset({Role.PRIVACY, Role.SUPERVISOR})),
    ("settings", "/settings/", "gear", "Settings", frozenset(Role)),
)


_BELOW = {
    "/inquiries": "inbox",
    "/calls": "inbox",
    "/queues/refer_out": "mine",
    "/beds": "today",
    "/waitlist": "today",
    "/transfers": "today",
    "/handover": "today",
}


def _here() -> str:
    """The rail's entry that the current address belongs to."""
    path = request.path if has_request_context() else ""
    below = next((key for start, key in _BELOW.items() if path.startswith(start)), "")
    return below or next((key for key, url, *_ in _NAV if path.startswith(url.rstrip("/"))), "")


def home(actor: Actor) -> str:
    """Where a role starts its day."""
    if actor.role is Role.PRIVACY:
        return "/audit"
    if actor.role is Role.ADMIN:
        return "/settings/"
    return "/inbox" if actor.role is Role.ADMISSIONS else "/queues/now"


def shell(actor: Actor) -> Shell:
    """The frame for one member of staff: the pages of their role with exact counts, and free capacity."""
    found = counts(actor)
    shown = {"inbox": found.inbox, "mine": found.mine, "tasks": found.tasks, **found.boards}
    items = [(key, url, icon, label, shown.get(key)) for key, url, icon, label, roles in _NAV if actor.role in roles]
    return Shell(
        center_name=settings.site(actor.site_id).name,
        nav=_here(),
        nav_items=items,
        beds=_beds(found) if actor.role in STAFF else [],
        home_url=home(actor),
        late_banner=found.mail.words,
        scoring_banner=scoring.SENTENCE if scoring.is_off() else None,
    )


def _beds(found: Counts) -> list[str]:
    lines = []
    if found.beds:
        lines.append(f"{found.stays} of {found.beds} beds in use")
    if found.holds:
        lines.append(f"{found.holds} kept for arrivals")
    if found.slots:
        lines.append(f"Outpatient slots today: {max(0, found.slots - found.visits_today)} open")
    return lines
