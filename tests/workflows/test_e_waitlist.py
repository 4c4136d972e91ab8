"""Workflow E: no bed is free; the law's clocks run, the weekly call is made, a freed bed is offered within a minute."""

from __future__ import annotations

from datetime import timedelta

from intake.cases.models import CaseState
from intake.clock import utcnow
from intake.db import id_text
from tests.workflows.steps import Center


def test_a_full_house_keeps_the_place_in_line_until_a_bed_is_free(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 1)
    inside = center.admitted(bed=rooms[0])
    # The house is full: the State is told within seven days.
    center.later(minutes=1)
    assert "Beds full: notice to the State" in center.page("sol", "/waitlist")
    # E1: date and number are given once.
    case_id = center.accepted(name="Ines Cole", phone="555 014 8811")
    center.step("ada", case_id, "waitlist", wait_class="pregnant")
    case = center.case(case_id)
    fixed = (case.request_on, case.wait_number)
    # E2: interim services within 48 hours; pregnant and no place: the State hears of it.
    owed = center.owed(case_id=case_id)
    assert {"interim_service", "wait_admit", "wait_longest", "tell_state", "wait_contact"} <= set(owed)
    assert owed["interim_service"] - utcnow() <= timedelta(hours=48)
    center.step("ada", case_id, "interim", status=422, services=["infection"])
    center.step("ada", case_id, "interim", services=["infection", "prenatal"])
    # E3: the weekly call, with new danger heard at once.
    center.later(days=7)
    assert "late" in center.page("ada", "/waitlist")
    center.step("ada", case_id, "weekly", channel="phone", outcome="still_wants")
    assert center.owed(case_id=case_id)["wait_contact"] > utcnow() + timedelta(days=6)
    center.step("ada", case_id, "rank", wait_class="pregnant_injecting", reason="Told us on the phone")
    # E4: a bed is freed and kept for the first in line within a minute.
    center.step("cleo", inside, "discharge", type="completed", naloxone="accepted")
    center.later(seconds=50)
    assert "offer_bed" in center.owed(case_id=case_id)
    # One refusal keeps the place.
    center.step("ada", case_id, "refuse-place", reason="My mother is ill this week")
    case = center.case(case_id)
    assert (case.state, case.request_on, case.wait_number) == (CaseState.WAITLISTED, *fixed)
    center.later(days=1, minutes=1)
    assert "offer_bed" in center.owed(case_id=case_id), "offered again after a day"
    # The place is taken, and every clock of the wait ends.
    center.step("ada", case_id, "schedule", starts_at=center.local(hours=2), kind="admission")
    center.step("cleo", case_id, "admit", level="inpatient_detox")
    assert not {"wait_admit", "wait_longest", "wait_contact", "offer_bed"} & set(center.owed(case_id=case_id))
    # E5: the report has numbers and no names.
    report = center.as_("sol").get("/waitlist.csv").text
    assert report.splitlines()[1].startswith(f"{fixed[1]},Pregnant and injecting,")
    assert "Ines" not in report


def test_a_hold_nobody_answers_goes_to_the_next_and_leaving_needs_reason_and_tries(center: Center) -> None:
    first, second = center.accepted(), center.accepted(name="Ines Cole", phone="555 014 8811")
    center.step("ada", first, "waitlist", wait_class="injecting")
    center.step("ada", second, "waitlist", wait_class="other")
    center.ward("Detox", "inpatient_detox", 1)
    center.round()
    assert "offer_bed" in center.owed(case_id=first)
    center.later(hours=24, minutes=1)
    assert "offer_bed" in center.owed(case_id=second)
    assert "wait_contact" in center.owed(case_id=first), "somebody calls: the place in line is kept"
    # E6: removal needs a reason and the last tries.
    refused = center.step("ada", first, "close", status=422, reason="unreachable", refused="yes")
    assert "0 of 3 tries" in refused.text
    for _ in range(3):
        center.step("ada", first, "try", channel="phone", outcome="no_answer")
    assert "decide_unreached" in center.owed(case_id=first)
    center.step("ada", first, "close", reason="unreachable", refused="yes")
    case = center.case(first)
    assert (case.state, case.admitted_on) == (CaseState.CLOSED, None)
    assert "WELCOME_BACK" in case.flags
    assert id_text(first) not in center.as_("ada").get("/waitlist").text
