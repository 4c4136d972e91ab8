"""The state table of product.md 2.2: what is allowed, and that every other move is refused with 409."""

from __future__ import annotations

from itertools import product

import pytest
from flask import Flask

from intake.cases.models import Case, CaseState
from intake.cases.states import INQUIRY_MOVES, MOVES, bring, move, way
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone
from intake.inquiries.models import Inquiry, InquiryState
from tests.cases.folk import center, waiting

# Written out a second time from the specification, so that a slip in the code shows.
TABLE = {
    "in_review": "accepted closed",
    "accepted": "scheduled waitlisted closed",
    "waitlisted": "scheduled closed",
    "no_show": "scheduled waitlisted closed",
    "scheduled": "admitted no_show waitlisted closed",
    "admitted": "transfer_pending discharged",
    "transfer_pending": "admitted discharged",
    "discharged": "aftercare closed",
    "aftercare": "closed",
    "closed": "",
}
INQUIRY_TABLE = {
    "new": "contacting screening duplicate crisis_handed_over",
    "contacting": "screening referred_out declined_by_person unreachable duplicate crisis_handed_over",
    "screening": "clinical_review referred_out declined_by_person unreachable duplicate crisis_handed_over",
    "clinical_review": (
        "accepted referred_out not_suitable declined_by_person unreachable crisis_handed_over screening"
    ),
    "accepted": "",
    "referred_out": "contacting",
    "not_suitable": "contacting",
    "declined_by_person": "contacting",
    "unreachable": "contacting",
    "duplicate": "contacting",
    "crisis_handed_over": "contacting",
}


def test_the_case_table_is_that_of_the_specification() -> None:
    assert {a.value: {b.value for b in to} for a, to in MOVES.items()} == {a: set(b.split()) for a, b in TABLE.items()}


def test_the_inquiry_table_is_that_of_the_specification() -> None:
    ours = {a.value: {b.value for b in to} for a, to in INQUIRY_MOVES.items()}
    assert ours == {a: set(b.split()) for a, b in INQUIRY_TABLE.items()}


def test_a12_every_move_outside_the_table_is_refused_and_every_move_inside_is_made(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        for start, to in product(CaseState, repeat=2):
            with transaction():
                row = db.session.get_one(Case, case.id)
                row.state = start
                db.session.flush()
                if to.value in TABLE[start.value].split():
                    move(row, to, actor=cast.cleo, now=utcnow())
                    assert row.state is to
                else:
                    with pytest.raises(AlreadyDone) as refused:
                        move(row, to, actor=cast.cleo, now=utcnow())
                    assert refused.value.status == 409
                    assert start.value.replace("_", " ") in refused.value.message
                    assert row.state is start


def test_an_inquiry_goes_on_by_the_shortest_allowed_way() -> None:
    s = InquiryState
    assert way(INQUIRY_MOVES, s.NEW, s.CLINICAL_REVIEW) == [s.SCREENING, s.CLINICAL_REVIEW]
    assert way(INQUIRY_MOVES, s.CLINICAL_REVIEW, s.CLINICAL_REVIEW) == []
    assert way(INQUIRY_MOVES, s.CRISIS_HANDED_OVER, s.SCREENING) == [s.CONTACTING, s.SCREENING]
    with pytest.raises(AlreadyDone):
        way(INQUIRY_MOVES, s.ACCEPTED, s.SCREENING)


def test_an_ended_inquiry_is_opened_again_before_it_goes_on(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            inquiry = db.session.get_one(Inquiry, case.opened_from)
            bring(inquiry, InquiryState.UNREACHABLE, reason="unreachable", actor=cast.ada, now=utcnow())
            assert inquiry.ended_at is not None
            assert inquiry.closing_reason == "unreachable"
        with transaction():
            inquiry = db.session.get_one(Inquiry, case.opened_from)
            bring(inquiry, InquiryState.CLINICAL_REVIEW, actor=cast.ada, now=utcnow())
            assert (inquiry.state, inquiry.ended_at) == (InquiryState.CLINICAL_REVIEW, None)
