"""Mails that could wait, for people who asked for fewer.

Only a reminder that holds nothing but the weekly question about pain is ever spared. The eve of a step, the check-in
after it, a visit, a supply that ends, safety texts and after-care always go: they keep somebody safe, and each comes
seldom. A check-in asks about pain too, so that no month is without an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import func, select

from intake.db import db
from intake.messages.kinds import Recipient, Refusal
from intake.messages.models import Message, MessageState
from intake.people.kinds import Reached

COULD_WAIT = frozenset({"PEG_WEEKLY"})
OFTEN_ENOUGH = Refusal(MessageState.CANCELLED, "often_enough")


def spared(
    messages: Sequence[Message], parts: Mapping[int, Sequence[str]], found: Mapping[int, Recipient | Refusal]
) -> set[int]:
    """The messages that do not go, because one came within the days that their recipient chose.

    `parts`: message id -> what is true of it today. One statement, none while nobody asked for fewer.
    """
    asked = {m.id: m for m in messages if _every(found[m.id]) and parts[m.id] and COULD_WAIT.issuperset(parts[m.id])}
    if not asked:
        return set()
    rows = db.session.execute(
        select(Message.recipient_id, func.max(Message.local_date).label("day"))
        .where(
            Message.recipient_id.in_({m.recipient_id for m in asked.values()}),
            Message.kind == "reminder",
            Message.state == MessageState.SENT,
        )
        .group_by(Message.recipient_id)
    )
    last = {row.recipient_id: row.day for row in rows}
    return {i for i, m in asked.items() if _too_soon(m.local_date, last.get(m.recipient_id), _every(found[i]))}


def _every(to: Recipient | Refusal) -> int:
    return to.mail_every if isinstance(to, Reached) else 0


def _too_soon(day: date | None, last: date | None, every: int) -> bool:
    return day is not None and last is not None and (day - last).days < every
