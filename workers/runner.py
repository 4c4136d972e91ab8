"""The runner beside the web pages: it ticks, wakes workers, and sends by itself when none can be reached (rulings 17).

It is started in the web process only, never by commands, tests or migrations.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta

import structlog
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Config
from intake.clock import db_now
from intake.db import db, end_read, transaction
from intake.messages.models import Heartbeat
from intake.messages.pulse import WEB, beat
from intake.messages.pulse import WORKER as CANARY
from intake.messages.service import WAKE
from workers import engine
from workers.messages import wake
from workers.upkeep import sweep_if_due

log = structlog.get_logger("workers.runner")

TICK_SECONDS = 30.0
SILENT = timedelta(seconds=60)
PUBLISH_SECONDS = 60.0
_phase = random.SystemRandom()


class Runner:
    """One thread; `start` in the web process, `stop` at its end."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.config: Config = app.extensions["intake.config"]
        self.sender = engine.Sender(app, name=WEB, stop=lambda: self._stop.is_set())
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._published_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)

    def start(self) -> None:
        """Begin, and listen for commits that owe a message at once."""
        event.listen(Session, "after_commit", self._committed)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Finish the mail in flight, give back the rest, end."""
        self._stop.set()
        self._woken.set()
        self._thread.join(seconds)
        event.remove(Session, "after_commit", self._committed)
        self.sender.close()

    def _committed(self, session: Session) -> None:
        # The wake-up leaves after the commit, so nobody looks for a row that is not there yet.
        if session.info.pop(WAKE, False):
            self._woken.set()

    @property
    def _every(self) -> float:
        # Without a broker this thread is the only one that ticks.
        return TICK_SECONDS if self.config.redis_url else float(max(1, self.config.mail_tick_seconds))

    def _run(self) -> None:
        wait = _phase.uniform(0.2, 1.0) * min(self._every, 2.0)
        while not self._stop.is_set():
            self._woken.wait(wait)
            self._woken.clear()
            if self._stop.is_set():
                return
            try:
                with self.app.app_context():
                    self._round()
            except (SQLAlchemyError, OSError) as error:
                log.warning("round_lost", error=type(error).__name__)
            wait = self._every * _phase.uniform(0.8, 1.0)

    def _round(self) -> None:
        due = engine.tick()
        if not self._leave_it_to_workers(due):
            sent = self.sender.deliver()
            with transaction():
                beat(WEB)
            if sent:
                log.info("sent_here", count=sent)
        sweep_if_due()

    def _leave_it_to_workers(self, due: int) -> bool:
        """True when the broker takes wake-ups and a worker worked lately."""
        if not self.config.redis_url:
            return False
        now = time.monotonic()
        if not due or wake(due):
            self._published_at = now
        alive = db.session.scalar(
            select(Heartbeat.name).where(Heartbeat.name == CANARY, Heartbeat.at > db_now(-SILENT))
        )
        end_read()
        return alive is not None and now - self._published_at < PUBLISH_SECONDS


def start(app: Flask) -> Runner:
    """Start the runner of a web process."""
    runner = Runner(app)
    runner.start()
    return runner
