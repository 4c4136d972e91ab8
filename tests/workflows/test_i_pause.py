"""Workflow I: a plan is paused at once by any clinician, reviewed in time, and goes on only after a signature."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from intake.db import id_text
from intake.messages.models import Message, MessageState
from intake.tapers.models import PlanState, PlanVersion
from tests.workflows.plans import planned, signed
from tests.workflows.steps import OUTPATIENT, Center


def mails(center: Center, case_id: int) -> list[str]:
    """The kinds of mail still owed for a case."""
    with center.look() as session:
        rows = session.scalars(
            select(Message.kind).where(Message.case_id == case_id, Message.state == MessageState.SCHEDULED)
        )
        return sorted(rows)


def states(center: Center) -> list[PlanState]:
    """The versions of the plan, oldest first."""
    with center.look() as session:
        return list(session.scalars(select(PlanVersion.state).order_by(PlanVersion.n)))


def test_a_pause_stops_the_steps_at_once_and_a_forgotten_review_goes_up(center: Center) -> None:
    case_id = center.admitted("outpatient", OUTPATIENT)
    plan = planned(center, case_id)
    assert "reminder" in mails(center, case_id)
    # I2: reason, dose held and review date; no signature.
    review = date.fromisoformat(center.local()[:10]) + timedelta(days=3)
    center.post("cyrus", f"{plan}/pause", status=422, reason="pain")
    center.post("cyrus", f"{plan}/pause", reason="pain", review_by=review.isoformat(), agreed_by="Cyrus Bell")
    # I3: in the same commit the step mails are gone and one review notice is owed.
    assert states(center) == [PlanState.SUPERSEDED, PlanState.PAUSED]
    assert mails(center, case_id) == ["plan_changed"]
    assert "pause_review" in center.owed(case_id=case_id)
    # I5: the review passes: the clinician's task is late and goes to the supervisor.
    center.later(days=4)
    assert "overdue" in center.owed(case_id=case_id)
    assert "Paused, review was due" in center.page("cleo", "/today")
    # I4, I6: going on is a draft until a prescriber signs it.
    paused = plan.replace("/v/1", "/v/2")
    center.post("cleo", f"{paused}/resume")
    assert mails(center, case_id) == ["plan_changed"], "an unsigned version owes no mail"
    today = date.fromisoformat(center.local()[:10])
    center.post(
        "cleo", f"/cases/{id_text(case_id)}/taper", action="checklist", naloxone="accepted", moud="not_needed",
        goals="Walk the dog again.", pdmp_checked_on=today.isoformat(), setting="outpatient", agreed="yes",
        risks_discussed="yes", follow_up_on=(today + timedelta(days=14)).isoformat(),
    )  # fmt: skip
    signed(center, case_id)
    assert states(center) == [PlanState.SUPERSEDED, PlanState.SUPERSEDED, PlanState.ACTIVE]
    assert "reminder" in mails(center, case_id)
