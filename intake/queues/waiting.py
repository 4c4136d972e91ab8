"""Enter a queue, leave it, be refreshed by a new screening, be put on top by an alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import bindparam, select

from intake import crypto
from intake.actor import Actor, system
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.people import queries as people
from intake.people.models import Person
from intake.queues import claims, counters, late
from intake.queues.models import Cause, EntryState, Queue, QueueEntry
from intake.queues.order import ago, rank
from intake.settings import queries as settings

ON_TOP = 100
_LIVE = (
    select(QueueEntry)
    .where(QueueEntry.case_id == bindparam("case"), QueueEntry.left_at.is_(None))
    .order_by(QueueEntry.queue, QueueEntry.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)
_LEFT = (
    select(QueueEntry.left_at)
    .where(QueueEntry.case_id == bindparam("case"), QueueEntry.left_at.is_not(None))
    .order_by(QueueEntry.left_at.desc())
    .limit(1)
)
_HERE = select(QueueEntry).where(
    QueueEntry.person_id == bindparam("person"), QueueEntry.queue == bindparam("queue"), QueueEntry.left_at.is_(None)
)


class InCare(Protocol):
    """What a queue needs to know of a case; the cases room stands above this one."""

    id: int
    site_id: int
    person_id: int
    restricted: bool


def live_of(case_id: int) -> list[QueueEntry]:
    """The entries of a case that have not left their queue, oldest first; locked until the transaction ends."""
    return list(db.session.scalars(_LIVE, {"case": case_id}))


def enter(
    *,
    case: InCare,
    person: Person,
    queue: Queue,
    acuity: int,
    priority: int,
    reference: str,
    waiting_since: datetime,
    actor: Actor,
    now: datetime,
    placement_id: int | None = None,
    provisional: bool = False,
    cause: Cause = Cause.PLACEMENT,
    next_queue: str = "",
    summary: str = "",
    signals: Sequence[str] = (),
    fired: Sequence[str] = (),
    cows: int | None = None,
    cows_before: int | None = None,
    mme: str | None = None,
    entered_at: datetime | None = None,
) -> QueueEntry:
    """Let a case wait in a queue; the clock to its target runs from `entered_at` (default now).

    `mme` is mg a day as text; `waiting_since` is the first contact and gives the place among equals.

    Raises:
        AlreadyDone: the person already waits in this queue; the message names that entry.
        RuleBroken: entered in the future, or before the entry it follows ended.
    """
    at = entered_at or now
    _check_time(case.id, at, now)
    _check_once(person, queue, now)
    row = QueueEntry(
        id=new_id(),
        site_id=case.site_id,
        case_id=case.id,
        person_id=person.id,
        placement_id=placement_id,
        queue=queue,
        next_queue=next_queue or "",
        acuity=acuity,
        priority=priority,
        rank=rank(acuity, priority),
        provisional=provisional,
        cause=cause,
        reference=reference,
        restricted=bool(case.restricted),
        age_years=people.opened(person).age,
        cows=cows,
        cows_before=cows_before,
        mme=mme,
        signals=list(signals),
        fired=list(fired),
        waiting_since=waiting_since,
        entered_at=at,
        target_at=at + _target(case.site_id, acuity),
        created_at=now,
        created_by=actor.id,
    )
    name = crypto.open_(person.used_name, at="person.used_name", row=person.id)
    row.used_name = crypto.seal(name, key_of=person.id, at="queue_entry.used_name", row=row.id)
    if summary:
        row.summary = crypto.seal(summary, key_of=person.id, at="queue_entry.summary", row=row.id)
    db.session.add(row)
    db.session.flush()
    counters.touch(row.site_id, {queue: (1, 0)})
    _record(row, "queued", actor, now, acuity=acuity, fired=list(fired), provisional=provisional)
    return row


def _target(site_id: int, acuity: int) -> timedelta:
    return timedelta(minutes=settings.target_minutes(site_id, acuity))


def _check_time(case_id: int, at: datetime, now: datetime) -> None:
    if at > now:
        raise RuleBroken("An entry cannot start in the future.", code="ENTERED_IN_FUTURE")
    last = db.session.scalar(_LEFT, {"case": case_id})
    if last is not None and at < last:
        raise RuleBroken("An entry cannot start before the one it follows ended.", code="ENTERED_BEFORE")


def _check_once(person: Person, queue: Queue, now: datetime) -> None:
    known = db.session.scalar(_HERE, {"person": person.id, "queue": queue})
    if known is not None:
        words = queue.value.replace("_", " ")
        raise AlreadyDone(
            f"{known.reference} already waits in {words}, since {ago(now - known.entered_at)} ago.",
            code="ALREADY_QUEUED",
        )


def leave(entry_id: int, *, outcome: str, actor: Actor, now: datetime) -> QueueEntry:
    """End one wait with an outcome code, in the transaction of what follows it.

    Raises:
        Missing: none here. AlreadyDone: it left before, or somebody else holds it.
    """
    row = claims.locked(entry_id, actor)
    if row.state is EntryState.CLAIMED and not actor.is_system and row.claimed_by != actor.id:
        raise AlreadyDone(f"{row.claimed_name} holds this case since {ago(now - (row.claimed_at or now))} ago.")
    counters.touch(row.site_id, _closed(row, outcome, actor, now))
    return row


def leave_all(case_id: int, *, outcome: str, actor: Actor, now: datetime, keep: frozenset[Queue] = frozenset()) -> int:
    """End every wait of a case but those in `keep`; returns how many."""
    rows = [row for row in live_of(case_id) if row.queue not in keep]
    if rows:
        counters.touch(rows[0].site_id, counters.together(*(_closed(row, outcome, actor, now) for row in rows)))
    return len(rows)


def _closed(row: QueueEntry, outcome: str, actor: Actor, now: datetime) -> dict[Queue, tuple[int, int]]:
    change = (0, -1) if row.state is EntryState.CLAIMED else (-1, 0)
    on_the_way = {EntryState.CLAIMED: EntryState.DECIDED, EntryState.PARKED: EntryState.WAITING}.get(row.state)
    if on_the_way is not None:
        # The database lets nobody out of a claim but through the decision.
        row.state = on_the_way
        db.session.flush()
    row.state, row.outcome, row.left_at, row.lease_until = EntryState.CLOSED, outcome, now, None
    late.over(row, actor=actor, now=now)
    _record(row, "left", actor, now, outcome=outcome)
    return {row.queue: change}


def confirm(
    row: QueueEntry, *, placement_id: int | None, acuity: int, priority: int, actor: Actor, now: datetime
) -> None:
    """A person accepted what was provisional: the entry keeps its place in time and takes the accepted urgency."""
    row.provisional, row.placement_id = False, placement_id or row.placement_id
    _weigh(row, acuity, priority)
    counters.touch(row.site_id, {row.queue: (0, 0)})
    _record(row, "confirmed", actor, now, acuity=row.acuity)


def _weigh(row: QueueEntry, acuity: int, priority: int) -> None:
    if row.alert:
        acuity, priority = 1, ON_TOP
    if acuity != row.acuity:
        row.target_at = row.entered_at + _target(row.site_id, acuity)
    row.acuity, row.priority, row.rank = acuity, priority, rank(acuity, priority)


def refresh(
    case_id: int,
    *,
    actor: Actor,
    now: datetime,
    cows: int | None = None,
    mme: str | None = None,
    signals: Sequence[str] | None = None,
    fired: Sequence[str] | None = None,
    acuity: int | None = None,
    priority: int | None = None,
    summary: str = "",
) -> int:
    """Put new readings of a screening on the case's live entries (None keeps what stands); returns how many."""
    rows = live_of(case_id)
    for row in rows:
        if cows is not None:
            row.cows_before, row.cows = row.cows if row.cows is not None else row.cows_before, cows
        row.mme = mme if mme is not None else row.mme
        row.signals = list(signals) if signals is not None else row.signals
        row.fired = list(fired) if fired is not None else row.fired
        if summary:
            row.summary = crypto.seal(summary, key_of=row.person_id, at="queue_entry.summary", row=row.id)
        if acuity is not None and priority is not None:
            _weigh(row, acuity, priority)
        audit.record(
            actor=actor, verb="refreshed", record="queue_entry", record_id=row.id, site_id=row.site_id,
            case_id=case_id, now=now,
        )  # fmt: skip
    if rows:
        counters.touch(rows[0].site_id, {row.queue: (0, 0) for row in rows})
    return len(rows)


