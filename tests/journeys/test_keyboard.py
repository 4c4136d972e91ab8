"""The day's work with the keyboard alone, in a real browser, and what it costs in keys and clicks (screens.md 11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import select

from intake.actor import Role
from intake.clock import utcnow
from intake.db import db, id_text
from intake.inquiries.models import Inquiry, InquiryState
from intake.screening.models import Placement, PlacementState
from tests import world
from tests.journeys import patient
from tests.journeys.hands import Hands
from tests.journeys.steps import FORM
from tests.journeys.sweep import Center

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
DESK: ViewportSize = {"width": 1440, "height": 1000}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture
def hands(desk_center: Center, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Hands]:
    """Hands of the role the test names."""
    with desk_center.window(chromium, request.param, viewport=DESK) as window:
        page = window.new_page()
        page.goto(desk_center.url + "/inbox")
        yield Hands(page)


def test_somebody_asks_for_help_by_the_keyboard_alone(desk_center: Center, chromium: Browser) -> None:
    with desk_center.window(chromium, None, viewport=PHONE) as window:
        page = window.new_page()
        hands = Hands(page)
        page.goto(desk_center.url + "/help/now")
        for step, given in FORM.items():
            page.wait_for_url(f"**/help/{step}")
            for name, value in given.items():
                hands.give(name, str(value))
            hands.follow(page.locator("main form button.pri").first)
        hands.tick("consent", "yes")
        hands.follow(page.get_by_role("button", name="Send my request"))
        page.wait_for_url("**/help/sent")


@pytest.mark.parametrize("hands", [Role.ADMISSIONS], indirect=True)
def test_a_call_is_taken_in_at_most_fourteen_interactions(hands: Hands) -> None:
    page = hands.page
    hands.press("n")
    page.wait_for_url("**/calls/*")
    hands.tick("danger", "none")
    hands.choose("relation", "self")
    hands.type("name", "Marcus")
    hands.type("phone", "555 014 9021")
    hands.type("age", "31")
    hands.choose("message", "no")
    hands.tick("takes", "fentanyl")
    hands.choose("last_use", "under_24h")
    hands.choose("withdrawal", "bad")
    hands.choose("pregnant", "na")
    hands.tick("consent", "yes")
    with page.expect_navigation():
        hands.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("Marcus")
    assert hands.actions <= 14


@pytest.mark.parametrize("hands", [Role.CLINICIAN], indirect=True)
def test_a_case_is_found_claimed_opened_and_noted(hands: Hands) -> None:
    page = hands.page
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/queues/detox")
    row = page.locator('tr[data-row]:has([data-key="c"])').first.get_attribute("id")
    for key in (*"kkkkkkkk", *"jjjjjjjjjjjjjjjj"):
        if "sel" in (page.locator(f"#{row}").get_attribute("class") or ""):
            break
        page.keyboard.press(key)
    before = hands.actions
    hands.press("c")
    expect(page.locator(f"#{row}")).to_contain_text("You")
    expect(page.locator("[data-pane] footer")).to_contain_text("Open")
    assert hands.actions - before == 1
    hands.reach(page.locator(f"#{row} a.nm"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
    with page.expect_navigation():
        page.keyboard.press("e")
    hands.type("words", "Talked for ten minutes.")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("Talked for ten minutes.")
    page.goto(page.url.rsplit("/", 1)[0])
    hands.follow(page.locator("main").get_by_role("link", name="Decide"))
    hands.choose("decision", "decline")
    hands.select("code", "person_declined")
    hands.type("reason", "Wants to go on with the family doctor.")
    hands.choose("told_whom", "person")
    hands.tick("refused", "yes")
    hands.follow(page.get_by_role("button", name="Save the decision"))
    expect(page.locator("main")).to_contain_text("The person decided against it")


def placement(center: Center, turn: int) -> str:
    """The routing page of somebody whose suggested queue nobody has answered."""
    waits = select(Placement.inquiry_id).where(Placement.state == PlacementState.PROPOSED).order_by(Placement.id)
    with center.app.app_context():
        found = db.session.scalars(waits.offset(turn).limit(1)).one()
    return f"{center.url}/inquiries/{id_text(found)}/routing"


@pytest.mark.parametrize("hands", [Role.ADMISSIONS], indirect=True)
def test_a_suggested_queue_is_accepted_by_tab_alone(hands: Hands, desk_center: Center) -> None:
    hands.page.goto(placement(desk_center, 0))
    hands.follow(hands.page.locator('main [data-key="a"]'))
    expect(hands.page.locator("main")).to_contain_text("Accepted by Rosa Diaz")
    assert hands.actions == 1


@pytest.mark.parametrize("hands", [Role.ADMISSIONS], indirect=True)
def test_another_queue_takes_at_most_four_actions_by_tab_alone(hands: Hands, desk_center: Center) -> None:
    page = hands.page
    page.goto(placement(desk_center, 0))
    other = page.locator('main [name="queue"]').last.get_attribute("value") or ""
    hands.choose("queue", other)
    hands.select("code", "patients_choice")
    hands.follow(page.get_by_role("button", name="Override and send"))
    expect(page.locator("main")).to_contain_text("instead by Rosa Diaz")
    assert hands.actions <= 4


@pytest.mark.parametrize("hands", [Role.CLINICIAN], indirect=True)
def test_a_part_of_a_screening_is_answered_by_tab_alone(hands: Hands, desk_center: Center) -> None:
    page = hands.page
    new = select(Inquiry.id).where(Inquiry.state == InquiryState.NEW).order_by(Inquiry.id).limit(1)
    with desk_center.app.app_context():
        page.goto(f"{desk_center.url}/inquiries/{id_text(db.session.scalars(new).one())}/screening/cows")
    for group in page.locator("main [data-items]").first.locator("[role=radiogroup]").all():
        first = group.locator("input[type=radio]").first
        hands.reach(first)
        hands.press("Space")
        expect(first).to_be_checked()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    expect(page.locator("#totals .total").first).to_have_text("0")
    assert hands.actions <= 24
    hands.follow(page.get_by_role("button", name="Next part"))
    page.wait_for_url("**/screening/pain")


@pytest.mark.parametrize("hands", [Role.PRESCRIBER], indirect=True)
def test_a_copy_is_given_out_with_consent_by_the_keyboard_alone(hands: Hands, desk_center: Center) -> None:
    page = hands.page
    case = world.ids(desk_center.app)["case_id"][0]
    page.goto(f"{desk_center.url}/cases/{id_text(case)}/disclosures/new")
    hands.follow(page.locator("main").get_by_role("link", name=re.compile("^Use this consent")).first)
    box = page.locator('main [name="parts"]').first
    hands.reach(box)
    if not box.is_checked():
        hands.press("Space")
    hands.follow(page.get_by_role("button", name="Write it down and go on"))
    page.wait_for_url("**/disclosures/*")
    hands.follow(page.get_by_role("button", name="Open to print"))
    expect(page.locator("main")).to_contain_text("42 CFR part 2", ignore_case=True)


def test_a_check_in_is_answered_by_the_keyboard_alone_in_at_most_eight_taps(
    desk_center: Center, chromium: Browser
) -> None:
    to = patient.links(desk_center.app)
    with desk_center.window(chromium, None, viewport=PHONE) as window:
        page = window.new_page()
        hands = Hands(page)
        page.goto(desk_center.url + to.check_in)
        hands.type("born_on", to.born)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        hands.actions = 0
        hands.tick("feelings", "aches")
        hands.choose("dose", "yes")
        hands.follow(page.get_by_role("button", name="Next"))
        hands.choose("pain", "3")
        hands.choose("used", "no")
        hands.choose("thoughts", "no")
        hands.follow(page.get_by_role("button", name="Send my answers"))
        expect(page.locator("h1")).to_have_text("Thank you")
    assert hands.actions <= 8


@pytest.mark.parametrize("hands", [Role.PRESCRIBER], indirect=True)
def test_a_plan_is_built_and_signed_without_a_mouse_in_three_clicks(hands: Hands, desk_center: Center) -> None:
    page = hands.page
    page.goto(desk_center.url + "/tapers?state=drafts")
    hands.reach(page.locator("main tbody a").first)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    if "/taper" not in page.url.rsplit("/", 1)[-1]:
        page.keyboard.press("t")
        page.wait_for_url("**/taper")
    hands.type("start_date", (utcnow().date() + timedelta(days=3)).strftime("%m%d%Y"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("#d1_0")).to_be_attached()
    # What a record must hold before any signature; the count begins after it.
    prepare(page)
    sign = page.locator("#sign")
    clicks = 0
    for box in sign.locator('input[name^="reason:"]').all():
        hands.reach(box)
        page.keyboard.type("Talked through.")
    if not sign.locator('[name="agreed"]').is_checked():
        hands.reach(sign.locator('[name="agreed"]'))
        page.keyboard.press("Space")
        clicks += 1
    hands.reach(sign.get_by_role("button", name="Sign this plan"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    clicks += 1
    assert clicks <= 3
    expect(page.locator("main")).to_contain_text("Active")


def prepare(page: Page) -> None:
    """The checklist, filled in by the quickest way there is."""
    today = utcnow().date()
    for name, value in {"naloxone": "accepted", "moud": "not_needed"}.items():
        page.locator(f'main select[name="{name}"]').select_option(value)
    page.locator('[name="pdmp_checked_on"]').fill((today - timedelta(days=1)).isoformat())
    page.locator('[name="follow_up_on"]').fill((today + timedelta(days=14)).isoformat())
    page.locator('textarea[name="goals"]').fill("Walk the dog again.")
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).first.click()


@pytest.mark.parametrize("hands", [Role.CLINICIAN], indirect=True)
def test_the_help_sheet_lists_the_registry_and_keys_can_be_switched_off(hands: Hands, desk_center: Center) -> None:
    page = hands.page
    page.keyboard.press("?")
    expect(page.locator("#key-sheet dt")).to_have_count(len(registry()))
    page.keyboard.press("Escape")
    page.goto(desk_center.url + "/settings/keys")
    expect(page.locator("main")).to_contain_text(re.compile("off", re.I))


def registry() -> list[str]:
    """The keys as the script names them."""
    script = (ROOT / "intake" / "static" / "staff.js").read_text()
    block = script.split("const KEYS = [", 1)[1].split("];", 1)[0]
    return re.findall(r'\["([^"]+)", "', block)


def test_every_key_of_the_registry_is_also_a_button_or_a_link() -> None:
    markup = "\n".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    shown = set(re.findall(r"""data-key="([^"{]+)"|\bkey='([^'{]+)'""", markup))
    pressed = {a or b for a, b in shown}
    # What the browser does itself, what has its own field, and what moves along the rows: they need no button.
    of_their_own = {"/", "j", "k", "Enter", "Ctrl Enter", "?", "g i", "g a", "g d", "g o", "g c", "h"}
    assert set(registry()) - pressed - of_their_own == set()
