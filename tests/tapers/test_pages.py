"""The builder, the version page and the sheet, by a signed-in browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake.clock import utcnow
from intake.db import db, id_text
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from tests.inquiries.browser import visible
from tests.screening.sitting import Browser
from tests.tapers import story


@pytest.fixture
def pat(app_sqlite: Flask) -> story.Story:
    """Pat's accepted case; no context is left open."""
    with app_sqlite.app_context():
        found = story.begin(app_sqlite)
    return found


def generator(**changed: str) -> dict[str, str]:
    """The fields of the generator."""
    start = (utcnow().date() + timedelta(days=2)).isoformat()
    return {
        "action": "rebuild",
        "product": "oxycodone_er",
        "regimen": "30-30-30",
        "goal": "30",
        "rate_pct": "10",
        "mode": "exponential",
        "interval_days": "28",
        "start_date": start,
        "final": "stop",
        "max_step_pct": "20",
        **changed,
    }


def page_of(pat: story.Story) -> str:
    """The address of the builder."""
    return f"/cases/{id_text(pat.case_id)}/taper"


def newest(pat: story.Story) -> PlanVersion:
    """The newest version of Pat's plan."""
    return db.session.scalars(
        select(PlanVersion)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(TaperPlan.case_id == pat.case_id)
        .order_by(PlanVersion.n.desc())
        .limit(1)
    ).one()


def test_the_generator_fills_the_grid_with_the_doses_of_the_vectors(app_sqlite: Flask, pat: story.Story) -> None:
    browser = Browser(app_sqlite, "cleo")
    assert browser.post(page_of(pat), generator(), page=page_of(pat)).status_code == 302
    page = browser.get(page_of(pat)).text
    assert 'name="d1_0" aria-label="Morning, step 1" value="25"' in page
    assert "11.1%" in page
    with app_sqlite.app_context():
        version = newest(pat)
        assert [s["daily_total"] for s in version.steps] == [80, 70, 65, 60, 55, 50, 45, 40, 35, 30]


@pytest.mark.parametrize(
    "bad",
    [
        {"product": "aspirin"},
        {"regimen": ""},
        {"regimen": "30-x"},
        {"regimen": "0-0"},
        {"regimen": "NaN"},
        {"regimen": "1e400"},
        {"regimen": "-5"},
        {"regimen": "9" * 60},
        {"rate_pct": "0"},
        {"rate_pct": "101"},
        {"rate_pct": "50/0"},
        {"rate_pct": "1e9"},
        {"interval_days": "0"},
        {"interval_days": "2.5"},
        {"start_date": "2020-01-01"},
        {"start_date": "31/31/2027"},
        {"goal": "90"},
        {"goal": "inf"},
        {"mode": "magic"},
    ],
)
def test_what_cannot_be_built_gets_a_sentence_and_keeps_what_was_typed(
    app_sqlite: Flask, pat: story.Story, bad: dict[str, str]
) -> None:
    browser = Browser(app_sqlite, "cleo")
    answer = browser.post(page_of(pat), generator(interval_days="17") | bad, page=page_of(pat))
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    if "interval_days" not in bad:
        assert 'value="17"' in answer.text
    with app_sqlite.app_context():
        assert db.session.scalars(select(PlanVersion.id)).all() == []


def test_a_hand_edit_is_checked_like_everything_else(app_sqlite: Flask, pat: story.Story) -> None:
    browser = Browser(app_sqlite, "cleo")
    browser.post(page_of(pat), generator(), page=page_of(pat))
    rising = {"action": "grid", "days1": "28", "d1_0": "60", "d1_1": "60", "d1_2": "60"}
    assert browser.post(page_of(pat), rising, page=page_of(pat)).status_code == 422
    odd = {"action": "grid", "days1": "28", "d1_0": "25", "d1_1": "7", "d1_2": "25"}
    assert browser.post(page_of(pat), odd, page=page_of(pat)).status_code == 422
    fine = {"action": "grid", "days1": "14", "d1_0": "25", "d1_1": "30", "d1_2": "30", "days2": "28"}
    fine |= {"d2_0": "20", "d2_1": "25", "d2_2": "25"}
    assert browser.post(page_of(pat), fine, page=page_of(pat)).status_code == 302
    with app_sqlite.app_context():
        assert [s["daily_total"] for s in newest(pat).steps] == [85, 70]


