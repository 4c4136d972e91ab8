"""The review of a draft plan: what blocks signing, what asks for a reason, what is only shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from intake.clinical.products import PRODUCTS
from intake.clinical.taper import Concern, Plan, ReviewFacts, TaperContext, TaperRequest, build, check_by_hand, review

MONDAY = date(2027, 1, 4)
KNOWN = TaperContext(pregnancy="no", oud_criteria=0, cssrs="none", benzo="none", setting="outpatient", use_days=100)
RECORDED = ReviewFacts(
    context=KNOWN,
    naloxone_offered=True,
    pdmp_checked_on=date(2027, 1, 2),
    goals=True,
    agreement=True,
    peg=True,
    phq9=True,
    cssrs=True,
    cows_or_sows=True,
    vitals=True,
    follow_up_on=date(2027, 1, 18),
    age=44,
)


def draft(product: str = "morphine_er", regimen: tuple[Any, ...] = (60, 60), **changes: Any) -> Plan:
    context = changes.pop("context", KNOWN)
    usual: dict[str, Any] = {"rate_pct": 10, "interval_days": 28, "mode": "linear", "start_date": MONDAY}
    return build(TaperRequest(product=product, regimen=regimen, context=context, **(usual | changes)))


def concerns(plan: Plan, facts: ReviewFacts = RECORDED, **changes: Any) -> dict[str, Concern]:
    return {concern.key: concern for concern in review(plan, replace(facts, **changes))}


def blocking(found: dict[str, Concern]) -> set[str]:
    return {key for key, concern in found.items() if concern.severity != "info"}


def test_a_slow_fully_recorded_plan_has_nothing_to_answer_and_still_shows_the_tolerance_warning() -> None:
    found = concerns(draft("oxycodone_ir", (20, 20, 20, 20)))
    assert blocking(found) == set()
    assert found["TOLERANCE_LOST"].release == "nobody_needed"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("naloxone_offered", "NALOXONE_NOT_OFFERED"),
        ("pdmp_checked_on", "PDMP_NOT_CHECKED"),
        ("goals", "GOALS_MISSING"),
        ("agreement", "AGREEMENT_MISSING"),
        ("peg", "PEG_MISSING"),
        ("phq9", "PHQ9_MISSING"),
        ("cssrs", "CSSRS_MISSING"),
        ("cows_or_sows", "COWS_OR_SOWS_MISSING"),
        ("vitals", "VITALS_MISSING"),
        ("follow_up_on", "FOLLOW_UP_MISSING"),
    ],
)
@pytest.mark.parametrize("absent", [None, False])
def test_what_has_to_be_recorded_blocks_and_nobody_may_release_it(field: str, code: str, absent: bool | None) -> None:
    found = concerns(draft("oxycodone_ir", (20, 20, 20, 20)), **{field: absent})
    assert blocking(found) == {code}
    assert (found[code].severity, found[code].fix, found[code].release) == ("hard", "fill_in", "fill_in")


@pytest.mark.parametrize(
    ("known", "code", "release"),
    [
        ({"pregnancy": "yes"}, "HARD_PREGNANCY_SPECIALIST", "prescriber_and_second"),
        ({"oud_criteria": 2}, "HARD_OFFER_MOUD_FIRST", "prescriber_and_second"),
        ({"cssrs": "high"}, "HARD_SUICIDE_RISK", "new_suicide_screen"),
        ({"pregnancy": "unknown"}, "ACK_PREGNANCY_UNKNOWN", "prescriber_reason"),
        ({"benzo": "daily"}, "ACK_BENZO_COORDINATE_ONE_TAPER", "prescriber_reason"),
        ({"pregnancy": None}, "PREGNANCY_NOT_ASKED", "prescriber_reason"),
        ({"oud_criteria": None}, "OUD_CRITERIA_UNKNOWN", "prescriber_reason"),
        ({"benzo": None}, "BENZO_UNKNOWN", "prescriber_reason"),
        ({"benzo": "unknown"}, "BENZO_UNKNOWN", "prescriber_reason"),
    ],
)
def test_each_fact_about_the_person_says_who_may_release_it(known: dict[str, Any], code: str, release: str) -> None:
    context = replace(KNOWN, **known)
    found = concerns(draft("oxycodone_ir", (20, 20, 20, 20), context=context), context=context)
    assert blocking(found) == {code}
    assert found[code].release == release
    assert found[code].severity == ("ack" if release == "prescriber_reason" else "hard")


def test_every_plan_flag_of_the_specification_becomes_a_concern_in_words() -> None:
    context = TaperContext("yes", 5, None, "high", "daily", None, 400)
    fast = draft("methadone_liquid", (80,), rate_pct=50, interval_days=7, context=context, max_step_pct=100)
    found = concerns(fast, context=context)
    assert set(fast.plan_flags) <= set(found)
    assert all(concern.words and concern.why for concern in found.values())
    gentle = draft("buprenorphine_sl", (8,), context=replace(KNOWN, use_days=400), rate_pct=25)
    assert {"ACK_BUPRENORPHINE_TAPER_RELAPSE_RISK", "ACK_FASTER_THAN_10PCT_PER_MONTH_LONG_TERM"} <= set(
        concerns(gentle)
    )


@pytest.mark.parametrize("criteria", [2, 4])
def test_an_offered_medication_needs_its_answer_on_record_before_signing(criteria: int) -> None:
    context = replace(KNOWN, oud_criteria=criteria, moud_offered=True)
    plan = draft("oxycodone_ir", (20, 20, 20, 20), context=context)
    assert blocking(concerns(plan, context=context)) == {"MOUD_ANSWER_MISSING"}
    assert blocking(concerns(plan, context=context, moud_answer="declined")) == set()


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"age": 17}, "UNDER_18"),
        ({"pain_excluded": True}, "OUT_OF_SCOPE_PAIN"),
        ({"methadone_program": True}, "METHADONE_PROGRAM"),
    ],
)
def test_specialist_paths_block_and_need_a_second_person(facts: dict[str, Any], code: str) -> None:
    found = concerns(draft("oxycodone_ir", (20, 20, 20, 20)), **facts)
    assert blocking(found) == {code}
    assert found[code].release == "prescriber_and_second"


def test_eighteen_is_adult_and_an_unknown_age_is_left_to_routing() -> None:
    plan = draft("oxycodone_ir", (20, 20, 20, 20))
    assert blocking(concerns(plan, age=18)) == blocking(concerns(plan, age=None)) == set()


# Speed as it really is


def creeping(start: int, days: int = 7) -> Plan:
    """A plan asked for 9% a month that really falls one piece each `days`."""
    return draft("morphine_er", (start,), rate_pct=2, interval_days=days, max_step_pct=100)


def test_a_plan_that_creeps_fast_through_short_intervals_is_blocked_like_a_rapid_one() -> None:
    plan = creeping(60)
    assert plan.plan_flags == ()
    assert plan.reduction_28d_pct == 8
    found = concerns(plan)["ACTUAL_SPEED_OVER_40"]
    assert (found.severity, found.release, found.fix) == ("hard", "prescriber_and_second", "slower")


def test_below_50_mme_at_the_start_it_asks_for_an_acknowledgement_instead() -> None:
    assert concerns(creeping(45))["ACTUAL_SPEED_OVER_40"].severity == "ack"
    assert concerns(creeping(45), total_mme=50)["ACTUAL_SPEED_OVER_40"].severity == "hard"
    assert concerns(creeping(45), total_mme=49.99)["ACTUAL_SPEED_OVER_40"].severity == "ack"


@pytest.mark.parametrize(("first", "severity"), [(120, None), (119, "hard")])
def test_a_fall_of_exactly_40_percent_is_not_above_it(first: int, severity: str | None) -> None:
    plan = draft("methadone_liquid", (200,), rate_pct=40, interval_days=28, goal=120, max_step_pct=100)
    hand = check_by_hand("methadone_liquid", [200], [([first], 28)], MONDAY, KNOWN, then_hold=True)
    assert plan.actual_28d_pct == 40
    found = concerns(replace(plan, actual_28d_pct=hand.actual_28d_pct))
    assert ("ACTUAL_SPEED_OVER_40" in found) is (severity is not None)


@pytest.mark.parametrize(("percent", "shown"), [("20", False), ("20.1", True), ("40", True)])
def test_a_fall_of_more_than_20_percent_asks_for_an_acknowledgement(percent: str, shown: bool) -> None:
    plan = creeping(60)
    assert plan.plan_flags == ()
    assert ("ACTUAL_SPEED_OVER_20" in concerns(replace(plan, actual_28d_pct=Fraction(percent)))) is shown


def test_without_a_factor_the_start_is_not_known_to_be_low() -> None:
    plan = draft("buprenorphine_sl", (4,), rate_pct=5, interval_days=7, max_step_pct=100)
    assert concerns(plan)["ACTUAL_SPEED_OVER_40"].severity == "hard"


def test_in_a_supervised_setting_a_fast_fall_asks_for_an_acknowledgement() -> None:
    found = concerns(creeping(60), context=replace(KNOWN, setting="supervised"))
    assert "ACTUAL_SPEED_OVER_40" not in found
    assert found["ACTUAL_SPEED_OVER_20"].severity == "ack"


def test_the_actual_speed_is_not_said_twice_when_the_asked_for_speed_already_says_it() -> None:
    rapid = draft("morphine_er", (60, 60), rate_pct=20, interval_days=7)
    assert not {"ACTUAL_SPEED_OVER_40", "ACTUAL_SPEED_OVER_20"} & set(concerns(rapid))


# Steps


def test_each_step_over_the_limit_has_its_own_concern_with_the_fix_that_exists() -> None:
    found = concerns(draft("methadone", (10, 10, 10), mode="exponential"))
    assert found["OVER_MAX:3"].fix == "halves"
    assert found["OVER_MAX:3"].step == 3
    halved = draft("methadone_halves", (5,), mode="exponential")
    assert {concern.fix for key, concern in concerns(halved).items() if key.startswith("OVER_MAX")} <= {"liquid"}
    patches = draft("fentanyl_patch", (50,), mode="exponential")
    assert concerns(patches)["OVER_MAX:1"].fix == "stretch"
    stretched = draft("fentanyl_patch", (50,), mode="exponential", stretch=True)
    assert concerns(stretched)["OVER_MAX:1"].fix is None


def test_methadone_halves_point_to_the_liquid_when_even_half_a_tablet_is_too_coarse() -> None:
    plan = draft("methadone_halves", (5, 5), rate_pct=5, mode="exponential")
    assert concerns(plan)["OVER_MAX:1"].fix == "liquid"


def test_an_abrupt_stop_asks_for_a_reason_and_offers_halves_or_the_extension() -> None:
    assert concerns(draft("oxycodone_ir", (5,)))["ABRUPT_STOP"].fix == "halves"
    er = concerns(draft("morphine_er", (15,)))["ABRUPT_STOP"]
    assert (er.fix, er.severity, er.release) == ("extend", "ack", "prescriber_reason")
    assert concerns(draft("fentanyl_patch", (12,)))["ABRUPT_STOP"].fix is None
    assert "ABRUPT_STOP" not in concerns(draft("morphine_er", (15,), final="extend"))
    assert "ABRUPT_STOP" not in concerns(draft("morphine_er", (30,), goal=29))


def test_pieces_nobody_can_dispense_block_until_a_person_enters_them() -> None:
    plan = draft("morphine_er", (50, 50), rate_pct=5)
    assert concerns(plan)["PIECES_MISSING:1"].release == "fill_in"
    assert "PIECES_MISSING:1" not in concerns(plan, pieces_by_hand=frozenset({1}))
    assert "PIECES_MISSING:2" not in concerns(plan)


def test_steps_shorter_than_a_week_belong_in_a_supervised_setting() -> None:
    steps = [((45, 45), 6), ((45, 30), 28), ((30, 30), 1)]
    plan = check_by_hand("morphine_er", [60, 60], steps, MONDAY, KNOWN, then_hold=True)
    assert concerns(plan)["STEP_TOO_SHORT"].words.endswith("1, 3.")
    assert "STEP_TOO_SHORT" not in concerns(plan, context=replace(KNOWN, setting="supervised"))
    assert "STEP_TOO_SHORT" not in concerns(draft(interval_days=7))


def test_starting_above_what_is_taken_now_is_a_raise_with_its_warning() -> None:
    assert concerns(draft(), current_total=90)["RAISE"].severity == "ack"
    assert "RAISE" not in concerns(draft(), current_total=120)


def test_large_cuts_long_plans_and_an_extension_that_cannot_be_are_only_shown() -> None:
    long = draft("oxycodone_ir_halves", (10, 10, 10, 10), rate_pct=2, interval_days=56, max_step_pct=100)
    patch = draft("fentanyl_patch", (50,), final="extend")
    for plan, code in ((draft(), "LARGE_CUT"), (long, "LONGER_THAN_2_YEARS"), (patch, "EXTENSION_NOT_MADE")):
        assert concerns(plan)[code].severity == "info"
    assert "LONGER_THAN_2_YEARS" not in concerns(draft())
    assert "EXTENSION_NOT_MADE" not in concerns(draft(final="extend"))


@pytest.mark.parametrize(("days", "shown"), [(729, False), (730, False), (731, True)])
def test_two_years_are_730_days(days: int, shown: bool) -> None:
    plan = check_by_hand("morphine_er", [60], [([45], days)], MONDAY, KNOWN, then_hold=True)
    assert ("LONGER_THAN_2_YEARS" in concerns(plan)) is shown


@pytest.mark.parametrize(("first", "shown"), [(160, False), (159, True)])
def test_a_cut_is_large_above_20_percent(first: int, shown: bool) -> None:
    plan = check_by_hand("methadone_liquid", [200], [([first], 28)], MONDAY, KNOWN, then_hold=True)
    assert ("LARGE_CUT" in concerns(plan)) is shown


def test_the_figures_in_the_words_have_one_decimal() -> None:
    found = concerns(draft("methadone", (10, 10, 10), mode="exponential"))
    assert found["OVER_MAX:3"].words.startswith("Step 3 cuts 25.0%")
    found = concerns(draft("morphine_er", (45,)))
    assert found["ACTUAL_SPEED_OVER_20"].words == "The steps really fall by 33.3% within 28 days."


# Mail


def test_mail_needs_the_date_of_birth_and_an_unverified_address_leaves_the_calls_to_staff() -> None:
    plan = draft("oxycodone_ir", (20, 20, 20, 20))
    found = concerns(plan, mail=True)
    assert blocking(found) == {"BORN_ON_MISSING", "EMAIL_NOT_VERIFIED", "EMAIL_NOT_CONSENTED"}
    assert found["BORN_ON_MISSING"].severity == "hard"
    assert found["EMAIL_NOT_VERIFIED"].fix == "without_mail"
    sound = {"born_on": True, "email_verified": True, "email_consented": True}
    assert blocking(concerns(plan, mail=True, **sound)) == set()


def test_hard_concerns_come_first_and_each_key_stands_once() -> None:
    context = TaperContext(cssrs="high")
    plan = draft("methadone", (10, 10, 10), mode="exponential", context=context)
    found = review(plan, ReviewFacts(context=context, mail=True), PRODUCTS)
    order = [["hard", "ack", "info"].index(concern.severity) for concern in found]
    assert order == sorted(order)
    assert len({concern.key for concern in found}) == len(found)
