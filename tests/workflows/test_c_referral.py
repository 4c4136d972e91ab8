"""Workflow C: a hospital refers; acknowledged, answered, a bed kept until arrival, or declined with the loop closed."""

from __future__ import annotations

import re
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
    # C3: the clinician accepts and says that the referrer heard it, which answers the referral.
    told = {"decision": "accept", "level": "inpatient_detox", "told_whom": "referrer", "reason": "Fits."}
    center.step("cleo", case_id, "decide", **told)
    assert "referral_reply" not in center.owed(inquiry_id=inquiry_id)
    assert "Accepted" in center.page("ada", f"/inquiries/{id_text(inquiry_id)}")
    # C4: a bed with an end, the way here, and what one nurse tells the other.
    way = {"transport": "Ward van", "arrival": "10 to 12", "nurse_note": "Walks with a cane."}
    center.step(
        "ada", case_id, "schedule", starts_at=center.local(hours=5), kind="admission", bed=id_text(rooms[0]), **way
    )
    assert "From nurse to nurse: Walks with a cane." in center.page("cleo", f"/cases/{id_text(case_id)}")
    assert "kept" in center.page("ada", "/beds")
    center.step("cleo", case_id, "admit", level="inpatient_detox")
    case = center.case(case_id)
    assert (case.state, case.admit_level) == (CaseState.ADMITTED, "inpatient_detox")
    assert "1 of 1 beds in use" in center.page("ada", "/beds")
    # C5: the referrer hears of the arrival what the person agreed to; without that, nothing.
    assert "tell_referrer" in center.owed(case_id=case_id)
    here = f"/cases/{id_text(case_id)}/referrer"
    assert "Say nothing." in center.post("ada", f"{here}/tell", status=422, parts=["presence"]).text
    consent = center.post("ada", f"{here}/consent", parts=["presence"], end_event="my care here ends")
    center.post("ada", f"{consent.headers['Location']}/sign", signed_how="paper", signed_name="Pat Reed")
    center.post("ada", f"{here}/tell", parts=["presence"])
    call = re.findall(r'action="(/cases/\w+/referrer/told/\w+)"', center.as_("ada").get(here).text)[0]
    center.post("ada", call, outcome="told", how="call_back")
    assert "tell_referrer" not in center.owed(case_id=case_id)


def test_a_person_referred_out_is_asked_about_after_seven_days(center: Center) -> None:
    case_id = center.screen(referred(center), DETOX)
    told = {"decision": "refer", "reason": "No bed in time", "told_whom": "referrer", "refused": "yes"}
    center.step("cleo", case_id, "decide", **told, places="Mercy detox, a bed today")
    case = center.case(case_id)
    assert case.state is CaseState.CLOSED
    # The referrer heard it from us: that answers the referral.
    assert "referral_reply" not in center.owed(inquiry_id=case.opened_from)
    due = center.owed(case_id=case_id)["referral_outcome"]
    assert timedelta(days=6, hours=23) < due - utcnow() <= timedelta(days=7)
    # A word on the list of tasks does not end it; what became of the person does.
    center.post("ada", f"{center.task(case_id, 'referral_outcome')}/finish", status=422, outcome="done")
    center.later(days=7, minutes=1)
    page = center.as_("ada").get(f"/inquiries/{id_text(case.opened_from)}").text
    assert "Mercy detox, a bed today" in page
    here = str(re.findall(r'action="(/inquiries/\w+/elsewhere/\w+)"', page)[0])
    center.post("ada", here, status=422, elsewhere="turned_away")
    center.post("ada", here, elsewhere="not_reached")
    again = center.owed(case_id=case_id)["referral_outcome"]
    assert timedelta(days=6, hours=23) < again - utcnow() <= timedelta(days=7)
    center.post("ada", here, elsewhere="turned_away", elsewhere_code="payment", elsewhere_words="Asked for a deposit.")
    assert "referral_outcome" not in center.owed(case_id=case_id)
    center.post("ada", here, status=409, elsewhere="in_care")
    known = center.page("ada", f"/inquiries/{id_text(case.opened_from)}")
    assert "Not taken there" in known
    assert "payment or coverage" in known
    assert "Asked for a deposit." in known


def test_a_declined_referral_names_other_places_and_is_asked_about(center: Center) -> None:
    inquiry_id = referred(center)
    here = f"/inquiries/{id_text(inquiry_id)}"
    center.post("ada", f"{here}/referral-answer", answer="need_more", answer_words="The labs, please.")
    assert "referral_reply" in center.owed(inquiry_id=inquiry_id), "the answer is still owed"
    center.post("cleo", f"{here}/referral-answer", answer="declined", answer_code="no_place")
    assert "referral_outcome" not in center.owed(inquiry_id=inquiry_id), "nothing was named"
    center.post("cleo", f"{here}/referral-answer", answer="declined", answer_code="no_place", answer_words="County")
    assert {"referral_outcome"} <= set(center.owed(inquiry_id=inquiry_id))
    assert "referral_reply" not in center.owed(inquiry_id=inquiry_id)
