"""The version and the exact counts of each queue, moved in the transaction of what they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from sqlalchemy import Insert, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from intake.db import db
from intake.queues.models import Queue, QueueCounter

_COUNTER = cast(Table, QueueCounter.__table__)


@dataclass(frozen=True)
class Count:
    """One queue at one moment: `moved` is its version, `waiting` live and unclaimed, `claimed` live and claimed."""

    moved: int = 0
    waiting: int = 0
    claimed: int = 0

    @property
    def total(self) -> int:
        """All live entries."""
        return self.waiting + self.claimed


Change = Mapping[Queue, tuple[int, int]]


@cache
def _moved_on(dialect: str) -> Insert:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = make(_COUNTER)
    return row.on_conflict_do_update(
        index_elements=["site_id", "queue"],
        set_={
            "moved": _COUNTER.c.moved + 1,
            "waiting": _COUNTER.c.waiting + row.excluded.waiting,
            "claimed": _COUNTER.c.claimed + row.excluded.claimed,
        },
    )


def touch(site_id: int, changes: Change) -> None:
    """Move the version of each queue by one and its counts by (waiting, claimed); always in the same order."""
    session = db.session()
    # What moved goes first: its rows are locked before the counters, by everybody.
    session.flush()
    connection = session.connection()
    statement = _moved_on(connection.dialect.name)
    # One fixed order of row locks, so that two moves in opposite directions cannot wait for each other.
    for queue in sorted(changes):
        waiting, claimed = changes[queue]
        row = {"site_id": site_id, "queue": queue, "moved": 1, "waiting": waiting, "claimed": claimed}
        connection.execute(statement, row)


def together(*changes: Change) -> dict[Queue, tuple[int, int]]:
    """The sum of several changes."""
    total: dict[Queue, tuple[int, int]] = {}
    for change in changes:
        for queue, (waiting, claimed) in change.items():
            before = total.get(queue, (0, 0))
            total[queue] = (before[0] + waiting, before[1] + claimed)
    return total


def read(site_id: int) -> dict[Queue, Count]:
    """The counts of every queue of a site; zero where nothing ever waited."""
    found = {
        row.queue: Count(row.moved, row.waiting, row.claimed)
        for row in db.session.execute(
            select(QueueCounter.queue, QueueCounter.moved, QueueCounter.waiting, QueueCounter.claimed).where(
                QueueCounter.site_id == site_id
            )
        )
    }
    return {queue: found.get(queue, Count()) for queue in Queue}


def moved(site_id: int, queues: Sequence[Queue]) -> int:
    """The version of some queues together; it grows with every change of any of them. One statement."""
    found = db.session.scalar(
        select(func.sum(QueueCounter.moved)).where(QueueCounter.site_id == site_id, QueueCounter.queue.in_(queues))
    )
    return int(found or 0)
