"""Forms in a real browser without script: call, screening, queue, claim, decision, note, taper, mailed links."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from intake.actor import Role
from intake.clock import utcnow
from intake.db import db, id_text
from intake.inquiries.models import Inquiry, InquiryState
from tests.journeys import patient
from tests.journeys.steps import pick
from tests.journeys.sweep import Center
from tests.journeys.test_keyboard import placement, prepare

pytestmark = pytest.mark.browser

OFF = {"viewport": {"width": 1440, "height": 1000}, "java_script_enabled": False}


def page_of(center: Center, browser: Browser, role: Role, path: str) -> Page:
    """A page of somebody whose browser runs no script."""
    page = center.window(browser, role, **OFF).new_page()
    page.goto(center.url + path)
    return page


def test_a_call_is_written_down(desk_center: Center, chromium: Browser) -> None:
    page = page_of(desk_center, chromium, Role.ADMISSIONS, "/inbox")
    page.get_by_role("link", name=re.compile("^New call")).click()
    answers = {
        "danger": "none", "relation": "self", "name": "Marcus", "phone": "555 014 9022", "age": "31", "message": "no",
        "takes": "fentanyl", "last_use": "under_24h", "withdrawal": "bad", "pregnant": "na", "consent": "yes",
    }  # fmt: skip
    for name, value in answers.items():
        pick(page, name, value)
    page.get_by_role("button", name="Save, call back later").click()
    expect(page.locator("main")).to_contain_text("Marcus")
    page.context.close()


def test_a_screening_is_saved_and_its_queue_accepted(desk_center: Center, chromium: Browser) -> None:
    new = select(Inquiry.id).where(Inquiry.state == InquiryState.NEW).order_by(Inquiry.id).limit(1)
    with desk_center.app.app_context():
        found = id_text(db.session.scalars(new).one())
    page = page_of(desk_center, chromium, Role.CLINICIAN, f"/inquiries/{found}/screening/cows")
    page.locator('main [name="cows-pulse"][value="2"]').check(force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator('main [name="cows-pulse"][value="2"]')).to_be_checked()
    expect(page.locator("#totals")).to_contain_text("so far")
    page.goto(placement(desk_center, 0))
    page.locator('main [data-key="a"]').click()
    expect(page.locator("main")).to_contain_text("Accepted by")
    page.context.close()


def test_every_page_behind_a_mailed_link_works(desk_center: Center, chromium: Browser) -> None:
    with desk_center.window(chromium, None, java_script_enabled=False) as window:
        seen = list(patient.walk(window.new_page(), desk_center.url, patient.links(desk_center.app), "es"))
    assert seen[-1] == "ended"


def test_a_case_is_claimed_noted_and_decided(desk_center: Center, chromium: Browser) -> None:
    page = page_of(desk_center, chromium, Role.CLINICIAN, "/queues/outpatient")
    row = page.locator('tr[data-row]:has([data-key="c"])').first
    case = row.get_attribute("id")
    row.get_by_role("button", name=re.compile("^Claim")).click()
    page.wait_for_url("**/queues/outpatient")
    expect(page.locator(f"#{case}")).to_contain_text("You")
    page.locator(f"#{case} a.nm").click()
    address = page.url
    page.goto(f"{address}/notes")
    page.fill('main [name="words"]', "Talked by phone.")
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator("main")).to_contain_text("Talked by phone.")
    page.goto(f"{address}/decide")
    for name, value in {"decision": "accept", "level": "outpatient", "told_whom": "person"}.items():
        if page.locator(f'main [name="{name}"]').count():
            pick(page, name, value)
    if page.locator('main [name="reason"]').count():
        pick(page, "reason", "Fits our program.")
    page.locator("main form button.pri").first.click()
    expect(page.locator("main")).to_contain_text(re.compile("Decided|accept", re.I))
    page.context.close()


def test_a_plan_is_rebuilt_and_signed(desk_center: Center, chromium: Browser) -> None:
    page = page_of(desk_center, chromium, Role.PRESCRIBER, "/tapers?state=drafts")
    page.locator("main tbody a").first.click()
    if not page.url.endswith("/taper"):
        page.get_by_role("link", name=re.compile("^Taper plan")).last.click()
    page.fill('[name="start_date"]', (utcnow().date() + timedelta(days=3)).isoformat())
    page.get_by_role("button", name="Rebuild").click()
    prepare(page)
    sign = page.locator("#sign")
    for box in sign.locator('input[name^="reason:"]').all():
        box.fill("Talked through.")
    sign.locator('[name="agreed"]').check()
    sign.get_by_role("button", name="Sign this plan").click()
    page.wait_for_url("**/tapers/*/v/*")
    expect(page.locator("main")).to_contain_text("Active")
    page.context.close()
