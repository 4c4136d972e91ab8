"""Somebody without a mouse, in a real browser: what they press, and how many things they do."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

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

    def select(self, name: str, value: str) -> None:
        """Pick one line of a list with the arrows."""
        box = self.page.locator(f'main select[name="{name}"]')
        self.reach(box)
        values = box.locator("option").evaluate_all("all => all.map(o => o.value)")
        self.page.keyboard.press("Home")
        for _ in range(values.index(value)):
            self.page.keyboard.press("ArrowDown")
        expect(box).to_have_value(value)
        self.actions += 1

    def give(self, name: str, value: str) -> None:
        """Answer a field, whatever kind it is."""
        kind = self.page.locator(f'main [name="{name}"]').first.evaluate("e => e.type || e.tagName.toLowerCase()")
        give = {"radio": self.choose, "checkbox": self.tick, "select-one": self.select}.get(str(kind), self.type)
        give(name, value)

    def follow(self, target: Locator) -> None:
        """Tab to a link or button and press Enter, which leads to another page."""
        self.reach(target)
        with self.page.expect_navigation():
            self.press("Enter")
