"""Take a case, give it back, set it aside, hand it to a colleague; an idle claim returns by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from intake.accounts.models import Staff
from intake.actor import CARE, STAFF, Actor, Role, system
from intake.audit import service as audit
from intake.clock import db_now
from intake.db import db
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.queues import counters, late
from intake.queues.models import EntryState, Queue, QueueEntry
from intake.queues.order import ago
from intake.settings import queries as settings

LONGEST_PARK = timedelta(days=30)
NOBODY = {"claimed_by": None, "claimed_name": "", "claimed_at": None, "lease_until": None}
NOT_PARKED = {"parked_until": None, "parked_reason": ""}
_ENTRY = cast(Table, QueueEntry.__table__)
_FRESH = (
    select(QueueEntry)
    .where(QueueEntry.id == bindparam("entry"), QueueEntry.site_id == bindparam("site"))
    .execution_options(populate_existing=True)
)
_LOCKED = _FRESH.with_for_update()
_TAKE = (
    update(_ENTRY)
    .where(
        _ENTRY.c.id == bindparam("entry"),
        _ENTRY.c.site_id == bindparam("site"),
        _ENTRY.c.left_at.is_(None),
        _ENTRY.c.state == EntryState.WAITING,
    )
    .values(
        state=EntryState.CLAIMED,
        claimed_by=bindparam("by"),
        claimed_name=bindparam("name"),
        claimed_at=bindparam("taken_at"),
        lease_until=bindparam("until"),
        version=_ENTRY.c.version + 1,
    )
    .returning(_ENTRY.c.id)
)
_IDLE = (
    update(_ENTRY)
    .where(_ENTRY.c.left_at.is_(None), _ENTRY.c.state == EntryState.CLAIMED, _ENTRY.c.lease_until < db_now())
    .values(state=EntryState.WAITING, version=_ENTRY.c.version + 1, **NOBODY)
    .returning(_ENTRY.c.id, _ENTRY.c.site_id, _ENTRY.c.queue, _ENTRY.c.case_id)
)
_IDLE_ONE = _IDLE.where(_ENTRY.c.id == bindparam("entry"), _ENTRY.c.site_id == bindparam("site"))


def find(entry_id: int, actor: Actor) -> QueueEntry:
    """The entry of an id on the actor's site, fresh from the database.

    Raises:
        Missing: none there; another site's reads the same.
    """
    row = db.session.scalar(_FRESH, {"entry": entry_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such case in this queue.")
    return row


def locked(entry_id: int, actor: Actor) -> QueueEntry:
    """The entry of an id, locked until the transaction ends.

    Raises:
        Missing: none there. AlreadyDone: it left the queue.
    """
    row = db.session.scalar(_LOCKED, {"entry": entry_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such case in this queue.")
    if row.left_at is not None:
        raise AlreadyDone(f"This case left the queue at {row.left_at:%H:%M} UTC ({row.outcome or 'closed'}).")
    return row


def _lease(site_id: int) -> timedelta:
    return timedelta(minutes=int(settings.value(site_id, "claim_lease_minutes")))


def claim(entry_id: int, *, actor: Actor, now: datetime) -> QueueEntry:
    """Give one waiting case to `actor` under a lease; of racing people exactly one wins.

    One conditional update decides. A parked case is taken back first; a claim whose lease is over counts as none;
    claiming one's own claim again renews it.

    Raises:
        Missing: no such case here. AlreadyDone: somebody else holds it (who, since when), or it left the queue.
        NotPermitted: the actor's role holds no claims.
    """
    if not actor.may(*STAFF):
        raise NotPermitted("Your role does not take cases.")
    _return_idle_one(entry_id, actor, now)
    if not _take(entry_id, actor, now):
        row = find(entry_id, actor)
        if row.left_at is not None:
            raise AlreadyDone(f"This case left the queue {ago(now - row.left_at)} ago.")
        if row.state is EntryState.CLAIMED and row.claimed_by == actor.id:
            return _renewed(row, now)
        if row.state is not EntryState.PARKED or not (_back(entry_id) and _take(entry_id, actor, now)):
            raise AlreadyDone(_held(find(entry_id, actor), now))
    row = find(entry_id, actor)
    late.over(row, actor=actor, now=now)
    counters.touch(row.site_id, {row.queue: (-1, 1)})
    _record(row, "claimed", actor, now)
    return row


def _back(entry_id: int) -> bool:
    """Put a parked case back to waiting, so that it can be taken; False when somebody else was first."""
    put = db.session.execute(
        update(QueueEntry)
        .where(QueueEntry.id == entry_id, QueueEntry.left_at.is_(None), QueueEntry.state == EntryState.PARKED)
        .values(state=EntryState.WAITING, version=QueueEntry.version + 1, **NOT_PARKED)
        .returning(QueueEntry.id)
        .execution_options(synchronize_session=False)
    )
    return put.one_or_none() is not None


def _take(entry_id: int, actor: Actor, now: datetime) -> bool:
    until = now + _lease(actor.site_id)
    asked = {"entry": entry_id, "site": actor.site_id, "by": actor.id, "name": actor.name, "taken_at": now}
    taken = db.session.execute(_TAKE, {**asked, "until": until})
    return taken.one_or_none() is not None


def _held(row: QueueEntry, now: datetime) -> str:
    since = f" {ago(now - row.claimed_at)} ago" if row.claimed_at else ""
    return f"{row.claimed_name or 'Somebody else'} claimed this{since}."


def _renewed(row: QueueEntry, now: datetime) -> QueueEntry:
    row.lease_until = now + _lease(row.site_id)
    return row


def active(case_id: int, *, actor: Actor, now: datetime) -> None:
    """Renew the actor's own claims on a case, because they just worked on it."""
    db.session.execute(
        update(QueueEntry)
        .where(
            QueueEntry.case_id == case_id,
            QueueEntry.left_at.is_(None),
            QueueEntry.state == EntryState.CLAIMED,
            QueueEntry.claimed_by == actor.id,
        )
        .values(lease_until=now + _lease(actor.site_id))
        .execution_options(synchronize_session=False)
    )


