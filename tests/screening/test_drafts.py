"""Drafts: saving, taking over earlier answers, two people at once, and danger, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake.actor import Role
from intake.cases.models import Case, CaseAlert
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues.models import Queue, QueueEntry
from intake.screening import queries, service
from intake.screening.models import Screening
from tests.cases.folk import center, inquiry_of
from tests.people import Cast
from tests.screening.sitting import NO_DANGER, cows, sit


def _draft(cast: Cast) -> Screening:
    with transaction():
        inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=46)
        return service.start(inquiry, mode="full", actor=cast.cleo, now=utcnow())


def _answer(
    row: Screening, cast: Cast, part: str, values: dict[str, object], *, read_version: int | None = None
) -> Screening:
    with transaction():
        return service.answer(row.id, part, values, actor=cast.cleo, now=utcnow(), read_version=read_version)


def test_starting_twice_returns_the_same_draft(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        with transaction():
            inquiry = db.session.get_one(Inquiry, row.inquiry_id)
            again = service.start(inquiry, mode="full", actor=cast.ada, now=utcnow())
        assert again.id == row.id
        assert inquiry.state is InquiryState.SCREENING
        assert db.session.scalar(select(func.count()).select_from(Screening)) == 1


def test_an_answer_is_kept_until_it_is_taken_away(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        _answer(row, cast, "use", {"benzo": "daily", "alcohol": "unknown"})
        _answer(row, cast, "use", {"benzo": None})
        assert queries.values(db.session.get_one(Screening, row.id)) == {"alcohol": "unknown"}


def test_answers_are_never_readable_in_the_database(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        _answer(row, cast, "use", {"benzo_dose": "clonazepam 1 mg"})
        stored = db.session.scalar(select(Screening.answers).where(Screening.id == row.id))
        assert stored is not None
        assert b"clonazepam" not in stored


def test_two_people_in_different_fields_both_keep_their_answers(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        read = row.version
        _answer(row, cast, "level", {"living": "stable"}, read_version=read)
        _answer(row, cast, "level", {"support": "yes", "living": None}, read_version=read)
        assert queries.values(db.session.get_one(Screening, row.id)) == {"living": "stable", "support": "yes"}


def test_the_same_field_changed_by_two_people_is_refused_and_nothing_of_the_second_save_is_kept(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        read = row.version
        _answer(row, cast, "level", {"living": "stable"}, read_version=read)
        with pytest.raises(AlreadyDone) as refused:
            _answer(row, cast, "level", {"living": "unsafe", "support": "yes"}, read_version=read)
        assert refused.value.code == "CONFLICT"
        assert set(refused.value.fields) == {"living"}
        assert queries.values(db.session.get_one(Screening, row.id)) == {"living": "stable"}


def test_the_same_answer_by_two_people_is_no_conflict(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        read = row.version
        _answer(row, cast, "level", {"living": "stable"}, read_version=read)
        _answer(row, cast, "level", {"living": "stable"}, read_version=read)
        assert queries.values(db.session.get_one(Screening, row.id)) == {"living": "stable"}


def test_a_danger_yes_opens_the_case_on_top_while_the_screening_is_still_a_draft(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        _answer(row, cast, "safety", {"overdose_24h": "yes"})
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.acuity, entry.provisional, entry.fired) == (Queue.EMERGENCY, 1, True, ["E02"])
        stored = db.session.get_one(Screening, row.id)
        assert stored.case_id == entry.case_id
        inquiry = db.session.get_one(Inquiry, row.inquiry_id)
        assert inquiry.danger["overdose_24h"] == "yes"


def test_a_danger_yes_once_given_stays_on_the_inquiry_when_the_answer_is_changed(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        _answer(row, cast, "safety", {"seizure_24h": "yes"})
        _answer(row, cast, "safety", {"seizure_24h": "no"})
        assert db.session.get_one(Inquiry, row.inquiry_id).danger["seizure_24h"] == "yes"
        assert db.session.scalar(select(func.count()).select_from(Case)) == 1


def test_a_further_danger_on_an_open_case_raises_an_alert_instead_of_a_second_case(app: Flask) -> None:
    with center(app) as cast:
        row = _draft(cast)
        _answer(row, cast, "safety", {"seizure_24h": "yes"})
        _answer(row, cast, "safety", {"delirium": "yes"})
        alert = db.session.scalars(select(CaseAlert)).one()
        assert (alert.code, alert.triggers) == ("DANGER", ["delirium"])
        assert db.session.scalar(select(func.count()).select_from(Case)) == 1


@pytest.mark.parametrize("word", ["no", "unknown", "not_able_to_ask"])
def test_no_other_danger_answer_opens_a_case(app_sqlite: Flask, word: str) -> None:
    with center(app_sqlite) as cast:
        row = _draft(cast)
        _answer(row, cast, "safety", dict.fromkeys(NO_DANGER, word))
        assert db.session.scalar(select(func.count()).select_from(Case)) == 0


def _second_sitting(cast: Cast) -> Screening:
    with transaction():
        inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=46)
    first = sit(inquiry, cast, now=utcnow() - timedelta(days=2))
    with transaction():
        service.complete(first.id, actor=cast.cleo, now=utcnow() - timedelta(days=2))
    with transaction():
        return service.start(inquiry, mode="full", actor=cast.cleo, now=utcnow())


def test_earlier_answers_stand_beside_their_questions_and_count_only_once_confirmed(app: Flask) -> None:
    with center(app) as cast:
        row = _second_sitting(cast)
        assert queries.values(row) == {}
        assert queries.document(row)["carried"]["living"]["value"] == "stable"
        with transaction():
            service.confirm(row.id, ("living",), actor=cast.cleo, now=utcnow())
        stored = db.session.get_one(Screening, row.id)
        assert queries.values(stored) == {"living": "stable"}
        assert "living" not in queries.document(stored)["carried"]


def test_what_changes_within_days_is_never_carried_over(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        carried = queries.document(_second_sitting(cast))["carried"]
        gone = {"s1", "inc", "last_opioid_hours", "systolic", "psych_unstable", "cows-pulse", "phq9-p1", "overdose_24h"}
        assert not gone & set(carried)
        assert {"benzo", "opioids-1-drug", "opioids-1-form", "moud", "age"} <= set(carried)


def test_an_old_dose_is_never_copied_forward_only_the_name_of_the_medicine(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        carried = queries.document(_second_sitting(cast))["carried"]
    assert {name for name in carried if name.startswith("opioids-")} == {"opioids-1-drug", "opioids-1-form"}


def test_a_new_answer_settles_what_was_carried_over(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = _second_sitting(cast)
        _answer(row, cast, "level", {"living": "unsafe"})
        stored = db.session.get_one(Screening, row.id)
        assert queries.values(stored) == {"living": "unsafe"}
        assert "living" not in queries.document(stored)["carried"]


def test_nothing_can_be_confirmed_that_was_not_carried_over(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = _draft(cast)
        with pytest.raises(RuleBroken), transaction():
            service.confirm(row.id, ("living",), actor=cast.cleo, now=utcnow())


def test_a_complete_screening_takes_no_more_answers(app: Flask) -> None:
    with center(app) as cast:
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, name="Dana")
        row = sit(inquiry, cast)
        with transaction():
            service.complete(row.id, actor=cast.cleo, now=utcnow())
        with pytest.raises(AlreadyDone) as refused:
            _answer(row, cast, "cows", dict(cows(0)))
        assert refused.value.code == "SCREENING_FINAL"


def test_criteria_of_opioid_use_disorder_are_counted_by_care_roles_only(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = _draft(cast)
        with pytest.raises(NotPermitted), transaction():
            service.answer(row.id, "use", {"oud_dsm5-c01": 1}, actor=cast.ada, now=utcnow())
        with transaction():
            service.answer(row.id, "use", {"oud_dsm5-c01": 1}, actor=cast.petra, now=utcnow())
        assert cast.ada.role is Role.ADMISSIONS


def test_staff_of_another_site_find_no_screening(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = _draft(cast)
        with pytest.raises(Missing), transaction():
            service.answer(row.id, "level", {"living": "stable"}, actor=cast.cora, now=utcnow())
        inquiry = db.session.get_one(Inquiry, row.inquiry_id)
        with pytest.raises(Missing), transaction():
            service.start(inquiry, mode="full", actor=cast.cora, now=utcnow())


@pytest.mark.parametrize(("part", "name"), [("cows", "living"), ("level", "cows-pulse"), ("safety", "total")])
def test_a_field_of_another_part_is_refused(app_sqlite: Flask, part: str, name: str) -> None:
    with center(app_sqlite) as cast:
        row = _draft(cast)
        with pytest.raises(RuleBroken), transaction():
            service.answer(row.id, part, {name: 1}, actor=cast.cleo, now=utcnow())
