"""The outbox as Celery tasks: wake-ups without content. The rows say what is to be done."""

from __future__ import annotations

import os

import structlog
from celery.exceptions import OperationalError as BrokerAway
from kombu.exceptions import OperationalError as BrokerGone

from intake.db import transaction
from intake.messages.pulse import WORKER as CANARY
from intake.messages.pulse import beat
from intake.messages.service import config
from workers import app, engine, stopping
from workers.upkeep import sweep_if_due

log = structlog.get_logger("workers.messages")

BATCH = 100
MOST_WAKE_UPS = 4


def wake(due: int) -> bool:
    """Publish as many wake-ups as the due mails need, at most a few; False when the broker is away.

    They expire after one tick: the next one publishes again.
    """
    expires = float(max(1, config().mail_tick_seconds))
    try:
        for _ in range(min(MOST_WAKE_UPS, -(-due // BATCH))):
            deliver.apply_async(expires=expires)
    except (BrokerAway, BrokerGone, OSError) as away:
        log.warning("broker_away", error=type(away).__name__)
        return False
    return True


@app.task(name="workers.messages.tick")
def tick() -> None:
    """Repair, count, and wake senders."""
    due = engine.tick()
    if due:
        wake(due)
    sweep_if_due()


@app.task(name="workers.messages.deliver")
def deliver() -> None:
    """Send what is due with this child's connection."""
    if not stopping():
        engine.deliver(stop=stopping)


@app.task(name="workers.messages.canary")
def canary() -> None:
    """Prove that this worker works: a row with the time, never a mere ping."""
    with transaction():
        beat(CANARY)
        beat(f"{CANARY}:{os.getpid() % 100}")