def _own(entry_id: int, actor: Actor) -> QueueEntry:
    row = locked(entry_id, actor)
    if row.state is not EntryState.CLAIMED:
        raise AlreadyDone("Nobody holds this case now.")
    if row.claimed_by != actor.id and not actor.may(Role.SUPERVISOR):
        raise NotPermitted(f"{row.claimed_name} holds this case. Only they or a supervisor can give it back.")
    return row


def release(entry_id: int, *, actor: Actor, now: datetime) -> QueueEntry:
    """Give a claimed case back; its wait, priority and place are kept.

    Raises:
        Missing, AlreadyDone: not here, or nobody holds it. NotPermitted: somebody else holds it.
    """
    row = _own(entry_id, actor)
    _put_back(row)
    counters.touch(row.site_id, {row.queue: (1, -1)})
    _record(row, "released", actor, now)
    return row


def take_back(entry_id: int, *, actor: Actor, now: datetime) -> QueueEntry:
    """Give a claimed case back for somebody who is leaving; its wait, priority and place are kept.

    Raises:
        Missing, AlreadyDone: not here, or it left the queue.
    """
    row = locked(entry_id, actor)
    _put_back(row)
    counters.touch(row.site_id, {row.queue: (1, -1)})
    _record(row, "released", actor, now)
    return row


def _put_back(row: QueueEntry) -> None:
    row.state = EntryState.WAITING
    for name, value in NOBODY.items():
        setattr(row, name, value)


def park(entry_id: int, *, until: datetime, reason: str, actor: Actor, now: datetime) -> QueueEntry:
    """Set a waiting case, or one's own claim, aside until a time; its wait goes on.

    Raises:
        RuleBroken: no reason, or a time not within the next 30 days. AlreadyDone, NotPermitted, Missing as in release.
    """
    if not reason.strip():
        raise RuleBroken("Say why this case is set aside.", code="REASON", fields={"reason": "Say why."})
    if not now < until <= now + LONGEST_PARK:
        raise RuleBroken(
            "Pick a time within the next 30 days.", code="UNTIL", fields={"until": "Pick a time within 30 days."}
        )
    row = locked(entry_id, actor)
    change = (0, 0)
    if row.state is EntryState.CLAIMED:
        row, change = _own(entry_id, actor), (1, -1)
        _put_back(row)
    elif row.state is EntryState.PARKED:
        raise AlreadyDone("This case is already set aside.")
    row.state, row.parked_until, row.parked_reason = EntryState.PARKED, until, reason.strip()[:200]
    counters.touch(row.site_id, {row.queue: change})
    _record(row, "parked", actor, now)
    return row


