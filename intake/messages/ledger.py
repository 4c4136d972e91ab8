"""The ledger: every message as a line of text, to lay beside what a mail server saw."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select

from intake import crypto
from intake.db import db
from intake.messages.models import MESSAGE

COLUMNS = (
    "key",
    "recipient",
    "kind",
    "tz",
    "window_start",
    "window_end",
    "due_at",
    "state",
    "attempts",
    "cancelled_at",
    "accepted_at",
    "order_no",
)


def lines() -> Iterator[tuple[str, ...]]:
    """Every message in order of creation: the columns of COLUMNS as text, times in UTC.

    `key` is the local part of the Message-ID, `recipient` a keyed word for the recipient, `order_no` the place among
    the messages of the same person by due time.
    """
    order = func.row_number().over(partition_by=MESSAGE.c.order_key, order_by=(MESSAGE.c.due_at, MESSAGE.c.id))
    columns = (
        MESSAGE.c.message_id,
        MESSAGE.c.recipient_id,
        MESSAGE.c.kind,
        MESSAGE.c.tz,
        MESSAGE.c.window_start,
        MESSAGE.c.window_end,
        MESSAGE.c.due_at,
        MESSAGE.c.state,
        MESSAGE.c.attempts,
        MESSAGE.c.cancelled_at,
        MESSAGE.c.accepted_at,
        MESSAGE.c.order_key,
        order.label("n"),
    )
    for row in db.session.execute(select(*columns).order_by(MESSAGE.c.created_at, MESSAGE.c.id)):
        yield (
            row.message_id.partition("@")[0],
            recipient_word(row.recipient_id),
            row.kind,
            row.tz,
            _iso(row.window_start),
            _iso(row.window_end),
            _iso(row.due_at),
            row.state.value,
            str(row.attempts),
            _iso(row.cancelled_at),
            _iso(row.accepted_at),
            str(row.n) if row.order_key is not None else "",
        )


def recipient_word(recipient_id: int) -> str:
    """A word that stands for a recipient in the ledger and leads back to nobody."""
    return crypto.keyed_digest("ledger-recipient", b"%d" % recipient_id).hex()[:12]


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""
