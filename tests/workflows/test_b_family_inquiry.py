"""Workflow B: a mother writes; nothing is confirmed or denied until the person agrees."""

from __future__ import annotations

from sqlalchemy import select

from intake.db import id_text
from intake.inquiries.models import Inquiry, InquiryState
from intake.people.models import Person, PersonKind
from tests.inquiries.browser import FAMILY, Browser, send
from tests.workflows.steps import Center


def written(center: Center) -> Inquiry:
    """Rosa fills the public form about K."""
    answer = send(Browser(center.app), FAMILY)
    assert answer.status_code == 302
    with center.look() as session:
        row = session.scalars(select(Inquiry)).one()
        session.expunge(row)
        return row


def kind_of(center: Center, person_id: int) -> PersonKind:
    """What is known of a person."""
    with center.look() as session:
        return session.get_one(Person, person_id).kind


def test_a_family_request_waits_for_the_persons_own_word(center: Center) -> None:
    # B1, B2: the inquirer is a person, the one of concern a placeholder.
    row = written(center)
    assert row.inquirer_id != row.person_id
    assert kind_of(center, row.person_id) is PersonKind.PLACEHOLDER
    # B3: admissions call within the clock and neither confirm nor deny.
    here = f"/inquiries/{id_text(row.id)}"
    assert "Neither confirm nor deny." in center.page("ada", here)
    center.post("ada", f"{here}/attempts", channel="phone", outcome="spoke_inquirer")
    assert center.inquiry(row.id).first_contact_at is not None
    # B4: the person calls; how and who said so is kept, and only now are they known.
    center.post("ada", f"{here}/agreed", status=422)
    center.post("ada", f"{here}/agreed", how="Called us herself", person_name="Kim", person_phone="555 014 6655")
    assert kind_of(center, row.person_id) is PersonKind.KNOWN
    assert center.inquiry(row.id).contact_consent_how == "said_by"
    # B5: it goes on like any other.
    case_id = center.screen(row.id)
    assert center.waits_in(case_id) == ["outpatient"]


def test_without_contact_the_clock_tells_and_after_the_last_try_somebody_decides(center: Center) -> None:
    row = written(center)
    here = f"/inquiries/{id_text(row.id)}"
    center.later(hours=73)
    assert "late_first_contact" in center.owed(inquiry_id=row.id)
    for _ in range(3):
        center.post("ada", f"{here}/attempts", channel="phone", outcome="no_answer")
    assert "All tries are used up." in center.page("ada", here)
    assert "decide_unreached" in center.owed(inquiry_id=row.id)
    center.post("ada", f"{here}/close", status=422, state="unreachable", reason="Three tries")
    center.post(
        "ada", f"{here}/close", state="unreachable", reason="Three tries", next_contact="Pointed to public help pages"
    )
    assert center.inquiry(row.id).state is InquiryState.UNREACHABLE
    assert center.owed(inquiry_id=row.id) == {}
