"""Every page of the gallery in a real Chromium: axe, reflow, target size, and the small script of the public pages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.sweep import Tab
from tests.screens.server import Desk, page
from tests.screens.stage import ERRORS, PAGES, environment, gallery, render

pytestmark = pytest.mark.browser

GALLERY = gallery()
# The system pages add words, not looks: they are looked at once, where room is short, and these in every look there is.
EACH_LOOK = {"board", "everything", "public", "auth", "sheet", "clash", "419-public", "emergency_static-public"}
FORM = (PAGES / "feelings.html").read_text()

LOOKS: tuple[tuple[int, str], ...] = ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"))


def test_every_page_passes_axe_has_large_targets_and_never_scrolls_sideways(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context()
    tab = Tab(context, desk.url)
    for name, html in GALLERY.items():
        desk.says(f"/{name}", page(html))
        tab.open(f"/{name}")
        for width, scheme in LOOKS if name in EACH_LOOK else LOOKS[-1:]:
            tab.look(width, scheme, contrast=name in EACH_LOOK)
        tab.reflow()
    context.close()
    assert tab.trouble == []


def test_no_page_asks_for_anything_but_its_own_files(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(base_url=desk.url)
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    for name in ("board", "public"):
        desk.says(f"/{name}", page(GALLERY[name]))
        tab.goto(f"/{name}")
    context.close()
    paths = {url.removeprefix(desk.url).split("?")[0] for url in asked}
    assert all(url.startswith(desk.url) for url in asked)
    assert paths <= {
        "/board",
        "/public",
        "/q",
        "/static/ui.css",
        "/static/ui.js",
        "/static/staff.js",
        "/static/icons/mark.svg",
    }


def test_the_error_summary_has_the_focus_and_its_link_leads_to_the_field(desk: Desk, tab: Page) -> None:
    desk.says("/public", page(environment().get_template("public.html").render(errors=ERRORS)))
    tab.goto("/public")
    expect(tab.locator(".errs")).to_be_focused()
    tab.locator(".errs a").first.click()
    expect(tab.locator("#tel")).to_be_focused()


def test_shift_three_times_leaves_and_back_does_not_return(desk: Desk, tab: Page) -> None:
    site = environment().globals["site"]
    leaving = type(site)(**{**vars(site), "leave_url": "/weather", "leave_clear_url": "/help/leave"})
    desk.says("/start", page("<title>Start</title>"))
    desk.says("/form", page(render(FORM, site=leaving)))
    desk.says("/weather", page("<title>Weather</title>"))
    desk.says("/help/leave", page("", 204))
    tab.goto("/start")
    tab.goto("/form")
    for _ in range(3):
        tab.keyboard.press("Shift")
    expect(tab).to_have_title("Weather")
    assert len(desk.posts("/help/leave")) == 1
    tab.go_back()
    expect(tab).to_have_title("Start")


def test_a_second_click_does_not_send_a_form_twice(desk: Desk, tab: Page) -> None:
    desk.says("/form", page(render(FORM)))
    desk.says("/send", page("", 204))
    tab.goto("/form")
    tab.get_by_role("button", name="Send").click()
    tab.get_by_role("button", name="Send").click(force=True)
    tab.wait_for_timeout(200)
    assert [f["go"] for f in desk.posts("/send")] == [["on"]]


def test_none_of_these_and_the_others_exclude_each_other(desk: Desk, tab: Page) -> None:
    desk.says("/form", page(render(FORM)))
    tab.goto("/form")
    tab.get_by_label("Aches").check()
    tab.get_by_label("None of these").check()
    expect(tab.get_by_label("Aches")).not_to_be_checked()
    tab.get_by_label("Chills").check()
    expect(tab.get_by_label("None of these")).not_to_be_checked()


def test_without_script_a_claim_is_a_form_and_the_toast_stands_in_the_page(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(base_url=desk.url, java_script_enabled=False)
    tab = context.new_page()
    for name in ("board", "everything"):
        desk.says(f"/{name}", page(GALLERY[name]))
    desk.says("/claim", page("<title>Claimed</title>"))
    tab.goto("/everything")
    expect(tab.locator(".toast button")).to_be_visible()
    tab.goto("/board")
    tab.get_by_role("button", name=re.compile("Claim Theo B")).click()
    expect(tab).to_have_title("Claimed")
    context.close()


def test_a_sheet_prints_on_one_page_and_a_board_without_its_frame(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(base_url=desk.url)
    tab = context.new_page()
    for name in ("sheet", "board"):
        desk.says(f"/{name}", page(GALLERY[name]))
    tab.goto("/sheet")
    assert len(re.findall(rb"/Type\s*/Page\b", tab.pdf(prefer_css_page_size=True))) == 1
    tab.goto("/board")
    tab.emulate_media(media="print")
    for frame in (".top", ".side", ".filters", ".keys"):
        expect(tab.locator(f"{frame}:visible")).to_have_count(0)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()


def test_paper_is_white_in_the_dark_theme_too(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(base_url=desk.url, color_scheme="dark")
    tab = context.new_page()
    desk.says("/board", page(GALLERY["board"]))
    tab.goto("/board")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 23, 26)"
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(20, 36, 43)"
    context.close()


def test_the_board_fits_its_card_at_every_width(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(base_url=desk.url)
    tab = context.new_page()
    desk.says("/board", page(GALLERY["board"]))
    spilled: list[int] = []
    for width in (1920, 1400, 1399, 1280, 1180, 1179, 1024, 861, 860, 600):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto("/board")
        if tab.evaluate("document.querySelector('#rows').offsetWidth > document.querySelector('#board').offsetWidth"):
            spilled.append(width)
    context.close()
    assert spilled == []
