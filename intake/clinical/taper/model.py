"""What is asked of a taper and what comes back. Doses are mg (patches: mcg/h) per administration, exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from intake.clinical.exact import half_up
from intake.clinical.products import PRODUCTS, Product

Mode = Literal["linear", "exponential", "hybrid30"]
Final = Literal["stop", "extend"]
Frequency = Literal["daily", "every_other_day"]
Amount = int | float | Decimal | Fraction

MAX_STEPS = 400
OVER_MAX = "OVER_MAX"
ENDGAME = "ENDGAME"


@dataclass(frozen=True, slots=True)
class TaperContext:
    """What is known about the person; None is not known and raises no flag here.

    pregnancy: yes, no, unknown. cssrs: none, low, moderate, high. benzo: none, prn, daily, unknown. setting: outpatient
    or supervised, absent counts as outpatient. use_days: days of opioid use.
    """

    pregnancy: str | None = None
    oud_criteria: int | None = None
    moud_offered: bool | None = None
    cssrs: str | None = None
    benzo: str | None = None
    setting: str | None = None
    use_days: int | None = None


@dataclass(frozen=True, slots=True)
class TaperRequest:
    """What a prescriber asks for.

    product: a key of `products`. regimen: dose per administration in day order. rate_pct, max_step_pct: percent.
    interval_days: length of a step. goal: daily total at which the plan holds, 0 is a stop. pauses: step number to
    extra days. stretch: steps larger than asked last longer.
    """

    product: str
    regimen: tuple[Amount, ...]
    rate_pct: Amount
    interval_days: int
    mode: Mode
    start_date: date
    max_step_pct: Amount = 20
    goal: Amount = 0
    final: Final = "stop"
    pauses: Mapping[int, int] = field(default_factory=dict)
    stretch: bool = False
    context: TaperContext | None = None
    products: Mapping[str, Product] = field(default_factory=lambda: PRODUCTS)


Pieces = tuple[tuple[Fraction, Fraction], ...]
"""Strength and number of units (a half counts 0.5), larger strength first."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The regimen before the first step."""

    doses: tuple[Fraction, ...]
    daily_total: Fraction
    mme: Fraction | None


@dataclass(frozen=True, slots=True)
class Step:
    """One dose level; `start` and `end` are its first and last day.

    doses: in day order, empty slots 0. daily_total: half of the doses when every_other_day. mme: exact, None without a
    factor. pct_of_previous, pct_of_original: how far the daily total fell, exact percent. dispense_per_dose: None for a
    start dose that no whole units make; a person enters those pieces by hand.
    """

    step: int
    start: date
    end: date
    doses: tuple[Fraction, ...]
    frequency: Frequency
    daily_total: Fraction
    unit: str
    mme: Fraction | None
    pct_of_previous: Fraction
    pct_of_original: Fraction
    dispense_per_dose: tuple[Pieces | None, ...]
    flags: tuple[str, ...]

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.end - self.start).days + 1

    def as_dict(self, *, by_hand: bool = False) -> dict[str, object]:
        """Return plain JSON values; a hand-made step has the shorter shape of clinical.md 4.5."""
        short: dict[str, object] = {
            "step": self.step,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "doses": [plain(dose) for dose in self.doses],
            "daily_total": plain(self.daily_total),
            "mme": rounded(self.mme, 2),
            "pct_of_previous": rounded(self.pct_of_previous, 1),
            "pct_of_original": rounded(self.pct_of_original, 1),
        }
        if by_hand:
            return short
        return short | {
            "frequency": self.frequency,
            "unit": self.unit,
            "dispense_per_dose": [pieces_dict(pieces) for pieces in self.dispense_per_dose],
            "flags": list(self.flags),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. One of `stop_date` (first day without the drug) and `hold_from` is set.

    reduction_28d_pct: the nominal speed, None for a hand-made plan. actual_28d_pct: the largest fall within 28 days in
    percent of the baseline. Both exact or to 50 digits. over_max_steps: numbers of the steps above the step limit.
    """

    product: str
    baseline: Baseline
    steps: tuple[Step, ...]
    start_date: date
    stop_date: date | None
    hold_from: date | None
    final_daily_total: Fraction
    reduction_28d_pct: Fraction | None
    actual_28d_pct: Fraction
    plan_flags: tuple[str, ...]
    by_hand: bool
    final: Final
    stretch: bool

    @property
    def end_date(self) -> date:
        """The stop date or the first day of the hold."""
        end = self.stop_date or self.hold_from
        return self.start_date if end is None else end

    @property
    def total_days(self) -> int:
        """Days from the start to the stop or the hold."""
        return (self.end_date - self.start_date).days

    @property
    def over_max_steps(self) -> tuple[int, ...]:
        """Numbers of the steps flagged OVER_MAX."""
        return tuple(step.step for step in self.steps if OVER_MAX in step.flags)

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values in the shape of clinical.md 4.5; `actual_28d_pct` stands apart."""
        stop = self.stop_date.isoformat() if self.stop_date else None
        hold = self.hold_from.isoformat() if self.hold_from else None
        if self.by_hand:
            end: dict[str, object] = {"stop_date": stop} if stop else {"hold_from": hold}
            steps = [step.as_dict(by_hand=True) for step in self.steps]
            return {"steps": steps, **end, "plan_flags": list(self.plan_flags)}
        return {
            "baseline": {
                "doses": [plain(dose) for dose in self.baseline.doses],
                "daily_total": plain(self.baseline.daily_total),
                "mme": rounded(self.baseline.mme, 2),
            },
            "steps": [step.as_dict() for step in self.steps],
            "n_steps": len(self.steps),
            "stop_date": stop,
            "hold_from": hold,
            "final_daily_total": plain(self.final_daily_total),
            "total_days": self.total_days,
            "reduction_28d_pct": rounded(self.reduction_28d_pct, 1),
            "over_max_steps": list(self.over_max_steps),
            "plan_flags": list(self.plan_flags),
        }


def plain(value: Fraction) -> int | float:
    """Return an exact value as a JSON number, whole where it is whole."""
    return int(value) if value.denominator == 1 else float(value)


def rounded(value: Fraction | None, places: int) -> float | None:
    """Return an exact value rounded half-up as a JSON number; None stays None."""
    return None if value is None else float(half_up(value, places))


def text_of(value: Fraction) -> str:
    """Return the shortest decimal text of a strength: 5, 37.5."""
    return str(plain(value))


def pieces_dict(pieces: Pieces | None) -> dict[str, int | float] | None:
    """Return the pieces of one dose as strength text to number of units; None stays None."""
    return None if pieces is None else {text_of(strength): plain(units) for strength, units in pieces}
