"""Two people at one board, each in a browser: claims, presence, a lost line, an ended session, hidden names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from intake.actor import Role
from tests.journeys.sweep import Center

pytestmark = pytest.mark.browser

DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
BOARD = "/queues/detox"
# Generous, because a busy machine is slow; what is promised is counted in questions to the server, not in seconds.
PATIENCE = 15_000


@pytest.fixture
def windows(desk_center: Center, chromium: Browser) -> Iterator[Callable[[Role], Page]]:
    """Opens the detox queue for somebody of a role, in a window of their own."""
    opened: list[BrowserContext] = []

    def board(role: Role) -> Page:
        opened.append(desk_center.window(chromium, role, **DESK))
        page = opened[-1].new_page()
        page.goto(desk_center.url + BOARD)
        return page

    yield board
    for window in opened:
        window.close()


@pytest.fixture
def clinician(windows: Callable[[Role], Page]) -> Page:
    """A clinician looking at the detox queue."""
    return windows(Role.CLINICIAN)


@pytest.fixture
def prescriber(windows: Callable[[Role], Page]) -> Page:
    """A prescriber looking at the same."""
    return windows(Role.PRESCRIBER)


def waiting_row(page: Page) -> str:
    """The id of the first row that anybody may claim."""
    row = page.locator('tr[data-row]:has([data-key="c"])').first
    found = row.get_attribute("id")
    assert found is not None
    return found


def select(page: Page, row: str) -> None:
    """Walk up and down to a row with the keyboard."""
    for key in (*"kkkkkkkkkk", *"jjjjjjjjjjjjjjjjjjjjjjjj"):
        if "sel" in (page.locator(f"#{row}").get_attribute("class") or "").split():
            return
        page.keyboard.press(key)
    raise AssertionError(f"j never reached {row}")


def test_a_claim_shows_on_the_other_screen_with_its_next_question(clinician: Page, prescriber: Page) -> None:
    row = waiting_row(clinician)
    select(clinician, row)
    clinician.keyboard.press("c")
    expect(clinician.locator(f"#{row}")).to_contain_text("You")
    asked: list[int] = []
    prescriber.on("response", lambda r: asked.append(r.status) if "/changes?" in r.url else None)
    who = clinician.locator("details.me .av, .me .av").first.inner_text().strip()
    expect(prescriber.locator(f"#{row}")).to_contain_text(who, timeout=PATIENCE)
    # One answer may already have been on its way when the claim was made; the page asks every two seconds.
    assert len(asked) <= 2
    clinician.keyboard.press("z")
    expect(clinician.locator(f"#{row}")).not_to_contain_text("You")


def test_a_colleague_who_looks_is_shown_before_two_people_collide(clinician: Page, prescriber: Page) -> None:
    row = waiting_row(clinician)
    select(clinician, row)
    expect(prescriber.locator(f"#{row}")).to_contain_text("looking", timeout=PATIENCE)


def test_a_lost_line_is_said_and_comes_back_by_itself(clinician: Page) -> None:
    clinician.context.set_offline(True)
    expect(clinician.locator("[data-live-state]")).to_contain_text("Offline since", timeout=PATIENCE)
    expect(clinician.locator("tr[data-row]").first).to_be_visible()
    clinician.context.set_offline(False)
    expect(clinician.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENCE)


def test_names_are_hidden_by_one_key_and_stay_hidden(clinician: Page, desk_center: Center) -> None:
    name = clinician.locator("tr[data-row] [data-no], tr[data-row] [data-name]").first
    shown = name.inner_text()
    clinician.keyboard.press("h")
    expect(clinician.locator("html")).to_have_class(re.compile("hide-names"))
    clinician.goto(desk_center.url + BOARD)
    assert shown.strip()
    expect(clinician.locator("html")).to_have_class(re.compile("hide-names"))
    clinician.keyboard.press("h")


def test_an_ended_session_is_signed_in_again_in_place(clinician: Page, desk_center: Center) -> None:
    kept = clinician.context.cookies()
    clinician.context.clear_cookies(name="desk")
    expect(clinician.locator("#signed-out")).to_be_visible(timeout=PATIENCE)
    assert clinician.url == desk_center.url + BOARD
    # The other window has signed in; this one goes on where it stood.
    again = next(cookie["value"] for cookie in kept if cookie["name"] == "desk")
    clinician.context.add_cookies([{"name": "desk", "value": again, "url": desk_center.url}])
    clinician.get_by_role("button", name="I am signed in, go on").click()
    expect(clinician.locator("#signed-out")).to_have_count(0)
    expect(clinician.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENCE)
