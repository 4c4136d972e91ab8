"""Two versions side by side: each dose with one phrase about its change, and what becomes of the emails."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from intake.tapers import compared


def step(doses: list[float], start: date, length: int) -> dict[str, Any]:
    """One stored step."""
    end = start + timedelta(days=length - 1)
    return {"doses": doses, "daily_total": sum(doses), "start": start.isoformat(), "end": end.isoformat()}


JAN, FEB = date(2027, 1, 4), date(2027, 2, 1)
FIRST = step([25, 25, 30], JAN, 28)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (step([20, 20], FEB, 28), step([20, 20], FEB, 28), "Same"),
        (step([20, 20], FEB, 28), step([20, 20], FEB, 42), "14 days longer"),
        (step([20, 20], FEB, 28), step([20, 20], FEB + timedelta(days=14), 28), "14 days later"),
        (step([20, 20], FEB, 28), step([20, 20], FEB - timedelta(days=1), 27), "1 day earlier, 1 day shorter"),
    ],
)
def test_a_dose_in_both_versions_has_one_phrase_about_its_change(
    old: dict[str, Any], new: dict[str, Any], word: str
) -> None:
    assert [row.word for row in compared.rows([FIRST, old], [FIRST, new])] == ["Same", word]


def test_a_dose_of_one_version_only_is_new_or_left_out() -> None:
    old, new = [FIRST, step([20, 20, 25], FEB, 28)], [FIRST, step([25, 20, 25], FEB, 28)]
    found = [(row.dose, row.total, row.old, row.new, row.word) for row in compared.rows(old, new)]
    assert found == [
        ("25-25-30", "80", "Jan 4 – Jan 31", "Jan 4 – Jan 31", "Same"),
        ("25-20-25", "70", "", "Feb 1 – Feb 28", "New"),
        ("20-20-25", "65", "Feb 1 – Feb 28", "", "Left out"),
    ]


def test_the_days_of_emails_are_counted_from_the_change_on() -> None:
    old = [JAN, FEB, FEB + timedelta(days=7)]
    new = [JAN, FEB, FEB + timedelta(days=9), FEB + timedelta(days=10)]
    assert compared.days(old, new, FEB) == compared.Days(gone=1, new=2, kept=1)
