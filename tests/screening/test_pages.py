"""The pages of a screening, by a signed-in browser."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from intake.db import transaction
from intake.screening.parts import PARTS
from tests.cases.folk import center, inquiry_of
from tests.screening.sitting import DANA, Browser, url


@pytest.fixture
def inquiry_id(app_sqlite: Flask) -> int:
    with center(app_sqlite) as cast, transaction():
        return inquiry_of(cast.site, cast.ada, name="Dana", age_years=46).id


@pytest.mark.parametrize("part", [p.key for p in PARTS])
def test_every_part_opens_before_anything_is_answered(app_sqlite: Flask, inquiry_id: int, part: str) -> None:
    answer = Browser(app_sqlite).get(url(inquiry_id, part))
    assert answer.status_code == 200
    assert "<h1>Screening</h1>" in answer.text


def test_a_screening_is_filled_in_completed_and_accepted_by_forms_alone(app_sqlite: Flask, inquiry_id: int) -> None:
    browser = Browser(app_sqlite)
    for part, values in DANA.items():
        page = url(inquiry_id, part)
        go = "complete" if part == "level" else "next"
        answer = browser.post(page, {**values, "go": go}, page=page)
        assert answer.status_code == 302, answer.text
    routed = browser.get(answer.headers["Location"])
    assert routed.status_code == 200
    assert "3 of 46 rules matched" in routed.text
    assert "COWS 13 or more" in routed.text
    accept = re.search(r'action="(/placements/[^"]+/accept)"', routed.text)
    assert accept is not None
    done = browser.post(accept[1], {}, page=answer.headers["Location"])
    assert done.status_code == 302
    assert "Accepted by Cleo Park" in browser.get(done.headers["Location"]).text
