"""Build a taper plan from a rate, and check one that was made by hand.

Sources: clinical.md 4.4 to 4.6; CDC 2022 recommendation 5; VA taper decision tool 2016; HHS 2019; FDA 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import ceil

from intake.clinical.products import PRODUCTS, Product

from . import checks, speed
from .checks import INPUT_NOT_VALID, Start, broken
from .ladder import Doses, dispense, is_endgame, rungs
from .model import ENDGAME, MAX_STEPS, OVER_MAX, Baseline, Frequency, Mode, Plan, Step, TaperContext, TaperRequest

_LAST_DAY = date(2300, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class _Rate:
    """How far a step is asked to go and how far it may; shares of 1."""

    mode: Mode
    asked: Fraction
    limit: Fraction
    original: Fraction
    goal: Fraction

    def base(self, total: Fraction) -> Fraction:
        """Return what the shares are taken of at this daily total."""
        linear = self.mode == "linear" or (self.mode == "hybrid30" and total > self.original * 3 / 10)
        return self.original if linear else total

    def target(self, total: Fraction) -> Fraction:
        """Return the daily total the next step is asked to reach; it is not clipped."""
        return total - self.asked * self.base(total)

    def floor(self, total: Fraction) -> Fraction:
        """Return the lowest daily total the next step may reach."""
        return max(total - self.limit * self.base(total), self.goal)


def build(request: TaperRequest) -> Plan:
    """Return the dose steps from the regimen down to the goal, oldest first.

    The same request always gives the same plan. Doses in mg (patches: mcg/h) per administration, exact.

    Raises:
        RuleBroken: UNKNOWN_PRODUCT, EMPTY_REGIMEN, RATE_OUT_OF_RANGE, INTERVAL_OUT_OF_RANGE, GOAL_NOT_BELOW_START,
            DOSE_NOT_DELIVERABLE, TOO_MANY_STEPS (more than 400; never cut off); INPUT_NOT_VALID for what a form
            refuses without a code (step limit, pauses, mode, negative, absurd or non-finite numbers).

    Source: CDC 2022 recommendation 5; VA taper decision tool 2016; clinical.md 4.4.
    """
    start = checks.begin(
        request.product,
        request.regimen,
        request.products,
        rate_pct=request.rate_pct,
        interval_days=request.interval_days,
        goal=request.goal,
    )
    if request.mode not in ("linear", "exponential", "hybrid30") or request.final not in ("stop", "extend"):
        raise broken(INPUT_NOT_VALID, "mode", "Choose how the cut is counted and how the plan ends.")
    goal = checks.dose(request.goal, "goal")
    rate = _Rate(
        request.mode, checks.rate(request.rate_pct), checks.step_limit(request.max_step_pct), start.total, goal
    )
    lay = _Days(
        start,
        checks.calendar_day(request.start_date, "start_date"),
        checks.interval(request.interval_days),
        _pauses(request),
    )
    holds = goal > 0
    total = start.total
    for rung, flag in _walk(start, rate):
        drop, asked = total - sum(rung), total - rate.target(total)
        lay.step(rung, lay.stretched(drop, asked) if request.stretch else lay.interval, flag)
        total = sum(rung, Fraction(0))
    if request.final == "extend" and not holds and not (start.product.is_liquid or start.product.is_patch):
        lay.step(lay.doses, lay.interval, ENDGAME, "every_other_day")
    nominal = speed.nominal_28d(rate.asked, lay.interval, request.mode)
    return _plan(start, lay, request.context, holds=holds, nominal=nominal, request=request)


def _pauses(request: TaperRequest) -> dict[int, int]:
    if not isinstance(request.pauses, Mapping):
        raise broken(INPUT_NOT_VALID, "pauses", "Give pauses as step number and extra days.")
    return {step: checks.whole_days(days, "pauses") for step, days in request.pauses.items()}


def _walk(start: Start, rate: _Rate) -> Iterator[tuple[Doses, str | None]]:
    """Yield the rung of each step and its flag; the all-zero rung is the stop and no step."""
    ladder = [start.regimen, *rungs(start.doses, start.regimen)]
    totals = [sum(rung, Fraction(0)) for rung in ladder]
    at = 0
    while totals[at] > rate.goal:
        following = at + 1
        flag: str | None = None
        if is_endgame(start.doses, ladder[at]):
            flag = ENDGAME
        else:
            picked = _pick(totals, at, rate)
            flag = OVER_MAX if picked is None else None
            following = following if picked is None else picked
        if totals[following] < rate.goal or totals[following] == 0:
            return
        yield ladder[following], flag
        at = following


def _pick(totals: Sequence[Fraction], at: int, rate: _Rate) -> int | None:
    """Return the lower rung nearest to the target within the limit, ties to the higher total; None if there is none."""
    target, floor = rate.target(totals[at]), rate.floor(totals[at])
    best: int | None = None
    for place in range(at + 1, len(totals)):
        total = totals[place]
        if total < floor or total <= 0:
            break
        if best is not None and abs(total - target) >= abs(totals[best] - target):
            break
        best = place
    return best


class _Days:
    """Lays steps out one after the other, without a gap."""

    def __init__(self, start: Start, first: date, interval: int, pauses: Mapping[int, int]) -> None:
        self.start = start
        self.first = first
        self.next = first
        self.interval = interval
        self.pauses = pauses
        self.steps: list[Step] = []

    @property
    def doses(self) -> Doses:
        """The doses of the last step, before any step the regimen."""
        return self.steps[-1].doses if self.steps else self.start.regimen

    def stretched(self, drop: Fraction, asked: Fraction) -> int:
        """Return the days of a step that falls further than asked: longer in proportion, at most twice as long."""
        return self.interval if drop <= asked else min(2 * self.interval, ceil(self.interval * drop / asked))

    def step(self, doses: Doses, days: int, flag: str | None = None, frequency: Frequency = "daily") -> None:
        """Append one step of `days` and its pause.

        Raises:
            RuleBroken: TOO_MANY_STEPS; INPUT_NOT_VALID when the plan runs out of the calendar.
        """
        place = len(self.steps) + 1
        if place > MAX_STEPS:
            raise broken(
                "TOO_MANY_STEPS", "rate_pct", f"This plan needs more than {MAX_STEPS} steps: cut more or less often."
            )
        given = self.start.product
        total = daily_total(doses, frequency)
        before = self.steps[-1].daily_total if self.steps else self.start.total
        length = timedelta(days=days + self.pauses.get(place, 0))
        if self.next.toordinal() + length.days > _LAST_DAY:
            raise broken(INPUT_NOT_VALID, "interval_days", "The plan runs out of the calendar.")
        following = self.next + length
        self.steps.append(
            Step(
                step=place,
                start=self.next,
                end=following - timedelta(days=1),
                doses=doses,
                frequency=frequency,
                daily_total=total,
                unit=given.unit,
                mme=None if given.factor is None else total * given.factor,
                pct_of_previous=(before - total) / before * 100,
                pct_of_original=(self.start.total - total) / self.start.total * 100,
                dispense_per_dose=tuple(dispense(given, dose) for dose in doses),
                flags=() if flag is None else (flag,),
            )
        )
        self.next = following


def _plan(
    start: Start,
    lay: _Days,
    context: TaperContext | None,
    *,
    holds: bool,
    nominal: Fraction | None = None,
    request: TaperRequest | None = None,
) -> Plan:
    last = lay.steps[-1].daily_total if lay.steps else start.total
    after = last if holds else Fraction(0)
    actual = speed.actual_28d(start.total, lay.steps, lay.next, after) * 100
    nominal_pct = None if nominal is None else nominal * 100
    factor = start.product.factor
    return Plan(
        product=start.product.key,
        baseline=Baseline(start.regimen, start.total, None if factor is None else start.total * factor),
        steps=tuple(lay.steps),
        start_date=lay.first,
        stop_date=None if holds else lay.next,
        hold_from=lay.next if holds else None,
        final_daily_total=after,
        reduction_28d_pct=nominal_pct,
        actual_28d_pct=actual,
        plan_flags=speed.plan_flags(start.product.key, context, actual if nominal_pct is None else nominal_pct),
        by_hand=request is None,
        final="stop" if request is None else request.final,
        stretch=request is not None and request.stretch,
    )


HandStep = tuple[Sequence[object], int] | tuple[Sequence[object], int, str]
_Hand = tuple[Doses, int, Frequency]


def check_by_hand(
    product: str,
    regimen: Sequence[object],
    steps_in: Sequence[HandStep],
    start_date: date,
    context: TaperContext | None = None,
    *,
    then_hold: bool = False,
    products: Mapping[str, Product] = PRODUCTS,
) -> Plan:
    """Return the plan of steps that a person made or changed; it is held to the same rules as a generated one.

    Args:
        steps_in: doses in day order (mg, patches mcg/h) and days of each step; a third entry "every_other_day" halves
            the daily total of that step.
        then_hold: the dose of the last step goes on; without it the plan ends in a stop.

    Raises:
        RuleBroken: UNKNOWN_PRODUCT, EMPTY_REGIMEN, GOAL_NOT_BELOW_START (nothing to taper), DOSE_NOT_DELIVERABLE; per
            step, in step order, TAPER_INCREASE, SLOT_INCREASE, DOSE_NOT_DELIVERABLE; TOO_MANY_STEPS; INPUT_NOT_VALID
            for another number of doses than the regimen has, or a step shorter than 1 day.

    Source: clinical.md 4.5, 4.6.
    """
    start = checks.begin(product, regimen, products)
    steps = checked_steps(start, steps_in)
    lay = _Days(start, checks.calendar_day(start_date, "start_date"), 1, {})
    for doses, days, frequency in steps:
        lay.step(doses, days, None, frequency)
    return _plan(start, lay, context, holds=then_hold)


def checked_steps(start: Start, steps_in: Sequence[HandStep]) -> list[_Hand]:
    """Return doses, days and frequency of hand-made steps; what it refuses is said at `check_by_hand`."""
    if not isinstance(steps_in, Sequence) or isinstance(steps_in, (str, bytes)):
        raise broken(INPUT_NOT_VALID, "steps_in", "Give the steps as a list.")
    steps = [_hand_step(step, len(start.regimen)) for step in steps_in]
    total, before = start.total, start.regimen
    for place, (doses, _, frequency) in enumerate(steps, start=1):
        total = _check_step(start, doses, before, total, frequency, place=place)
        before = doses
    return steps


def _hand_step(step: HandStep, slots: int) -> _Hand:
    if not isinstance(step, Sequence) or len(step) not in (2, 3) or not isinstance(step[0], Sequence):
        raise broken(INPUT_NOT_VALID, "steps_in", "Give each step as its doses and its days.")
    days = checks.whole_days(step[1], "steps_in")
    frequency: Frequency = "every_other_day" if tuple(step[2:]) == ("every_other_day",) else "daily"
    if len(step[0]) != slots or days < 1 or tuple(step[2:]) not in ((), (frequency,)):
        raise broken(INPUT_NOT_VALID, "steps_in", "Each step needs one dose per time of day and at least 1 day.")
    return tuple(checks.dose(dose, "steps_in") for dose in step[0]), days, frequency


def _check_step(
    start: Start, doses: Doses, before: Doses, total: Fraction, frequency: Frequency, *, place: int
) -> Fraction:
    """Return the daily total of a hand-made step, or refuse the step."""
    new = daily_total(doses, frequency)
    if new >= total:
        raise broken("TAPER_INCREASE", "steps_in", f"Step {place} does not go down. A raise needs a new signed plan.")
    if any(after > earlier for after, earlier in zip(doses, before, strict=True)):
        raise broken("SLOT_INCREASE", "steps_in", f"Step {place} raises one dose of the day while the total falls.")
    for dose, first in zip(doses, start.regimen, strict=True):
        if dose != first and dose not in start.doses:
            raise broken("DOSE_NOT_DELIVERABLE", "steps_in", f"Step {place} has a dose that no whole units make.")
    return new


def daily_total(doses: Doses, frequency: Frequency) -> Fraction:
    """Return mg (mcg/h) a day; a dose every second day counts half."""
    return sum(doses, Fraction(0)) / (2 if frequency == "every_other_day" else 1)