def unpark(entry_id: int, *, actor: Actor, now: datetime) -> QueueEntry:
    """Put a parked case back to waiting.

    Raises:
        Missing, AlreadyDone: not here, or not parked.
    """
    row = locked(entry_id, actor)
    if row.state is not EntryState.PARKED:
        raise AlreadyDone("This case is not set aside.")
    row.state, row.parked_until, row.parked_reason = EntryState.WAITING, None, ""
    counters.touch(row.site_id, {row.queue: (0, 0)})
    _record(row, "unparked", actor, now)
    return row


def assign(entry_id: int, *, staff_id: int, actor: Actor, now: datetime) -> QueueEntry:
    """Hand a case to a colleague: a waiting one, one's own claim, or (supervisors) anybody's.

    Raises:
        Missing: no such case or colleague here. AlreadyDone: it left the queue.
        NotPermitted: somebody else holds it, or the colleague's role takes no cases.
    """
    to = db.session.get(Staff, staff_id)
    if to is None or to.site_id != actor.site_id or not to.is_active:
        raise Missing("There is no such colleague here.")
    if to.role not in STAFF or not actor.may(*CARE, Role.ADMISSIONS):
        raise NotPermitted("Cases go to admissions and care staff only.")
    row = locked(entry_id, actor)
    before = row.state
    if before is EntryState.CLAIMED and row.claimed_by != actor.id and not actor.may(Role.SUPERVISOR):
        raise AlreadyDone(_held(row, now))
    if before is EntryState.PARKED:
        row.state = EntryState.WAITING
        db.session.flush()
    row.state, row.claimed_by, row.claimed_name = EntryState.CLAIMED, to.id, to.name
    row.claimed_at, row.lease_until = now, now + _lease(row.site_id)
    row.parked_until, row.parked_reason = None, ""
    late.over(row, actor=actor, now=now)
    counters.touch(row.site_id, {row.queue: (0, 0) if before is EntryState.CLAIMED else (-1, 1)})
    _record(row, "assigned", actor, now, to=to.name)
    return row


def _return_idle_one(entry_id: int, actor: Actor, now: datetime) -> None:
    _idle_back(now, _IDLE_ONE, entry=entry_id, site=actor.site_id)


def return_idle(*, now: datetime) -> int:
    """Give back every claim whose lease is over (an upkeep job); returns how many. The wait is kept."""
    return _idle_back(now, _IDLE)


def _idle_back(now: datetime, statement: ReturningUpdate[Any], **which: int) -> int:
    rows = db.session.execute(statement, which).all()
    moved: dict[int, list[dict[Queue, tuple[int, int]]]] = {}
    for row in rows:
        moved.setdefault(row.site_id, []).append({row.queue: (1, -1)})
        audit.record(
            actor=system(row.site_id), verb="returned", record="queue_entry", record_id=row.id,
            case_id=row.case_id, purpose="idle", now=now,
        )  # fmt: skip
    for site_id in sorted(moved):
        counters.touch(site_id, counters.together(*moved[site_id]))
    return len(rows)


def unpark_due(*, now: datetime) -> int:
    """Put back every parked case whose time has come (an upkeep job); returns how many."""
    due = db.session.execute(
        select(QueueEntry.id, QueueEntry.site_id).where(
            QueueEntry.left_at.is_(None), QueueEntry.state == EntryState.PARKED, QueueEntry.parked_until < db_now()
        )
    ).all()
    for row in due:
        unpark(row.id, actor=system(row.site_id), now=now)
    return len(due)


def _record(row: QueueEntry, verb: str, actor: Actor, now: datetime, **params: str) -> None:
    audit.record(
        actor=actor, verb=verb, record="queue_entry", record_id=row.id, site_id=row.site_id, case_id=row.case_id,
        purpose=row.queue.value, now=now,
    )  # fmt: skip
    audit.tell(kind=verb, actor=actor, now=now, case_id=row.case_id, params={"queue": row.queue.value, **params})
