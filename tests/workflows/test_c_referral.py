"""Workflow C: a hospital refers; acknowledged, answered, a bed kept until arrival, or declined with the loop closed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from intake.cases.models import CaseState
from intake.clock import utcnow
from intake.db import id_text
from intake.inquiries.models import Channel, Inquiry
from tests.workflows.steps import DETOX, Center

TOLD = {
    "organisation": "Mercy General, ward 4", "referrer_name": "Dr. Lin", "call_back": "555 014 7788",
    "source": "hospital", "legal_basis": "consent", "patient_name": "Pat Reed", "born_on": "1984-07-03",
    "reason": "Step-down next week.", "danger": ["none"],
}  # fmt: skip


def referred(center: Center) -> int:
    """The hospital sends the public form."""
    center.app.config["WTF_CSRF_ENABLED"] = False
    client = center.app.test_client()
    assert client.get("/referral/").status_code == 200
    assert client.post("/referral/", data=TOLD).headers["Location"] == "/referral/sent"
    with center.look() as session:
        row = session.scalars(select(Inquiry)).one()
        assert row.channel is Channel.REFERRAL
        return row.id


def test_an_accepted_referral_has_a_bed_kept_until_the_person_arrives(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 1)
    inquiry_id = referred(center)
    assert center.owed(inquiry_id=inquiry_id), "the first reply is owed"
    center.post("ada", f"/inquiries/{id_text(inquiry_id)}/attempts", channel="phone", outcome="spoke_inquirer")
    case_id = center.screen(inquiry_id, DETOX)
    center.accept(case_id, "inpatient_detox")
    center.step("ada", case_id, "schedule", starts_at=center.local(hours=5), kind="admission", bed=id_text(rooms[0]))
    assert "kept" in center.page("ada", "/beds")
    center.step("cleo", case_id, "admit", level="inpatient_detox")
    case = center.case(case_id)
    assert (case.state, case.admit_level) == (CaseState.ADMITTED, "inpatient_detox")
    assert "1 of 1 beds in use" in center.page("ada", "/beds")


def test_a_person_referred_out_is_asked_about_after_seven_days(center: Center) -> None:
    case_id = center.screen(referred(center), DETOX)
    center.step(
        "cleo", case_id, "decide", decision="refer", reason="Mercy detox has a bed today", told_whom="referrer",
        refused="yes",
    )  # fmt: skip
    assert center.case(case_id).state is CaseState.CLOSED
    due = center.owed(case_id=case_id)["referral_outcome"]
    assert timedelta(days=6, hours=23) < due - utcnow() <= timedelta(days=7)
