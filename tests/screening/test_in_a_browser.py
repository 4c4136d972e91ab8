"""The screening and routing pages in a real browser: keys, answers that save themselves, counts of interactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from intake.clock import utcnow
from intake.db import id_text, transaction
from intake.screening import queries, service
from tests.cases.folk import center, inquiry_of
from tests.screening.sitting import DANA, Browser, sit, url

pytestmark = pytest.mark.browser


@pytest.fixture
def people(app_sqlite: Flask) -> tuple[int, int]:
    """Somebody whose screening has to be filled in, and somebody whose placement has to be answered."""
    with center(app_sqlite) as cast:
        with transaction():
            first = inquiry_of(cast.site, cast.ada, name="Dana", age_years=46)
            second = inquiry_of(cast.site, cast.ada, name="Theo", age_years=33)
        row = sit(second, cast)
        with transaction():
            service.complete(row.id, actor=cast.cleo, now=utcnow())
        return first.id, second.id


@pytest.fixture
def tab(app_sqlite: Flask, people: tuple[int, int], chromium: Chromium) -> Iterator[Page]:
    """A tab signed in as a clinician."""
    server = make_server("localhost", 0, app_sqlite, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://localhost:{server.port}"
    cookie = next(c.value for key, c in Browser(app_sqlite).client._cookies.items() if key[2] == "desk")
    context = chromium.new_context(base_url=address, viewport={"width": 1440, "height": 1000})
    context.add_cookies([{"name": "desk", "value": cookie, "url": address}])
    yield context.new_page()
    context.close()
    server.shutdown()


class Keys:
    """Counts the keys that are pressed."""

    def __init__(self, tab: Page) -> None:
        self.tab, self.pressed = tab, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.pressed += 1
            self.tab.keyboard.press(key)


def test_cows_takes_one_key_an_item_and_shows_the_sum_of_the_server(
    app_sqlite: Flask, people: tuple[int, int], tab: Page
) -> None:
    tab.goto(url(people[0], "cows"))
    tab.locator("#cows-pulse").focus()
    keys = Keys(tab)
    keys.press("1", "2", "3", "1", "2", "1", "2", "1", "0", "2")
    expect(tab.locator("#totals")).to_contain_text("15 to 20, moderate")
    expect(tab.locator("#totals")).to_contain_text("1 left")
    keys.press("3")
    expect(tab.locator("#totals .total").first).to_have_text("18")
    expect(tab.locator("[data-saved]")).to_contain_text("Saved")
    assert keys.pressed <= 24
    with app_sqlite.app_context():
        assert queries.values(queries.draft(people[0]))["cows-gooseflesh"] == 3


def test_the_pain_pattern_follows_every_answer(people: tuple[int, int], tab: Page) -> None:
    tab.goto(url(people[0], "pain"))
    for name, value in DANA["pain"].items():
        field = tab.locator(f'[name="{name}"]').first
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(str(value))
        elif field.get_attribute("type") == "radio":
            tab.locator(f'input[name="{name}"][value="{value}"]').check(force=True)
        else:
            field.fill(str(value))
    expect(tab.locator("#pattern")).to_contain_text("OIH features, supported")
    expect(tab.locator("#counts-inc")).to_have_text("OIH +3")
    expect(tab.locator("#pattern")).to_contain_text("(needs 6)")


def test_mme_follows_the_lines_as_they_are_typed_and_a_slip_is_said(people: tuple[int, int], tab: Page) -> None:
    tab.goto(url(people[0], "use"))
    tab.locator("#opioids-1-drug").select_option("oxycodone")
    tab.locator("#opioids-1-freq").select_option("tid")
    expect(tab.locator("#mme")).to_contain_text("Give the strength of one unit")
    tab.locator("#opioids-1-strength").fill("30")
    expect(tab.locator("#mme")).to_contain_text("90 × 1.5 = 135")
    tab.locator("#opioids-1-strength").fill("thirty")
    expect(tab.locator("[data-saved]")).to_contain_text("Not saved: Enter a number")
    expect(tab.locator("#opioids-1-strength")).to_have_value("thirty")


def test_one_key_accepts_where_the_rules_send_a_person(people: tuple[int, int], tab: Page) -> None:
    tab.goto(f"/inquiries/{id_text(people[1])}/routing")
    tab.keyboard.press("a")
    expect(tab.locator("main")).to_contain_text("Accepted by Cleo Park")


def test_another_choice_takes_at_most_four_actions(people: tuple[int, int], tab: Page) -> None:
    tab.goto(f"/inquiries/{id_text(people[1])}/routing")
    tab.keyboard.press("o")
    tab.get_by_label("Outpatient, P3").check()
    tab.get_by_label("Reason (needed)").select_option("patients_choice")
    tab.get_by_role("button", name="Override and send").click()
    expect(tab.locator("main")).to_contain_text("Sent to Outpatient, P3 instead by Cleo Park")
