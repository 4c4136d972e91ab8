"""The waitlist by law: order, fixed date and number, clocks, interim services, weekly call, offers, notice at 90 %."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.beds import capacity
from intake.beds import queries as bed_queries
from intake.beds import service as beds
from intake.beds.models import Bed, CapacityMark
from intake.cases import places, waitlist
from intake.cases import service as cases
from intake.cases.models import Case, CaseState
from intake.cases.queries import open_alerts
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.people.models import Person
from intake.settings import service as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, waiting
from tests.people import Cast
from workers import upkeep

LEVEL = "inpatient_detox"


def ward(cast: Cast, n: int = 1, **limits: str) -> list[Bed]:
    now = utcnow()
    with transaction():
        unit = beds.add_unit(site_id=cast.site.id, name="Detox", level=LEVEL, actor=cast.sol, now=now)
        return [beds.add_bed(unit, name=f"D{i + 1}", actor=cast.sol, now=now, **limits) for i in range(n)]


def accepted(cast: Cast, name: str = "Theo", level: str = LEVEL) -> int:
    case, _ = waiting(cast, name=name)
    with transaction():
        cases.decide(case.id, decision="accept", level=level, told_whom="person", actor=cast.cleo, now=utcnow())
    return case.id


def listed(cast: Cast, wait_class: str = "other", *, name: str = "Theo", request_on: date | None = None) -> int:
    case_id = accepted(cast, name)
    with transaction():
        case = db.session.get_one(Case, case_id)
        case.request_on = request_on or case.request_on
        cases.waitlist(case_id, wait_class=wait_class, actor=cast.ada, now=utcnow())
    return case_id


def owed(case_id: int) -> dict[str, datetime]:
    rows = db.session.scalars(select(Task).where(Task.case_id == case_id, Task.state.in_(tasks.LIVE)))
    return {row.kind: row.due_at for row in rows}


def later(**length: float) -> None:
    clock.set_offset(timedelta(**length))


@pytest.mark.parametrize(
    ("wait_class", "kinds"),
    [
        ("pregnant_injecting", {"interim_service", "wait_admit", "wait_longest", "tell_state"}),
        ("pregnant", {"interim_service", "wait_admit", "wait_longest", "tell_state"}),
        ("injecting", {"interim_service", "wait_admit", "wait_longest"}),
        ("other", set()),
    ],
)
def test_each_class_has_its_clocks_from_the_fixed_request_date(
    app_sqlite: Flask, wait_class: str, kinds: set[str]
) -> None:
    with center(app_sqlite) as cast:
        asked = utcnow().date() - timedelta(days=3)
        case_id = listed(cast, wait_class, request_on=asked)
        found = owed(case_id)
        assert set(found) - {"schedule"} == {*kinds, "wait_contact"}
        case = db.session.get_one(Case, case_id)
        since = case.waiting_from
        assert since is not None
        assert found["wait_contact"] == since + timedelta(days=7)
        if kinds:
            assert found["interim_service"] == since + timedelta(hours=48)
            # The whole of the last day counts.
            assert (found["wait_admit"].date() - asked).days == 15
            assert (found["wait_longest"].date() - asked).days == 121


def test_the_line_goes_by_class_then_request_date_then_number_and_the_ranks_are_a_setting(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        today = utcnow().date()
        other = listed(cast, "other", name="A", request_on=today - timedelta(days=30))
        injecting = listed(cast, "injecting", name="B", request_on=today)
        early = listed(cast, "injecting", name="C", request_on=today - timedelta(days=5))
        pregnant = listed(cast, "pregnant", name="D")
        both = listed(cast, "pregnant_injecting", name="E")
        assert [c.id for c in places.in_line(cast.site.id)] == [both, pregnant, early, injecting, other]
        new = {"pregnant_injecting": 1, "pregnant": 2, "injecting": 4, "other": 3}
        with transaction():
            settings.change(cast.site.id, "wait_ranks", new, approver="Sol", actor=cast.alex, now=utcnow())
        assert [c.id for c in places.in_line(cast.site.id)] == [both, pregnant, other, early, injecting]


def test_a_free_bed_is_kept_for_the_first_who_may_have_it_within_a_minute(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _bed, women_only = ward(cast)[0], ward(cast, sex="female")[0]
        first = listed(cast, "pregnant", name="First")
        second = listed(cast, "other", name="Second")
        with transaction():
            db.session.get_one(Person, db.session.get_one(Case, first).person_id).sex = "female"
            db.session.get_one(Person, db.session.get_one(Case, second).person_id).sex = "male"
        upkeep.work()
        kept = {case_id: bed_queries.of_case(case_id) for case_id in (first, second)}
        assert kept[first] is not None
        held = {b.case_id for b in bed_queries.beds(cast.site.id) if b.use}
        assert first in held
        assert not any(b.case_id == second and b.id == women_only.id for b in bed_queries.beds(cast.site.id))
        assert "offer_bed" in owed(first)
        assert db.session.get_one(Case, first).slot_offered_at is not None


def test_a_hold_that_lapses_goes_to_the_next_and_the_first_keeps_the_place_in_line(app: Flask) -> None:
    with center(app) as cast:
        ward(cast)
        first, second = listed(cast, "injecting", name="First"), listed(cast, "other", name="Second")
        upkeep.work()
        assert bed_queries.of_case(first) is not None
        later(hours=24, seconds=30)
        upkeep.work()
        assert bed_queries.of_case(first) is None
        assert bed_queries.of_case(second) is not None
        assert [c.id for c in places.in_line(cast.site.id)] == [first, second]
        assert owed(first)["wait_contact"] <= utcnow()
        assert "offer_bed" not in owed(first)


def test_one_refusal_keeps_the_place_and_the_second_asks_for_a_decision(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        ward(cast)
        case_id, next_one = listed(cast, "injecting", name="First"), listed(cast, "other", name="Next")
        number = db.session.get_one(Case, case_id).wait_number
        with pytest.raises(AlreadyDone), transaction():
            cases.refuse_place(case_id, reason="Not yet", actor=cast.ada, now=utcnow())
        upkeep.work()
        with transaction():
            row = cases.refuse_place(case_id, reason="My child is ill", actor=cast.ada, now=utcnow())
        assert (row.state, row.wait_number, row.offers_refused) == (CaseState.WAITLISTED, number, 1)
        assert "decide_place" not in owed(case_id)
        upkeep.work()
        assert bed_queries.of_case(next_one) is not None, "the next in line is offered it"
        assert places.in_line(cast.site.id)[0].id == case_id
        later(hours=25)
        upkeep.work()
        upkeep.work()
        with transaction():
            cases.refuse_place(case_id, reason="Still ill", actor=cast.ada, now=utcnow())
        assert "decide_place" in owed(case_id)


def test_interim_services_are_recorded_and_prenatal_care_is_not_left_out(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = listed(cast, "pregnant")
        with pytest.raises(RuleBroken, match="prenatal"), transaction():
            cases.interim(case_id, services=["infection"], actor=cast.ada, now=utcnow())
        with transaction():
            row = cases.interim(case_id, services=["infection", "prenatal"], actor=cast.ada, now=utcnow())
        assert row.interim == ["infection", "prenatal"]
        assert row.interim_at is not None
        assert "interim_service" not in owed(case_id)


def test_the_weekly_call_is_owed_again_and_new_danger_calls_a_clinician(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = listed(cast, "other")
        later(days=7, minutes=1)
        with transaction():
            cases.weekly(case_id, channel="in_person", outcome="still_wants", actor=cast.ada, now=utcnow())
        assert (owed(case_id)["wait_contact"] - utcnow()).days in {6, 7}
        with pytest.raises(RuleBroken), transaction():
            cases.weekly(case_id, channel="in_person", outcome="danger", actor=cast.ada, now=utcnow())
        with transaction():
            cases.weekly(
                case_id, channel="in_person", outcome="danger", words="Does not want to live", actor=cast.ada,
                now=utcnow(),
            )  # fmt: skip
        assert [a.code for a in open_alerts(case_id)] == [waitlist.WAIT_DANGER]


def test_leaving_the_waitlist_needs_a_reason_and_the_tries_that_were_made(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = listed(cast, "other")
        for n in range(3):
            with pytest.raises(RuleBroken, match=f"{n} of 3 tries"), transaction():
                cases.close(case_id, reason="unreachable", refused=True, actor=cast.ada, now=utcnow())
            with transaction():
                cases.attempt(case_id, channel="in_person", outcome="no_answer", actor=cast.ada, now=utcnow())
        assert "decide_unreached" in owed(case_id)
        with transaction():
            cases.close(case_id, reason="unreachable", refused=True, task_reason="x", actor=cast.ada, now=utcnow())
        assert [k for k in owed(case_id) if k.startswith(("wait", "interim", "decide"))] == []


def test_a_new_class_keeps_date_and_number_and_its_reason_is_on_record(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = listed(cast, "other")
        before = db.session.get_one(Case, case_id)
        fixed = (before.request_on, before.wait_number)
        with transaction():
            row = cases.rank(case_id, wait_class="pregnant", reason="Test on Monday", actor=cast.ada, now=utcnow())
        assert (row.request_on, row.wait_number) == fixed
        assert {"interim_service", "tell_state"} <= set(owed(case_id))


def test_at_ninety_percent_the_state_is_told_within_seven_days_once_per_time(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        rooms = ward(cast, 10)
        for n in range(9):
            case_id = accepted(cast, f"Person {n}")
            with transaction():
                cases.schedule(
                    case_id, starts_at=utcnow() + timedelta(hours=1), bed_id=rooms[n].id, actor=cast.ada, now=utcnow()
                )
            with transaction():
                cases.admit(case_id, level=LEVEL, actor=cast.cleo, now=utcnow())
            with transaction():
                capacity.watch(now=utcnow())
            assert len(db.session.scalars(select(CapacityMark)).all()) == (n == 8)
        upkeep.work()
        mark = db.session.scalars(select(CapacityMark)).one()
        assert mark.notice_due_at - mark.reached_at == timedelta(days=7)
        with transaction():
            capacity.told(mark.id, actor=cast.sol, now=utcnow())
        assert db.session.scalars(select(Task.state).where(Task.kind == "capacity_notice")).all() == [TaskState.DONE]
        with transaction():
            cases.discharge(case_id, type="completed", naloxone="accepted", actor=cast.cleo, now=utcnow())
        with transaction():
            capacity.watch(now=utcnow())
        assert capacity.current(cast.site.id) is None
