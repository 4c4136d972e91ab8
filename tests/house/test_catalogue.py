"""docs/security.md: every attack of the catalogue has a test or a reason, and the page names them all."""

from __future__ import annotations

import re

import pytest

from tests import security


@pytest.mark.parametrize("key", security.ATTACKS)
def test_every_attack_has_a_test_or_a_reason(key: str) -> None:
    assert bool(security.standing().get(key)) != bool(security.WHY_NOT.get(key)), key


def test_the_page_names_every_attack_with_its_tests_of_today() -> None:
    rows = {
        cells[0]: cells[2]
        for line in security.PAGE.read_text().splitlines()
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
        if cells[0] in security.ATTACKS
    }
    every = security.standing()
    stale = {
        key: rows.get(key)
        for key in security.ATTACKS
        if rows.get(key) != (security.cell(every[key]) if key in every else f"none: {security.WHY_NOT[key]}")
    }
    assert stale == {}, "run `python3 manage.py test --catalogue --write-security`"


def test_no_row_of_the_page_tells_of_a_failure() -> None:
    rows = [line for line in security.PAGE.read_text().splitlines() if line[2:5] in security.ATTACKS]
    assert len(rows) == len(security.ATTACKS)
    # A run of some tests leaves "not-run" where it had nothing to say; the whole run fills it in.
    assert [row for row in rows if re.search(r"failed|skipped", row.split("|")[-2])] == []