def test_signing_from_the_page_activates_the_plan_and_opens_its_sheet(app_sqlite: Flask, pat: story.Story) -> None:
    with app_sqlite.app_context():
        version = story.draft(pat)
        plan = id_text(version.plan_id)
    browser = Browser(app_sqlite, "petra")
    page = browser.get(page_of(pat)).text
    reasons = {f"reason:{code}": "Talked through." for code in _codes(page)}
    answer = browser.post(f"/tapers/{plan}/v/1/sign", {"agreed": "yes", **reasons}, page=page_of(pat))
    assert answer.status_code == 302, answer.text
    with app_sqlite.app_context():
        assert newest(pat).state is PlanState.ACTIVE
    assert "Dose over time" in browser.get(f"/tapers/{plan}/v/1").text
    sheet = browser.get(f"/tapers/{plan}/v/1/calendar").text
    assert "Your plan for the next 28 days" in sheet
    assert browser.get(f"/tapers/{plan}/v/1/calendar?step=99").status_code == 404


def _codes(page: str) -> set[str]:
    return {part.split('"')[0] for part in page.split('name="reason:')[1:]}


def test_a_pause_is_one_form_and_a_resume_waits_for_a_signature(app_sqlite: Flask, pat: story.Story) -> None:
    with app_sqlite.app_context():
        version = story.sign(pat, story.draft(pat))
        plan = id_text(version.plan_id)
    browser = Browser(app_sqlite, "cleo")
    page = f"/tapers/{plan}/v/1"
    assert browser.post(f"{page}/pause", {"reason": "pain"}, page=page).status_code == 422
    until = (utcnow().date() + timedelta(days=9)).isoformat()
    paused = browser.post(f"{page}/pause", {"reason": "pain", "review_by": until}, page=page)
    assert paused.location == f"/tapers/{plan}/v/2"
    resumed = browser.post(f"/tapers/{plan}/v/2/resume", {}, page=f"/tapers/{plan}/v/2")
    assert resumed.location == page_of(pat)
    with app_sqlite.app_context():
        assert newest(pat).state is PlanState.DRAFT
    assert "Paused" in browser.get(f"/tapers/{plan}/v/2").text
    compared = visible(browser.get(f"/tapers/{plan}/diff/1..2"))
    assert "10 of 10 the same" in compared
    assert re.search(r"Taken back [1-9]\d* New 0 Same day 0", compared)


def test_a_clinician_of_another_site_sees_nothing_at_all(app_sqlite: Flask, pat: story.Story) -> None:
    with app_sqlite.app_context():
        version = story.sign(pat, story.draft(pat))
        plan = id_text(version.plan_id)
    browser = Browser(app_sqlite, "cora")
    for path in (page_of(pat), f"/tapers/{plan}/v/1", f"/tapers/{plan}/v/1/calendar", f"/tapers/{plan}/diff/1..1"):
        assert browser.get(path).status_code == 404
    assert browser.post(f"/tapers/{plan}/v/1/pause", {"reason": "pain"}).status_code in {404, 422}
    with app_sqlite.app_context():
        assert newest(pat).state is PlanState.ACTIVE


def test_admissions_staff_do_not_open_taper_pages(app_sqlite: Flask, pat: story.Story) -> None:
    assert Browser(app_sqlite, "ada").get(page_of(pat)).status_code == 403


def test_reminders_need_an_address_read_back_and_the_persons_yes(app_sqlite: Flask, pat: story.Story) -> None:
    browser = Browser(app_sqlite, "cleo")
    browser.post(page_of(pat), generator(), page=page_of(pat))
    where = page_of(pat) + "/reach"
    answer = browser.post(where, {"email": "new@mail.example", "hour": "11"}, page=page_of(pat))
    assert answer.status_code == 422
    assert "Read the address back" in answer.text
    assert "new@mail.example" in answer.text
    full = {"email": "new@mail.example", "hour": "11", "confirmed": "yes", "mail_agreed": "yes"}
    assert browser.post(where, full, page=page_of(pat)).status_code == 302
    assert "new@mail.example" in browser.get(page_of(pat)).text
