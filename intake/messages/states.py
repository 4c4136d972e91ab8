"""The states of a message and the only legal moves between them (safety.md 2.2); the database refuses the rest too."""

from __future__ import annotations

from intake.messages.models import MessageState

S = MessageState

OPEN = frozenset({S.SCHEDULED, S.CLAIMED, S.SENDING, S.UNCERTAIN})
FINAL = frozenset({S.SENT, S.FAILED_PERMANENT, S.CANCELLED, S.SUPPRESSED, S.EXPIRED})

EDGES: dict[MessageState, frozenset[MessageState]] = {
    S.SCHEDULED: frozenset({S.CLAIMED, S.CANCELLED, S.SUPPRESSED, S.EXPIRED, S.UNCERTAIN, S.SENT}),
    S.CLAIMED: frozenset(
        {S.SENDING, S.SCHEDULED, S.UNCERTAIN, S.CANCELLED, S.SUPPRESSED, S.EXPIRED, S.FAILED_PERMANENT, S.SENT}
    ),
    S.SENDING: frozenset({S.SENT, S.SCHEDULED, S.FAILED_PERMANENT, S.UNCERTAIN}),
    S.UNCERTAIN: frozenset({S.CLAIMED, S.SENT, S.CANCELLED, S.SUPPRESSED, S.EXPIRED, S.FAILED_PERMANENT}),
    **{state: frozenset() for state in FINAL},
}


class IllegalMove(RuntimeError):
    """The code asked for a move that the table does not have."""


def check(before: MessageState, after: MessageState) -> None:
    """Refuse a move outside the table.

    Raises:
        IllegalMove: it is not there.
    """
    if after is not before and after not in EDGES[before]:
        raise IllegalMove(f"{before} -> {after}")
