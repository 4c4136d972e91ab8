"""A case past the target of its queue goes up: once, to the supervisors, by mail when it is urgent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from intake.accounts import calling
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.clock import db_now
from intake.db import db
from intake.queues.models import EntryState, QueueEntry
from intake.tasks import service as tasks

KIND = "late_in_queue"
MAILED_TO = 2


def key(entry_id: int) -> str:
    """The key of the supervisor's task about a late entry."""
    return f"{KIND}:{entry_id}"


def escalate(*, now: datetime, limit: int = 500) -> int:
    """Hand every unclaimed entry past its target to the supervisors, once each (an upkeep job); returns how many.

    Entries of acuity 1 and 2 are mailed to them too.
    """
    rows = db.session.scalars(
        select(QueueEntry)
        .where(
            QueueEntry.left_at.is_(None),
            QueueEntry.state == EntryState.WAITING,
            QueueEntry.target_at < db_now(),
            QueueEntry.escalated_at.is_(None),
        )
        .order_by(QueueEntry.target_at)
        .limit(limit)
        .with_for_update()
    ).all()
    for row in rows:
        row.escalated_at = now
        owed = tasks.owe(
            site_id=row.site_id, kind=KIND, key=key(row.id), role=Role.SUPERVISOR, due_at=now, cause=row.queue.value,
            case_id=row.case_id, params={"queue": row.queue.value}, now=now,
        )  # fmt: skip
        if row.acuity <= MAILED_TO:
            calling.call(owed, now=now)
        audit.record(
            actor=system(row.site_id), verb="escalated", record="queue_entry", record_id=row.id, case_id=row.case_id,
            purpose=row.queue.value, now=now,
        )  # fmt: skip
    return len(rows)


def over(row: QueueEntry, *, actor: Actor, now: datetime) -> None:
    """Somebody took the case, or it left the queue: the supervisor need not look any more."""
    if row.escalated_at is not None:
        tasks.cancel(key(row.id), site_id=row.site_id, reason="taken", actor=actor, now=now)