def raise_alert(case_id: int, *, code: str, now: datetime, actor: Actor | None = None) -> QueueEntry:
    """Put a case on top: its most urgent live entry, or a new one in clinician_now made from its last.

    Raises:
        Missing: the case never waited anywhere.
    """
    rows = live_of(case_id)
    row = min(rows, key=lambda r: (list(Queue).index(r.queue), r.rank)) if rows else _again(case_id, now)
    row.alert, row.alert_at = code, now
    row.acuity, row.priority, row.rank = 1, ON_TOP, rank(1, ON_TOP)
    row.target_at = now + _target(row.site_id, 1)
    if row.state is EntryState.PARKED:
        row.state, row.parked_until, row.parked_reason = EntryState.WAITING, None, ""
    counters.touch(row.site_id, {row.queue: (0, 0) if rows else (1, 0)})
    _record(row, "alert_on_top", actor or system(row.site_id), now, code=code)
    return row


def _again(case_id: int, now: datetime) -> QueueEntry:
    last = db.session.scalar(
        select(QueueEntry).where(QueueEntry.case_id == case_id).order_by(QueueEntry.entered_at.desc()).limit(1)
    )
    if last is None:
        raise Missing("This case never waited in a queue.")
    row = QueueEntry(
        id=new_id(), site_id=last.site_id, case_id=case_id, person_id=last.person_id, queue=Queue.CLINICIAN_NOW,
        acuity=1, priority=ON_TOP, rank=rank(1, ON_TOP), cause=Cause.ALERT, reference=last.reference,
        age_years=last.age_years, cows=last.cows, mme=last.mme, signals=list(last.signals), fired=[],
        restricted=last.restricted, waiting_since=now, entered_at=now, target_at=now, created_at=now, created_by=0,
    )  # fmt: skip
    for name in ("used_name", "summary"):
        clear = crypto.open_(getattr(last, name), at=f"queue_entry.{name}", row=last.id)
        if clear:
            setattr(row, name, crypto.seal(clear, key_of=row.person_id, at=f"queue_entry.{name}", row=row.id))
    db.session.add(row)
    db.session.flush()
    return row


