"""One batch of claimed mails on its way through gate, send and record, one mail after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy import Connection

from intake.audit import chains
from intake.clock import utcnow
from intake.db import new_id
from intake.messages import claims, delivery
from intake.messages.claims import Batch
from intake.messages.kinds import Refusal
from intake.messages.models import Message, MessageState
from intake.messages.outcomes import Outcome, Result
from intake.messages.render import Rendered
from workers.mail import NoRelay

if TYPE_CHECKING:
    from workers.engine import Sender

log = structlog.get_logger("workers.engine")

Mails = deque[tuple[Message, Rendered | Refusal]]
T = TypeVar("T")


def _nothing() -> None:
    """What is done after the last mail."""


class Round:
    """One batch on its way through gate, send and record."""

    def __init__(
        self, sender: Sender, batch: Batch, mails: Mails, connection: Connection, heads: dict[int, chains.Head]
    ) -> None:
        self.sender, self.batch, self.mails, self.connection, self.heads = sender, batch, mails, connection, heads
        self.pending: Result | None = None
        self.sent = 0

    def run(self) -> int:
        """Send what may go; what is left is given back. Returns how many mails were accepted."""
        mail = self._next()
        while mail is not None:
            if self.sender.stop():
                self._give_back(mail, timedelta(0), "stopping")
                return self.sent
            if not self._connected(mail):
                return self.sent
            ready = mail
            gated = self._pass(ready)
            # Chosen here, so that nothing but one commit stands between a 250 and its record.
            mail = self._next()
            if gated:
                self._send(ready)
        self._settle(_nothing)
        return self.sent

    def _settle(self, then: Callable[[], T]) -> T:
        pending, self.pending = self.pending, None
        return self.sender.settle(pending, then)

    def _next(self) -> Rendered | None:
        """The next mail that was rendered, passed the filter and fits its domain's rate; others are turned away."""
        while self.mails:
            message, made = self.mails.popleft()
            if isinstance(made, Rendered) and made.hits:
                log.warning("content_filter", message=message.id, hits=len(made.hits))
                made = Refusal(MessageState.UNCERTAIN, "content_filter")
            if isinstance(made, Rendered):
                wait = self.sender.buckets.take(made.domain)
                if not wait:
                    return made
                made = Refusal(MessageState.SCHEDULED, "domain_rate", timedelta(seconds=wait))
            self._settle(partial(delivery.turn_away, message, self.batch.token, made))
        return None

    def _connected(self, mail: Rendered) -> bool:
        """Be sure of a connection before the gate, so that an absent relay costs no attempt."""
        carrier = self.sender.carrier
        assert carrier is not None
        if carrier.connected:
            return True
        self._settle(_nothing)
        try:
            carrier.connect()
        except NoRelay as away:
            wait = self.sender.breaker.failed()
            log.warning("no_relay", error=str(away), failures=self.sender.breaker.failures)
            self._give_back(mail, timedelta(seconds=wait), "no_relay")
            return False
        self.sender.breaker.succeeded()
        return True

    def _give_back(self, mail: Rendered, again_in: timedelta, code: str) -> None:
        ids = [mail.message.id, *(message.id for message, _ in self.mails)]
        self.mails.clear()
        self._settle(partial(claims.give_back, ids, self.batch.token, again_in=again_in, code=code))

    def _pass(self, mail: Rendered) -> bool:
        """Record the mail before this one and ask the gate, the short way when that was a 250."""
        passed: bool | None = None
        if self.pending is None or self.pending.outcome is Outcome.ACCEPTED:
            pending, self.pending = self.pending, None
            passed = self.sender.swift(self, pending, mail)
            self.pending = pending if passed is None else None
        if passed is None:
            passed = self._settle(partial(delivery.gate, mail, self.batch.token, now=self.batch.now))
        if not passed:
            self._settle(partial(delivery.refuse, mail, self.batch.token, now=self.batch.now))
        return passed

    def _send(self, mail: Rendered) -> None:
        carrier = self.sender.carrier
        assert carrier is not None
        started = utcnow()
        answer = carrier.send(mail.return_path, mail.recipient.address, mail.raw, self.sender.may_finish)
        if answer.outcome is Outcome.ACCEPTED:
            self.sent += 1
        self.pending = Result(
            attempt_id=new_id(),
            message_id=mail.message.id,
            token=self.batch.token,
            attempt=mail.message.attempts + 1,
            outcome=answer.outcome,
            code=answer.code,
            enhanced=answer.enhanced,
            digest=mail.digest,
            started_at=started,
            kind=mail.message.kind,
            site_id=mail.message.site_id,
            case_id=mail.message.case_id,
            at_recipient=answer.at_recipient,
        )
