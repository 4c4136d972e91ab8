"""What the house does by itself once a minute: leases that are over, promises that came due, plans that ended.

A job is a function of a room that takes `now` and returns how many rows it moved. Each runs in a transaction of its
own, so one that fails stops no other. Whoever comes first in a minute does the round: worker, web and beat all try.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import CursorResult, insert, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from intake.clock import db_now, utcnow
from intake.db import db, transaction
from intake.errors import IntakeError
from intake.messages.models import Heartbeat
from intake.ops.rounds import JOBS
from workers import app

log = structlog.get_logger("workers.upkeep")

EVERY = timedelta(seconds=50)


def beat(name: str) -> None:
    """Note that a runner did its work just now (call inside a transaction)."""
    done = db.session.execute(update(Heartbeat).where(Heartbeat.name == name).values(at=db_now()))
    assert isinstance(done, CursorResult)
    if done.rowcount == 0:
        db.session.execute(insert(Heartbeat).values(name=name, at=db_now(), params={}))


def my_turn() -> bool:
    """Take this minute's round; False when somebody else just did."""
    try:
        with transaction():
            taken = db.session.execute(
                update(Heartbeat).where(Heartbeat.name == "upkeep", Heartbeat.at < db_now(-EVERY)).values(at=db_now())
            )
            assert isinstance(taken, CursorResult)
            if taken.rowcount:
                return True
            if db.session.get(Heartbeat, "upkeep") is not None:
                return False
            beat("upkeep")
            return True
    except IntegrityError:
        # Two runners made the first row at once; the other one has the turn.
        return False


def work() -> dict[str, int]:
    """Run every job once; returns what each moved, -1 for one that failed."""
    moved: dict[str, int] = {}
    for name, job in JOBS:
        try:
            with transaction():
                moved[name] = job(utcnow())
        except (IntakeError, SQLAlchemyError) as error:
            log.error("upkeep_job", job=name, error=type(error).__name__)
            moved[name] = -1
    done = {name: count for name, count in moved.items() if count}
    if done:
        log.info("upkeep", **done)
    return moved


def sweep_if_due() -> bool:
    """Do the minute's round if nobody else did; True when it was done here."""
    if not my_turn():
        return False
    work()
    return True


@app.task(name="workers.upkeep.sweep")
def sweep() -> None:
    """The round as a task."""
    sweep_if_due()
