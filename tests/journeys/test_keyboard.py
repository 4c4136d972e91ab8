"""The day's work with the keyboard alone, in a real browser, and what it costs in keys and clicks (screens.md 11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from intake.actor import Role
from intake.clock import utcnow
from tests.journeys.sweep import Center

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
DESK = {"width": 1440, "height": 1000}
MOST_TABS = 200


class Hands:
    """Somebody without a mouse: moves by Tab and arrows, and counts what changes something."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, key: str) -> None:
        """A key of the registry, or of the browser."""
        self.actions += 1
        self.page.keyboard.press(key)

    def reach(self, target: Locator) -> None:
        """Tab until the target has the focus; moving is no interaction."""
        expect(target).to_be_attached()
        for _ in range(MOST_TABS):
            if target.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reached {target}")

    def type(self, name: str, words: str) -> None:
        """Fill a field."""
        self.reach(self.page.locator(f'main [name="{name}"]').first)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(words)
        self.actions += 1

    def tick(self, name: str, value: str) -> None:
        """Tick one box."""
        self.reach(self.page.locator(f'main [name="{name}"][value="{value}"]').first)
        self.press("Space")

    def choose(self, name: str, value: str) -> None:
        """Pick one radio: Tab into the group, arrows to the choice, as browsers do it."""
        radios = self.page.locator(f'main input[type=radio][name="{name}"]')
        self.reach(radios.first)
        self.page.keyboard.press("Space")
        for _ in range(radios.count()):
            if radios.locator(f'xpath=self::*[@value="{value}"]').is_checked():
                break
            self.page.keyboard.press("ArrowRight")
        self.actions += 1


@pytest.fixture
def hands(desk_center: Center, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Hands]:
    """Hands of the role the test names."""
    with desk_center.window(chromium, request.param, viewport=DESK) as window:
        page = window.new_page()
        page.goto(desk_center.url + "/inbox")
        yield Hands(page)


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
