"""A concern of the builder offers its fix as one button, and the button does what it says."""

from __future__ import annotations

import re

from flask import Flask

from tests.screening.sitting import Browser
from tests.tapers import story
from tests.tapers.test_pages import generator, newest, page_of, pat

__all__ = ["pat"]


def test_steps_over_the_limit_are_put_right_by_one_button(app_sqlite: Flask, pat: story.Story) -> None:
    browser = Browser(app_sqlite, "cleo")
    patch = generator(product="fentanyl_patch", regimen="50", goal="12")
    assert browser.post(page_of(pat), patch, page=page_of(pat)).status_code == 302
    page = browser.get(page_of(pat)).text
    offered = re.findall(r'name="fix" value="([a-z]+)"', page)
    assert "stretch" in offered
    with app_sqlite.app_context():
        before = newest(pat)
        over, length = [s for s in before.steps if "OVER_MAX" in s["flags"]], before.result["total_days"]
        version = before.version
    assert over
    fixed = {"action": "fix", "fix": "stretch", "version": str(version)}
    assert browser.post(page_of(pat), fixed, page=page_of(pat)).status_code == 302
    with app_sqlite.app_context():
        after = newest(pat)
        assert after.request["stretch"]
        assert after.result["total_days"] > length


def test_a_fix_nobody_offers_is_refused_with_a_sentence(app_sqlite: Flask, pat: story.Story) -> None:
    browser = Browser(app_sqlite, "cleo")
    browser.post(page_of(pat), generator(), page=page_of(pat))
    with app_sqlite.app_context():
        version = str(newest(pat).version)
    answer = browser.post(page_of(pat), {"action": "fix", "fix": "magic", "version": version}, page=page_of(pat))
    assert answer.status_code == 422
