"""Numbers in and out."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.clinical.exact import half_up, number
from intake.errors import RuleBroken


def taken(value: Any, highest: int = 1000) -> Fraction:
    return number(value, "The dose", field="dose", highest=highest)


@pytest.mark.parametrize(
    ("value", "exact"),
    [(0, 0), (-0.0, 0), (5, 5), (49.99, Fraction(4999, 100)), (Decimal("49.99"), Fraction(4999, 100)),
     (Fraction(1, 3), Fraction(1, 3)), (1000, 1000), (1000.0, 1000), (1e-9, Fraction(1, 10**9)),
     (Fraction(1, 10**9), Fraction(1, 10**9))],
)  # fmt: skip
def test_a_number_is_taken_as_it_is_written(value: Any, exact: Any) -> None:
    assert taken(value) == exact


@pytest.mark.parametrize("value", [1001, 1000.5, -1, Fraction(1, 10**10), 9e-10, None, "7", True, False, 1j, {}])
def test_anything_else_is_refused_with_a_sentence(value: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        taken(value)
    assert refused.value.code == "NUMBER_NOT_ALLOWED"
    assert refused.value.message == "The dose has to be a number from 0 to 1000."
    assert refused.value.fields == {"dose": "Give a number from 0 to 1000."}


def test_fifty_digits_are_taken_and_fifty_one_are_not() -> None:
    assert taken(Decimal("1." + "0" * 48 + "1")) > 1
    with pytest.raises(RuleBroken):
        taken(Decimal("1." + "0" * 49 + "1"))


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [("89.95", 1, "90.0"), ("89.949", 1, "89.9"), ("0.5", 0, "1"), ("0.4999", 0, "0"), ("2.5", 0, "3"),
     ("1.005", 2, "1.01"), ("0", 3, "0.000"), ("20/3", 1, "6.7")],
)  # fmt: skip
def test_halves_go_up_and_the_places_are_kept(value: str, places: int, text: str) -> None:
    assert str(half_up(Fraction(value), places)) == text


@given(st.fractions(min_value=0, max_value=10**6), st.integers(0, 3))
def test_rounding_moves_a_value_by_at_most_half_a_place(value: Fraction, places: int) -> None:
    moved = Fraction(half_up(value, places)) - value
    assert -Fraction(1, 2) < moved * 10**places <= Fraction(1, 2)
