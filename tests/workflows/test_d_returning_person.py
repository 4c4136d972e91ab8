"""Workflow D: somebody comes back; their history is one click away, old answers count once confirmed, doses never."""

from __future__ import annotations

import re

from intake.db import id_text
from tests.workflows.steps import OUTPATIENT, Center


def test_a_return_is_a_new_case_with_its_history_and_a_warning_about_lost_tolerance(center: Center) -> None:
    old = center.admitted("outpatient", OUTPATIENT)
    center.step("cleo", old, "discharge", type="completed", naloxone="accepted", moud="declined")
    center.later(days=10)
    # D5: coming back is a new inquiry; admissions join the records after asking who it is.
    inquiry_id = center.call()
    here = f"/inquiries/{id_text(inquiry_id)}"
    match = re.search(r'name="person" value="(\w{13})"', center.as_("ada").get(here).text)
    assert match is not None, "the earlier record shows as a possible match"
    center.post("ada", f"{here}/join", person=match[1])
    # D3: earlier answers stand beside their question and do not count before somebody says "still so".
    part = center.as_("cleo").get(f"{here}/screening/use").text
    assert "Told before" in part
    assert "Still so" in part
    case_id = center.screen(inquiry_id)
    case = center.case(case_id)
    assert case.id != old
    # D4: discharged less than 30 days ago.
    assert {"RETURNING", "TOLERANCE_LOST"} <= set(case.flags)
    # D2: identity, safe contact and consents are asked again; nothing is taken over.
    assert "ask_again" in center.owed(case_id=case_id)
    assert "Came back: ask identity" in center.page("ada", f"/cases/{id_text(case_id)}")
    # D1: earlier cases one click away.
    page = center.page("cleo", f"/cases/{id_text(case_id)}/history")
    assert "Overdose risk: tolerance lost." in page
    assert "Completed" in page
    # Doses are never copied forward: the builder starts empty.
    center.accept(case_id, "outpatient")
    builder = center.as_("cleo").get(f"/cases/{id_text(case_id)}/taper").text
    assert re.search(r'name="regimen"[^>]*value="[^"]+"', builder) is None
