"""Steps of the journeys: the public form as a person on a phone fills it, without script."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize

from tests.journeys.house import House

PHONE: ViewportSize = {"width": 390, "height": 844}
EMAIL = "pat@mail.example"
FORM: dict[str, dict[str, Any]] = {
    "now": {"danger": "none"},
    "who": {"who": "self"},
    "you": {"name": "Pat Reed", "age": 42},
    "use": {"takes": "prescribed", "takes_name": "oxycodone", "since": "longer"},
    "pain": {"pain": "more_with_dose"},
    "reach": {"phone": "(555) 014-7734", "voicemail": "no", "text": "yes", "email": EMAIL},
    "feel": {},
    "pay": {},
}


def pick(page: Page, name: str, value: Any) -> None:
    """Answer one field of a form as it stands: a choice, a list or a line."""
    choice = page.locator(
        f'input[type=radio][name="{name}"][value="{value}"], input[type=checkbox][name="{name}"][value="{value}"]'
    )
    if choice.count():
        choice.first.check(force=True)
        return
    box = page.locator(f'select[name="{name}"], input[name="{name}"], textarea[name="{name}"]').first
    if box.evaluate("e => e.tagName") == "SELECT":
        box.select_option(str(value))
    else:
        box.fill(str(value))


def fill_form(browser: Browser, house: House) -> Page:
    """Pat fills the public form on a phone, without script, up to the last button."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house.address}/help/now")
    for step, given in FORM.items():
        page.wait_for_url(f"**/help/{step}")
        for name, value in given.items():
            pick(page, name, value)
        page.locator("main form button.pri").first.click()
    page.wait_for_url("**/help/check")
    pick(page, "consent", "yes")
    return page


def send_form(page: Page) -> str:
    """Press the last button; returns the number."""
    page.get_by_role("button", name="Send my request").click()
    page.wait_for_url("**/help/sent")
    number = re.search(r"[A-Z]{2}-[A-Z0-9]{4}-[A-Z0-9]{2}", page.inner_text("main"))
    assert number is not None
    page.context.close()
    return number[0]
