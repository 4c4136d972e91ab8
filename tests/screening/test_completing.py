"""Completing a screening, and what becomes of its placement, on both databases."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from intake.clock import utcnow
from intake.db import db, transaction
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues.models import Queue, QueueEntry
from intake.screening import queries, service
from intake.screening.models import Placement, PlacementState, Screening, ScreeningState
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, inquiry_of
from tests.people import Cast
from tests.screening.sitting import DANA, sit


def _inquiry(cast: Cast, **more: object) -> Inquiry:
    with transaction():
        return inquiry_of(cast.site, cast.ada, name="Dana", age_years=46, **more)  # type: ignore[arg-type]


def test_the_person_of_the_pictures_is_proposed_for_detox_with_25_points(app: Flask) -> None:
    with center(app) as cast:
        row = sit(_inquiry(cast), cast)
        with transaction():
            placement = service.complete(row.id, actor=cast.cleo, now=utcnow())
        assert (placement.queue, placement.acuity, placement.priority) == (Queue.DETOX, 2, 25)
        assert placement.fired == ["D01", "O03", "O04"]
        assert set(placement.flags) == {"OFFER_NALOXONE", "REVIEW_OIH"}
        assert placement.state is PlacementState.PROPOSED
        stored = db.session.get_one(Screening, row.id)
        assert stored.state is ScreeningState.COMPLETE
        assert {s["instrument"]: s.get("score") for s in stored.scores}["cows"] == 15
        assert stored.mme["total"] == "135"
        assert stored.explanation["class"] == "oih_features"
        assert stored.explanation["scores"] == {"oih": 8, "tolerance": 1, "withdrawal": 4}


def test_accepting_opens_the_case_and_enters_the_queue_in_one_transaction(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        row = sit(inquiry, cast)
        with transaction():
            placement = service.complete(row.id, actor=cast.cleo, now=utcnow())
        assert db.session.scalars(select(QueueEntry)).all() == []
        with transaction():
            case = service.accept(placement.id, actor=cast.ada, now=utcnow())
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.acuity, entry.priority, entry.provisional) == (Queue.DETOX, 2, 25, False)
        assert (entry.cows, entry.mme, entry.case_id) == (15, "135.0", case.id)
        assert db.session.get_one(Inquiry, inquiry.id).state is InquiryState.CLINICAL_REVIEW
        task = db.session.scalars(select(Task).where(Task.kind == "answer_placement")).one()
        assert (task.state, task.outcome) == (TaskState.DONE, "accepted")
        assert db.session.get_one(Screening, row.id).case_id == case.id
        assert db.session.get_one(Placement, placement.id).answered_by == cast.ada.id
        assert queries.series("cows", case_id=case.id)[0].score == 15
        assert DANA
