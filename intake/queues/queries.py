"""What a board reads: Core rows in the fixed order, keyset pages, one decryption batch."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, Row, String, and_, cast, false, func, literal, or_, select, tuple_
from sqlalchemy.orm import QueryableAttribute

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.clock import UtcTime, db_now
from intake.db import db, id_text
from intake.errors import Missing
from intake.queues import cursor, signals
from intake.queues.forms import Filter
from intake.queues.models import Cause, EntryState, Queue, QueueEntry

PAGE = 50
MOST = 200
NEAR_END_MINUTES = 5
BOARDS: dict[str, tuple[Queue, ...]] = {
    "now": (Queue.EMERGENCY, Queue.CLINICIAN_NOW),
    "detox": (Queue.DETOX,),
    "outpatient": (Queue.OUTPATIENT,),
    "callback": (Queue.CALLBACK,),
    "refer_out": (Queue.REFER_OUT,),
}
_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq}
_FILTER_QUEUES = {"emergency": Queue.EMERGENCY, "now": Queue.CLINICIAN_NOW}

_E = QueueEntry
_COLUMNS: tuple[QueryableAttribute[Any], ...] = (
    _E.id, _E.case_id, _E.queue, _E.next_queue, _E.acuity, _E.priority, _E.rank, _E.provisional, _E.cause,
    _E.reference, _E.used_name, _E.age_years, _E.summary, _E.cows, _E.cows_before, _E.mme, _E.signals, _E.fired,
    _E.alert, _E.waiting_since, _E.entered_at, _E.target_at, _E.state, _E.claimed_by, _E.claimed_name, _E.claimed_at,
    _E.lease_until, _E.parked_until, _E.parked_reason, _E.version,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One line of a board: plain values; waits in whole minutes, `change` is the COWS against the one before."""

    id: int
    key: str
    case_id: int
    queue: Queue
    next_queue: str
    acuity: int
    points: int
    provisional: bool
    pinned: bool
    reference: str
    name: str
    age: int | None
    summary: str
    cows: int | None
    change: int | None
    mme: str | None
    tags: tuple[tuple[str, str], ...]
    fired: tuple[str, ...]
    alert: str
    waited: int
    target: int
    late: bool
    state: EntryState
    claimed_by: int | None
    who: str
    parked_until: datetime | None
    parked_reason: str
    lease_minutes: int | None
    entered_at: datetime
    waiting_since: datetime
    version: int

    @property
    def initials(self) -> str:
        """Two letters for the avatar of the holder."""
        words = [w for w in self.who.replace(".", " ").split() if w[:1].isalpha()]
        return "".join(w[0] for w in words[-2:]).upper() or "?"

    @property
    def first_name(self) -> str:
        """The first word of the name, for buttons."""
        return self.name.split()[0] if self.name.split() else self.reference


@dataclass(frozen=True, slots=True)
class BoardPage:
    """One page of a board and the cursor of the next one, if any."""

    rows: tuple[BoardRow, ...]
    after: str | None


def visible(actor: Actor) -> ColumnElement[bool]:
    """The entries an actor's boards may show: own site, and restricted ones only for supervisors and the holder."""
    if actor.role not in STAFF and not actor.is_system:
        return false()
    if actor.is_system or actor.role is Role.SUPERVISOR:
        return _E.site_id == actor.site_id
    return and_(_E.site_id == actor.site_id, or_(_E.restricted.is_(False), _E.claimed_by == actor.id))


def board(
    actor: Actor, queues: Sequence[Queue], wanted: Filter, *, now: datetime, after: str = "", limit: int = PAGE
) -> BoardPage:
    """One page of the live entries of some queues, the most urgent queue first, then rank, first contact and id.

    Two statements (rows, data keys), whatever the number and the depth; at most 200 rows.

    Raises:
        RuleBroken: the cursor was changed.
    """
    size = max(1, min(limit, MOST))
    query = select(*_COLUMNS).where(visible(actor), _E.left_at.is_(None), *_conditions(wanted, actor))
    if after:
        query = query.where(_beyond(queues, cursor.read(after)))
    elif len(queues) == 1:
        query = query.where(_E.queue == queues[0])
    else:
        query = query.where(_E.queue.in_(queues))
    # Of the two queues of act-now the more urgent comes later in the alphabet.
    order = [] if len(queues) == 1 else [_E.queue.desc()]
    rows = db.session.execute(query.order_by(*order, _E.rank, _E.waiting_since, _E.id).limit(size + 1)).all()
    shown = rows[:size]
    crypto.prefetch(blob for row in shown for blob in (row.used_name, row.summary))
    last = shown[-1] if len(rows) > size else None
    place = cursor.Place(last.queue.value, last.rank, last.waiting_since, last.id) if last is not None else None
    return BoardPage(tuple(_row(row, now) for row in shown), cursor.write(place) if place else None)


def _beyond(queues: Sequence[Queue], place: cursor.Place) -> ColumnElement[bool]:
    here = Queue(place.queue)
    later = tuple_(_E.rank, _E.waiting_since, _E.id) > tuple_(place.rank, literal(place.since, UtcTime()), place.id)
    rest = [q for q in queues if q.value < here.value]
    same = and_(_E.queue == here, later)
    return or_(same, _E.queue.in_(rest)) if rest else same


def _conditions(wanted: Filter, actor: Actor) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.acuities:
        found.append(_E.acuity.in_(wanted.acuities))
    for name, sign, value in wanted.sums:
        column: Any = cast(_E.mme, Float) if name == "mme" else getattr(_E, name)
        found.append(_COMPARE[sign](column, value))
    found += [_holds(word, actor) for word in sorted(wanted.states)]
    found += [cast(_E.signals, String).like(f'%"{_escaped(word)}%', escape="!") for word in wanted.signals]
    found += [cast(_E.fired, String).like(f'%"{word}"%') for word in wanted.rules]
    found += [_E.reference.like(f"{word}%") for word in wanted.references]
    named = [_FILTER_QUEUES.get(word) or Queue(word) for word in wanted.queues]
    if named:
        found.append(_E.queue.in_(named))
    return found


