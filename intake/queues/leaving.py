"""What goes back to the boards when somebody leaves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from intake.actor import Actor
from intake.db import db
from intake.queues import claims
from intake.queues.models import EntryState, QueueEntry


def give_back(staff_id: int, to: Actor | None, *, actor: Actor, now: datetime) -> int:
    """Put every claim of somebody back to waiting, wait and place kept; returns how many.

    Claims go back even when cases go over to a colleague: who is free takes them first.
    """
    held = db.session.scalars(
        select(QueueEntry.id)
        .where(
            QueueEntry.site_id == actor.site_id,
            QueueEntry.claimed_by == staff_id,
            QueueEntry.left_at.is_(None),
            QueueEntry.state == EntryState.CLAIMED,
        )
        .order_by(QueueEntry.id)
    ).all()
    for entry_id in held:
        claims.take_back(entry_id, actor=actor, now=now)
    return len(held)
