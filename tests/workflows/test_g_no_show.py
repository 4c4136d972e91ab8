"""Workflow G: somebody does not come; called on safe ways, offered a new start, found or let go with the door open."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from intake.cases.models import CaseState
from intake.clock import utcnow
from intake.db import id_text
from intake.messages.models import Message, MessageState
from intake.tapers.models import PlanState, PlanVersion, StepHold
from intake.visits.models import Appointment
from tests.workflows.plans import planned
from tests.workflows.steps import OUTPATIENT, Center


def missed(center: Center, case_id: int, *, status: int = 302) -> None:
    """Ada confirms that somebody did not come to the visit that was due."""
    with center.look() as session:
        found = select(Appointment.id).where(Appointment.case_id == case_id).order_by(Appointment.starts_at.desc())
        visit = session.scalars(found).first()
    center.step("ada", case_id, "no-show", status=status, visit=id_text(visit or 0))


def test_a_missed_start_frees_the_bed_owes_three_calls_and_a_new_start_within_48_hours(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 1)
    case_id = center.accepted()
    waiting = center.accepted(name="Ines Cole", phone="555 014 8811")
    center.step("ada", waiting, "waitlist", wait_class="other")
    center.step("ada", case_id, "schedule", starts_at=center.local(hours=1), kind="admission", bed=id_text(rooms[0]))
    # G1: only after the grace, and only a person says so.
    center.later(hours=1, minutes=10)
    missed(center, case_id, status=422)
    center.later(minutes=15)
    missed(center, case_id)
    assert center.case(case_id).state is CaseState.NO_SHOW
    # G2, G3: calls, counselling and a new start are owed in the same commit.
    owed = center.owed(case_id=case_id)
    assert {"call_same_day", "call_24h", "call_72h", "rebook", "tolerance_warning", "naloxone"} <= set(owed)
    assert owed["rebook"] - utcnow() <= timedelta(hours=48)
    # The bed moves to the next in line within a minute.
    center.later(seconds=50)
    assert "offer_bed" in center.owed(case_id=waiting)
    # G5: after the last try somebody decides; the case does not close over its calls without a reason.
    for _ in range(3):
        center.step("ada", case_id, "try", channel="phone", outcome="no_answer")
    assert "decide_unreached" in center.owed(case_id=case_id)
    refused = center.step("ada", case_id, "close", status=422, reason="unreachable", refused="yes")
    assert "Safety tasks are still open" in refused.text
    center.step(
        "ada", case_id, "close", reason="unreachable", refused="yes", task_reason="Not reached, sister knows the lines"
    )
    case = center.case(case_id)
    assert (case.state, case.admitted_on) == (CaseState.CLOSED, None)
    assert "WELCOME_BACK" in case.flags


def test_a_conversation_ends_the_calls_and_a_new_start_is_offered(center: Center) -> None:
    case_id = center.accepted("outpatient", OUTPATIENT)
    center.step("ada", case_id, "schedule", starts_at=center.local(hours=1), kind="first_visit")
    center.later(hours=2)
    missed(center, case_id)
    center.step("ada", case_id, "try", channel="post", outcome="reached", status=422)
    center.step("ada", case_id, "try", channel="phone", outcome="reached", words="Overslept, wants to come")
    assert not {"call_same_day", "call_24h", "call_72h"} & set(center.owed(case_id=case_id))
    center.step("ada", case_id, "schedule", starts_at=center.local(hours=20), kind="first_visit")
    assert "rebook" not in center.owed(case_id=case_id)
    assert center.case(case_id).state is CaseState.SCHEDULED


def test_in_a_taper_no_step_advances_on_its_own_after_a_missed_visit(center: Center) -> None:
    # G4: in care the next step is held, and a task names the last dose reached.
    case_id = center.admitted("outpatient", OUTPATIENT)
    # Late in the evening the missed visit is noticed on the next day, when no step may have begun yet.
    planned(center, case_id, starts_in=2)
    center.step("ada", case_id, "visit", starts_at=center.local(hours=2), kind="visit")
    center.later(hours=3)
    missed(center, case_id)
    assert center.case(case_id).state is CaseState.ADMITTED, "only the promise is missed"
    assert {"last_dose", "step_hold", "call_same_day"} <= set(center.owed(case_id=case_id))
    assert "last dose reached: 30-30-30" in center.page("cleo", "/tasks")
    with center.look() as session:
        assert session.scalars(select(StepHold.reason)).all() == ["missed_visit"]


def test_somebody_who_never_came_has_the_plan_paused_and_its_mails_stopped(center: Center) -> None:
    case_id = center.accepted("outpatient", OUTPATIENT)
    planned(center, case_id)
    center.step("ada", case_id, "schedule", starts_at=center.local(hours=1), kind="first_visit")
    center.later(hours=2)
    missed(center, case_id)
    with center.look() as session:
        states = set(session.scalars(select(PlanVersion.state)))
        assert states == {PlanState.SUPERSEDED, PlanState.PAUSED}
        open_ones = session.scalars(
            select(Message.kind).where(Message.case_id == case_id, Message.state == MessageState.SCHEDULED)
        )
        assert set(open_ones) <= {"plan_changed"}, "one review notice, no step mail"
