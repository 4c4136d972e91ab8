"""A growing delay after failed tries: per email as typed, per network address, never a hard lock-out.

An email that nobody here has is counted like any other, so a delay tells nothing. A browser that signed in before
has a count of its own, so that tries made elsewhere keep nobody out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from intake import crypto
from intake.accounts.models import Tries
from intake.db import db

LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(hours=24)
# Many people share the address of their center, so an address may fail more often than an email.
FREE = {"email": 5, "device": 5, "address": 30, "reset": 10}
Key = tuple[str, bytes]


def key(kind: str, *values: str) -> Key:
    """What is counted: its kind and a keyed digest, never the value."""
    return kind, crypto.keyed_digest("tries", "|".join((kind, *values)).encode())[:16]


def delay(kind: str, failures: int) -> timedelta:
    """How long to wait after so many failures: nothing at first, then 2, 4, 8 ... seconds, 15 minutes at most."""
    over = failures - FREE[kind]
    return timedelta(0) if over < 0 else min(LONGEST, timedelta(seconds=2 ** min(over + 1, 12)))


def left(keys: Sequence[Key], now: datetime) -> timedelta:
    """How long the slowest of the keys still has to wait; zero when all may try."""
    latest = db.session.scalar(select(func.max(Tries.retry_at)).where(Tries.digest.in_([d for _, d in keys])))
    return max(timedelta(0), latest - now) if latest else timedelta(0)


def failed(keys: Sequence[Key], now: datetime) -> None:
    """Count one failure under each key."""
    make = pg_insert if db.session.connection().dialect.name == "postgresql" else sqlite_insert
    # Always in the same order, so that two failing browsers cannot wait for each other.
    for kind, digest in sorted(keys, key=lambda each: each[1]):
        grown = case((Tries.last_at < now - FORGOTTEN, 1), else_=Tries.failures + 1)
        count = db.session.execute(
            make(Tries)
            .values(digest=digest, failures=1, last_at=now)
            .on_conflict_do_update(index_elements=[Tries.digest], set_={"failures": grown, "last_at": now})
            .returning(Tries.failures)
        ).scalar_one()
        wait = delay(kind, count)
        if wait:
            db.session.execute(update(Tries).where(Tries.digest == digest).values(retry_at=now + wait))


def forget(keys: Sequence[Key]) -> None:
    """Start these counts again: the right person came."""
    db.session.execute(delete(Tries).where(Tries.digest.in_([d for _, d in keys])))


def sweep(now: datetime) -> int:
    """Delete counts of long ago (an upkeep job); returns how many."""
    gone = db.session.scalars(delete(Tries).where(Tries.last_at < now - FORGOTTEN).returning(Tries.digest))
    return len(list(gone))
