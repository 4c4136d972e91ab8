"""Two people edit one draft: nothing is lost, nothing is overwritten unseen, nobody signs what they did not see."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
from flask import Flask

from intake.db import id_text
from tests.tapers import story
from tests.tapers.test_pages import Browser, generator, newest, page_of


def form_of(page: str, action: str) -> dict[str, str]:
    """The fields of one form of the builder as a browser would send them."""
    form = next(f for f in re.findall(r"<form.*?</form>", page, re.S) if f'name="action" value="{action}"' in f)
    pairs = re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form)
    pairs += re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    boxes = set(re.findall(r'<input[^>]* type="checkbox"[^>]* name="([^"]+)"', form))
    return {html.unescape(name): html.unescape(value) for name, value in pairs if name not in boxes}


@pytest.fixture
def pat(app_sqlite: Flask) -> story.Story:
    """Pat, accepted into care, with a plan that Cleo built."""
    with app_sqlite.app_context():
        found = story.begin(app_sqlite)
    Browser(app_sqlite, "cleo").post(page_of(found), generator(), page=page_of(found))
    return found


def grid(app: Flask, pat: story.Story) -> list[tuple[float, int]]:
    """Dose a day and days of the first three steps, as stored."""
    with app.app_context():
        steps = newest(pat).steps[:3]
    return [(s["daily_total"], (date.fromisoformat(s["end"]) - date.fromisoformat(s["start"])).days + 1) for s in steps]


def both(app: Flask, pat: story.Story) -> tuple[Browser, dict[str, str], Browser, dict[str, str]]:
    """Cleo and Petra with the same page open, and the grid each sees."""
    cleo, petra = Browser(app, "cleo"), Browser(app, "petra")
    return (
        cleo, form_of(cleo.get(page_of(pat)).text, "grid"),
        petra, form_of(petra.get(page_of(pat)).text, "grid"),
    )  # fmt: skip


def test_changes_of_different_cells_are_laid_together(app_sqlite: Flask, pat: story.Story) -> None:
    cleo, hers, petra, theirs = both(app_sqlite, pat)
    assert cleo.post(page_of(pat), hers | {"d1_2": "25"}, page=page_of(pat)).status_code == 302
    assert petra.post(page_of(pat), theirs | {"days3": "14"}, page=page_of(pat)).status_code == 302
    assert grid(app_sqlite, pat) == [(75, 28), (70, 28), (65, 14)]


def test_the_second_of_two_sees_both_values_who_and_when_and_picks(app_sqlite: Flask, pat: story.Story) -> None:
    cleo, hers, petra, theirs = both(app_sqlite, pat)
    assert cleo.post(page_of(pat), hers | {"d1_2": "25"}, page=page_of(pat)).status_code == 302
    mine = {"d1_2": "20", "days3": "14"}
    answer = petra.post(page_of(pat), theirs | mine, page=page_of(pat))
    assert answer.status_code == 409
    assert "Cleo Park changed this plan while you had it open." in answer.text
    assert "1 field differs" in answer.text
    assert "Step 1, night, mg" in answer.text
    assert re.search(r"Cleo Park, \d\d:\d\d UTC", answer.text)
    assert grid(app_sqlite, pat)[0] == (75, 28)
    picked = form_of(answer.text, "grid") | {"d1_2": "25"}
    assert petra.post(page_of(pat), picked, page=page_of(pat)).status_code == 302
    assert grid(app_sqlite, pat) == [(75, 28), (70, 28), (65, 14)]


def test_a_plan_built_anew_meanwhile_is_looked_at_first(app_sqlite: Flask, pat: story.Story) -> None:
    cleo, _hers, petra, theirs = both(app_sqlite, pat)
    slower = form_of(cleo.get(page_of(pat)).text, "rebuild") | generator(rate_pct="5")
    assert cleo.post(page_of(pat), slower, page=page_of(pat)).status_code == 302
    answer = petra.post(page_of(pat), theirs | {"d1_2": "20"}, page=page_of(pat))
    assert answer.status_code == 409
    assert "Open the current state" in answer.text


def test_nobody_signs_a_draft_that_changed_under_the_page(app_sqlite: Flask, pat: story.Story) -> None:
    cleo, hers, petra, _theirs = both(app_sqlite, pat)
    with app_sqlite.app_context():
        plan, seen = id_text(newest(pat).plan_id), str(newest(pat).version)
    cleo.post(page_of(pat), hers | {"d1_2": "25"}, page=page_of(pat))
    answer = petra.post(f"/tapers/{plan}/v/1/sign", {"agreed": "yes", "version": seen}, page=page_of(pat))
    assert answer.status_code == 409
    assert "Look at it, then sign." in answer.text
    with app_sqlite.app_context():
        assert newest(pat).signed_at is None
