"""Every page behind a mailed link, living, used, replaced or ended, in a real browser: axe, targets, reflow, language.

Each language is looked at once here, on a phone at night and at a desk by day; `verify pages` takes every look of both.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.journeys import patient, sweep

pytestmark = pytest.mark.browser


def test_every_page_behind_a_mailed_link_passes_axe_and_fits_in_both_languages(
    chromium: Browser, desk_center: sweep.Center
) -> None:
    trouble: list[str] = []
    seen: dict[str, list[str]] = {"en": [], "es": []}
    for turn, (language, width, scheme) in enumerate((("en", 390, "dark"), ("es", 1440, "light"))):
        with desk_center.window(chromium, None) as context:
            tab = sweep.Tab(context, desk_center.url)
            for name in patient.walk(tab.page, desk_center.url, patient.links(desk_center.app, turn), language):
                tab.at = f"{name} ({language})"
                tab.look(width, scheme)
                tab.reflow()
                assert tab.page.locator("html").get_attribute("lang") == language
                seen[language].append(tab.page.locator("h1").inner_text())
            trouble += tab.trouble
    assert trouble == []
    assert len(set(seen["en"])) >= 11
    assert not set(seen["en"]) & set(seen["es"])
