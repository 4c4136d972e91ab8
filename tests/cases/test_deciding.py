"""Deciding and closing: a named person, a time, who was told; nothing closes over open safety work."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.actor import Actor
from intake.beds import queries as bed_queries
from intake.beds import service as beds
from intake.cases import service as cases
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues.models import EntryState, Queue
from intake.tasks.models import Task, TaskState
from intake.visits import service as visits
from intake.visits.models import Appointment, AppointmentState
from tests.cases.folk import center, waiting
from tests.people import Cast


def _accept(cast: Cast, case_id: int, actor: Actor | None = None, level: str = "outpatient") -> Case:
    with transaction():
        return cases.decide(
            case_id, decision="accept", level=level, told_whom="person", actor=actor or cast.cleo, now=utcnow()
        )


def _admitted(cast: Cast, level: str = "inpatient_detox") -> Case:
    case, _ = waiting(cast)
    _accept(cast, case.id, level=level)
    now = utcnow()
    with transaction():
        cases.schedule(case.id, starts_at=now + timedelta(hours=2), actor=cast.ada, now=now)
    with transaction():
        return cases.admit(case.id, level=level, actor=cast.cleo, now=utcnow())


def test_accepting_names_who_decided_when_and_who_was_told_and_ends_the_wait(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        row = _accept(cast, case.id)
        assert (row.state, row.decision, row.decision_level) == (CaseState.ACCEPTED, "accept", "outpatient")
        assert (row.decided_by, row.told_whom, row.owner_id) == (cast.cleo.id, "person", cast.cleo.id)
        assert row.decided_at is not None
        assert queues.live_of(case.id) == []
        assert db.session.get_one(Inquiry, case.opened_from).state is InquiryState.ACCEPTED
        count = queues.counts(cast.site.id)[Queue.DETOX]
        assert (count.waiting, count.claimed) == (0, 0)


def test_of_two_racing_decisions_one_counts_and_the_other_reads_what_was_decided(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        case_id, people = case.id, [cast.cleo, cast.cyrus]
        db.session.remove()
    done: list[str] = []
    refused: list[str] = []
    start = threading.Barrier(2)

    def race(actor: Actor) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    cases.decide(
                        case_id, decision="accept", level="outpatient", told_whom="person", actor=actor, now=utcnow()
                    )
                done.append(actor.name)
            except AlreadyDone as late:
                refused.append(late.message)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=race, args=(p,)) for p in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(refused) == 1
    assert "decided this" in refused[0]
    assert "accept" in refused[0]


def test_d01_a_decision_on_an_old_version_is_refused_and_says_where_the_case_stands(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        read = case.version
        with transaction():
            cases.flag(case.id, code="LEGAL_HOLD", on=True, actor=cast.cyrus, now=utcnow())
        with pytest.raises(AlreadyDone, match="changed while you were writing") as late, transaction():
            cases.decide(
                case.id, decision="accept", level="outpatient", told_whom="person", actor=cast.cleo, now=utcnow(),
                version=read,
            )  # fmt: skip
        assert late.value.code == "CHANGED"


def test_only_care_staff_decide_and_not_over_a_colleagues_claim(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, entry = waiting(cast)
        for actor in (cast.ada, cast.alex, cast.drew):
            with pytest.raises((NotPermitted, Missing)):
                _accept(cast, case.id, actor)
        with transaction():
            queues.claim(entry.id, actor=cast.cyrus, now=utcnow())
        with pytest.raises(AlreadyDone, match="Cyrus Bell claimed this"):
            _accept(cast, case.id)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"decision": "accept", "told_whom": "person"}, "level"),
        ({"decision": "accept", "level": "spa", "told_whom": "person"}, "level"),
        ({"decision": "accept", "level": "outpatient"}, "told_whom"),
        ({"decision": "decline", "told_whom": "person"}, "code"),
        ({"decision": "decline", "code": "legal_hold", "told_whom": "person"}, "places"),
        ({"decision": "refer", "told_whom": "person"}, "reason"),
        ({"decision": "ask_more"}, "reason"),
    ],
)
def test_an_incomplete_decision_says_which_field_is_missing(
    app_sqlite: Flask, given: dict[str, Any], field: str
) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with pytest.raises(RuleBroken) as wrong, transaction():
            cases.decide(case.id, actor=cast.cleo, now=utcnow(), **given)
        assert field in wrong.value.fields


def test_asking_for_more_parks_the_case_and_sends_the_inquiry_back_to_screening(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.decide(case.id, decision="ask_more", reason="Labs", actor=cast.cleo, now=utcnow())
        row = db.session.get_one(Case, case.id)
        assert (row.state, row.decided_at) == (CaseState.IN_REVIEW, None)
        assert queues.live_of(case.id)[0].state is EntryState.PARKED
        assert db.session.get_one(Inquiry, case.opened_from).state is InquiryState.SCREENING
        _accept(cast, case.id)


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({"decision": "refer", "reason": "Mercy General"}, InquiryState.REFERRED_OUT),
        ({"decision": "decline", "code": "legal_hold", "places": "County clinic"}, InquiryState.NOT_SUITABLE),
        ({"decision": "decline", "code": "person_declined"}, InquiryState.DECLINED_BY_PERSON),
    ],
)
def test_turning_away_closes_the_case_with_a_next_contact(
    app_sqlite: Flask, given: dict[str, Any], ends: InquiryState
) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast, queue=Queue.OUTPATIENT)
        with pytest.raises(RuleBroken) as wrong, transaction():
            cases.decide(case.id, told_whom="person", actor=cast.cleo, now=utcnow(), **given)
        assert wrong.value.code == "NEXT_CONTACT"
        with transaction():
            cases.decide(
                case.id, told_whom="person", next_contact="We call on Friday", actor=cast.cleo, now=utcnow(), **given
            )
        assert db.session.get_one(Case, case.id).state is CaseState.CLOSED
        assert db.session.get_one(Inquiry, case.opened_from).state is ends


def test_no_detox_case_closes_without_a_next_appointment_or_a_documented_refusal(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast, queue=Queue.DETOX)
        now = utcnow()
        with pytest.raises(RuleBroken) as wrong, transaction():
            cases.close(case.id, reason="withdrawn", next_contact="We will call", actor=cast.cleo, now=now)
        assert wrong.value.code == "NEXT_APPOINTMENT"
        with transaction():
            visits.book(
                site_id=cast.site.id, person_id=case.person_id, case_id=case.id, kind="follow_up",
                starts_at=now + timedelta(days=2), actor=cast.ada, now=now,
            )  # fmt: skip
        with transaction():
            cases.close(case.id, reason="withdrawn", actor=cast.cleo, now=now)
        assert db.session.get_one(Case, case.id).state is CaseState.CLOSED
        other, _ = waiting(cast, queue=Queue.DETOX, name="Luis")
        with transaction():
            cases.close(other.id, reason="withdrawn", refused=True, actor=cast.cleo, now=now)


def test_the_cases_own_admission_is_no_next_appointment_and_is_cancelled_with_it(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        _accept(cast, case.id, level="inpatient_detox")
        now = utcnow()
        with transaction():
            booked = cases.schedule(case.id, starts_at=now + timedelta(days=1), actor=cast.ada, now=now)
        with pytest.raises(RuleBroken), transaction():
            cases.close(case.id, reason="withdrawn", actor=cast.ada, now=now)
        with transaction():
            cases.close(case.id, reason="withdrawn", refused=True, actor=cast.ada, now=now)
        assert db.session.get_one(Appointment, booked.id).state is AppointmentState.CANCELLED


def test_a_case_closes_only_with_its_safety_tasks_done_or_reasoned(app: Flask) -> None:
    with center(app) as cast:
        case = _admitted(cast)
        now = utcnow()
        with transaction():
            cases.discharge(
                case.id, type="against_advice", reason="I need to go home", naloxone="accepted", warned=True,
                actor=cast.cleo, now=now,
            )  # fmt: skip
        with pytest.raises(RuleBroken) as wrong, transaction():
            cases.close(case.id, reason="done", refused=True, actor=cast.cleo, now=now)
        assert wrong.value.code == "SAFETY_TASKS"
        with transaction():
            cases.close(
                case.id, reason="done", refused=True, task_reason="Reached by her doctor", actor=cast.cleo, now=now
            )
        left = db.session.scalars(select(Task).where(Task.case_id == case.id, Task.kind.like("call%"))).all()
        assert {t.state for t in left} == {TaskState.DONE}
        assert {t.outcome for t in left} == {"reasoned"}


def test_leaving_against_advice_frees_the_bed_owes_two_calls_and_welcomes_back(app: Flask) -> None:
    with center(app) as cast:
        now = utcnow()
        with transaction():
            unit = beds.add_unit(site_id=cast.site.id, name="Detox", level="inpatient_detox", actor=cast.sol, now=now)
            bed = beds.add_bed(unit, name="D1", actor=cast.sol, now=now)
        case, _ = waiting(cast)
        _accept(cast, case.id, level="inpatient_detox")
        with transaction():
            cases.schedule(case.id, starts_at=now + timedelta(hours=1), bed_id=bed.id, actor=cast.ada, now=now)
        with transaction():
            cases.admit(case.id, level="inpatient_detox", actor=cast.cleo, now=utcnow())
        assert bed_queries.counts(cast.site.id)[0].stays == 1
        ended: list[tuple[int, str]] = []

        def hook(case: Case, kind: str, actor: Actor, now: object) -> None:
            ended.append((case.id, kind))

        cases.when_ended.append(hook)
        try:
            with transaction():
                row = cases.discharge(
                    case.id, type="against_advice", reason="I miss my kids", naloxone="has_it", warned=True,
                    actor=cast.cleo, now=utcnow(),
                )  # fmt: skip
        finally:
            cases.when_ended.remove(hook)
        assert ended == [(case.id, "against_advice")]
        assert "WELCOME_BACK" in row.flags
        assert bed_queries.counts(cast.site.id)[0].free == 1
        kinds = set(db.session.scalars(select(Task.kind).where(Task.case_id == case.id, Task.state == TaskState.OPEN)))
        assert {"call_24h", "call_72h"} <= kinds


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"type": "vanished", "naloxone": "accepted"}, "type"),
        ({"type": "completed"}, "naloxone"),
        ({"type": "against_advice", "naloxone": "accepted", "warned": True}, "reason"),
        ({"type": "against_advice", "naloxone": "accepted", "reason": "home"}, "warned"),
    ],
)
def test_an_incomplete_discharge_says_which_field_is_missing(
    app_sqlite: Flask, given: dict[str, Any], field: str
) -> None:
    with center(app_sqlite) as cast:
        case = _admitted(cast)
        with pytest.raises(RuleBroken) as wrong, transaction():
            cases.discharge(case.id, actor=cast.cleo, now=utcnow(), **given)
        assert field in wrong.value.fields


def test_the_admit_level_is_frozen_and_admission_is_only_ever_the_admission_day(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        waiting(cast, name="Screened only")
        case = _admitted(cast)
        with transaction():
            cases.ask_transfer(case.id, to_level="outpatient", reason="Stable", actor=cast.cleo, now=utcnow())
        with transaction():
            cases.answer_transfer(case.id, answer="accepted", actor=cast.cyrus, now=utcnow())
        assert db.session.get_one(Case, case.id).owner_id == cast.cleo.id
        with transaction():
            row = cases.answer_transfer(case.id, answer="arrived", actor=cast.cyrus, now=utcnow())
        assert (row.state, row.admit_level, row.owner_id) == (CaseState.ADMITTED, "inpatient_detox", cast.cyrus.id)
        assert len(db.session.scalars(select(Case.id).where(Case.admitted_on.is_not(None))).all()) == 1


def test_what_is_written_down_in_the_evening_happened_that_day(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _entry = waiting(cast)
        _accept(cast, case.id)
        with transaction():
            cases.schedule(case.id, starts_at=utcnow() + timedelta(hours=2), actor=cast.ada, now=utcnow())
        evening = (utcnow() + timedelta(days=1)).replace(hour=3, minute=30)
        day = evening.date() - timedelta(days=1)
        with transaction():
            row = cases.admit(case.id, level="outpatient", actor=cast.cleo, now=evening)
        assert (row.admitted_on, row.last_contact_on) == (day, day)
        with transaction():
            cases.record_offer(case.id, kind="moud", answer="accepted", actor=cast.cleo, now=evening)
            row = cases.discharge(
                case.id, type="completed", naloxone="accepted", warned=True, actor=cast.cleo, now=evening
            )
        assert (row.discharged_on, row.moud["on"], row.naloxone["on"]) == (day, day.isoformat(), day.isoformat())


def test_not_coming_keeps_request_date_and_number_and_frees_the_held_bed(app: Flask) -> None:
    with center(app) as cast:
        now = utcnow()
        with transaction():
            unit = beds.add_unit(site_id=cast.site.id, name="Detox", level="inpatient_detox", actor=cast.sol, now=now)
            bed = beds.add_bed(unit, name="D1", actor=cast.sol, now=now)
        case, _ = waiting(cast)
        _accept(cast, case.id, level="inpatient_detox")
        with transaction():
            kept = cases.waitlist(case.id, wait_class="pregnant", actor=cast.ada, now=now)
            first = (kept.request_on, kept.wait_number)
        with transaction():
            visit = cases.schedule(
                case.id, starts_at=now + timedelta(hours=1), bed_id=bed.id, actor=cast.ada, now=utcnow()
            )
        with pytest.raises(RuleBroken, match="grace"), transaction():
            cases.no_show(case.id, appointment_id=visit.id, actor=cast.ada, now=utcnow())
        clock.set_offset(timedelta(hours=2))
        with transaction():
            cases.no_show(case.id, appointment_id=visit.id, actor=cast.ada, now=utcnow())
        assert bed_queries.counts(cast.site.id)[0].free == 1
        with transaction():
            row = cases.waitlist(case.id, wait_class="pregnant", actor=cast.ada, now=utcnow())
        assert (row.request_on, row.wait_number) == first
        kinds = set(db.session.scalars(select(Task.kind).where(Task.case_id == case.id)))
        assert {"call_same_day", "call_24h", "call_72h", "interim_service"} <= kinds


def test_wait_numbers_follow_the_order_of_listing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        numbers = []
        for name in ("Ana", "Ben", "Cem"):
            case, _ = waiting(cast, name=name)
            _accept(cast, case.id)
            with transaction():
                numbers.append(cases.waitlist(case.id, wait_class="other", actor=cast.ada, now=utcnow()).wait_number)
        assert numbers == [1, 2, 3]
