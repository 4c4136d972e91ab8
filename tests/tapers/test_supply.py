"""How long a supply lasts is chosen before signing, stays with the version, and sets the days of its reminders."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import select

from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import RuleBroken
from intake.messages.models import Message, MessagePart
from intake.tapers import queries, service, signing
from intake.tapers.models import PlanVersion
from tests.screening.sitting import Browser
from tests.tapers import story


@pytest.fixture
def pat(app_sqlite: Flask) -> story.Story:
    """Pat's accepted case with a complete draft."""
    with app_sqlite.app_context():
        found = story.begin(app_sqlite)
        story.draft(found)
    return found


def draft_of(pat: story.Story) -> PlanVersion:
    """The open draft, read anew."""
    db.session.expire_all()
    version = queries.draft_of(pat.case_id)
    assert version is not None
    return version


def save(browser: Browser, pat: story.Story, days: str) -> tuple[int, str]:
    """Save the list before signing with a number of days in the field."""
    page, today = f"/cases/{id_text(pat.case_id)}/taper", utcnow().date()
    # The center's day may be the one before.
    checked, next_visit = (today + timedelta(days=n) for n in (-1, 14))
    form = {
        "action": "checklist", "naloxone": "accepted", "moud": "not_needed", "pdmp_checked_on": checked.isoformat(),
        "follow_up_on": next_visit.isoformat(), "goals": "Walk.", "risks_discussed": "yes", "agreed": "yes",
        "refill_days": days,
    }  # fmt: skip
    said = browser.post(page, form, page=page)
    return said.status_code, said.text if said.status_code == 422 else browser.get(page).text


def reminded(version: PlanVersion) -> list[date]:
    """The local dates of the mails owed about the next supply."""
    return list(
        db.session.scalars(
            select(Message.local_date)
            .join(MessagePart, MessagePart.message_id == Message.id)
            .where(Message.plan_version_id == version.id, MessagePart.kind == "REFILL")
            .order_by(Message.local_date)
        )
    )


def test_the_usual_supply_is_28_days_and_the_page_says_when_its_emails_go(app_sqlite: Flask, pat: story.Story) -> None:
    page = Browser(app_sqlite, "cleo").get(f"/cases/{id_text(pat.case_id)}/taper").text
    assert 'name="refill_days" type="text" value="28"' in page
    assert "About the next supply: 9 of them" in page


def test_a_shorter_supply_is_kept_with_the_version_and_sets_the_days_of_its_emails(
    app_sqlite: Flask, pat: story.Story
) -> None:
    status, page = save(Browser(app_sqlite, "petra"), pat, "14")
    assert status == 302
    assert "About the next supply: 19 of them" in page
    with app_sqlite.app_context():
        assert draft_of(pat).checklist["refill_days"] == 14
        signed = story.sign(pat, draft_of(pat))
        days = reminded(signed)
        assert len(days) == 19
        assert {(b - a).days for a, b in pairwise(days)} == {14}
        assert "14 days" in Browser(app_sqlite, "cleo").get(f"/tapers/{id_text(signed.plan_id)}/v/{signed.n}").text


def test_an_empty_answer_owes_no_email_about_a_supply(app_sqlite: Flask, pat: story.Story) -> None:
    status, page = save(Browser(app_sqlite, "petra"), pat, "")
    assert status == 302
    assert "About the next supply" not in page
    with app_sqlite.app_context():
        assert reminded(story.sign(pat, draft_of(pat))) == []


@pytest.mark.parametrize("days", ["0", "91", "-3", "two", "1.5", "9" * 30, "28\x00"])
def test_anything_else_is_answered_with_a_sentence_and_kept_as_typed(
    app_sqlite: Flask, pat: story.Story, days: str
) -> None:
    status, page = save(Browser(app_sqlite, "petra"), pat, days)
    assert status == 422
    assert 'id="refill_days-error"' in page
    with app_sqlite.app_context():
        assert draft_of(pat).checklist["refill_days"] == 28


def test_a_version_of_before_it_could_be_chosen_stands_for_28_days(app_sqlite: Flask, pat: story.Story) -> None:
    with app_sqlite.app_context():
        with transaction():
            version = draft_of(pat)
            version.checklist = {k: v for k, v in version.checklist.items() if k != "refill_days"}
        assert service.checklist_of(draft_of(pat)).refill_days == 28
        assert len(reminded(story.sign(pat, draft_of(pat)))) == 9


def test_the_signers_yes_counts_as_the_agreement(app_sqlite: Flask, pat: story.Story) -> None:
    with app_sqlite.app_context():
        with transaction():
            version = draft_of(pat)
            version.checklist = {**version.checklist, "agreed": False}
        with pytest.raises(RuleBroken):
            story.sign(pat, draft_of(pat))
        with transaction():
            version = draft_of(pat)
            reasons = {c.key: "Talked through with Pat." for c in service.concerns(version, pat.case)}
            signing.sign(version.id, signing.Signing(reasons, agreed=True), actor=pat.cast.petra, now=utcnow())
            assert version.checklist["agreed"] is True
