"""Workflow F: from detox to outpatient; silence goes up, both sides see it, arrival moves everything at once."""

from __future__ import annotations

import re
from datetime import timedelta

from intake.cases.models import CaseState
from intake.cases.queries import current_level
from intake.clock import utcnow
from intake.db import id_text
from tests.workflows.steps import Center

READY = {"withdrawal": "falling", "vitals": "stable", "moud": "starting"}


def level(center: Center, case_id: int) -> str:
    """The level of care now."""
    case = center.case(case_id)
    with center.look():
        return current_level(case)


def test_a_transfer_is_asked_answered_and_arrives(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 1)
    slots = center.ward("Clinic", "outpatient", 1, kind="slot")
    case_id = center.admitted(bed=rooms[0])
    # F1: the sender asks and stays owner.
    center.step("cleo", case_id, "transfer", status=422, to_level="outpatient", reason="Two calm days")
    center.step("cleo", case_id, "transfer", to_level="outpatient", reason="Two calm days", **READY)
    assert center.case(case_id).state is CaseState.TRANSFER_PENDING
    assert "Asked by you" in center.page("cleo", "/transfers")
    assert "Waits for an answer" in center.page("cyrus", "/transfers")
    # F2: silence past the clock goes to the supervisors.
    center.later(hours=4, minutes=1)
    assert "overdue" in center.owed(case_id=case_id)
    assert "late" in center.page("sol", "/transfers")
    center.answer_transfer("cleo", case_id, "accepted", status=422)
    center.answer_transfer("cyrus", case_id, "accepted", bed=id_text(slots[0]))
    assert "overdue" not in center.owed(case_id=case_id)
    assert (level(center, case_id), center.case(case_id).owner_id) == ("inpatient_detox", center.cast.cleo.id)
    # F3: arrival moves stay and owner in one commit; the level at admission stays as it was.
    center.answer_transfer("cyrus", case_id, "arrived")
    case = center.case(case_id)
    assert (case.state, case.owner_id, case.admit_level) == (
        CaseState.ADMITTED,
        center.cast.cyrus.id,
        "inpatient_detox",
    )
    assert level(center, case_id) == "outpatient"
    # F4: what is billed may differ and is hidden from clinicians.
    center.step("ada", case_id, "billed-level", level="intensive_outpatient")
    assert "Billed" in center.page("ada", f"/cases/{id_text(case_id)}")
    assert "Billed" not in center.page("cleo", f"/cases/{id_text(case_id)}")
    # F5: the first outpatient visit within seven days.
    assert center.owed(case_id=case_id)["first_visit"] - utcnow() <= timedelta(days=7)
    center.step("ada", case_id, "visit", starts_at=center.local(hours=2), kind="visit")
    form = center.as_("ada").get(f"/cases/{id_text(case_id)}/settle-visit").text
    visit = form.split('name="visit"')[1].split('value="')[1].split('"')[0]
    center.step("ada", case_id, "settle-visit", status=422, visit=visit, outcome="moved", starts_at="soon")
    center.step("ada", case_id, "settle-visit", visit=visit, outcome="moved", starts_at=center.local(hours=3))
    center.later(hours=3)
    center.step("ada", case_id, "settle-visit", visit=visit, outcome="kept")
    assert "first_visit" not in center.owed(case_id=case_id)


def test_a_rejected_transfer_leaves_everything_where_it_was(center: Center) -> None:
    case_id = center.admitted()
    center.step("cleo", case_id, "transfer", to_level="outpatient", reason="Two calm days", **READY)
    center.answer_transfer("cyrus", case_id, "rejected", status=422)
    center.answer_transfer("cyrus", case_id, "rejected", code="not_stable")
    assert center.case(case_id).state is CaseState.ADMITTED
    assert level(center, case_id) == "inpatient_detox"
    assert "not stable enough yet" in center.page("cleo", "/transfers")


def test_a_transfer_to_another_center_goes_by_their_answer_and_is_asked_about_after_a_week(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 1)
    case_id = center.admitted(bed=rooms[0])
    where = {"to_level": "residential", "reason": "Needs months, not days", **READY}
    for place in ("Harbor House", "Hill Farm"):
        center.step("cleo", case_id, "transfer", place=place, **where)
    page = center.page("cleo", "/transfers")
    assert "Another center answers" in page
    assert "Harbor House" in page
    # What they get passes the gate, and the page says where.
    assert "Give out a copy" in center.page("cleo", f"/cases/{id_text(case_id)}/answer-transfer")
    form = center.as_("cleo").get(f"/cases/{id_text(case_id)}/answer-transfer").text
    found = dict(
        re.findall(r'value="(\w+:\w+)".*?((?:They accept|They say no|Take the request back): \w+ \w+)', form, re.S)
    )
    harbor, hill = (
        next(k for k, v in found.items() if v == w) for w in ("They accept: Harbor House", "They say no: Hill Farm")
    )
    center.step("cleo", case_id, "answer-transfer", status=422, answer=hill)
    center.step("cleo", case_id, "answer-transfer", answer=hill, code="no_place")
    center.step("cleo", case_id, "answer-transfer", answer=harbor)
    assert center.case(case_id).state is CaseState.TRANSFER_PENDING, "nothing moves before the person leaves"
    # Nobody arrives here; the discharge as transferred is what moves them, frees the bed, and closes the loop.
    center.step("cleo", case_id, "discharge", type="transferred", naloxone="accepted", warned="yes")
    assert center.case(case_id).state is CaseState.DISCHARGED
    assert "0 of 1 beds in use" in center.page("ada", "/beds")
    assert {"referral_outcome"} <= set(center.owed(case_id=case_id))
    assert "transfer_arrival" not in center.owed(case_id=case_id)
    sent = center.page("ada", f"/inquiries/{id_text(center.case(case_id).opened_from)}")
    assert "Harbor House" in sent
    assert "Hill Farm" not in sent
