"""The statements behind a 250, built once: attempt, message, timeline and audit.

An accepted mail is the common case, so its record must be cheap; every other outcome is written by `outcomes`.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, Table, Update, bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ColumnElement

from intake.audit import chains
from intake.audit.models import TimelineEntry
from intake.clock import db_now, utcnow
from intake.db import new_id
from intake.messages.models import MESSAGE, MessageAttempt, MessageState

S = MessageState
ATTEMPT = cast(Table, MessageAttempt.__table__)
TIMELINE = cast(Table, TimelineEntry.__table__)
_ATTEMPT_VALUES: dict[str, Any] = {
    "id": bindparam("attempt_id"),
    "message_id": bindparam("of_message"),
    "attempt": bindparam("attempt_no"),
    "token": bindparam("attempt_token"),
    "started_at": bindparam("started"),
    "ended_at": db_now(),
    "outcome": bindparam("attempt_outcome"),
    "code": bindparam("attempt_code"),
    "enhanced": bindparam("attempt_enhanced"),
    "address_digest": bindparam("attempt_digest"),
}
# Literals, so that a partial index is used under any plan.
OPEN = text("message.state IN ('sending', 'uncertain', 'claimed', 'scheduled')")


def attempt_if(condition: ColumnElement[bool]) -> Any:
    """Insert one attempt, once, if the condition holds; PostgreSQL only."""
    values = select(*_ATTEMPT_VALUES.values()).where(condition)
    return (
        pg_insert(ATTEMPT).from_select(list(_ATTEMPT_VALUES), values).on_conflict_do_nothing().returning(ATTEMPT.c.id)
    )


@cache
def attempt(dialect: str) -> Any:
    """Insert one attempt, once; returns its id when it was new."""
    make = pg_insert if dialect == "postgresql" else sqlite_insert
    return make(ATTEMPT).values(_ATTEMPT_VALUES).on_conflict_do_nothing().returning(ATTEMPT.c.id)


def sent() -> Update:
    """Make an open message sent, whatever the lease says; answers with its id."""
    return (
        update(MESSAGE)
        .where(
            MESSAGE.c.id == bindparam("of_message"),
            OPEN,
        )
        .values(
            state=S.SENT.value,
            accepted_at=db_now(),
            last_code=bindparam("attempt_code"),
            held_reason="",
            lease_token=None,
            lease_until=None,
            next_try_at=None,
            version=MESSAGE.c.version + 1,
        )
        .returning(MESSAGE.c.id)
    )


_SENT = sent()
_TELL = insert(TIMELINE)


def attempt_values(result: Any) -> dict[str, Any]:
    """The parameters of `attempt` and `sent`."""
    return {
        "attempt_id": result.attempt_id,
        "of_message": result.message_id,
        "attempt_no": result.attempt,
        "attempt_token": result.token,
        "started": result.started_at,
        "attempt_outcome": result.outcome.value,
        "attempt_code": result.code[:40],
        "attempt_enhanced": result.enhanced[:20],
        "attempt_digest": result.digest,
    }


def told_params(message_id: Any, kind: Any) -> dict[str, Any]:
    """What the timeline line of a mail that went out says."""
    return {"message": message_id, "kind": kind, "reason": "", "by": "The system"}


def told_values(result: Any, now: datetime) -> dict[str, Any]:
    """The timeline line of a mail of a case that went out."""
    return {
        "id": new_id(),
        "site_id": result.site_id,
        "case_id": result.case_id,
        "inquiry_id": None,
        "at": now,
        "actor_id": 0,
        "kind": "message_sent",
        "params": told_params(result.message_id, result.kind),
        "words": None,
    }


def line_of(result: Any, now: datetime) -> chains.Line:
    """The audit entry of a mail that went out, not yet part of its chain."""
    return chains.Line("sent", "message", result.message_id, result.kind, result.site_id, result.case_id, now)


def accept(connection: Connection, result: Any) -> bool | None:
    """Write a 250 with its audit entry and timeline line.

    True: written. False: it was written before. None: the attempt is written, but the message was final already.
    """
    values, now = attempt_values(result), utcnow()
    if connection.execute(attempt(connection.dialect.name), values).one_or_none() is None:
        return False
    if connection.execute(_SENT, values).one_or_none() is None:
        return None
    if result.case_id is not None:
        connection.execute(_TELL, told_values(result, now))
    chains.append(connection, line_of(result, now))
    return True
