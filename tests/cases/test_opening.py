"""Opening: one open case per person, danger at once and once, an emergency pinned until its outcome is recorded."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake.cases import queries
from intake.cases import service as cases
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues.models import Cause, Queue, QueueEntry
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, inquiry_of, waiting
from tests.people import Cast

OVERDOSE = {"overdose_24h": "yes", "breathing_problem": "no", "seizure_24h": "unknown"}


def _danger(cast: Cast, **more: str) -> tuple[int, int]:
    with transaction():
        inquiry = inquiry_of(cast.site, cast.ada, danger=OVERDOSE | more)
        case = cases.open_for_danger(inquiry, actor=cast.ada, now=utcnow())
    return inquiry.id, case.id


def test_opening_writes_the_case_its_entry_and_moves_the_inquiry_to_review(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast, flags=["OFFER_MOUD"], fired=["D01"], mme="135", cows=15)
        inquiry = db.session.get_one(Inquiry, case.opened_from)
        assert case.state is CaseState.IN_REVIEW
        assert case.flags == ["OFFER_MOUD"]
        assert (entry.fired, entry.mme, entry.cows, entry.reference) == (["D01"], "135", 15, inquiry.reference)
        assert inquiry.state is InquiryState.CLINICAL_REVIEW


def test_two_openings_at_once_for_one_person_give_one_case(app: Flask) -> None:
    with center(app) as cast:
        with transaction():
            inquiry_id = inquiry_of(cast.site, cast.ada).id
        ada = cast.ada
        db.session.remove()
    start = threading.Barrier(8)

    def race() -> None:
        with app.app_context():
            start.wait()
            with transaction():
                cases.open(
                    db.session.get_one(Inquiry, inquiry_id), placement=None, queue=Queue.DETOX, acuity=2, priority=5,
                    actor=ada, now=utcnow(),
                )  # fmt: skip
            db.session.remove()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Case)) == 1
        assert db.session.scalar(select(func.count()).select_from(QueueEntry)) == 1


def test_a_danger_answer_opens_at_once_as_emergency_and_repeating_it_changes_nothing(app: Flask) -> None:
    with center(app) as cast:
        inquiry_id, case_id = _danger(cast)
        for _ in range(3):
            with transaction():
                again = cases.open_for_danger(db.session.get_one(Inquiry, inquiry_id), actor=cast.ada, now=utcnow())
            assert again.id == case_id
        row = db.session.scalars(select(QueueEntry)).one()
        assert (row.queue, row.acuity, row.provisional, row.cause) == (Queue.EMERGENCY, 1, True, Cause.DANGER)
        assert row.fired == ["E02"]
        assert row.signals == ["overdose_24h"]
        task = db.session.scalars(select(Task).where(Task.kind == "danger")).one()
        assert task.due_at - task.created_at == timedelta(minutes=15)
        assert db.session.get_one(Inquiry, inquiry_id).state is InquiryState.NEW


def test_a_second_danger_told_later_is_added_to_the_same_emergency(app: Flask) -> None:
    with center(app) as cast:
        inquiry_id, _ = _danger(cast)
        with transaction():
            inquiry = db.session.get_one(Inquiry, inquiry_id)
            inquiry.danger = {**inquiry.danger, "breathing_problem": "yes"}
            cases.open_for_danger(inquiry, actor=cast.ada, now=utcnow())
        row = db.session.scalars(select(QueueEntry)).one()
        assert row.fired == ["E01", "E02"]


def test_without_a_danger_yes_nothing_is_opened(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast, transaction():
        inquiry = inquiry_of(cast.site, cast.ada, danger={"overdose_24h": "not_able_to_ask"})
        with pytest.raises(RuleBroken):
            cases.open_for_danger(inquiry, actor=cast.ada, now=utcnow())


def test_an_emergency_stays_pinned_until_its_outcome_is_recorded(app: Flask) -> None:
    with center(app) as cast:
        inquiry_id, case_id = _danger(cast)
        with transaction():
            cases.open(
                db.session.get_one(Inquiry, inquiry_id), placement=None, queue=Queue.DETOX, acuity=2, priority=5,
                actor=cast.ada, now=utcnow(),
            )  # fmt: skip
        assert {e.queue for e in queues.live_of(case_id)} == {Queue.EMERGENCY, Queue.DETOX}
        with pytest.raises(RuleBroken, match="what came of the emergency"), transaction():
            cases.decide(
                case_id, decision="accept", level="inpatient_detox", told_whom="person", actor=cast.cleo, now=utcnow()
            )
        with transaction():
            cases.hand_over(case_id, outcome="safe_now", words="Sister is with her.", actor=cast.cleo, now=utcnow())
        assert {e.queue for e in queues.live_of(case_id)} == {Queue.DETOX}
        assert db.session.scalars(select(Task).where(Task.kind == "danger")).one().state is TaskState.DONE


def test_a_hand_over_ends_the_inquiry_owes_a_follow_up_and_loses_nobody(app: Flask) -> None:
    with center(app) as cast:
        inquiry_id, case_id = _danger(cast)
        with transaction():
            cases.hand_over(case_id, outcome="warm_ed", actor=cast.cleo, now=utcnow())
        assert db.session.get_one(Inquiry, inquiry_id).state is InquiryState.CRISIS_HANDED_OVER
        assert [e.queue for e in queues.live_of(case_id)] == [Queue.CALLBACK]
        kinds = {t.kind: t.state for t in db.session.scalars(select(Task).where(Task.case_id == case_id))}
        assert kinds["danger"] is TaskState.DONE
        assert kinds["crisis_follow_up"] is TaskState.OPEN


def test_coming_back_from_aftercare_is_a_new_case_and_says_so(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            row = db.session.get_one(Case, case.id)
            row.state, row.discharged_on = CaseState.AFTERCARE, utcnow().date() - timedelta(days=10)
            row.flags = ["WELCOME_BACK"]
            queues.leave_all(case.id, outcome="accepted", actor=cast.cleo, now=utcnow())
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, name="Theo again")
            inquiry.person_id = inquiry.inquirer_id = case.person_id
            new = cases.open(
                inquiry, placement=None, queue=Queue.DETOX, acuity=2, priority=5, actor=cast.ada, now=utcnow()
            )
        assert new.id != case.id
        assert db.session.get_one(Case, case.id).state is CaseState.CLOSED
        assert new.flags == ["RETURNING", "TOLERANCE_LOST", "WELCOME_BACK"]
        assert [c.id for c in queries.earlier(new)] == [case.id]
        assert queues.live_of(new.id)[0].signals == ["returning", "tolerance_lost", "welcome_back"]


def test_after_first_contact_a_clinician_now_case_goes_on_to_its_next_queue(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, entry = waiting(cast, queue=Queue.CLINICIAN_NOW, acuity=2, next_queue="detox", cows=27)
        with transaction():
            onward = cases.go_on(case.id, actor=cast.cleo, now=utcnow())
        assert (onward.queue, onward.cows, onward.waiting_since) == (Queue.DETOX, 27, entry.waiting_since)
        with pytest.raises(RuleBroken), transaction():
            cases.go_on(case.id, actor=cast.cleo, now=utcnow())


def test_a_case_claimed_by_a_colleague_cannot_be_handed_over_by_somebody_else(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, case_id = _danger(cast)
        entry = queues.live_of(case_id)[0]
        with transaction():
            queues.claim(entry.id, actor=cast.cyrus, now=utcnow())
        with pytest.raises(AlreadyDone, match="Cyrus Bell holds this case"), transaction():
            cases.hand_over(case_id, outcome="safe_now", actor=cast.cleo, now=utcnow())
