"""What is shown before a step that changes much, and the paper after it: doubles, emails of a signature, calendar."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from intake.actor import Role, system
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.inquiries import service as inquiries
from intake.inquiries.models import Channel, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.messages.models import Message, MessagePart, MessageState
from intake.settings import queries as settings
from intake.tapers.models import PlanState, PlanVersion
from tests.journeys.sweep import Center
from tests.journeys.test_keyboard import DESK, prepare

pytestmark = pytest.mark.browser

PHONE = "+15550140317"


def asked(center: Center, name: str) -> str:
    """Somebody asks by the web form; the reference of the request."""
    said = InquiryValues(
        relation=Relation.SELF,
        danger=danger_of(["none"]),
        name=name,
        reach=Reach(phone=PHONE),
        own_words=f"{name} asks",
        consent=True,
    )
    with center.app.app_context(), transaction():
        site = settings.the_site()
        made = inquiries.receive(said, channel=Channel.WEB, actor=system(site.id), now=utcnow(), site=site)
        return made.reference


def test_somebody_who_asked_twice_is_joined_from_the_inbox_and_parted_again(
    desk_center: Center, chromium: Browser
) -> None:
    earlier, later = asked(desk_center, "Wilma Trent"), asked(desk_center, "Vilma Trent")
    with desk_center.window(chromium, Role.ADMISSIONS, viewport=DESK) as window:
        page = window.new_page()
        page.goto(desk_center.url + "/inbox?stage=new")
        page.get_by_role("link", name="Vilma Trent").first.click()
        known = page.locator("section", has=page.get_by_role("heading", name="Known before?"))
        expect(known).to_contain_text("Wilma Trent")
        expect(known).to_contain_text(re.compile("phone.*name|name.*phone"))
        expect(known).to_contain_text(earlier)
        known.get_by_role("button", name="Same person: join").click()
        expect(page.locator("main")).to_contain_text(later)
        expect(known).to_contain_text(f"Earlier request: {earlier}")
        expect(known.get_by_role("button", name="Same person: join")).to_have_count(0)
        known.get_by_role("button", name="Take the join back").click()
        expect(known).to_contain_text("Wilma Trent")
        expect(known.get_by_role("button", name="Same person: join")).to_be_visible()


def plan_in_force(center: Center) -> tuple[int, str]:
    """A plan in force, and the address of its version."""
    with center.app.app_context():
        found = select(PlanVersion).where(PlanVersion.state == PlanState.ACTIVE).order_by(PlanVersion.starts_on)
        version = db.session.scalars(found.limit(1)).one()
        return version.plan_id, f"/tapers/{id_text(version.plan_id)}/v/{version.n}"


def days_owed(center: Center, plan_id: int) -> set[str]:
    """Local days on which a plan owes an email, those of visits alone left out."""
    owed = (
        select(Message.local_date)
        .join(MessagePart, MessagePart.message_id == Message.id)
        .where(Message.plan_id == plan_id, Message.state == MessageState.SCHEDULED)
        .where(MessagePart.appointment_id.is_(None))
    )
    with center.app.app_context():
        return {str(day) for day in db.session.scalars(owed)}


def test_what_a_signature_does_to_the_emails_is_shown_before_it_and_is_true(
    desk_center: Center, chromium: Browser
) -> None:
    plan_id, address = plan_in_force(desk_center)
    before = days_owed(desk_center, plan_id)
    with desk_center.window(chromium, Role.PRESCRIBER, viewport=DESK) as window:
        page = window.new_page()
        page.goto(desk_center.url + address)
        page.get_by_role("button", name="Change the rest of the plan").click()
        page.wait_for_url("**/taper")
        prepare(page)
        said = page.locator("section", has=page.get_by_role("heading", name="Follow-up")).inner_text()
        gone, kept, new = (int(n) for n in re.findall(r"owes, (\d+) .* and (\d+) stay .*; (\d+) days", said)[0])
        assert days_owed(desk_center, plan_id) == before
        assert sign(page) <= 3
    after = days_owed(desk_center, plan_id)
    assert (len(before - after), len(before & after), len(after - before)) == (gone, kept, new)


def test_each_step_of_a_signed_plan_is_one_page_of_paper(desk_center: Center, chromium: Browser) -> None:
    _, address = plan_in_force(desk_center)
    with desk_center.window(chromium, Role.PRESCRIBER, viewport=DESK) as window:
        page = window.new_page()
        page.goto(f"{desk_center.url}{address}/calendar")
        with page.expect_navigation():
            page.get_by_role("navigation", name="Steps").get_by_role("link").last.click()
        # What there is to read begins a page of its own; the calendar itself must not spill over.
        lessons = page.locator(".lessons")
        assert lessons.evaluate("e => getComputedStyle(e).breakBefore") == "page"
        lessons.evaluate("e => e.remove()")
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1


def sign(page: Page) -> int:
    """Agree and sign; the clicks it takes. Reasons are typed."""
    form, clicks = page.locator("#sign"), 0
    for box in form.locator('input[name^="reason:"]').all():
        box.fill("Talked through.")
    if not form.locator('[name="agreed"]').is_checked():
        form.locator('[name="agreed"]').click()
        clicks += 1
    form.get_by_role("button", name="Sign this plan").click()
    page.wait_for_url("**/tapers/*/v/*")
    expect(page.locator("main")).to_contain_text("Active")
    return clicks + 1
