"""Claims: due mails belong to one sender under a lease, oldest first and one person's in their order.

safety.md 2.3. A claim commits before anything is rendered; whoever holds a lease renews it or gives the rows back.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    CursorResult,
    FromClause,
    Integer,
    Select,
    Update,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from intake.clock import Span, db_now
from intake.db import db
from intake.messages.models import MESSAGE, Message, MessageState

S = MessageState
DAY = timedelta(hours=24)
MOST = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that belong to one sender until their lease ends; `now` is the database's clock at the claim."""

    token: int
    now: datetime
    messages: Sequence[Message]


def _claimable(mine: FromClause, what: ColumnElement[Any]) -> Select[Any]:
    """Due rows, oldest first, without an earlier open and unheld row of the same person (I9)."""
    earlier = MESSAGE.alias("earlier")
    blocked = exists().where(
        earlier.c.order_key == mine.c.order_key,
        # Literals, so that the partial index is used under any plan.
        text("earlier.state IN ('scheduled', 'claimed', 'sending', 'uncertain')"),
        earlier.c.next_try_at.is_not(None),
        tuple_(earlier.c.due_at, earlier.c.id) < tuple_(mine.c.due_at, mine.c.id),
    )
    return (
        select(what)
        .where(
            text("mine.state IN ('scheduled', 'uncertain')"),
            mine.c.next_try_at <= db_now(),
            mine.c.window_end > db_now(),
            ~blocked,
        )
        .order_by(mine.c.next_try_at, mine.c.id)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(of=mine, skip_locked=True)
    )


@cache
def _claim(dialect: str) -> Update:
    if dialect == "postgresql":
        # The planner may run a plain subquery more than once and take more rows than asked for.
        mine = MESSAGE.alias("mine")
        pick = _claimable(mine, literal_column("mine.ctid").label("place")).cte("pick")
        pick = pick.prefix_with("MATERIALIZED", dialect="postgresql")
        # The rows are locked where they lie; to find them again by their key would read its index for each.
        places = func.array(select(pick.c.place).scalar_subquery())
        wanted: ColumnElement[bool] = literal_column("message.ctid") == func.any(places)
    else:
        mine = MESSAGE.alias("mine")
        wanted = MESSAGE.c.id.in_(_claimable(mine, mine.c.id))
    return (
        update(Message)
        .where(wanted)
        .values(
            state=S.CLAIMED,
            lease_token=bindparam("token", type_=BigInteger()),
            lease_until=db_now() + bindparam("lease", type_=Span()),
            version=MESSAGE.c.version + 1,
        )
        .returning(Message)
        .execution_options(synchronize_session=False)
    )


def claim(most: int, *, lease: timedelta) -> Batch:
    """Take up to `most` due messages; each has a fresh token and a lease by the database's clock (I1)."""
    token = secrets.randbits(63) | 1
    dialect = db.session.connection().dialect.name
    now = db.session.scalar(select(db_now()))
    assert now is not None
    found = db.session.scalars(_claim(dialect), {"most": min(most, MOST), "token": token, "lease": lease}).all()
    # Nothing else is in this session: a sender starts each batch with a fresh one.
    db.session.expunge_all()
    return Batch(token, now, sorted(found, key=lambda m: (cast(datetime, m.next_try_at), m.id)))


def renew(token: int, *, lease: timedelta) -> int:
    """Prolong the living leases of a token; returns how many rows still belong to it."""
    done = db.session.execute(
        update(MESSAGE)
        .where(
            MESSAGE.c.lease_token == token,
            text("state IN ('claimed', 'sending')"),
            MESSAGE.c.lease_until > db_now(),
        )
        .values(lease_until=db_now(lease))
    )
    return cast(CursorResult[Any], done).rowcount


def give_back(ids: Sequence[int], token: int, *, again_in: timedelta, code: str = "") -> int:
    """Return claimed rows unsent (quiet hours, breaker, rate, stop); returns how many were still this sender's."""
    if not ids:
        return 0
    again = db_now(again_in)
    done = db.session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id.in_(list(ids)), MESSAGE.c.state == S.CLAIMED.value, MESSAGE.c.lease_token == token)
        .values(
            state=case((MESSAGE.c.in_doubt_at.is_not(None), S.UNCERTAIN.value), else_=S.SCHEDULED.value),
            next_try_at=case((again < MESSAGE.c.window_end, again), else_=MESSAGE.c.window_end),
            lease_token=None,
            lease_until=None,
            last_code=code,
            version=MESSAGE.c.version + 1,
        )
    )
    return cast(CursorResult[Any], done).rowcount
