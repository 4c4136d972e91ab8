"""Only the moves of the table exist: in code, and in the database for anybody with SQL."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from intake.db import transaction
from intake.messages.models import MessageState
from intake.messages.states import EDGES, FINAL, OPEN, IllegalMove, check
from intake.triggers import MESSAGE_EDGES
from tests.messages.outbox import Outbox

S = MessageState
LEGAL = {(a, b) for a, reached in EDGES.items() for b in reached}
PATHS = {
    S.SCHEDULED: (),
    S.CLAIMED: (S.CLAIMED,),
    S.SENDING: (S.CLAIMED, S.SENDING),
    S.UNCERTAIN: (S.UNCERTAIN,),
    S.SENT: (S.SENT,),
    S.FAILED_PERMANENT: (S.CLAIMED, S.FAILED_PERMANENT),
    S.CANCELLED: (S.CANCELLED,),
    S.SUPPRESSED: (S.SUPPRESSED,),
    S.EXPIRED: (S.EXPIRED,),
}


def test_the_table_in_code_is_the_table_in_the_database() -> None:
    assert {(S(a), S(b)) for a, b in MESSAGE_EDGES} == LEGAL


def test_every_state_is_open_or_final_and_a_final_one_leads_nowhere() -> None:
    assert set(S) == OPEN | FINAL
    assert set() == OPEN & FINAL
    assert all(not EDGES[state] for state in FINAL)


@pytest.mark.parametrize(("before", "after"), [p for p in product(S, S) if p[0] is not p[1] and p not in LEGAL])
def test_the_code_refuses_a_move_outside_the_table(before: MessageState, after: MessageState) -> None:
    with pytest.raises(IllegalMove):
        check(before, after)


def move(owed: int, after: MessageState) -> None:
    """Move a row by plain SQL."""
    with transaction() as session:
        session.execute(text("UPDATE message SET state = :s WHERE id = :i"), {"s": after.value, "i": owed})


def test_the_database_refuses_every_illegal_move_and_takes_every_legal_one(box: Outbox) -> None:
    person, refused, taken = box.person(), set(), set()
    for before, after in product(S, S):
        if before is after:
            continue
        owed = box.owe(person)
        for step in PATHS[before]:
            move(owed, step)
        try:
            move(owed, after)
            taken.add((before, after))
        except DatabaseError:
            refused.add((before, after))
            assert box.state(owed) is before

    assert taken == LEGAL
    assert len(refused) == 72 - len(LEGAL)
