"""What the house does by itself once a minute: leases that are over, promises that came due, plans that ended.

A job is a function of a room that takes `now` and returns how many rows it moved. Each runs in a transaction of its
own, so one that fails stops no other. Whoever comes first in a minute does the round: worker, web and beat all try.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import CursorResult, insert, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from intake.accounts import once, overdue, tries
from intake.audit import anchors, verify
from intake.beds import capacity
from intake.cases import alerts, places
from intake.checkins import service as checkins
from intake.clock import db_now, utcnow
from intake.consents import service as consents
from intake.db import db, transaction
from intake.errors import IntakeError
from intake.inquiries import drafts, following
from intake.messages.models import Heartbeat
from intake.queues import claims, late
from intake.tapers import changes
from workers import app

log = structlog.get_logger("workers.upkeep")

EVERY = timedelta(seconds=50)
Job = Callable[[datetime], int]

JOBS: tuple[tuple[str, Job], ...] = (
    ("first_contact_late", lambda now: following.escalate_late(now=now)),
    ("work_overdue", lambda now: overdue.escalate(now=now)),
    ("queues_late", lambda now: late.escalate(now=now)),
    ("promises_missed", lambda now: following.miss_promises(now=now)),
    ("drafts_over", lambda now: drafts.purge()),
    ("claims_over", lambda now: claims.return_idle(now=now)),
    ("parked_due", lambda now: claims.unpark_due(now=now)),
    ("alerts_unseen", lambda now: alerts.escalate(now=now)),
    ("bed_holds_over", lambda now: places.lapse(now=now)),
    ("places_offered", lambda now: places.offer(now=now)),
    ("capacity_watched", lambda now: capacity.watch(now=now)),
    ("check_ins_unanswered", lambda now: checkins.tell_unanswered(now=now)),
    ("check_ins_unreviewed", lambda now: checkins.hold_unreviewed(now=now)),
    ("held_steps_reached", lambda now: changes.pause_overtaken(now=now)),
    ("consents_over", lambda now: consents.expire(now=now)),
    ("sign_in_tries_over", lambda now: tries.sweep(now)),
    ("sent_forms_over", lambda now: once.sweep(now)),
    ("audit_anchored", lambda now: anchors.drop(now=now)),
    ("audit_faults", lambda now: verify.check_if_due(now=now)),
    ("plans_ended", lambda now: changes.complete_ended(now=now)),
)


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
