"""Owe, claim and finish work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select

from intake import crypto
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.db import Base, db, new_id
from intake.errors import AlreadyDone, Missing
from intake.tasks.models import Task, TaskState

LIVE = (TaskState.OPEN, TaskState.CLAIMED)
OVERDUE = "overdue"
# Built once: every step of a case asks these.
_is_live = or_(*(Task.state == state for state in LIVE))
_OF_KEY = select(Task).where(Task.site_id == bindparam("site"), Task.key == bindparam("key"), _is_live)
# By key alone: with the site SQLite would rather look through all that is owed there.
_OF_KEYS = select(Task).where(Task.key.in_(bindparam("keys", expanding=True)), _is_live).order_by(Task.id)
_LOCKED = select(Task).where(Task.id == bindparam("task"), Task.site_id == bindparam("site")).with_for_update()


def overdue_key(task_id: int) -> str:
    """The key of the supervisor's task about a late one."""
    return f"{OVERDUE}:{task_id}"


def owe(
    *,
    site_id: int,
    kind: str,
    key: str,
    role: Role,
    due_at: datetime,
    cause: str,
    now: datetime,
    case_id: int | None = None,
    inquiry_id: int | None = None,
    owner_id: int | None = None,
    params: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> Task:
    """Create a task, or return the live one of the same key (bringing its due time forward when sooner)."""
    known = db.session.scalar(_OF_KEY, {"site": site_id, "key": key})
    if known is not None:
        known.due_at = min(known.due_at, due_at)
        return known
    by = actor or system(site_id)
    row = Task(
        id=new_id(),
        site_id=site_id,
        kind=kind,
        key=key,
        role=role,
        due_at=due_at,
        cause=cause,
        case_id=case_id,
        inquiry_id=inquiry_id,
        owner_id=owner_id,
        params=dict(params or {}),
        created_at=now,
        created_by=by.id,
    )
    db.session.add(row)
    audit.record(
        actor=by, verb="owed", record="task", record_id=row.id, site_id=site_id, case_id=case_id, purpose=kind, now=now
    )
    return row


def live_of_key(key: str, site_id: int) -> list[Task]:
    """The live tasks of a key (at most one)."""
    return list(db.session.scalars(_OF_KEY, {"site": site_id, "key": key}))


def _live(task_id: int, actor: Actor) -> Task:
    row = db.session.scalar(_LOCKED, {"task": task_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such task.")
    if row.state not in LIVE:
        raise AlreadyDone("This task was already ended.")
    return row


def claim(task_id: int, *, actor: Actor, now: datetime) -> Task:
    """Take a task.

    Raises:
        Missing: no such task here. AlreadyDone: it was ended, or somebody else took it.
    """
    row = _live(task_id, actor)
    if row.owner_id not in (None, actor.id) and row.state is TaskState.CLAIMED:
        raise AlreadyDone("Somebody else took this task.")
    row.state, row.owner_id = TaskState.CLAIMED, actor.id
    audit.record(actor=actor, verb="claimed", record="task", record_id=row.id, case_id=row.case_id, now=now)
    return row


def finish(task_id: int, *, actor: Actor, outcome: str, now: datetime, reason: str = "") -> Task:
    """End a task with its outcome code; the free reason is sealed when the task belongs to a person's case.

    Raises:
        Missing: no such task here. AlreadyDone: it was already ended.
    """
    row = _live(task_id, actor)
    row.state, row.outcome, row.ended_at, row.ended_by = TaskState.DONE, outcome, now, actor.id
    _keep_reason(row, reason)
    _settle(row, actor, now)
    audit.record(
        actor=actor, verb="finished", record="task", record_id=row.id, case_id=row.case_id, purpose=outcome, now=now
    )
    return row


def _settle(row: Task, actor: Actor, now: datetime) -> None:
    """With the late task ends what was owed above it."""
    if row.escalated_at is not None:
        cancel(overdue_key(row.id), site_id=row.site_id, reason="done", actor=actor, now=now)


def _keep_reason(row: Task, reason: str) -> None:
    if not reason:
        return
    owner = _person_of(row)
    if owner is None:
        # It concerns nobody, so its reason has a key of its own.
        crypto.make_key(row.id)
    row.reason = crypto.seal(reason, key_of=owner or row.id, at="task.reason", row=row.id)


def _person_of(row: Task) -> int | None:
    """Whose words a task holds: the person of its case or inquiry, in tables of higher rooms."""
    for name, record_id in (("care_case", row.case_id), ("inquiry", row.inquiry_id)):
        if record_id is not None:
            table = Base.metadata.tables[name]
            found: int | None = db.session.scalar(select(table.c.person_id).where(table.c.id == record_id))
            return found
    return None


def reason_of(row: Task) -> str:
    """The free words a task was ended or put off with."""
    return crypto.open_(row.reason, at="task.reason", row=row.id)


def snooze(task_id: int, *, until: datetime, reason: str, actor: Actor, now: datetime) -> Task:
    """Put a task off until a time, with a reason.

    Raises:
        Missing: no such task here. AlreadyDone: it was already ended.
    """
    row = _live(task_id, actor)
    row.snoozed_until = until
    _keep_reason(row, reason)
    audit.record(actor=actor, verb="snoozed", record="task", record_id=row.id, case_id=row.case_id, now=now)
    return row


def pass_on(case_id: int, *, owner_id: int) -> None:
    """Let the work of a case that has an owner follow the case to its new one."""
    for row in db.session.scalars(
        select(Task).where(Task.case_id == case_id, Task.owner_id.is_not(None), Task.state.in_(LIVE)).with_for_update()
    ):
        row.owner_id = owner_id


def give_back_all(staff_id: int, *, actor: Actor, now: datetime) -> int:
    """Put every live task of somebody back to its role; returns how many."""
    rows = list(
        db.session.scalars(
            select(Task)
            .where(Task.site_id == actor.site_id, Task.owner_id == staff_id, Task.state.in_(LIVE))
            .with_for_update()
        )
    )
    for row in rows:
        row.state, row.owner_id = TaskState.OPEN, None
        audit.record(actor=actor, verb="released", record="task", record_id=row.id, case_id=row.case_id, now=now)
    return len(rows)


def cancel(*keys: str, site_id: int, reason: str, now: datetime, actor: Actor | None = None) -> int:
    """Cancel every live task of these keys; returns how many there were."""
    by = actor or system(site_id)
    found = live_of_key(keys[0], site_id) if len(keys) == 1 else db.session.scalars(_OF_KEYS, {"keys": keys})
    rows = [row for row in found if row.site_id == site_id]
    for row in rows:
        row.state, row.outcome, row.ended_at, row.ended_by = TaskState.CANCELLED, reason, now, by.id
        _settle(row, by, now)
        audit.record(
            actor=by, verb="cancelled", record="task", record_id=row.id, case_id=row.case_id, purpose=reason, now=now
        )
    return len(rows)
