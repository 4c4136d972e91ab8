"""Write down that somebody read a list; the answer of this process's memory spares the look-up."""

from __future__ import annotations

from datetime import datetime

from intake.actor import Actor
from intake.audit import service as audit
from intake.db import transaction

MOST = 2000
_written: dict[tuple[int, str, str], datetime] = {}


def listed(actor: Actor, board: str, words: str, now: datetime) -> None:
    """One entry per actor, list and 15 minutes with its filter (rulings 11), in a transaction of its own."""
    key = (actor.id, board, words)
    last = _written.get(key)
    if last is not None and abs(now - last) < audit.BOARD_AGAIN:
        return
    with transaction():
        audit.looked_at_board(actor=actor, board=board, filter_words=words, now=now)
    if len(_written) >= MOST:
        _written.clear()
    _written[key] = now
