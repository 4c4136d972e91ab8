"""The gates of a taper: what is refused before anything is computed, in the order of clinical.md 4.5 and 4.6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from intake.clinical.exact import number
from intake.clinical.products import Product
from intake.errors import RuleBroken

from .ladder import deliverable

INPUT_NOT_VALID = "INPUT_NOT_VALID"
HIGHEST_DOSE = 100_000
MOST_SLOTS = 24
LONGEST_DAYS = 3650
_YEARS = range(1970, 2201)


@dataclass(frozen=True, slots=True)
class Start:
    """A regimen that may be tapered: its product, its doses, and every dose of it that can be made."""

    product: Product
    regimen: tuple[Fraction, ...]
    doses: tuple[Fraction, ...]

    @property
    def total(self) -> Fraction:
        """The daily total before the plan."""
        return sum(self.regimen, Fraction(0))


def broken(code: str, field: str, sentence: str) -> RuleBroken:
    """Return the error of one field."""
    return RuleBroken(sentence, code=code, fields={field: sentence})


def begin(
    product: object,
    regimen: object,
    products: Mapping[str, Product],
    *,
    rate_pct: object = None,
    interval_days: object = None,
    goal: object = None,
) -> Start:
    """Return the start of a plan. What is None is absent: an absent field never hides the check of another one.

    Raises:
        RuleBroken: in this order UNKNOWN_PRODUCT, EMPTY_REGIMEN, RATE_OUT_OF_RANGE, INTERVAL_OUT_OF_RANGE,
            GOAL_NOT_BELOW_START, DOSE_NOT_DELIVERABLE (no dose can be made below the start), INPUT_NOT_VALID.
    """
    known = products.get(product) if isinstance(product, str) else None
    if known is None:
        raise broken("UNKNOWN_PRODUCT", "product", "Choose a medicine from the table of strengths.")
    slots = _regimen(regimen)
    if rate_pct is not None:
        rate(rate_pct)
    if interval_days is not None:
        interval(interval_days)
    start = Start(known, slots, deliverable(known, max(slots)))
    lowest = number(
        0 if goal is None else goal, "The goal", field="goal", highest=HIGHEST_DOSE, code="GOAL_NOT_BELOW_START"
    )
    if lowest >= start.total:
        raise broken("GOAL_NOT_BELOW_START", "goal", "The goal has to be below the daily total at the start.")
    if len(start.doses) == 1:
        raise broken("DOSE_NOT_DELIVERABLE", "regimen", "No strength of this medicine makes a dose this small.")
    if max(slots) > known.largest_dose:
        raise broken(
            INPUT_NOT_VALID, "regimen", "One dose is more than this medicine gives at one time: split it over the day."
        )
    return start


def _regimen(regimen: object) -> tuple[Fraction, ...]:
    if not isinstance(regimen, Sequence) or isinstance(regimen, (str, bytes)):
        raise broken(INPUT_NOT_VALID, "regimen", "Give the doses of a day as a list of numbers.")
    if not regimen:
        raise broken("EMPTY_REGIMEN", "regimen", "Give at least one dose a day.")
    if len(regimen) > MOST_SLOTS:
        raise broken(INPUT_NOT_VALID, "regimen", f"Give at most {MOST_SLOTS} doses a day.")
    return tuple(dose(value, "regimen") for value in regimen)


def dose(value: object, field: str) -> Fraction:
    """Return a dose or a daily total, mg or mcg/h, exactly; INPUT_NOT_VALID if it cannot be one."""
    return number(value, "A dose", field=field, highest=HIGHEST_DOSE, code=INPUT_NOT_VALID)


def rate(value: object) -> Fraction:
    """Return the share removed per step from a rate in percent; RATE_OUT_OF_RANGE unless 0 < rate <= 100."""
    found = number(value, "The cut", field="rate_pct", highest=100, code="RATE_OUT_OF_RANGE")
    if found == 0:
        raise broken("RATE_OUT_OF_RANGE", "rate_pct", "The cut has to be above 0 and at most 100 percent.")
    return found / 100


def interval(value: object) -> int:
    """Return the days of a step; INTERVAL_OUT_OF_RANGE below 1 day, INPUT_NOT_VALID unless whole."""
    found = number(
        value, "The length of a step", field="interval_days", highest=LONGEST_DAYS, code="INTERVAL_OUT_OF_RANGE"
    )
    if found < 1:
        raise broken("INTERVAL_OUT_OF_RANGE", "interval_days", "A step takes at least 1 day.")
    return whole_days(found, "interval_days")


def whole_days(value: object, field: str) -> int:
    """Return whole days, 0 up to ten years; INPUT_NOT_VALID for anything else."""
    found = number(value, "A number of days", field=field, highest=LONGEST_DAYS, code=INPUT_NOT_VALID)
    if found.denominator != 1:
        raise broken(INPUT_NOT_VALID, field, "Give whole days.")
    return int(found)


def step_limit(value: object) -> Fraction:
    """Return the largest share of one step; INPUT_NOT_VALID unless 0 < max_step_pct <= 100."""
    found = number(value, "The limit of a step", field="max_step_pct", highest=100, code=INPUT_NOT_VALID)
    if found == 0:
        raise broken(INPUT_NOT_VALID, "max_step_pct", "The limit of a step has to be above 0 percent.")
    return found / 100


def calendar_day(value: object, field: str) -> date:
    """Return a date between 1970 and 2200; INPUT_NOT_VALID for anything else."""
    if type(value) is not date or value.year not in _YEARS:
        raise broken(INPUT_NOT_VALID, field, "Give a day between 1970 and 2200.")
    return value
