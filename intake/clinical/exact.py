"""Exact numbers in, rounded numbers out: the one place where a number is let in and the one where it is rounded.

Doses, factors and shares are fractions in between, so that 49.99 is the decimal 49.99 and an edge is an edge.
Source: clinical.md, conventions.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

from intake.errors import RuleBroken

Number = int | float | Decimal | Fraction

_FINEST = Fraction(1, 10**9)


def number(value: object, words: str, *, field: str, highest: int, code: str = "NUMBER_NOT_ALLOWED") -> Fraction:
    """Return a number from 0 to `highest` exactly; a binary float counts as the decimal it is written as.

    Args:
        value: what was given; yes/no values and text are no numbers.
        words: how a person calls it, for the sentence of the error.
        field: its name in the form.

    Raises:
        RuleBroken: `code`, for a value that is no number, not finite, negative, above `highest`, or so close to 0
            (below one billionth) that it can only be a slip.
    """
    if isinstance(value, (int, float, Decimal, Fraction)) and not isinstance(value, bool):
        # A Decimal that is not a number refuses every comparison, so it must be looked at first.
        plain = value.is_finite() and len(value.as_tuple().digits) <= 50 if isinstance(value, Decimal) else True
        if plain and (value == 0 or _FINEST <= value <= highest):
            return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    raise RuleBroken(
        f"{words} has to be a number from 0 to {highest}.",
        code=code,
        fields={field: f"Give a number from 0 to {highest}."},
    )


def half_up(value: Fraction, places: int) -> Decimal:
    """Round an exact value to `places` decimals, a half always upwards."""
    return Decimal(floor(value * 10**places + Fraction(1, 2))).scaleb(-places)
