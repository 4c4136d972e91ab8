"""How fast a plan falls, and the flags that follow from speed, product and person.

Source: clinical.md 4.2 (flags), 4.4 (nominal speed), 4.5 and 4.6 (the fall within any 28 days).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from .model import Mode, Step, TaperContext

_TOLERANCE = Fraction(1, 10**9)
_FIFTY_DIGITS = Context(prec=50)


def nominal_28d(rate: Fraction, interval_days: int, mode: Mode) -> Fraction:
    """Return the share (0 to 1) a plan is asked to fall in 28 days; `rate` is the share removed per step.

    A power with a broken exponent is worked out to 50 digits, never as a binary float.
    """
    if mode != "exponential":
        return min(rate * Fraction(28, interval_days), Fraction(1))
    left = 1 - rate
    if left == 0:
        return Fraction(1)
    if 28 % interval_days == 0:
        return 1 - left ** (28 // interval_days)
    base = _FIFTY_DIGITS.divide(Decimal(left.numerator), Decimal(left.denominator))
    exponent = _FIFTY_DIGITS.divide(Decimal(28), Decimal(interval_days))
    return 1 - Fraction(_FIFTY_DIGITS.power(base, exponent))


def actual_28d(baseline: Fraction, steps: Sequence[Step], end: date, after: Fraction) -> Fraction:
    """Return the largest fall of the daily total from any day to the 28th day after it, as a share of the baseline.

    The baseline holds before the first step, `after` from `end` on. Totals never rise, so the largest fall ends on a
    day on which the total changes.
    """
    days = [step.start for step in steps] + [end]
    totals = [step.daily_total for step in steps] + [after]
    largest = Fraction(0)
    for day, total in zip(days, totals, strict=True):
        place = bisect_right(days, day - timedelta(days=28)) - 1
        before = baseline if place < 0 else totals[place]
        largest = max(largest, before - total)
    return largest / baseline


def plan_flags(product: str, context: TaperContext | None, speed_pct: Fraction) -> tuple[str, ...]:
    """Return the HARD and ACK codes of a plan, sorted; `speed_pct` is the 28-day speed in percent, unrounded."""
    return tuple(sorted(_flags(product, context or TaperContext(), speed_pct)))


def _flags(product: str, context: TaperContext, speed: Fraction) -> Iterator[str]:
    if context.pregnancy == "yes":
        yield "HARD_PREGNANCY_SPECIALIST"
    if context.pregnancy == "unknown":
        yield "ACK_PREGNANCY_UNKNOWN"
    if context.oud_criteria is not None and context.oud_criteria >= 2 and context.moud_offered is not True:
        yield "HARD_OFFER_MOUD_FIRST"
    if context.cssrs == "high":
        yield "HARD_SUICIDE_RISK"
    if is_outpatient(context) and above(speed, 40):
        yield "HARD_RAPID_NEEDS_SUPERVISED_SETTING"
    elif above(speed, 20):
        yield "ACK_FASTER_THAN_20PCT_PER_4_WEEKS"
    if context.use_days is not None and context.use_days >= 365 and above(speed, 10):
        yield "ACK_FASTER_THAN_10PCT_PER_MONTH_LONG_TERM"
    if context.benzo == "daily":
        yield "ACK_BENZO_COORDINATE_ONE_TAPER"
    if product.startswith("methadone"):
        yield "ACK_METHADONE_LONG_HALF_LIFE"
    if product.startswith("buprenorphine"):
        yield "ACK_BUPRENORPHINE_TAPER_RELAPSE_RISK"


def is_outpatient(context: TaperContext) -> bool:
    """Tell whether the setting is outpatient; a setting nobody named is."""
    return context.setting != "supervised"


def above(speed_pct: Fraction, limit: int) -> bool:
    """Tell whether a speed in percent is above a limit; equal within one billionth is not."""
    return speed_pct > limit + _TOLERANCE
