"""Tick and deliver in plain Python; Celery tasks and the in-process runner both call these.

A tick repairs and says how much is due. Deliver claims, gates, sends and records until nothing is due. Everything may
run anywhere, any number of times.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import structlog
from flask import Flask, current_app
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config import Config
from intake.audit import chains
from intake.db import at_once, db, direct, end_read, transaction
from intake.messages import claims, delivery, outcomes, recovery, render
from intake.messages.claims import Batch
from intake.messages.outcomes import Result
from intake.messages.pulse import WORKER, beat
from intake.messages.render import Rendered
from workers.journal import Journal
from workers.mail import Breaker, Buckets, Transport, transport
from workers.round import Round

log = structlog.get_logger("workers.engine")

DELIVER_SECONDS = 40.0
# The database is restarting, locked or unreachable: wait and try again, lose nothing.
AWAY = (OperationalError, InterfaceError, PoolTimeout)
RETRY_SECONDS = 1.0
T = TypeVar("T")


def never() -> bool:
    """The default answer to "should I stop?"."""
    return False


def tick(most: int = 1000) -> int:
    """Free what dead senders held, let go what is too late, merge what piled up; returns how many are due."""
    with transaction():
        freed = recovery.recover()
    with transaction():
        gone = recovery.expire()
    with transaction():
        merged = recovery.digest()
    if freed or gone or merged:
        log.info("tick", freed=freed, expired=gone, merged=merged)
    due = recovery.due_count(most)
    end_read()
    return due


class Away(Exception):
    """The database is away; the batch is left to its lease."""


class Sender:
    """One SMTP connection and one mail in flight. A process or thread that sends has one."""

    def __init__(
        self, app: Flask, carrier: Transport | None = None, *, name: str = WORKER, stop: Callable[[], bool] = never
    ) -> None:
        self.app, self.name = app, name
        self.config: Config = app.extensions["intake.config"]
        self.carrier = carrier or transport(self.config)
        self.stop = stop
        self.breaker = Breaker()
        self.buckets = Buckets(self.config.mail_rate_per_minute)
        self.journal = Journal(self.config.data / "journal")
        self.lease = timedelta(seconds=self.config.mail_lease_seconds)
        self.alive_until = 0.0
        self._replayed = False

    def deliver(self, seconds: float = DELIVER_SECONDS, most: int = claims.MOST) -> int:
        """Send what is due until nothing is, `seconds` are over or `stop()`; returns how many mails were accepted."""
        if self.carrier is None or not self.breaker.allows():
            return 0
        until, sent = time.monotonic() + seconds, 0
        try:
            self._replay()
            with self._database(), direct() as connection:
                while not self.stop() and time.monotonic() < until:
                    batch = self._claim(most)
                    if not batch.messages:
                        break
                    sent += self._work(batch, connection)
                    if not self.breaker.allows():
                        break
        except Away:
            log.warning("database_away")
        finally:
            db.session.remove()
        return sent

    def close(self) -> None:
        """Say goodbye to the relay."""
        if self.carrier is not None:
            self.carrier.close()

    def _replay(self) -> None:
        """Before the first claim: what an earlier process could not write (I3)."""
        if self._replayed:
            return

        def write(result: Result) -> None:
            with self._database(), transaction():
                outcomes.record(result)

        self.journal.replay(write)
        self._replayed = True

    @contextmanager
    def _database(self) -> Iterator[None]:
        try:
            yield
        except AWAY as away:
            db.session.remove()
            raise Away from away

    def _claim(self, most: int) -> Batch:
        # A fresh session per batch: no key of an erased person outlives it.
        db.session.remove()
        self._lease_from = time.monotonic()
        with self._database(), transaction():
            batch = claims.claim(most, lease=self.lease)
        self._owned()
        return batch

    def _owned(self) -> None:
        """The lease surely lives until here; a process that slept longer must not finish a mail."""
        self.alive_until = self._lease_from + self.lease.total_seconds() * 0.9

    def may_finish(self) -> bool:
        """Whether the lease will last until an answer is recorded."""
        return time.monotonic() < self.alive_until

    def _work(self, batch: Batch, connection: Connection) -> int:
        with self._database():
            # One after the other, before anything is sent: alternating with the network costs half as much again.
            mails = deque((word.message, render.render(word)) for word in render.read(batch.messages))
            heads = chains.heads(m.case_id or m.site_id for m in batch.messages)
            end_read()
        with self._renewing(batch.token), self._database():
            return Round(self, batch, mails, connection, heads).run()

    @contextmanager
    def _renewing(self, token: int) -> Iterator[None]:
        """Renew the lease beside the work, so that a slow relay is not taken for a dead sender."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self.config.mail_renew_seconds):
                started = time.monotonic()
                try:
                    with self.app.app_context(), transaction():
                        if not claims.renew(token, lease=self.lease):
                            return
                        # Whoever waits for a slow relay is at work.
                        beat(self.name)
                except AWAY:
                    continue
                self._lease_from = started
                self._owned()

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()

    def settle(self, pending: Result | None, then: Callable[[], T]) -> T:
        """Record a result and do `then` in one transaction; a result survives the database being away.

        Raises:
            Away: the database was away; the result is recorded by now, `then` was not done.
        """
        try:
            with transaction():
                if pending is not None:
                    outcomes.record(pending)
                return then()
        except AWAY as away:
            db.session.remove()
            if pending is not None:
                self._insist(pending)
            raise Away from away

    def swift(self, round_: Round, pending: Result | None, mail: Rendered) -> bool | None:
        """Record a 250 and pass the gate of the next mail in one short transaction; None: take the long way.

        Raises:
            Away: as `settle`.
        """
        try:
            with at_once(round_.connection):
                passed = delivery.gate_after(
                    round_.connection, pending, mail, round_.batch.token, now=round_.batch.now, heads=round_.heads
                )
                if passed is None:
                    raise _TheLongWay
                return passed
        except _TheLongWay:
            return None
        except AWAY as away:
            db.session.remove()
            if pending is not None:
                self._insist(pending)
            raise Away from away

    def _insist(self, result: Result) -> None:
        """Keep the evidence on disk and in memory and claim nothing until it is written."""
        self.journal.keep(result)
        while not self.stop():
            time.sleep(RETRY_SECONDS)
            try:
                with transaction():
                    outcomes.record(result)
            except AWAY:
                db.session.remove()
                continue
            self.journal.clear()
            return


class _TheLongWay(Exception):
    """What was accepted is final already: the short transaction is rolled back."""


_senders: dict[int, Sender] = {}


def sender(stop: Callable[[], bool] = never) -> Sender:
    """This process's sender, with its kept connection; a forked child makes its own."""
    found = _senders.get(os.getpid())
    if found is None:
        _senders.clear()
        # What is loaded stays: the collector need not walk through it again and again while mails come and go.
        gc.collect()
        gc.freeze()
        app: Flask = cast(Any, current_app)._get_current_object()
        found = _senders[os.getpid()] = Sender(app, stop=stop)
    return found


def deliver(seconds: float = DELIVER_SECONDS, stop: Callable[[], bool] = never) -> int:
    """Send what is due with this process's sender; returns how many mails were accepted."""
    return sender(stop).deliver(seconds)