def _escaped(word: str) -> str:
    return word.replace("!", "!!").replace("_", "!_").replace("%", "!%")


def _holds(word: str, actor: Actor) -> ColumnElement[bool]:
    conditions: dict[str, ColumnElement[bool]] = {
        "mine": and_(_E.claimed_by == actor.id, _E.state == EntryState.CLAIMED),
        "claimed": _E.state == EntryState.CLAIMED,
        "unclaimed": _E.state == EntryState.WAITING,
        "parked": _E.state == EntryState.PARKED,
        "late": and_(_E.state != EntryState.CLAIMED, _E.target_at < db_now()),
        "alert": _E.alert != "",
    }
    return conditions[word]


def _minutes(seconds: float) -> int:
    return max(0, int(seconds // 60))


def _row(row: Row[Any], now: datetime) -> BoardRow:
    claimed = row.state is EntryState.CLAIMED
    # The claim meets the target, so the wait of a claimed case stands still.
    until = row.claimed_at if claimed and row.claimed_at else now
    lease = _minutes((row.lease_until - now).total_seconds()) if claimed and row.lease_until else None
    before = row.cows_before
    return BoardRow(
        id=row.id,
        key=id_text(row.id),
        case_id=row.case_id,
        queue=row.queue,
        next_queue=row.next_queue,
        acuity=row.acuity,
        points=row.priority,
        provisional=row.provisional,
        pinned=row.queue is Queue.EMERGENCY and row.cause is Cause.DANGER,
        reference=row.reference,
        name=crypto.open_(row.used_name, at="queue_entry.used_name", row=row.id) or "(no name given)",
        age=row.age_years,
        summary=crypto.open_(row.summary, at="queue_entry.summary", row=row.id),
        cows=row.cows,
        change=row.cows - before if row.cows is not None and before is not None else None,
        mme=row.mme,
        tags=tuple(signals.shown(row.signals)),
        fired=tuple(row.fired),
        alert=row.alert,
        waited=_minutes((until - row.entered_at).total_seconds()),
        target=_minutes((row.target_at - row.entered_at).total_seconds()),
        late=not claimed and now > row.target_at,
        state=row.state,
        claimed_by=row.claimed_by if claimed else None,
        who=row.claimed_name if claimed else "",
        parked_until=row.parked_until,
        parked_reason=row.parked_reason,
        lease_minutes=lease,
        entered_at=row.entered_at,
        waiting_since=row.waiting_since,
        version=row.version,
    )


def entry(actor: Actor, entry_id: int, *, now: datetime) -> BoardRow:
    """One live entry as a board shows it.

    Raises:
        Missing: none on this site, it left its queue, or it is restricted; all read the same.
    """
    row = db.session.execute(
        select(*_COLUMNS).where(visible(actor), _E.id == entry_id, _E.left_at.is_(None))
    ).one_or_none()
    if row is None:
        raise Missing("There is no such case in this queue.")
    return _row(row, now)


def live_of_case(actor: Actor, case_id: int, *, now: datetime) -> list[BoardRow]:
    """The live entries of one case as boards show them."""
    rows = db.session.execute(select(*_COLUMNS).where(visible(actor), _E.case_id == case_id, _E.left_at.is_(None)))
    return [_row(row, now) for row in rows]


def held_by(actor: Actor, *, now: datetime) -> list[BoardRow]:
    """What an actor has claimed, in the order of the boards."""
    rows = db.session.execute(
        select(*_COLUMNS)
        .where(
            _E.claimed_by == actor.id,
            _E.site_id == actor.site_id,
            _E.left_at.is_(None),
            _E.state == EntryState.CLAIMED,
        )
        .order_by(_E.rank, _E.waiting_since, _E.id)
    ).all()
    crypto.prefetch(blob for row in rows for blob in (row.used_name, row.summary))
    return [_row(row, now) for row in rows]


def mine_and_late(actor: Actor, queues: Sequence[Queue], *, most: int = 100) -> tuple[int, int]:
    """How many entries the actor holds in some queues, and how many unclaimed ones are past target (at most `most`).

    One statement; both counts stop early, so they cost the same in a queue of any length.
    """
    here = (_E.site_id == actor.site_id, _E.queue.in_(queues), _E.left_at.is_(None))
    mine = (
        select(func.count())
        .select_from(_E)
        .where(*here, _E.claimed_by == actor.id, _E.state == EntryState.CLAIMED)
        .scalar_subquery()
    )
    waits = select(_E.id).where(*here, _E.state == EntryState.WAITING, _E.target_at < db_now())
    late_rows = waits.order_by(_E.target_at).limit(most)
    late = select(func.count()).select_from(late_rows.subquery()).scalar_subquery()
    row = db.session.execute(select(mine, late)).one()
    return int(row[0]), int(row[1])


def last_left(site_id: int, queues: Sequence[Queue]) -> tuple[str, datetime, str] | None:
    """Case number, time and outcome of the entry that left last; None when nobody ever waited here."""
    row = db.session.execute(
        select(_E.reference, _E.left_at, _E.outcome)
        .where(_E.site_id == site_id, _E.queue.in_(queues), _E.left_at.is_not(None))
        .order_by(_E.left_at.desc())
        .limit(1)
    ).one_or_none()
    return (row.reference, row.left_at, row.outcome) if row is not None and row.left_at is not None else None
