"""Taper plans: the golden plans, every refusal, the edges of the algorithm, and the review before signing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

import pytest

from intake.clinical import factors, wire_plans
from intake.clinical.products import PRODUCTS, Product, drug_of, make, release_class
from intake.clinical.taper import Plan, TaperContext, TaperRequest, build, check_by_hand, deliverable, dispense
from intake.clinical.taper.speed import nominal_28d, plan_flags
from intake.errors import RuleBroken
from tests.clinical.vectors import vectors

MONDAY = date(2027, 1, 4)
GOLDEN = vectors("taper_vectors")
INPUTS = {case["id"]: case["input"] for case in GOLDEN["generated_plans"]}


def ask(product: str = "morphine_er", regimen: Sequence[Any] = (60, 60), **changes: Any) -> TaperRequest:
    """Return a request for 10% of the first dose every 28 days, with changes."""
    usual: dict[str, Any] = {"rate_pct": 10, "interval_days": 28, "mode": "linear", "start_date": MONDAY}
    return TaperRequest(product=product, regimen=tuple(regimen), **(usual | changes))


def golden(case_id: str, **changes: Any) -> Plan:
    return wire_plans.plan_of({**INPUTS[case_id], **changes})


def totals(plan: Plan) -> list[Fraction]:
    return [step.daily_total for step in plan.steps]


def refusal(**fields: Any) -> str:
    with pytest.raises(RuleBroken) as refused:
        wire_plans.taper(fields)
    assert refused.value.message.endswith(".")
    return refused.value.code


@pytest.mark.parametrize("case", GOLDEN["generated_plans"] + GOLDEN["explicit_plans"], ids=lambda case: case["id"])
def test_every_golden_plan_is_built_exactly(case: dict[str, Any]) -> None:
    assert wire_plans.taper({"id": case["id"], "input": case["input"]}) == _as_json(case["expect"])


@pytest.mark.parametrize("case", GOLDEN["invalid"], ids=lambda case: case["id"])
def test_every_golden_refusal_names_its_code(case: dict[str, Any]) -> None:
    assert refusal(**{key: value for key, value in case.items() if key != "expect_error"}) == case["expect_error"]


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _as_json(entry) for key, entry in value.items()}
    return [_as_json(entry) for entry in value] if isinstance(value, list) else value


# Products


def test_the_table_of_products_is_that_of_the_specification() -> None:
    listed = vectors("opioid_products")["products"]
    assert {
        key: {
            "strengths": [Fraction(strength) for strength in given["strengths"]],
            "halves": given["halves"],
            "max_units_per_dose": given["max_units_per_dose"],
            "mme_factor_2022": given["mme_factor_2022"],
            "unit": given["unit"],
            "form": given["form"],
            "release": given["release"],
        }
        for key, given in listed.items()
    } == {
        key: {
            "strengths": list(product.strengths),
            "halves": product.halves,
            "max_units_per_dose": product.max_units,
            "mme_factor_2022": product.factor,
            "unit": product.unit,
            "form": product.form,
            "release": product.release,
        }
        for key, product in PRODUCTS.items()
    }


def test_each_product_uses_the_factor_of_its_drug_in_the_table_of_2022() -> None:
    for key, product in PRODUCTS.items():
        drug = "fentanyl_transdermal" if key == "fentanyl_patch" else key.split("_")[0]
        assert product.factor == factors.factor(drug)


@pytest.mark.parametrize(
    ("key", "release"),
    [("methadone_home_made", "methadone"), ("fentanyl_patch", "patch"), ("new_er_12h", "er"), ("new_ir", "ir")],
)
def test_a_product_outside_the_table_has_the_release_class_of_its_key(key: str, release: str) -> None:
    assert release_class(key, {}) == release
    assert release_class("oxycodone_er") == "er"


@pytest.mark.parametrize(
    ("strengths", "units", "factor"),
    [
        ("", 4, "1"),
        ("5 x", 4, "1"),
        ("0", 4, "1"),
        ("-5", 4, "1"),
        ("5", 0, "1"),
        ("5", 1001, "1"),
        ("5", 1, "1/0"),
        ("5", 1, "101"),
    ],
)
def test_a_strength_table_that_cannot_be_is_refused(strengths: str, units: int, factor: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        make("new", "New", strengths, max_units=units, factor=factor, release="ir")
    assert refused.value.code == "PRODUCT_NOT_VALID"


def test_a_strength_table_at_its_edges_is_taken() -> None:
    product = make("new", "New", "10000 1", max_units=1000, factor="100", release="ir")
    assert (product.strengths, product.max_units, product.factor) == ((1, 10000), 1000, 100)
    with pytest.raises(RuleBroken):
        make("new", "New", "10001", max_units=1, factor=None, release="ir")


def test_the_center_can_taper_a_product_of_its_own_table() -> None:
    own = make("own", "Own", "30 10 20", max_units=2, factor=None, release="ir")
    plan = build(ask("own", [40], products={"own": own}))
    assert own.strengths == (10, 20, 30)
    assert totals(plan) == [30, 20, 10]
    assert plan.baseline.mme is None
    assert {step.mme for step in plan.steps} == {None}
    with pytest.raises(RuleBroken, match="table of strengths"):
        build(ask("oxycodone_ir", [10], products={"own": own}))


# Doses that can be made


def test_deliverable_doses_are_those_of_whole_units_up_to_the_largest_start_dose() -> None:
    assert deliverable(PRODUCTS["morphine_er"], Fraction(90)) == (0, 15, 30, 45, 60, 75, 90)
    assert deliverable(PRODUCTS["tramadol_er"], Fraction(250)) == (0, 100, 200)
    assert deliverable(PRODUCTS["oxycodone_ir_halves"], Fraction(10)) == (0, Fraction(5, 2), 5, Fraction(15, 2), 10)


@pytest.mark.parametrize("key", [key for key in PRODUCTS if key != "methadone_liquid"])
def test_dispensing_takes_fewest_pieces_then_fewest_halves_then_larger_strengths(key: str) -> None:
    product = PRODUCTS[key]
    for dose, best in _by_trying_all(product).items():
        assert dispense(product, dose) == best


def _by_trying_all(product: Product) -> dict[Fraction, tuple[tuple[Fraction, Fraction], ...]]:
    """Return the best pieces of each dose by comparing every combination with every other."""
    half = product.strengths[0] / 2
    pieces = [(strength, 0) for strength in product.strengths] + ([(half, 1)] if product.halves else [])
    best: dict[Fraction, tuple[Any, ...]] = {}
    for count in range(product.max_units + 1):
        for chosen in combinations_with_replacement(pieces, count):
            dose = sum((strength for strength, _ in chosen), Fraction(0))
            units: dict[Fraction, Fraction] = {}
            for strength, is_half in chosen:
                whole = product.strengths[0] if is_half else strength
                units[whole] = units.get(whole, Fraction(0)) + (Fraction(1, 2) if is_half else 1)
            rank = (count, sum(h for _, h in chosen), [-strength for strength, _ in sorted(chosen, reverse=True)])
            if dose not in best or rank < best[dose][0]:
                best[dose] = (rank, tuple(sorted(units.items(), reverse=True)))
    return {dose: found for dose, (_, found) in best.items()}


def test_a_liquid_is_dispensed_in_its_one_strength_and_an_impossible_dose_is_not_dispensed() -> None:
    assert dispense(PRODUCTS["methadone_liquid"], Fraction(80)) == ((1, 80),)
    assert dispense(PRODUCTS["morphine_er"], Fraction(50)) is None
    assert dispense(PRODUCTS["morphine_er"], Fraction(0)) == ()


# The algorithm


def test_the_example_of_the_screens_is_built_row_by_row() -> None:
    plan = build(ask("oxycodone_er", [30, 30, 30], mode="exponential", goal=30))
    assert [tuple(map(int, step.doses)) for step in plan.steps] == [
        (25, 25, 30), (25, 20, 25), (20, 20, 25), (20, 20, 20), (20, 15, 20),
        (15, 15, 20), (15, 15, 15), (15, 10, 15), (10, 10, 15), (10, 10, 10),
    ]  # fmt: skip
    assert plan.hold_from is not None
    assert plan.final_daily_total == 30


def test_the_ladder_lowers_inner_doses_first_and_ends_at_night() -> None:
    plan = build(ask(regimen=[90, 90, 90], rate_pct=1, max_step_pct=100))
    assert [tuple(map(int, step.doses)) for step in plan.steps][:5] == [
        (90, 75, 90), (75, 75, 90), (75, 75, 75), (75, 60, 75), (60, 60, 75)
    ]  # fmt: skip
    assert plan.steps[-1].doses == (0, 0, 15)


def test_two_doses_fall_in_day_order() -> None:
    assert [step.doses for step in build(ask(regimen=[30, 30], rate_pct=1, max_step_pct=100)).steps] == [
        (15, 30), (15, 15), (0, 15)
    ]  # fmt: skip


def test_of_two_equally_near_totals_the_higher_one_is_taken() -> None:
    plan = build(ask("methadone_liquid", [10], rate_pct=15, max_step_pct=100))
    assert totals(plan)[0] == 9


def test_the_step_limit_counts_up_to_and_with_its_edge() -> None:
    assert build(ask(regimen=[75], rate_pct=20, max_step_pct=20)).steps[0].flags == ()
    assert build(ask(regimen=[75], rate_pct=20, max_step_pct=Decimal("19.99"))).over_max_steps[0] == 1


def test_hybrid_turns_exponential_at_exactly_30_percent_of_the_first_dose() -> None:
    plan = build(ask("methadone_liquid", [100], rate_pct=10, mode="hybrid30", interval_days=7))
    assert totals(plan)[:9] == [90, 80, 70, 60, 50, 40, 30, 27, 24]
    linear = build(ask("methadone_liquid", [100], rate_pct=10, interval_days=7, max_step_pct=100))
    assert totals(linear) == [90, 80, 70, 60, 50, 40, 30, 20, 10, 1]


def test_a_goal_that_is_a_rung_is_the_last_step_and_the_plan_holds_from_the_day_after() -> None:
    plan = build(ask(regimen=[30, 30], rate_pct=25, max_step_pct=25, goal=45))
    assert totals(plan) == [45]
    assert plan.stop_date is None
    assert plan.hold_from == plan.steps[-1].end + timedelta(days=1)


def test_the_smallest_goal_is_held_and_not_taken_for_a_stop() -> None:
    plan = build(ask("methadone_liquid", [5], rate_pct=20, max_step_pct=100, goal=1))
    assert totals(plan)[-1] == 1
    assert plan.stop_date is None
    assert plan.hold_from == plan.steps[-1].end + timedelta(days=1)


def test_a_step_cuts_at_most_20_percent_unless_the_request_says_more() -> None:
    asked = TaperRequest("morphine_er", (60,), rate_pct=10, interval_days=28, mode="linear", start_date=MONDAY)
    assert asked.max_step_pct == 20


def test_a_day_more_than_four_weeks_between_steps_falls_a_little_less_than_the_rate() -> None:
    assert Fraction(96, 1000) < nominal_28d(Fraction(1, 10), 29, "exponential") < Fraction(1, 10)


def test_without_a_possible_step_the_plan_holds_at_the_start_total() -> None:
    plan = build(ask(regimen=[30], goal=Decimal("29.5")))
    assert plan.steps == ()
    assert plan.hold_from == MONDAY
    assert plan.final_daily_total == 30
    assert plan.actual_28d_pct == 0


def test_a_rung_below_the_goal_is_not_taken_in_the_endgame_either() -> None:
    plan = build(ask("oxycodone_ir", [5, 5, 5], goal=7))
    assert totals(plan) == [10]


def test_the_endgame_takes_one_rung_at_a_time_whatever_the_limit() -> None:
    plan = build(ask("oxycodone_ir", [5, 5, 5], rate_pct=100, max_step_pct=100))
    assert [(step.daily_total, step.flags) for step in plan.steps] == [(10, ("ENDGAME",)), (5, ("ENDGAME",))]


def test_an_extension_is_half_of_the_last_dose_for_one_interval_before_the_stop() -> None:
    plan = golden("T44")
    assert plan.steps[-1].frequency == "every_other_day"
    assert plan.steps[-1].days == 14
    assert plan.steps[-1].doses == plan.steps[-2].doses
    assert plan.steps[-1].daily_total == plan.steps[-2].daily_total / 2
    assert plan.steps[-1].pct_of_previous == 50


def test_a_single_smallest_dose_can_be_extended_instead_of_stopped_at_once() -> None:
    plan = golden("T28", final="extend", pauses={"1": 3})
    assert len(plan.steps) == 1
    assert plan.steps[0].start == MONDAY
    assert plan.steps[0].days == 10
    assert plan.steps[0].daily_total == Fraction(5, 2)


@pytest.mark.parametrize(
    ("product", "regimen", "goal"),
    [("fentanyl_patch", [25], 0), ("methadone_liquid", [5], 0), ("morphine_er", [30], 15)],
)
def test_patches_liquids_and_plans_that_hold_are_never_extended(product: str, regimen: list[int], goal: int) -> None:
    plan = build(ask(product, regimen, goal=goal, final="extend"))
    assert {step.frequency for step in plan.steps} == {"daily"}


def test_a_pause_lengthens_its_step_and_shifts_what_follows_and_a_pause_of_no_step_is_ignored() -> None:
    plain, paused = golden("T02"), golden("T02", pauses={"2": 5, "99": 7})
    assert [step.days for step in paused.steps] == [28, 33, 28, 28, 28, 28, 28]
    assert plain.stop_date is not None
    assert paused.stop_date == plain.stop_date + timedelta(days=5)
    assert totals(paused) == totals(plain)


def test_stretch_gives_a_coarse_step_more_days_but_at_most_twice_as_many() -> None:
    assert (golden("T04").total_days, golden("T41").total_days) == (196, 346)
    plan = build(ask("fentanyl_patch", [25], rate_pct=20, stretch=True, interval_days=7))
    assert plan.steps[0].daily_total == 12
    assert plan.steps[0].days == 14
    mild = build(ask(regimen=[60, 60], rate_pct=10, stretch=True, interval_days=28))
    assert mild.steps[0].days == 35


def test_a_start_dose_no_units_make_is_kept_without_pieces_until_its_turn() -> None:
    plan = build(ask(regimen=[50, 50], rate_pct=5))
    assert plan.steps[0].doses == (45, 50)
    assert plan.steps[0].dispense_per_dose == (((Fraction(30), 1), (Fraction(15), 1)), None)
    assert plan.steps[0].as_dict()["dispense_per_dose"] == [{"30": 1, "15": 1}, None]
    assert plan.steps[1].doses == (45, 45)


def test_unequal_start_doses_below_the_smallest_piece_fall_to_zero_without_a_false_endgame() -> None:
    plan = build(ask("oxycodone_ir", [10, 3]))
    assert [step.doses for step in plan.steps] == [(5, 3), (0, 3)]
    assert plan.over_max_steps == (1, 2)


def test_a_plan_of_400_steps_is_built_and_one_of_401_is_refused() -> None:
    assert len(build(ask("methadone_liquid", [200, 200, 1], rate_pct=Decimal("0.1"), interval_days=1)).steps) == 400
    assert refusal(product="methadone_liquid", regimen=[200, 200, 2], rate_pct=0.1, interval_days=1, mode="linear",
                   start_date="2027-01-04") == "TOO_MANY_STEPS"  # fmt: skip


def test_the_same_request_gives_the_same_plan_again() -> None:
    assert build(ask(regimen=[100, 75, 60], mode="hybrid30")) == build(ask(regimen=[100, 75, 60], mode="hybrid30"))


# Speed and flags


@pytest.mark.parametrize(
    ("rate", "interval", "mode", "speed"),
    [(10, 28, "linear", 10), (10, 7, "linear", 40), (50, 7, "hybrid30", 100), (10, 56, "linear", 5),
     (10, 14, "exponential", 19), (100, 10, "exponential", 100), (36, 56, "exponential", 20)],
)  # fmt: skip
def test_the_nominal_speed_is_that_of_28_days(rate: int, interval: int, mode: Any, speed: int) -> None:
    assert abs(nominal_28d(Fraction(rate, 100), interval, mode) * 100 - speed) < Fraction(1, 10**40)


@pytest.mark.parametrize("interval", [1, 2, 4, 7, 14, 28])
def test_a_whole_power_is_exact_to_the_last_digit(interval: int) -> None:
    assert nominal_28d(Fraction(1, 10), interval, "exponential") == 1 - Fraction(9, 10) ** (28 // interval)


def test_a_broken_power_is_exact_to_thirty_digits() -> None:
    found = 1 - nominal_28d(Fraction(1, 10), 3, "exponential")
    assert abs(found**3 - Fraction(9, 10) ** 28) < Fraction(1, 10**32)


@pytest.mark.parametrize(
    ("context", "speed", "flags"),
    [
        ({}, "40", ["ACK_FASTER_THAN_20PCT_PER_4_WEEKS"]),
        ({}, "40.000000001", ["ACK_FASTER_THAN_20PCT_PER_4_WEEKS"]),
        ({}, "40.0000000015", ["HARD_RAPID_NEEDS_SUPERVISED_SETTING"]),
        ({"setting": "supervised"}, "80", ["ACK_FASTER_THAN_20PCT_PER_4_WEEKS"]),
        ({"setting": "anything"}, "41", ["HARD_RAPID_NEEDS_SUPERVISED_SETTING"]),
        ({}, "20", []),
        ({}, "20.0000001", ["ACK_FASTER_THAN_20PCT_PER_4_WEEKS"]),
        ({"use_days": 364}, "15", []),
        ({"use_days": 365}, "10", []),
        ({"use_days": 365}, "10.1", ["ACK_FASTER_THAN_10PCT_PER_MONTH_LONG_TERM"]),
        ({"use_days": 365}, "50", ["ACK_FASTER_THAN_10PCT_PER_MONTH_LONG_TERM", "HARD_RAPID_NEEDS_SUPERVISED_SETTING"]),
        ({"oud_criteria": 1}, "1", []),
        ({"oud_criteria": 2}, "1", ["HARD_OFFER_MOUD_FIRST"]),
        ({"oud_criteria": 2, "moud_offered": False}, "1", ["HARD_OFFER_MOUD_FIRST"]),
        ({"oud_criteria": 11, "moud_offered": True}, "1", []),
        ({"cssrs": "moderate"}, "1", []),
        ({"cssrs": "high"}, "1", ["HARD_SUICIDE_RISK"]),
        ({"benzo": "prn"}, "1", []),
        ({"benzo": "daily"}, "1", ["ACK_BENZO_COORDINATE_ONE_TAPER"]),
        ({"pregnancy": "no"}, "1", []),
        ({"pregnancy": "yes"}, "1", ["HARD_PREGNANCY_SPECIALIST"]),
        ({"pregnancy": "unknown"}, "1", ["ACK_PREGNANCY_UNKNOWN"]),
    ],
)
def test_each_flag_has_its_edge(context: dict[str, Any], speed: str, flags: list[str]) -> None:
    assert plan_flags("morphine_er", TaperContext(**context), Fraction(speed)) == tuple(flags)


def test_methadone_and_buprenorphine_always_carry_their_acknowledgement() -> None:
    assert plan_flags("methadone_liquid", None, Fraction(1)) == ("ACK_METHADONE_LONG_HALF_LIFE",)
    assert plan_flags("buprenorphine_sl", None, Fraction(1)) == ("ACK_BUPRENORPHINE_TAPER_RELAPSE_RISK",)


def test_daily_intervals_cannot_hide_their_speed() -> None:
    plan = build(ask("methadone_liquid", [40], rate_pct=Decimal("0.5"), interval_days=1, mode="linear"))
    assert plan.reduction_28d_pct == 14
    assert plan.actual_28d_pct == 70


def test_the_actual_speed_of_a_hold_counts_the_dose_that_goes_on() -> None:
    assert build(ask(regimen=[60, 60], rate_pct=25, max_step_pct=25, goal=90)).actual_28d_pct == 25
    assert golden("T28").actual_28d_pct == 100
    assert golden("T29").actual_28d_pct == 50


# Hand-made plans


def by_hand(steps: Sequence[Any], regimen: Sequence[Any] = (60, 60), **more: Any) -> Plan:
    return check_by_hand("morphine_er", regimen, steps, MONDAY, **more)


def test_the_speed_of_a_hand_made_plan_is_its_largest_fall_within_28_days() -> None:
    slow = by_hand([([60, 45], 28), ([45, 45], 28), ([45, 30], 28)], then_hold=True)
    assert slow.actual_28d_pct == Fraction(100, 8)
    assert slow.plan_flags == ()
    assert slow.as_dict()["hold_from"] == "2027-03-29"
    assert "stop_date" not in slow.as_dict()
    faster = by_hand([([60, 45], 27), ([45, 45], 28)], then_hold=True)
    assert faster.actual_28d_pct == 25
    assert faster.plan_flags == ("ACK_FASTER_THAN_20PCT_PER_4_WEEKS",)
    stopped = by_hand([([60, 45], 28), ([45, 45], 28)])
    assert stopped.actual_28d_pct == 75
    assert stopped.stop_date == date(2027, 3, 1)
    assert stopped.plan_flags == ("HARD_RAPID_NEEDS_SUPERVISED_SETTING",)


def test_a_generated_plan_is_accepted_as_a_hand_made_one_with_the_same_steps() -> None:
    plan = golden("T44")
    again = check_by_hand(
        plan.product, plan.baseline.doses, [(step.doses, step.days, step.frequency) for step in plan.steps], MONDAY
    )
    assert [replace(step, flags=()) for step in plan.steps] == list(again.steps)
    assert (again.stop_date, again.actual_28d_pct) == (plan.stop_date, plan.actual_28d_pct)


def test_a_slot_may_keep_a_start_dose_that_no_units_make() -> None:
    assert by_hand([([45, 50], 28)], regimen=[50, 50]).steps[0].dispense_per_dose[1] is None


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([([60, 60], 28)], "TAPER_INCREASE"),
        ([([75, 60], 28)], "TAPER_INCREASE"),
        ([([30, 75], 28)], "SLOT_INCREASE"),
        ([([45, 45], 28), ([60, 15], 28)], "SLOT_INCREASE"),
        ([([60, 50], 28)], "DOSE_NOT_DELIVERABLE"),
        ([([45, 45], 28), ([50, 30], 28)], "SLOT_INCREASE"),
        ([([45, 45], 28), ([45, 20], 28), ([45, 45], 28)], "DOSE_NOT_DELIVERABLE"),
        ([([45], 28)], "INPUT_NOT_VALID"),
        ([([45, 45], 0)], "INPUT_NOT_VALID"),
        ([([45, 45], 1.5)], "INPUT_NOT_VALID"),
        ([([45, -15], 28)], "INPUT_NOT_VALID"),
        ([([45, float("nan")], 28)], "INPUT_NOT_VALID"),
        ([([45, 45], 28, "weekly")], "INPUT_NOT_VALID"),
        ([([45, 45],)], "INPUT_NOT_VALID"),
        ([28], "INPUT_NOT_VALID"),
        ("steps", "INPUT_NOT_VALID"),
    ],
)
def test_d10_hand_made_steps_are_held_to_the_rules_in_step_order(steps: Any, code: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        by_hand(steps)
    assert refused.value.code == code
    assert "steps_in" in refused.value.fields


def test_a_refused_step_is_named_by_its_number() -> None:
    for steps, words in (
        ([([60, 45], 28), ([60, 45], 28)], "Step 2 does not go down"),
        ([([60, 45], 28), ([30, 60], 28)], "Step 2 raises one dose"),
        ([([50, 60], 28)], "Step 1 has a dose"),
    ):
        with pytest.raises(RuleBroken, match=words):
            by_hand(steps)


def test_hand_made_steps_of_a_single_day_are_accepted_and_counted() -> None:
    plan = by_hand([([60, 45], 1), ([45, 45], 2)])
    assert [(step.start.day, step.end.day) for step in plan.steps] == [(4, 4), (5, 6)]
    assert plan.stop_date == date(2027, 1, 7)


def test_mme_is_shown_with_two_decimals_and_percentages_with_one() -> None:
    own = make("own", "Own", "0.125", max_units=9, factor="0.334", release="ir")
    given = TaperRequest("own", (1,), Fraction(100, 8), 28, "linear", MONDAY, products={"own": own})
    plan = build(given)
    assert plan.as_dict()["baseline"] == {"doses": [1], "daily_total": 1, "mme": 0.33}
    first = plan.steps[0].as_dict()
    assert (first["daily_total"], first["mme"], first["pct_of_original"]) == (0.875, 0.29, 12.5)
    hand = check_by_hand("own", [1], [([Decimal("0.875")], 28)], MONDAY, products={"own": own})
    assert hand.steps[0].as_dict(by_hand=True)["mme"] == 0.29


# Refusals

WHOLE = {"product": "morphine_er", "regimen": [60, 60], "rate_pct": 10, "interval_days": 28, "mode": "linear",
         "start_date": "2027-01-04"}  # fmt: skip


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"product": "unknown"}, "UNKNOWN_PRODUCT"),
        ({"product": None}, "UNKNOWN_PRODUCT"),
        ({"product": ["morphine_er"]}, "UNKNOWN_PRODUCT"),
        ({"regimen": []}, "EMPTY_REGIMEN"),
        ({"rate_pct": 0}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": -5}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": 100.01}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": float("nan")}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": float("inf")}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": Decimal("NaN")}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": True}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": "50/0"}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": "ten"}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": "1" * 50}, "RATE_OUT_OF_RANGE"),
        ({"rate_pct": None}, "RATE_OUT_OF_RANGE"),
        ({"interval_days": 0}, "INTERVAL_OUT_OF_RANGE"),
        ({"interval_days": -7}, "INTERVAL_OUT_OF_RANGE"),
        ({"interval_days": 0.5}, "INTERVAL_OUT_OF_RANGE"),
        ({"interval_days": float("nan")}, "INTERVAL_OUT_OF_RANGE"),
        ({"interval_days": 10**9}, "INTERVAL_OUT_OF_RANGE"),
        ({"goal": 120}, "GOAL_NOT_BELOW_START"),
        ({"goal": 120.01}, "GOAL_NOT_BELOW_START"),
        ({"regimen": [0, 0]}, "GOAL_NOT_BELOW_START"),
        ({"regimen": [10, 4]}, "DOSE_NOT_DELIVERABLE"),
        ({"regimen": [15, 900]}, "INPUT_NOT_VALID"),
        # The first fault in the order of the checks is the one that is named.
        ({"product": "unknown", "regimen": [], "rate_pct": 0}, "UNKNOWN_PRODUCT"),
        ({"regimen": [], "rate_pct": 0, "interval_days": 0}, "EMPTY_REGIMEN"),
        ({"rate_pct": 0, "interval_days": 0, "goal": 500}, "RATE_OUT_OF_RANGE"),
        ({"interval_days": 0, "goal": 500}, "INTERVAL_OUT_OF_RANGE"),
        ({"regimen": [10], "goal": 10}, "GOAL_NOT_BELOW_START"),
        # What is missing never hides an earlier check.
        ({"goal": 500, "rate_pct": None, "interval_days": None, "start_date": None}, "GOAL_NOT_BELOW_START"),
        ({"interval_days": 0, "start_date": None, "mode": None}, "INTERVAL_OUT_OF_RANGE"),
        # Refused by form validation.
        ({"interval_days": 1.5}, "INPUT_NOT_VALID"),
        ({"max_step_pct": 0}, "INPUT_NOT_VALID"),
        ({"max_step_pct": 101}, "INPUT_NOT_VALID"),
        ({"pauses": {"1": -1}}, "INPUT_NOT_VALID"),
        ({"pauses": {"1": 1.5}}, "INPUT_NOT_VALID"),
        ({"pauses": {"one": 1}}, "INPUT_NOT_VALID"),
        ({"pauses": [1]}, "INPUT_NOT_VALID"),
        ({"regimen": [60, -60]}, "INPUT_NOT_VALID"),
        ({"regimen": [60, float("inf")]}, "INPUT_NOT_VALID"),
        ({"regimen": [60, "60"]}, "INPUT_NOT_VALID"),
        ({"regimen": "60"}, "INPUT_NOT_VALID"),
        ({"regimen": [60] * 25}, "INPUT_NOT_VALID"),
        ({"regimen": [801]}, "INPUT_NOT_VALID"),
        ({"regimen": [10**12]}, "INPUT_NOT_VALID"),
        ({"mode": "fast"}, "INPUT_NOT_VALID"),
        ({"final": "never"}, "INPUT_NOT_VALID"),
        ({"start_date": "2027-02-30"}, "INPUT_NOT_VALID"),
        ({"start_date": 20270104}, "INPUT_NOT_VALID"),
        ({"start_date": "9999-12-31"}, "INPUT_NOT_VALID"),
        ({"interval_days": 3650, "regimen": [200, 200, 200, 200], "rate_pct": 1}, "INPUT_NOT_VALID"),
        ({"context": "pregnant"}, "INPUT_NOT_VALID"),
        ({"context": {"use_days": float("nan")}}, "INPUT_NOT_VALID"),
        ({"input": "no object"}, "INPUT_NOT_VALID"),
    ],
)  # fmt: skip
def test_d10_a_faulty_request_is_refused_with_its_code_and_never_computed(faults: dict[str, Any], code: str) -> None:
    assert refusal(**{**WHOLE, **faults}) == code


def test_what_is_left_out_of_a_case_has_its_usual_value() -> None:
    usual = {"max_step_pct": 20, "goal": 0, "final": "stop", "pauses": {}, "stretch": False, "context": {}}
    coarse = {**WHOLE, "product": "methadone_liquid", "regimen": [100], "rate_pct": 30}
    assert wire_plans.taper(coarse) == wire_plans.taper({**coarse, **usual})
    assert wire_plans.taper(coarse) != wire_plans.taper({**coarse, "max_step_pct": 21})


def test_the_ends_of_what_is_accepted_belong_to_it() -> None:
    for accepted in ({"start_date": "1970-01-01"}, {"start_date": "2200-12-31"}, {"regimen": [15] * 24}):
        assert wire_plans.taper({**WHOLE, **accepted})["steps"]
    for refused in ({"start_date": "1969-12-31"}, {"start_date": "2201-01-01"}):
        assert refusal(**{**WHOLE, **refused}) == "INPUT_NOT_VALID"


def test_a_hand_made_case_may_hold_at_its_last_dose() -> None:
    case = {"product": "morphine_er", "regimen": [60, 60], "start_date": "2027-01-04", "steps_in": [[[60, 45], 28]]}
    held, stopped = wire_plans.taper({"input": {**case, "then_hold": True}}), wire_plans.taper({"input": case})
    assert (held["hold_from"], held["plan_flags"]) == ("2027-02-01", [])
    assert (stopped["stop_date"], "hold_from" in stopped) == ("2027-02-01", False)


def test_the_sound_request_behind_the_refusals_is_accepted() -> None:
    assert wire_plans.taper(WHOLE)["n_steps"] == 7


@pytest.mark.parametrize(
    ("key", "drug"),
    [("oxycodone_er", "oxycodone"), ("methadone", "methadone"), ("hydrocodone_er_12h", "hydrocodone"),
     ("fentanyl_patch", "fentanyl_transdermal"), ("buprenorphine_sl_film", "buprenorphine")],
)  # fmt: skip
def test_a_product_names_the_drug_the_calculator_knows(key: str, drug: str) -> None:
    assert drug_of(key) == drug
