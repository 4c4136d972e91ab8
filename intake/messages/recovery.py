"""What one tick of the outbox repairs: dead leases, windows that are over, days that an outage piled up.

Conditional updates only, so any number of ticks may run at once (I10).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, insert, select, text, update

from intake.clock import db_now, utcnow
from intake.db import db, new_id
from intake.messages import outcomes
from intake.messages.models import MESSAGE, MessageAttempt, MessagePart, MessageState
from intake.messages.outcomes import Outcome
from intake.messages.service import cancel_these

S = MessageState
MOST_LOST = 8
AT_ONCE = 500
OUTAGE = timedelta(minutes=10)
_waits = text("message.state = 'scheduled'")
_seen = (MESSAGE.c.id, MESSAGE.c.site_id, MESSAGE.c.case_id, MESSAGE.c.kind, MESSAGE.c.local_date)


def recover() -> int:
    """Free rows whose sender is gone: claimed ones are due again, sending ones are in doubt (I4); returns how many."""
    return _free_claimed() + _doubt_sending()


def _free_claimed() -> int:
    lost = MESSAGE.c.lost_leases + 1
    rows = db.session.execute(
        update(MESSAGE)
        .where(text("message.state = 'claimed'"), MESSAGE.c.lease_until <= db_now())
        .values(
            state=case(
                (lost >= MOST_LOST, S.FAILED_PERMANENT.value),
                (MESSAGE.c.in_doubt_at.is_not(None), S.UNCERTAIN.value),
                else_=S.SCHEDULED.value,
            ),
            lost_leases=lost,
            lease_token=None,
            lease_until=None,
            last_code="lease_lost",
            version=MESSAGE.c.version + 1,
        )
        .returning(*_seen, MESSAGE.c.state)
    ).all()
    for row in rows:
        if row.state == S.FAILED_PERMANENT:
            outcomes.tell(row, S.FAILED_PERMANENT, "leases_lost")
    return len(rows)


def _doubt_sending() -> int:
    rows = db.session.execute(
        select(MESSAGE.c.id, MESSAGE.c.lease_token, MESSAGE.c.attempts)
        .where(text("message.state = 'sending'"), MESSAGE.c.lease_until <= db_now())
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        db.session.execute(
            insert(MessageAttempt).values(
                id=new_id(),
                message_id=row.id,
                attempt=row.attempts,
                token=row.lease_token,
                ended_at=db_now(),
                outcome=Outcome.IN_DOUBT.value,
                code="lease_lost",
            )
        )
        outcomes.in_doubt(row.id, row.lease_token, code="lease_lost")
    return len(rows)


def expire() -> int:
    """Let rows go whose window is over: due ones, and those held before their first attempt; returns how many."""
    due = _expire(text("message.state IN ('scheduled', 'uncertain')"), MESSAGE.c.next_try_at <= db_now())
    # Both words are said: SQLite finds the index of open rows only by the condition the index was made with.
    held = _expire(text("message.state IN ('scheduled', 'uncertain')"), _waits, MESSAGE.c.next_try_at.is_(None))
    return due + held


def _expire(*where: Any) -> int:
    picked = (
        select(MESSAGE.c.id)
        .where(*where, MESSAGE.c.window_end <= db_now())
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = db.session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id.in_(picked.scalar_subquery()), text("message.state IN ('scheduled', 'uncertain')"))
        .values(
            state=S.EXPIRED.value,
            next_try_at=None,
            cancel_reason="window_over",
            version=MESSAGE.c.version + 1,
        )
        .returning(*_seen)
    ).all()
    for row in rows:
        outcomes.tell(row, S.EXPIRED, "window_over")
    return len(rows)


def digest() -> int:
    """After an outage, merge the due reminders of one person into the newest (I6); returns how many were merged."""
    overdue = db.session.scalar(
        select(MESSAGE.c.id)
        .where(
            text("message.state IN ('scheduled', 'uncertain')"),
            MESSAGE.c.next_try_at <= db_now(-OUTAGE),
            MESSAGE.c.attempts == 0,
            MESSAGE.c.plan_id.is_not(None),
        )
        .limit(1)
    )
    if overdue is None:
        return 0
    waiting = (
        _waits,
        MESSAGE.c.next_try_at <= db_now(),
        MESSAGE.c.attempts == 0,
        MESSAGE.c.plan_id.is_not(None),
        MESSAGE.c.order_key.is_not(None),
    )
    crowded = db.session.execute(
        select(MESSAGE.c.order_key, MESSAGE.c.kind)
        .where(*waiting)
        .group_by(MESSAGE.c.order_key, MESSAGE.c.kind)
        .having(func.count() > 1)
        .limit(AT_ONCE)
    ).all()
    return sum(_merge(waiting, row.order_key, row.kind) for row in crowded)


def _merge(waiting: tuple[Any, ...], order_key: int, kind: str) -> int:
    ids = list(
        db.session.scalars(
            select(MESSAGE.c.id)
            .where(*waiting, MESSAGE.c.order_key == order_key, MESSAGE.c.kind == kind)
            .order_by(MESSAGE.c.due_at.desc(), MESSAGE.c.id.desc())
            .with_for_update(skip_locked=True)
        )
    )
    if len(ids) < 2:
        return 0
    newest, older = ids[0], ids[1:]
    named = select(MessagePart.kind, MessagePart.appointment_id).where(MessagePart.message_id == newest)
    has = {(row.kind, row.appointment_id) for row in db.session.execute(named)}
    for part in db.session.scalars(select(MessagePart).where(MessagePart.message_id.in_(older))):
        if (part.kind, part.appointment_id) not in has:
            has.add((part.kind, part.appointment_id))
            part.message_id = newest
    return cancel_these(older, reason="merged", now=utcnow())


def due_count(most: int) -> int:
    """How many messages are due and claimable by state, counted up to `most`."""
    some = (
        select(MESSAGE.c.id)
        .where(text("message.state IN ('scheduled', 'uncertain')"), MESSAGE.c.next_try_at <= db_now())
        .limit(most)
        .subquery()
    )
    return db.session.scalar(select(func.count()).select_from(some)) or 0
