"""Workflow J: the day on one screen, and every state of a case reachable by the pages."""

from __future__ import annotations

from intake.cases.models import CaseState
from intake.db import id_text
from tests.workflows.steps import OUTPATIENT, Center
from tests.workflows.test_f_transfer import READY


def test_one_screen_shows_arrivals_holds_late_clocks_and_beds(center: Center) -> None:
    rooms = center.ward("Detox", "inpatient_detox", 2)
    expected = center.accepted()
    center.step("ada", expected, "schedule", starts_at=center.local(minutes=2), kind="admission", bed=id_text(rooms[0]))
    forgotten = center.screen(center.call(name="Ines Cole", phone="555 014 8811"))
    center.later(hours=25)
    page = center.page("cleo", "/today")
    for part in ("Arrivals and visits today", "Bed holds that end within a day", "Waits past its target", "Detox"):
        assert part in page
    assert "Marcus" not in page
    # The shift hands over: everything goes back, and the sheet has numbers only.
    center.post("cleo", "/queues/outpatient/next")
    center.post("cleo", "/handover/give-back")
    assert center.waits_in(forgotten) == ["outpatient"]
    sheet = center.page("cleo", "/handover/sheet")
    assert "Case numbers only." in sheet
    assert "Ines" not in sheet


def test_every_state_of_a_case_is_reached_by_its_pages(center: Center) -> None:
    case_id = center.screen(center.call(), OUTPATIENT)
    seen = [center.case(case_id).state]

    def go(who: str, name: str, **form: str) -> None:
        center.step(who, case_id, name, **form)
        seen.append(center.case(case_id).state)

    go("cleo", "decide", decision="accept", level="outpatient", told_whom="person")
    go("ada", "waitlist", wait_class="other")
    go("ada", "schedule", starts_at=center.local(hours=1), kind="first_visit")
    center.later(hours=2)
    visit = center.as_("ada").get(f"/cases/{id_text(case_id)}/no-show").text
    go("ada", "no-show", visit=visit.split('name="visit"')[1].split('value="')[1].split('"')[0])
    go("ada", "schedule", starts_at=center.local(hours=1), kind="first_visit")
    go("cleo", "admit", level="outpatient")
    go("cleo", "transfer", to_level="residential", reason="Needs more", **READY)
    center.answer_transfer("cyrus", case_id, "accepted")
    center.answer_transfer("cyrus", case_id, "arrived")
    go("cleo", "discharge", type="completed", naloxone="has_it")
    go("cleo", "after-care")
    go("cleo", "close", reason="done", next_contact="Calls in spring", task_reason="Said at discharge")
    assert set(seen) == set(CaseState)
