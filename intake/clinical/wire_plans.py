"""Taper, route and cadence cases as plain JSON values in, the shape of the worked examples out.

A binary float counts as the decimal it is written as. What is refused raises RuleBroken with its code.
Source: clinical.md 4.5, 5.3, 6.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from . import taper as tapers
from .cadence import touchpoints
from .products import PRODUCTS, Product
from .routing import Facts, place
from .routing.facts import NAMES
from .taper import Plan, TaperContext, TaperRequest, checks
from .taper.build import checked_steps

Case = Mapping[str, Any]


def taper(case: Case) -> dict[str, object]:
    """Return the plan of one case: `input`, or the fields of a hand-made or invalid case themselves.

    Raises:
        RuleBroken: what `taper.build` and `taper.check_by_hand` refuse.
    """
    return plan_of(_object(case.get("input", case), "input")).as_dict()


def route(case: Case) -> dict[str, object]:
    """Return the placement of one case: `facts`; an absent fact is unknown.

    Raises:
        RuleBroken: INPUT_NOT_VALID for a fact nobody knows or a value that cannot be.
    """
    return place(facts_of(_object(case.get("facts"), "facts"))).as_dict()


def cadence(case: Case) -> list[dict[str, object]]:
    """Return the days a plan owes a message; `plan` is a taper input.

    Raises:
        RuleBroken: what the plan itself is refused for; PLAN_HAS_NO_STEPS; INPUT_NOT_VALID.
    """
    plan = plan_of(_object(case.get("plan"), "plan"))
    cut, refill = case.get("cancelled_from"), case.get("refill_days")
    days = touchpoints(
        plan,
        release=PRODUCTS[plan.product].release,
        activated=day(case.get("activated"), "activated"),
        appointments=[day(value, "appointments") for value in _list(case.get("appointments"), "appointments")],
        refill_days=None if refill is None else checks.whole_days(refill, "refill_days"),
        cancelled_from=None if cut is None else day(cut, "cancelled_from"),
    )
    return [point.as_dict() for point in days]


def facts_of(given: Case) -> Facts:
    """Return facts from their names and values; a misspelt name is refused, since it would hide a danger."""
    unknown = sorted(map(str, set(given) - set(NAMES)))
    if unknown:
        raise checks.broken(checks.INPUT_NOT_VALID, unknown[0], f"There is no fact called {unknown[0]}.")
    return Facts(**given)


def plan_of(given: Case, products: Mapping[str, Product] = PRODUCTS) -> Plan:
    """Return the plan of a taper input, generated or (with `steps_in`) hand-made.

    The checks run on the keys present, so that a missing date, mode, rate or interval never hides another fault.
    """
    rate = _rate(given.get("rate_pct"))
    start = checks.begin(
        given.get("product"),
        given.get("regimen"),
        products,
        rate_pct=rate,
        interval_days=given.get("interval_days"),
        goal=given.get("goal"),
    )
    context = _context(given.get("context"))
    if given.get("steps_in") is not None:
        checked_steps(start, given["steps_in"])
        return tapers.check_by_hand(
            start.product.key,
            given["regimen"],
            given["steps_in"],
            day(given.get("start_date"), "start_date"),
            context,
            then_hold=given.get("then_hold") is True,
            products=products,
        )
    return tapers.build(
        TaperRequest(
            product=start.product.key,
            regimen=start.regimen,
            rate_pct=checks.rate(rate) * 100,
            interval_days=checks.interval(given.get("interval_days")),
            mode=given.get("mode", ""),
            start_date=day(given.get("start_date"), "start_date"),
            max_step_pct=_or(given, "max_step_pct", 20),
            goal=_or(given, "goal", 0),
            final=_or(given, "final", "stop"),
            pauses=_pauses(given.get("pauses")),
            stretch=given.get("stretch") is True,
            context=context,
            products=products,
        )
    )


def day(value: object, field: str) -> date:
    """Return a day from ISO text; INPUT_NOT_VALID for anything else."""
    try:
        return checks.calendar_day(date.fromisoformat(value if isinstance(value, str) else ""), field)
    except ValueError as wrong:
        raise checks.broken(checks.INPUT_NOT_VALID, field, "Give the day as YYYY-MM-DD.") from wrong


def _object(value: object, field: str) -> Case:
    if not isinstance(value, Mapping):
        raise checks.broken(checks.INPUT_NOT_VALID, field, "Give an object with named values.")
    return value


def _list(value: object, field: str) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise checks.broken(checks.INPUT_NOT_VALID, field, "Give a list.")
    return value


def _or(given: Case, key: str, default: Any) -> Any:
    value = given.get(key)
    return default if value is None else value


def _rate(value: object) -> object:
    """Return a rate in percent; text is a decimal or a fraction such as 50/3."""
    if not isinstance(value, str):
        return value
    try:
        if len(value) > 40:
            raise ValueError
        return Fraction(value)
    except (ValueError, ZeroDivisionError) as wrong:
        raise checks.broken(
            "RATE_OUT_OF_RANGE", "rate_pct", "Give the cut in percent, for example 10 or 50/3."
        ) from wrong


def _pauses(value: object) -> dict[int, int]:
    pauses = _object({} if value is None else value, "pauses")
    found: dict[int, int] = {}
    for key, days in pauses.items():
        text = str(key)
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise checks.broken(checks.INPUT_NOT_VALID, "pauses", "Name the step of a pause by its number.")
        found[int(text)] = checks.whole_days(days, "pauses")
    return found


def _context(value: object) -> TaperContext:
    given = _object({} if value is None else value, "context")
    counts = {key: given.get(key) for key in ("oud_criteria", "use_days")}
    for key, count in counts.items():
        if count is not None:
            checks.whole_days(count, key)
    words = {key: given.get(key) for key in ("pregnancy", "cssrs", "benzo", "setting")}
    return TaperContext(moud_offered=given.get("moud_offered"), **counts, **words)