def restrict(case_id: int, *, on: bool) -> None:
    """Hide a case's entries from boards of people who may not read it, or show them again."""
    rows = live_of(case_id)
    for row in rows:
        row.restricted = on
    if rows:
        counters.touch(rows[0].site_id, {row.queue: (0, 0) for row in rows})


def calm(case_id: int, *, actor: Actor, now: datetime) -> None:
    """Take the alert mark off after a person acknowledged it; an entry that only the alert made is ended."""
    rows = [row for row in live_of(case_id) if row.alert]
    changes = []
    for row in rows:
        row.alert, row.alert_at = "", None
        only_alert = row.cause is Cause.ALERT
        changes.append(_closed(row, "acknowledged", actor, now) if only_alert else {row.queue: (0, 0)})
    if rows:
        counters.touch(rows[0].site_id, counters.together(*changes))


def _record(row: QueueEntry, verb: str, actor: Actor, now: datetime, **params: object) -> None:
    audit.record(
        actor=actor, verb=verb, record="queue_entry", record_id=row.id, site_id=row.site_id, case_id=row.case_id,
        purpose=row.queue.value, now=now,
    )  # fmt: skip
    audit.tell(kind=verb, actor=actor, now=now, case_id=row.case_id, params={"queue": row.queue.value, **params})
