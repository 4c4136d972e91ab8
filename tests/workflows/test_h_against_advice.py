"""Workflow H: somebody leaves early; heard, offered, warned, called after a day and after three, welcome back."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select

from intake.cases.models import CaseState
from intake.clock import utcnow
from intake.db import id_text
from intake.messages.models import Message, MessageState
from intake.people.models import EmergencyContact
from tests.workflows.plans import planned
from tests.workflows.steps import LEAVING, OUTPATIENT, Center


def test_leaving_against_advice_writes_its_safety_net_in_one_commit(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 1)
    case_id = center.admitted("inpatient_detox", OUTPATIENT, bed=rooms[0])
    planned(center, case_id)
    # H1, H2: reason, capacity, who counselled and what was offered are asked; naloxone and the warning are recorded.
    for left_out in ("reason", "naloxone", "warned", "capacity", "offered"):
        told = {k: v for k, v in LEAVING.items() if k != left_out}
        center.step("cleo", case_id, "discharge", status=422, **told)
    here = f"/cases/{id_text(case_id)}/emergency-contact"
    center.post("ada", f"{here}/add", name="Nora Webb", relation="sibling", phone="(555) 014-9231", may_call="yes")
    said = {"reconciled": "yes", "follow_up": "follow_up_taken", "at_end": "goals_part", "tell_contact": "yes"}
    center.step("cleo", case_id, "discharge", **LEAVING, **said)
    # H3: one commit stops the mails, frees the bed, owes the calls and the medication offer, sets the flag.
    case = center.case(case_id)
    assert (case.state, case.discharge_type) == (CaseState.DISCHARGED, "against_advice")
    assert "WELCOME_BACK" in case.flags
    owed = center.owed(case_id=case_id)
    assert {"call_24h", "call_72h", "moud_offer", "tell_contact"} <= set(owed)
    assert owed["call_24h"] - utcnow() <= timedelta(hours=24)
    assert "0 of 1 beds in use" in center.page("ada", "/beds")
    with center.look() as session:
        left = session.scalars(
            select(Message.id).where(Message.case_id == case_id, Message.state == MessageState.SCHEDULED)
        ).all()
        assert left == []
    story = center.page("cleo", f"/cases/{id_text(case_id)}")
    for line in ("I miss my kids", "Medicines gone through with them", "Next appointment: Offered and taken"):
        assert line in story
    assert (case.discharge_status, "Goals met in part" in story) == ("goals_part", True)
    # H4: they asked us to tell somebody, and still nobody is told before a consent is signed.
    with center.look() as session:
        contact = id_text(session.scalars(select(EmergencyContact.id)).one())
    refused = center.post("cleo", f"{here}/{contact}/tell", status=422, parts=["presence"])
    assert "Say nothing." in refused.text
    consent = center.post("cleo", f"{here}/{contact}/consent", parts=["discharge"], end_event="a month is over")
    center.post("cleo", f"{consent.headers['Location']}/sign", signed_how="paper", signed_name="Marcus Webb")
    center.post("cleo", f"{here}/{contact}/tell", parts=["discharge"])
    told = re.findall(r'action="(/cases/\w+/emergency-contact/\w+/told/\w+)"', center.as_("cleo").get(here).text)[0]
    center.post("cleo", told, outcome="told", how="in_person")
    assert "tell_contact" not in center.owed(case_id=case_id)
    # No detox case closes without a next appointment, and none over its safety work.
    assert "Safety tasks" in center.step("cleo", case_id, "close", status=422, reason="left").text
    center.later(hours=24, minutes=1)
    assert "overdue" in center.owed(case_id=case_id), "nobody called within a day"
    # H5: the calls are made, the offer is answered, an appointment is booked: now it may close.
    for kind in ("call_24h", "call_72h", "moud_offer"):
        center.post("cleo", f"{center.task(case_id, kind)}/finish", outcome="reached", reason="Doing well")
    refused = center.step("cleo", case_id, "close", status=422, reason="left")
    assert "next appointment" in refused.text
    center.step("cleo", case_id, "visit", starts_at=center.local(days=2), kind="follow_up")
    center.step("cleo", case_id, "close", reason="left")
    assert center.case(case_id).state is CaseState.CLOSED
