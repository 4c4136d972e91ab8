"""What holds for every taper plan: random products, regimens, rates, modes, limits, goals, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from intake.clinical.products import PRODUCTS, Product, make
from intake.clinical.taper import Plan, TaperRequest, build, check_by_hand, deliverable
from intake.clinical.wire_plans import taper
from intake.errors import RuleBroken
from tests.depth import examples

OWN = {
    "own_coarse": make("own_coarse", "Coarse", "7 30", max_units=3, factor="0.33", release="ir", halves=True),
    "own_fine": make("own_fine", "Fine", "0.3 1.1", max_units=6, factor=None, release="er"),
}
TABLE = dict(PRODUCTS) | OWN


@st.composite
def requests(draw: st.DrawFn, *, holds: bool = True) -> TaperRequest:
    """Requests that a form lets through; some start doses are ones that no whole units make."""
    product = TABLE[draw(st.sampled_from(sorted(TABLE)))]
    made = deliverable(product, min(product.largest_dose, Fraction(300)))
    odd = st.integers(1, int(product.largest_dose)).map(Fraction)
    slot = st.one_of(st.sampled_from(made), st.sampled_from(made), odd)
    regimen = draw(st.lists(slot, min_size=1, max_size=5))
    total = sum(regimen, Fraction(0))
    assume(total > 0)
    goal = draw(st.one_of(st.just(Fraction(0)), st.integers(0, 99).map(lambda share: total * share / 100)))
    return TaperRequest(
        product=product.key,
        regimen=tuple(regimen),
        rate_pct=draw(
            st.one_of(st.integers(1, 100), st.sampled_from([Fraction(50, 3), Decimal("12.5"), Fraction(1, 3)]))
        ),
        interval_days=draw(st.integers(1, 60)),
        mode=draw(st.sampled_from(["linear", "exponential", "hybrid30"])),
        start_date=draw(st.dates(date(2025, 1, 1), date(2035, 12, 31))),
        max_step_pct=draw(st.sampled_from([5, 20, 25, 50, 100])),
        goal=goal if holds else 0,
        final=draw(st.sampled_from(["stop", "extend"])),
        pauses=draw(st.dictionaries(st.integers(1, 12), st.integers(0, 60), max_size=3)),
        stretch=draw(st.booleans()),
        products=TABLE,
    )


def built(request: TaperRequest) -> Plan:
    """Build a plan, leaving out the requests that are refused because no plan of 400 steps or no dose exists."""
    try:
        return build(request)
    except RuleBroken as refused:
        code = refused.code
    assert code in ("TOO_MANY_STEPS", "DOSE_NOT_DELIVERABLE", "GOAL_NOT_BELOW_START")
    reject()


@given(requests())
@settings(max_examples=examples(400), deadline=None)
def test_totals_fall_strictly_no_dose_rises_and_every_lowered_dose_can_be_made(request: TaperRequest) -> None:
    plan = built(request)
    product = TABLE[request.product]
    made = set(deliverable(product, max(plan.baseline.doses)))
    totals = [plan.baseline.daily_total, *(step.daily_total for step in plan.steps), plan.final_daily_total]
    assert all(later < earlier for earlier, later in pairwise(totals[:-1]))
    assert totals[-1] <= totals[-2]
    for before, step in pairwise([plan.baseline.doses, *(step.doses for step in plan.steps)]):
        assert all(after <= earlier for earlier, after in zip(before, step, strict=True))
        assert all(dose in made for dose, earlier in zip(step, before, strict=True) if dose != earlier)
    for step in plan.steps:
        for dose, pieces in zip(step.doses, step.dispense_per_dose, strict=True):
            if pieces is not None:
                assert sum((strength * units for strength, units in pieces), Fraction(0)) == dose
            else:
                assert dose in plan.baseline.doses
                assert dose not in made


@given(requests())
@settings(max_examples=examples(300), deadline=None)
def test_no_step_without_a_flag_falls_further_than_the_limit_and_no_rung_is_skipped_downwards(
    request: TaperRequest,
) -> None:
    plan = built(request)
    limit = Fraction(request.max_step_pct) / 100
    total = original = plan.baseline.daily_total
    for step in plan.steps:
        linear = request.mode == "linear" or (request.mode == "hybrid30" and total > original * Fraction(3, 10))
        if not step.flags:
            assert total - step.daily_total <= limit * (original if linear else total)
        assert set(step.flags) <= {"OVER_MAX", "ENDGAME"}
        assert len(step.flags) <= 1
        total = step.daily_total
    assert plan.over_max_steps == tuple(step.step for step in plan.steps if step.flags == ("OVER_MAX",))
    assert all(step.daily_total >= Fraction(request.goal) for step in plan.steps)


@given(requests())
@settings(max_examples=examples(300), deadline=None)
def test_dates_have_no_gap_and_every_length_has_its_reason(request: TaperRequest) -> None:
    plan = built(request)
    day = request.start_date
    for step in plan.steps:
        assert step.start == day
        assert step.end >= step.start
        length = step.days - request.pauses.get(step.step, 0)
        assert request.interval_days <= length <= request.interval_days * (2 if request.stretch else 1)
        day = step.end + timedelta(days=1)
    assert day == plan.end_date
    assert (plan.stop_date is None) != (plan.hold_from is None)
    assert (plan.hold_from is not None) == (Fraction(request.goal) > 0)
    assert plan.total_days == sum(step.days for step in plan.steps)
    assert len(plan.steps) <= 400


@given(requests())
@settings(max_examples=examples(150), deadline=None)
def test_building_again_gives_the_same_plan_and_pauses_change_only_dates(request: TaperRequest) -> None:
    plan = built(request)
    assert build(request) == plan
    without = build(replace(request, pauses={}))
    assert [step.doses for step in without.steps] == [step.doses for step in plan.steps]
    assert [step.flags for step in without.steps] == [step.flags for step in plan.steps]


@given(requests(holds=False))
@settings(max_examples=examples(200), deadline=None)
def test_a_plan_that_stops_comes_to_its_last_dose_and_speeds_are_shares_of_the_whole(request: TaperRequest) -> None:
    plan = built(request)
    assert plan.stop_date is not None
    assert plan.final_daily_total == 0
    last = plan.steps[-1].doses if plan.steps else plan.baseline.doses
    assert sum(1 for dose in last if dose) == 1
    assert plan.reduction_28d_pct is not None
    assert 0 < plan.reduction_28d_pct <= 100
    assert 0 < plan.actual_28d_pct <= 100
    assert _slow_way(plan) == plan.actual_28d_pct


def _slow_way(plan: Plan) -> Fraction:
    """Return the largest fall within 28 days by looking at every day."""
    totals = [plan.baseline.daily_total] * 28
    for step in plan.steps:
        totals += [step.daily_total] * step.days
    totals += [plan.final_daily_total] * 29
    largest = max(before - after for before, after in zip(totals, totals[28:], strict=False))
    return largest / plan.baseline.daily_total * 100


@given(requests())
@settings(max_examples=examples(200), deadline=None)
def test_a_generated_plan_stands_as_a_hand_made_one_with_the_same_figures(request: TaperRequest) -> None:
    plan = built(request)
    steps: list[tuple[Sequence[object], int, str]] = [(step.doses, step.days, step.frequency) for step in plan.steps]
    again = check_by_hand(
        request.product,
        request.regimen,
        steps,
        request.start_date,
        then_hold=plan.hold_from is not None,
        products=TABLE,
    )
    assert [replace(step, flags=()) for step in plan.steps] == list(again.steps)
    assert (again.stop_date, again.hold_from) == (plan.stop_date, plan.hold_from)
    assert again.actual_28d_pct == plan.actual_28d_pct
    assert again.reduction_28d_pct is None


@given(requests(holds=False))
@settings(max_examples=examples(150), deadline=None)
def test_the_pick_is_the_one_that_reading_the_specification_literally_gives(request: TaperRequest) -> None:
    plan = built(request)
    taken = [step.doses for step in plan.steps if step.frequency == "daily"]
    assert taken == _literal(request, TABLE[request.product])


def _literal(request: TaperRequest, product: Product) -> list[tuple[Fraction, ...]]:
    """Build the doses the slow way: every rung is looked at for every step."""
    d = list(deliverable(product, max(map(Fraction, request.regimen))))
    ladder = [tuple(map(Fraction, request.regimen))]
    inner_first = [*range(1, len(request.regimen) - 1), 0, len(request.regimen) - 1]
    while any(ladder[-1]):
        now = list(ladder[-1])
        slot = min((place for place in range(len(now)) if now[place] == max(now)), key=inner_first.index)
        now[slot] = max(dose for dose in d if dose < now[slot])
        ladder.append(tuple(now))
    rate, limit = Fraction(request.rate_pct) / 100, Fraction(request.max_step_pct) / 100
    original = total = sum(ladder[0])
    found: list[tuple[Fraction, ...]] = []
    at = 0
    while True:
        linear = request.mode == "linear" or (request.mode == "hybrid30" and total > Fraction(30, 100) * original)
        target = total - rate * original if linear else total * (1 - rate)
        floor = total - limit * original if linear else total * (1 - limit)
        lower = [place for place in range(at + 1, len(ladder)) if sum(ladder[place]) >= floor and any(ladder[place])]
        endgame = all(dose in (0, d[1]) for dose in ladder[at])
        if endgame or not lower:
            at += 1
        else:
            at = min(lower, key=lambda place: (abs(sum(ladder[place]) - target), -sum(ladder[place])))
        if not any(ladder[at]):
            return found
        found.append(ladder[at])
        total = sum(ladder[at])


_junk: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**15), 10**15), st.floats(), st.text(max_size=8), st.just([]),
    st.decimals(), st.fractions(), st.just({"a": 1}),
)  # fmt: skip


@given(
    st.sampled_from(["product", "regimen", "rate_pct", "interval_days", "mode", "start_date", "max_step_pct", "goal",
                     "final", "pauses", "stretch", "steps_in", "context"]),
    st.one_of(_junk, st.lists(_junk, max_size=4), st.dictionaries(st.text(max_size=3), _junk, max_size=3)),
)  # fmt: skip
@settings(max_examples=examples(600), deadline=None)
def test_whatever_is_written_into_a_field_gives_a_plan_or_a_refusal_with_a_code(field: str, junk: Any) -> None:
    case: dict[str, Any] = {"product": "oxycodone_ir", "regimen": [20, 20], "rate_pct": 10, "interval_days": 28,
                            "mode": "linear", "start_date": "2027-01-04", field: junk}  # fmt: skip
    try:
        result: object = taper({"input": case})["steps"]
    except RuleBroken as refused:
        result = refused.code and refused.message
    assert result or result == []
