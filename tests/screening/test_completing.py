"""Completing a screening, and what becomes of its placement, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from intake.audit.models import AuditEntry
from intake.cases.models import Case, CaseAlert
from intake.clinical import routing
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.people.models import Person
from intake.queues.models import Queue, QueueEntry
from intake.screening import queries, service
from intake.screening.models import OpioidLine, Placement, PlacementState, Screening, ScreeningState, Vitals
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, inquiry_of
from tests.people import Cast
from tests.screening.sitting import cows, phq9, sit

EMPTY: dict[str, Any] = {}


def _inquiry(cast: Cast, **more: Any) -> Inquiry:
    with transaction():
        return inquiry_of(cast.site, cast.ada, name="Dana", age_years=46, **more)


def _complete(row: Screening, cast: Cast) -> Placement:
    with transaction():
        return service.complete(row.id, actor=cast.cleo, now=utcnow())


def _placed(cast: Cast, **changed: Any) -> Placement:
    return _complete(sit(_inquiry(cast), cast, **changed), cast)


def test_the_person_of_the_pictures_is_proposed_for_detox_with_25_points(app: Flask) -> None:
    with center(app) as cast:
        placement = _placed(cast)
        assert (placement.queue, placement.acuity, placement.priority) == (Queue.DETOX, 2, 25)
        assert placement.fired == ["D01", "O03", "O04"]
        assert set(placement.flags) == {"OFFER_NALOXONE", "REVIEW_OIH"}
        assert placement.state is PlacementState.PROPOSED
        stored = db.session.get_one(Screening, placement.screening_id)
        assert stored.state is ScreeningState.COMPLETE
        assert {s["instrument"]: s.get("score") for s in stored.scores}["cows"] == 15
        assert stored.mme["total"] == "135"
        assert stored.explanation["class"] == "oih_features"
        assert stored.explanation["scores"] == {"oih": 8, "tolerance": 1, "withdrawal": 4}
        task = db.session.scalars(select(Task).where(Task.kind == "answer_placement")).one()
        assert task.due_at - task.created_at == timedelta(minutes=60)


def test_accepting_opens_the_case_and_enters_the_queue_in_one_transaction(app: Flask) -> None:
    with center(app) as cast:
        placement = _placed(cast)
        assert db.session.scalars(select(QueueEntry)).all() == []
        with transaction():
            case = service.accept(placement.id, actor=cast.ada, now=utcnow())
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.acuity, entry.priority, entry.provisional) == (Queue.DETOX, 2, 25, False)
        assert (entry.cows, entry.mme, entry.case_id) == (15, "135.0", case.id)
        assert db.session.get_one(Inquiry, placement.inquiry_id).state is InquiryState.CLINICAL_REVIEW
        task = db.session.scalars(select(Task).where(Task.kind == "answer_placement")).one()
        assert (task.state, task.outcome) == (TaskState.DONE, "accepted")
        assert db.session.get_one(Screening, placement.screening_id).case_id == case.id
        assert db.session.get_one(Placement, placement.id).answered_by == cast.ada.id
        assert queries.series("cows", case_id=case.id)[0].score == 15


def test_of_two_people_accepting_at_once_exactly_one_opens_the_case(app: Flask) -> None:
    with center(app) as cast:
        placement_id = _placed(cast).id
        actors, told = [cast.ada, cast.cleo], []
        db.session.remove()

        def accept(actor: Any) -> None:
            with app.app_context():
                try:
                    with transaction():
                        service.accept(placement_id, actor=actor, now=utcnow())
                    told.append("won")
                except AlreadyDone as late:
                    told.append(late.code)
                db.session.remove()

        threads = [threading.Thread(target=accept, args=(actor,)) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == ["ANSWERED", "won"]
        assert db.session.scalar(select(func.count()).select_from(QueueEntry)) == 1


@pytest.mark.parametrize(
    ("changed", "queue", "acuity", "fired"),
    [
        ({"cows": cows(25)}, Queue.CLINICIAN_NOW, 2, "C03"),
        ({"safety": {"cssrs_screen-q2": 1, "cssrs_screen-q3": 0, "cssrs_screen-q4": 1, "cssrs_screen-q5": 0}},
         Queue.CLINICIAN_NOW, 1, "C01"),
        ({"use": {"pregnancy": "yes"}}, Queue.CLINICIAN_NOW, 2, "C04"),
    ],
)  # fmt: skip
def test_an_urgent_result_enters_at_once_and_stays_provisional_until_somebody_accepts(
    app: Flask, changed: dict[str, Any], queue: Queue, acuity: int, fired: str
) -> None:
    with center(app) as cast:
        placement = _placed(cast, **changed)
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.provisional) == (queue, True)
        assert fired in entry.fired
        assert placement.state is PlacementState.PROPOSED
        assert placement.acuity == acuity
        assert placement.next_queue == "detox"
        with transaction():
            service.accept(placement.id, actor=cast.ada, now=utcnow())
        entry = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))).one()
        assert (entry.queue, entry.provisional) == (queue, False)


def test_a_high_suicide_risk_goes_to_a_person_with_a_time_to_acknowledge_it(app: Flask) -> None:
    with center(app) as cast:
        _placed(cast, safety={"cssrs_screen-q6": 1, "cssrs_screen-q6_3m": 1})
        alert = db.session.scalars(select(CaseAlert)).one()
        assert alert.code == "SUICIDE_HIGH"
        assert alert.acknowledge_by > alert.raised_at


def test_thoughts_of_death_without_a_screener_call_for_one(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        blank = {"cssrs_screen-q1": None, "cssrs_screen-q2": None, "cssrs_screen-q6": None}
        placement = _placed(cast, safety={**phq9(0, p9=1), **blank})
        assert "C06" in placement.fired
        assert db.session.scalars(select(CaseAlert)).one().code == "SUICIDE_ITEM"


def test_missing_safety_facts_go_to_callback_and_are_named(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        safety = {"delirium": "not_able_to_ask", "seizure_24h": "unknown"}
        placement = _placed(cast, safety=safety, cows=cows(0), pain={"inc": "not_tried", "s1": "no"})
        assert (placement.queue, placement.incomplete) == (Queue.CALLBACK, True)
        assert {"delirium", "seizure_24h"} <= set(placement.missing)


def test_a_gap_does_not_delay_detox(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        placement = _placed(cast, use={"pregnancy": "unknown"})
        assert (placement.queue, placement.incomplete) == (Queue.DETOX, True)


def test_an_instrument_that_was_begun_needs_every_item_or_unknown(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = sit(_inquiry(cast), cast, cows={"cows-gooseflesh": None})
        with pytest.raises(RuleBroken) as refused:
            _complete(row, cast)
        assert set(refused.value.fields) == {"cows-gooseflesh"}
        with transaction():
            service.answer(row.id, "cows", {"cows-gooseflesh": "unknown"}, actor=cast.cleo, now=utcnow())
        placement = _complete(row, cast)
        stored = next(s for s in db.session.get_one(Screening, row.id).scores if s["instrument"] == "cows")
        assert (stored["score"], stored["low"], stored["high"], stored["band"]) == (None, 15, 20, "moderate")
        assert placement.fired[0] == "D01"


def test_the_pain_pattern_needs_a_withdrawal_scale_of_the_same_sitting_or_a_reason(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = sit(_inquiry(cast), cast, cows=dict.fromkeys(cows(0), None))
        with pytest.raises(RuleBroken) as refused:
            _complete(row, cast)
        assert set(refused.value.fields) == {"no_scale_reason"}
        with transaction():
            reason = {"no_scale_reason": "Left before it was done"}
            service.answer(row.id, "pain", reason, actor=cast.cleo, now=utcnow())
        _complete(row, cast)
        assert db.session.get_one(Screening, row.id).explanation["class"] == "oih_features"


def test_a_complete_screening_is_final_in_the_database_too(app: Flask) -> None:
    with center(app) as cast:
        placement = _placed(cast)
        with pytest.raises(AlreadyDone):
            _complete(db.session.get_one(Screening, placement.screening_id), cast)
        with pytest.raises(DBAPIError), transaction() as session:
            session.execute(text("UPDATE screening SET scores = '[]'"))


def test_a_replay_of_the_stored_facts_gives_the_same_placement(app: Flask) -> None:
    with center(app) as cast:
        placement = _placed(cast)
        again = routing.place(queries.facts_of(placement))
        assert (again.queue, again.acuity, again.priority) == (placement.queue, placement.acuity, placement.priority)
        assert [rule.id for rule in again.fired] == placement.fired
        screening = db.session.get_one(Screening, placement.screening_id)
        person = db.session.get_one(Person, screening.person_id)
        assert queries.findings_of(screening, person).facts == queries.facts_of(placement)


def test_a_new_screening_supersedes_the_open_proposal_of_the_earlier_one(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        first = _complete(sit(inquiry, cast), cast)
        second = _complete(sit(inquiry, cast, cows=cows(4)), cast)
        assert db.session.get_one(Placement, first.id).state is PlacementState.SUPERSEDED
        assert second.queue is Queue.OUTPATIENT
        with pytest.raises(AlreadyDone) as late, transaction():
            service.accept(first.id, actor=cast.ada, now=utcnow())
        assert late.value.code == "SUPERSEDED"
        open_tasks = select(Task).where(Task.kind == "answer_placement", Task.state == TaskState.OPEN)
        assert len(db.session.scalars(open_tasks).all()) == 1


def test_accepting_the_placement_of_a_later_screening_moves_the_case(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        first = _complete(sit(inquiry, cast), cast)
        with transaction():
            service.accept(first.id, actor=cast.ada, now=utcnow())
        second = _complete(sit(inquiry, cast, cows=cows(4)), cast)
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.cows, entry.cows_before) == (Queue.DETOX, 4, 15)
        with transaction():
            service.accept(second.id, actor=cast.ada, now=utcnow())
        live = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))).one()
        assert live.queue is Queue.OUTPATIENT
        assert db.session.scalar(select(func.count()).select_from(Case)) == 1


def _accepted(cast: Cast) -> Inquiry:
    inquiry = _inquiry(cast)
    first = _complete(sit(inquiry, cast), cast)
    with transaction():
        service.accept(first.id, actor=cast.ada, now=utcnow())
    return inquiry


def test_a_repeat_of_withdrawal_keeps_all_other_facts_and_proposes_only_what_differs(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _accepted(cast)
        same = _complete(sit(inquiry, cast, {"cows": cows(20)}, mode="nurse"), cast)
        assert (same.queue, same.state, same.incomplete) == (Queue.DETOX, PlacementState.SUPERSEDED, False)
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.cows, entry.cows_before) == (Queue.DETOX, 20, 15)
        better = _complete(sit(inquiry, cast, {"cows": cows(4)}, mode="nurse"), cast)
        assert (better.queue, better.state) == (Queue.OUTPATIENT, PlacementState.PROPOSED)
        facts = queries.facts_of(better)
        assert (facts.cows, facts.mme, facts.cssrs) == (4, 135, "none")
        with transaction():
            service.accept(better.id, actor=cast.ada, now=utcnow())
        live = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))).one()
        assert (live.queue, live.mme, live.signals) == (Queue.OUTPATIENT, "135.0", ["oih"])


def test_a_repeat_never_undoes_what_a_person_chose_instead(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        inquiry = _inquiry(cast)
        _override(_complete(sit(inquiry, cast), cast), cast, Queue.OUTPATIENT)
        same = _complete(sit(inquiry, cast, {"cows": cows(14)}, mode="nurse"), cast)
        assert same.state is PlacementState.SUPERSEDED
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.acuity, entry.cows) == (Queue.OUTPATIENT, 3, 14)


def test_a_repeat_with_severe_withdrawal_enters_clinician_now_at_once(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        worse = _complete(sit(_accepted(cast), cast, {"cows": cows(30)}, mode="nurse"), cast)
        assert worse.queue is Queue.CLINICIAN_NOW
        live = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))).one()
        assert (live.queue, live.provisional) == (Queue.CLINICIAN_NOW, True)


def test_in_care_a_screening_moves_nothing_and_an_urgent_one_raises_an_alert(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        first = _complete(sit(inquiry, cast), cast)
        with transaction():
            service.accept(first.id, actor=cast.ada, now=utcnow())
        with transaction():
            db.session.get_one(Inquiry, inquiry.id).state = InquiryState.ACCEPTED
        later = _complete(sit(inquiry, cast, cows=cows(26)), cast)
        assert later.state is PlacementState.SUPERSEDED
        codes = {alert.code for alert in db.session.scalars(select(CaseAlert))}
        assert codes == {"CLINICIAN_NOW", "COWS_SEVERE"}


def test_what_the_person_takes_now_replaces_what_was_told_before(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        _complete(sit(inquiry, cast), cast)
        _complete(sit(inquiry, cast, use={"opioids-1-drug": "morphine", "opioids-1-strength": "15"}), cast)
        lines = queries.opioid_lines(inquiry.person_id)
        assert [(v.line.drug, v.line.strength) for v in lines] == [("morphine", 15)]
        assert db.session.scalar(select(func.count()).select_from(OpioidLine)) == 2
        with transaction() as session:
            assert b"morphine" not in session.scalars(select(OpioidLine.content)).all()[1]


def test_a_sitting_that_did_not_ask_leaves_the_medicines_as_they_are(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        inquiry = _inquiry(cast)
        _complete(sit(inquiry, cast), cast)
        _complete(sit(inquiry, cast, {"cows": cows(9)}), cast)
        assert [v.line.drug for v in queries.opioid_lines(inquiry.person_id)] == ["oxycodone"]


def test_vitals_are_kept_as_measured(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        placement = _placed(cast)
        row = db.session.scalars(select(Vitals)).one()
        assert (row.systolic, row.diastolic, row.pulse) == (128, 82, 96)
        inquiry = db.session.get_one(Inquiry, placement.inquiry_id)
        assert queries.vitals(inquiry.person_id) is not None


def test_scores_over_time_are_listed_oldest_first_with_their_bands(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        for days, total in ((3, 20), (2, 13), (1, 9)):
            row = sit(inquiry, cast, {"cows": cows(total)}, now=utcnow() - timedelta(days=days))
            with transaction():
                service.complete(row.id, actor=cast.cleo, now=utcnow() - timedelta(days=days))
        found = queries.series("cows", person_id=inquiry.person_id)
        assert [(r.score, r.band) for r in found] == [(20, "moderate"), (13, "moderate"), (9, "mild")]


def test_the_baseline_of_a_taper_holds_the_newest_of_each_score(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        inquiry = _inquiry(cast)
        first = _complete(sit(inquiry, cast, use={"pdmp_checked": "yes", "naloxone_at_home": "yes"}), cast)
        with transaction():
            case = service.accept(first.id, actor=cast.ada, now=utcnow())
        _complete(sit(inquiry, cast, {"cows": cows(9)}), cast)
        found = queries.baseline(case.id)
        assert (found.scores["cows"].score, str(found.scores["peg"].score)) == (9, "7.3")
        assert (found.pdmp_checked, found.naloxone_at_home, found.mme["total"]) == ("yes", "yes", "135")
        facts = queries.latest_facts(case.id)
        assert facts is not None
        assert facts.cows == 9


def test_a_worse_peg_is_measured_against_the_first_one(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        inquiry = _inquiry(cast)
        low = {"peg-pain": 3, "peg-enjoyment": 3, "peg-activity": 3}
        _complete(sit(inquiry, cast, pain=low), cast)
        row = sit(inquiry, cast)
        _complete(row, cast)
        peg = next(s for s in db.session.get_one(Screening, row.id).scores if s["instrument"] == "peg")
        assert (peg["change"], peg["alerts"]) == ("worse", ["PEG_WORSE"])


def _override(placement: Placement, cast: Cast, queue: Queue, by: str = "ada", **more: Any) -> Case:
    given = {"acuity": 0, "code": "patients_choice", "reason": "Has a safe home", **more}
    with transaction():
        return service.override(placement.id, queue=queue, actor=getattr(cast, by), now=utcnow(), **given)


def test_an_override_keeps_both_choices_and_a_lower_level_owes_a_co_signature_within_four_hours(app: Flask) -> None:
    with center(app) as cast:
        placement = _placed(cast)
        case = _override(placement, cast, Queue.OUTPATIENT)
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.acuity) == (Queue.OUTPATIENT, 3)
        row = db.session.get_one(Placement, placement.id)
        assert (row.queue, row.override_queue, row.override_code) == (Queue.DETOX, "outpatient", "patients_choice")
        assert row.override_reason is not None
        assert b"safe home" not in row.override_reason
        task = db.session.scalars(select(Task).where(Task.kind == "cosign")).one()
        assert (task.case_id, task.due_at - task.created_at) == (case.id, timedelta(hours=4))


@pytest.mark.parametrize("queue", [Queue.CLINICIAN_NOW, Queue.REFER_OUT])
def test_a_level_that_is_not_lower_owes_no_co_signature(app_sqlite: Flask, queue: Queue) -> None:
    with center(app_sqlite) as cast:
        _override(_placed(cast), cast, queue)
        assert db.session.scalars(select(Task).where(Task.kind == "cosign")).all() == []


@pytest.mark.parametrize("code", ["", "because", "PATIENTS_CHOICE"])
def test_an_override_needs_a_reason_of_the_list(app_sqlite: Flask, code: str) -> None:
    with center(app_sqlite) as cast:
        placement = _placed(cast)
        with pytest.raises(RuleBroken):
            _override(placement, cast, Queue.OUTPATIENT, code=code)
        assert db.session.scalars(select(QueueEntry)).all() == []


def test_the_suggestion_itself_is_no_override(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast, pytest.raises(RuleBroken):
        _override(_placed(cast), cast, Queue.DETOX, acuity=2)


def test_another_clinician_agrees_or_sends_the_person_as_suggested(app: Flask) -> None:
    with center(app) as cast:
        agreed, reversed_ = _placed(cast), _placed(cast)
        for placement in (agreed, reversed_):
            _override(placement, cast, Queue.OUTPATIENT)
        with transaction():
            service.cosign(agreed.id, agree=True, reason="Seen", actor=cast.cleo, now=utcnow())
        with transaction():
            service.cosign(reversed_.id, agree=False, reason="", actor=cast.cleo, now=utcnow())
        live = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None)))
        assert {entry.queue for entry in live} == {Queue.OUTPATIENT, Queue.DETOX}
        tasks = db.session.scalars(select(Task).where(Task.kind == "cosign")).all()
        assert {task.outcome for task in tasks} == {"agreed", "sent_as_proposed"}
        with pytest.raises(Missing), transaction():
            service.cosign(agreed.id, agree=True, reason="", actor=cast.cyrus, now=utcnow())


def test_nobody_co_signs_an_override_of_their_own_and_admissions_sign_none(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        placement = _placed(cast)
        _override(placement, cast, Queue.OUTPATIENT, by="cleo")
        for actor in (cast.cleo, cast.ada):
            with pytest.raises(NotPermitted), transaction():
                service.cosign(placement.id, agree=True, reason="", actor=actor, now=utcnow())


def test_other_roles_and_other_sites_answer_no_placement(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        placement = _placed(cast)
        with pytest.raises(Missing), transaction():
            service.accept(placement.id, actor=cast.cora, now=utcnow())
        for actor in (cast.drew, cast.alex):
            with pytest.raises(NotPermitted), transaction():
                service.accept(placement.id, actor=actor, now=utcnow())


def test_every_step_is_in_the_audit(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        placement = _placed(cast)
        with transaction():
            service.accept(placement.id, actor=cast.ada, now=utcnow())
        kinds = {(e.verb, e.record) for e in db.session.scalars(select(AuditEntry))}
        assert {
            ("started", "screening"), ("answered", "screening"), ("completed", "screening"),
            ("proposed", "placement"), ("accepted", "placement"), ("opened", "care_case"),
        } <= kinds  # fmt: skip


def test_the_inbox_reads_a_provisional_placement_that_is_stored_nowhere(app: Flask) -> None:
    with center(app) as cast:
        inquiry = _inquiry(cast)
        assert queries.provisional(inquiry).queue == "callback"
        sit(inquiry, cast, {"cows": cows(15)})
        assert queries.provisional(inquiry).queue == "detox"
        assert db.session.scalar(select(func.count()).select_from(Placement)) == 0
