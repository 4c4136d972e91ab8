"""The post of a simulated center: the real claim, gate and record, with a transport that accepts and drops."""

from __future__ import annotations

from datetime import datetime, timedelta

from intake.db import db, end_read, new_id, transaction
from intake.messages import claims, delivery, outcomes, recovery, render
from intake.messages.claims import Batch
from intake.messages.kinds import Refusal
from intake.messages.models import Message, MessageState
from intake.messages.outcomes import Outcome, Result
from intake.messages.render import Rendered

LEASE = timedelta(seconds=120)
MOST = 100


def deliver(now: datetime) -> list[Message]:
    """Send all that is due; returns the messages that were accepted."""
    due = recovery.due_count(1)
    end_read()
    if not due:
        return []
    with transaction():
        recovery.expire()
    with transaction():
        recovery.digest()
    sent: list[Message] = []
    while True:
        with transaction():
            batch = claims.claim(MOST, lease=LEASE)
        if not batch.messages:
            return sent
        mails = [(word.message, render.render(word)) for word in render.read(batch.messages)]
        end_read()
        with transaction():
            sent += [message for message, mail in mails if _hand_over(message, mail, batch, now)]
        db.session.expunge_all()


def _hand_over(message: Message, mail: Rendered | Refusal, batch: Batch, now: datetime) -> bool:
    if isinstance(mail, Rendered) and mail.hits:
        mail = Refusal(MessageState.UNCERTAIN, "content_filter")
    if isinstance(mail, Refusal):
        delivery.turn_away(message, batch.token, mail)
        return False
    if not delivery.gate(mail, batch.token, now=now):
        delivery.refuse(mail, batch.token, now=now)
        return False
    outcomes.record(
        Result(
            attempt_id=new_id(),
            message_id=message.id,
            token=batch.token,
            attempt=message.attempts + 1,
            outcome=Outcome.ACCEPTED,
            code="250",
            enhanced="2.0.0",
            digest=mail.digest,
            started_at=now,
            kind=message.kind,
            site_id=message.site_id,
            case_id=message.case_id,
        )
    )
    return True
