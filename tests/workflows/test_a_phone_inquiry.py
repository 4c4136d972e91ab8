"""Workflow A: somebody calls, is heard, screened, placed by the rules, claimed and decided by a named person."""

from __future__ import annotations

from datetime import timedelta

from intake.cases.models import CaseState
from intake.clock import utcnow
from intake.db import id_text
from intake.inquiries.models import InquiryState
from tests.workflows.steps import Center


def test_a_call_becomes_a_decided_case_with_every_promise_on_the_clock(center: Center) -> None:
    # A1: five fields are enough, and this human contact stops the first-contact clock.
    inquiry_id = center.call()
    row = center.inquiry(inquiry_id)
    assert row.first_contact_at is not None
    assert "first_contact" not in center.owed(inquiry_id=inquiry_id)
    # A7: an appointment within 48 hours is a promise with a due time.
    here = f"/inquiries/{id_text(inquiry_id)}"
    center.post("ada", f"{here}/promises", kind="appointment", due_at=center.local(hours=30))
    assert center.owed(inquiry_id=inquiry_id)["promised_appointment"] - utcnow() < timedelta(hours=48)
    # A4 to A8: the screening is asked, the rules propose, admissions accept.
    case_id = center.screen(inquiry_id)
    assert center.case(case_id).state is CaseState.IN_REVIEW
    assert center.inquiry(inquiry_id).state is InquiryState.CLINICAL_REVIEW
    assert center.waits_in(case_id) == ["outpatient"]
    # A5: who pays is written down, and its check is owed within a day.
    center.post(
        "ada", f"/cases/{id_text(case_id)}/coverage", kind="medicaid", payer="State plan", policy="M1", order="1"
    )
    assert center.owed(case_id=case_id)["coverage_check"] - utcnow() <= timedelta(hours=24)
    # A9: a clinician claims the next one and decides; a second one reads who was first.
    claimed = center.post("cleo", "/queues/outpatient/next")
    assert id_text(case_id) in claimed.headers["Location"]
    late = center.step(
        "cyrus", case_id, "decide", status=409, decision="decline", code="legal_hold", told_whom="person"
    )
    assert "Cleo Park claimed this" in late.text
    center.step("cleo", case_id, "decide", status=422, decision="accept", level="outpatient")
    center.accept(case_id, "outpatient")
    case = center.case(case_id)
    assert (case.state, case.decision, case.told_whom) == (CaseState.ACCEPTED, "accept", "person")
    assert (case.decided_by, case.admitted_on) == (center.cast.cleo.id, None), "nothing counts as admission yet"
    assert "schedule" in center.owed(case_id=case_id)


def test_a_danger_answer_interrupts_the_call_and_stays_pinned_until_its_outcome(center: Center) -> None:
    # A2: any yes opens the case in the emergency queue, with nothing else filled in.
    inquiry_id = center.call(danger="overdose_24h")
    case_id = center.case_of(inquiry_id)
    assert center.waits_in(case_id) == ["emergency"]
    assert "danger" in center.owed(case_id=case_id)
    center.step("cleo", case_id, "decide", status=422, decision="accept", level="outpatient", told_whom="person")
    # Nobody acted in fifteen minutes: the supervisors are told within one more.
    center.later(minutes=16)
    assert {"overdue", "late_in_queue"} <= set(center.owed(case_id=case_id))
    center.step("cleo", case_id, "hand-over", outcome="called_911", words="Medic 4 is there")
    assert center.inquiry(inquiry_id).state is InquiryState.CRISIS_HANDED_OVER
    owed = center.owed(case_id=case_id)
    assert {"crisis_follow_up", "call_72h", "naloxone", "moud_offer"} <= set(owed)
    assert not {"danger", "overdue", "late_in_queue"} & set(owed)
    # The case cannot be closed over its safety work without a reason.
    refused = center.step("cleo", case_id, "close", status=422, reason="withdrawn", refused="yes")
    assert "Safety tasks are still open" in refused.text
