"""The statements behind a 250, built once: attempt, message, timeline and audit in two statements on PostgreSQL.

An accepted mail is the common case, so its record must be cheap; every other outcome is written by `outcomes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Executable,
    Table,
    Update,
    bindparam,
    exists,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from intake.audit import quick
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
_TOLD = ("id", "site_id", "case_id", "inquiry_id", "at", "actor_id", "kind", "params", "words")


@cache
def attempt(dialect: str) -> Any:
    """Insert one attempt, once; returns its id when it was new."""
    make = pg_insert if dialect == "postgresql" else sqlite_insert
    return make(ATTEMPT).values(_ATTEMPT_VALUES).on_conflict_do_nothing().returning(ATTEMPT.c.id)


def _sent() -> Update:
    return (
        update(MESSAGE)
        .where(
            MESSAGE.c.id == bindparam("of_message"),
            text("message.state IN ('sending', 'uncertain', 'claimed', 'scheduled')"),
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


_SENT = _sent()
_TELL = insert(TIMELINE)


@cache
def _all_in_one(told: bool) -> Executable:
    """Attempt, message and timeline as one statement that answers with the locked head of the audit chain."""
    new = attempt("postgresql").cte("new")
    sent = _sent().where(exists(select(new.c.id))).cte("sent")
    news = select(literal_column("count(*)")).select_from(new).scalar_subquery()
    sents = select(literal_column("count(*)")).select_from(sent).scalar_subquery()
    # The comparison makes the message's row be locked before the chain's, as everybody else does.
    statement = quick.head().add_columns(news.label("new"), sents.label("sent")).where(sents >= 0)
    if told:
        columns = [bindparam(f"t_{name}", type_=TIMELINE.c[name].type) for name in _TOLD]
        line = insert(TIMELINE).from_select(list(_TOLD), select(*columns).where(exists(select(sent.c.id))))
        statement = statement.add_cte(line.cte("line"))
    return statement


def accept(
    connection: Connection, result: Any, *, beside: tuple[Update, Mapping[str, Any]] | None = None
) -> tuple[bool | None, int | None]:
    """Write a 250 with its audit entry and timeline line.

    True: written. False: it was written before. None: the attempt is written, but the message was final already.
    `beside` is an update that may ride along (the next mail's gate); the second answer is how many rows it changed,
    None when it was not done.
    """
    dialect = connection.dialect.name
    now = utcnow()
    values: dict[str, Any] = {
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
    line = quick.Line("sent", "message", result.message_id, result.kind, result.site_id, result.case_id, now)
    told: dict[str, Any] = {}
    if result.case_id is not None:
        told = {
            "id": new_id(),
            "site_id": result.site_id,
            "case_id": result.case_id,
            "inquiry_id": None,
            "at": now,
            "actor_id": 0,
            "kind": "message_sent",
            "params": {"message": result.message_id, "kind": result.kind, "reason": "", "by": "The system"},
            "words": None,
        }
    known: tuple[int, bytes] | None = None
    if dialect == "postgresql":
        more = {f"t_{name}": value for name, value in told.items()}
        row = connection.execute(
            _all_in_one(bool(told)), {**values, **more, "audit_chain": line.chain_id}
        ).one_or_none()
        if row is not None:
            if not row.new or not row.sent:
                return (None if row.new else False), None
            known = (row.seq, row.head)
        elif not _was_sent(connection, result):
            return None, None
    else:
        if connection.execute(attempt(dialect), values).one_or_none() is None:
            return False, None
        if connection.execute(_SENT, values).one_or_none() is None:
            return None, None
        if told:
            connection.execute(_TELL, told)
    changed = quick.append(connection, line, known=known, beside=beside)
    return True, changed if beside is not None else None


def _was_sent(connection: Connection, result: Any) -> bool:
    """The chain has no head yet, so the combined statement said nothing: look what it did."""
    own = select(ATTEMPT.c.token).where(ATTEMPT.c.id == result.attempt_id)
    state = select(MESSAGE.c.state).where(MESSAGE.c.id == result.message_id)
    return connection.scalar(own) is not None and connection.scalar(state) == S.SENT
