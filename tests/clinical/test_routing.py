"""Placement: the golden cases, both sides of every edge, the explanation, rule sets, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from intake.clinical import wire_plans
from intake.clinical.routing import (
    DEFAULT,
    FLAG_RULES,
    QUEUES,
    RULES,
    TARGET_MINUTES,
    Facts,
    RuleSet,
    place,
    replay,
    unscored,
    what_would_change,
)
from intake.clinical.routing.facts import EMERGENCY, FACT_WORDS, NAMES, NUMBERS, WORDS, YES_NO, cleaned
from intake.errors import RuleBroken
from tests.clinical.vectors import by_id, vectors

GOLDEN = vectors("routing_vectors")
QUIET = Facts(**GOLDEN["defaults"])


def someone(**changes: Any) -> Facts:
    """Return a person nothing fires for, with changes."""
    return replace(QUIET, **changes)


def fired(facts: Facts, ruleset: RuleSet = DEFAULT) -> list[str]:
    return [rule.id for rule in place(facts, ruleset).fired]


@pytest.mark.parametrize("case", by_id(GOLDEN["cases"]))
def test_every_golden_case_is_placed_exactly(case: dict[str, Any]) -> None:
    assert wire_plans.route({"facts": {**GOLDEN["defaults"], **case["facts"]}}) == case["expect"]


def test_the_rules_stand_in_the_order_of_the_specification_with_its_queues_and_acuities() -> None:
    assert [(rule.id, rule.queue, rule.acuity) for rule in RULES] == [
        (rule["id"], rule["queue"], rule["acuity"]) for rule in GOLDEN["rules"]
    ]
    assert [(rule.id, rule.flag) for rule in FLAG_RULES] == [(r["id"], r["flag"]) for r in GOLDEN["flag_rules"]]
    assert list(QUEUES) == GOLDEN["queue_order"]
    assert {str(acuity): minutes for acuity, minutes in TARGET_MINUTES.items()} == GOLDEN["target_minutes"]


def test_there_are_36_facts_each_with_words_and_a_kind() -> None:
    assert len(NAMES) == 36
    assert set(NAMES) == set(FACT_WORDS) == set(YES_NO) | set(NUMBERS) | set(WORDS) == set(GOLDEN["defaults"])


# Both sides of every edge: facts that are changed, and the one rule that fires then.

EDGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *[(rule, {fact: True}, {fact: False}) for rule, fact in zip(
        ("E01", "E02", "E03", "E04", "E05", "E06", "E07"), EMERGENCY, strict=True)],
    ("C01", {"cssrs": "high"}, {"cssrs": "moderate"}),
    ("C02", {"ciwa": 19}, {"ciwa": 18}),
    ("C03", {"cows": 25}, {"cows": 24}),
    ("C04", {"pregnancy": "yes"}, {"pregnancy": "yes", "opioid_use": "none"}),
    ("C05", {"cannot_keep_fluids": True}, {"cannot_keep_fluids": None}),
    ("C06", {"phq9_item9": 1, "cssrs": None}, {"phq9_item9": 0, "cssrs": None}),
    ("C06", {"phq9_item9": 3, "cssrs": None}, {"phq9_item9": 3, "cssrs": "none"}),
    ("C07", {"cssrs": "moderate"}, {"cssrs": "low"}),
    ("C08", {"psych_unstable": True}, {"psych_unstable": None}),
    ("C09", {"medical_unstable": True}, {"medical_unstable": None}),
    ("C10", {"benzo": "daily", "alcohol": "heavy_daily"}, {"benzo": "prn", "alcohol": "heavy_daily"}),
    ("C10", {"benzo": "daily", "alcohol": "heavy_daily"}, {"benzo": "daily", "alcohol": "some"}),
    ("C10", {"benzo": "daily", "alcohol": "heavy_daily"},
     {"benzo": "daily", "alcohol": "heavy_daily", "opioid_use": "none"}),
    ("X01", {"age": 17}, {"age": 18}),
    ("X01", {"age": Decimal("17.9")}, {"age": None}),
    ("X02", {"treatable_problem": False}, {"treatable_problem": None}),
    ("X03", {"pain_excluded": True}, {"pain_excluded": None}),
    ("X04", {"moud": "methadone_otp"}, {"moud": "methadone_otp", "speed_requested": "none"}),
    ("X04", {"moud": "methadone_otp", "speed_requested": None}, {"moud": "buprenorphine"}),
    ("D01", {"cows": 13}, {"cows": 12}),
    ("D02", {"sows": 21}, {"sows": 20}),
    ("D02", {"sows": 21}, {"sows": 64, "cows": 0}),
    ("D03", {"ciwa": 10}, {"ciwa": 9}),
    ("D04", {"prior_complicated_withdrawal": True, "alcohol": "heavy_daily"},
     {"prior_complicated_withdrawal": True, "alcohol": "some"}),
    ("D04", {"prior_complicated_withdrawal": True, "benzo": "daily"},
     {"prior_complicated_withdrawal": None, "benzo": "daily"}),
    ("D05", {"benzo": "daily"}, {"benzo": "prn"}),
    ("D05", {"benzo": "daily"}, {"benzo": "daily", "opioid_use": None}),
    ("D06", {"auditc": 8}, {"auditc": 7}),
    ("D06", {"alcohol": "heavy_daily"}, {"alcohol": "heavy_daily", "opioid_use": "none"}),
    ("D07", {"oud_criteria": 6, "living": "unsafe"}, {"oud_criteria": 5, "living": "unsafe"}),
    ("D07", {"oud_criteria": 6, "living": None}, {"oud_criteria": 6, "living": "stable"}),
    ("D08", {"failed_outpatient_12m": 2, "oud_criteria": 4}, {"failed_outpatient_12m": 1, "oud_criteria": 4}),
    ("D08", {"failed_outpatient_12m": 2, "oud_criteria": 4}, {"failed_outpatient_12m": 2, "oud_criteria": 3}),
    ("D09", {"speed_requested": "rapid"}, {"speed_requested": "standard"}),
    ("D09", {"speed_requested": "rapid"}, {"speed_requested": "rapid", "opioid_use": "none"}),
    ("D10", {"cows": 5, "living": "homeless"}, {"cows": 4, "living": "homeless"}),
    ("D10", {"cows": 12, "support": None}, {"cows": 13, "support": None}),
    ("D11", {"oih": "oih_features", "failed_taper": True}, {"oih": "tolerance_pattern", "failed_taper": True}),
    ("D11", {"oih": "oih_features", "failed_taper": True}, {"oih": "oih_features", "failed_taper": None}),
    ("N01", {"cssrs": None, "phq9_item9": None}, {"cssrs": None, "phq9_item9": 0}),
    ("N01", {"cssrs": None, "phq9_item9": None}, {"cssrs": "none", "phq9_item9": None}),
    ("N02", {"opioid_use": "illicit", "days_since_last_opioid": 7},
     {"opioid_use": "illicit", "days_since_last_opioid": 8}),
    ("N02", {"oud_criteria": 2}, {"oud_criteria": 1}),
    ("N02", {"opioid_use": "both"}, {"opioid_use": "both", "sows": 0}),
    ("N02", {"opioid_use": "both"}, {"opioid_use": "both", "cows": 0}),
    ("N02", {"opioid_use": "illicit"}, {"opioid_use": "illicit", "days_since_last_opioid": None}),
    ("N02", {"oud_criteria": 5}, {"oud_criteria": 5, "opioid_use": "none"}),
    ("N03", {"pregnancy": "unknown"}, {"pregnancy": "no"}),
    ("N03", {"pregnancy": None}, {"pregnancy": "no"}),
    ("N04", {"alcohol": None}, {"alcohol": "none"}),
    ("N04", {"benzo": "unknown"}, {"benzo": "none"}),
    ("N05", {"age": None}, {"age": 0}),
    *[("N06", {fact: None}, {fact: False}) for fact in EMERGENCY],
    ("N07", {"alcohol": "heavy_daily"}, {"alcohol": "heavy_daily", "ciwa": 0}),
    ("O01", {"cows": 5}, {"cows": 4}),
    ("O01", {"cows": 12}, {"cows": 13}),
    ("O01", {"cows": 12}, {"cows": 12, "support": False}),
    ("O02", {"oud_criteria": 2}, {"oud_criteria": 1}),
    ("O03", {"oih": "tolerance_pattern"}, {"oih": "withdrawal_mediated"}),
    ("O03", {"oih": "oih_features"}, {"oih": "indeterminate"}),
    ("O04", {"mme": 90}, {"mme": Decimal("89.9")}),
    ("O05", {"mme": 50}, {"mme": Decimal("49.99")}),
    ("O05", {"mme": Decimal("89.95")}, {"mme": 90}),
    ("O06", {"sows": 11}, {"sows": 10}),
    ("O06", {"sows": 20}, {"sows": 21}),
    ("O06", {"sows": 20}, {"sows": 20, "cows": 0}),
    ("O99", {}, {"mme": 50}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "matching", "not_matching"), EDGES)
def test_a_rule_matches_on_one_side_of_its_edge_only(
    rule: str, matching: dict[str, Any], not_matching: dict[str, Any]
) -> None:
    assert rule in fired(someone(**matching))
    assert rule not in fired(someone(**not_matching))


def test_every_rule_has_an_edge_above() -> None:
    assert {rule.id for rule in RULES} == {rule for rule, _, _ in EDGES}


FLAG_EDGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("OFFER_NALOXONE", {"mme": 50}, {"mme": Decimal("49.99")}),
    ("OFFER_NALOXONE", {"benzo": "prn"}, {"benzo": "prn", "opioid_use": "none"}),
    ("OFFER_NALOXONE", {"benzo": "daily"}, {"benzo": "none"}),
    ("OFFER_NALOXONE", {"oud_criteria": 2}, {"oud_criteria": 1}),
    ("OFFER_NALOXONE", {"overdose_24h": True}, {"overdose_24h": None}),
    ("OFFER_NALOXONE", {"overdose_90d": True}, {"overdose_90d": None}),
    ("OFFER_NALOXONE", {"opioid_use": "both"}, {"opioid_use": "prescribed"}),
    ("OFFER_MOUD", {"oud_criteria": 2}, {"oud_criteria": 2, "moud": "some_other_word"}),
    ("OFFER_MOUD", {"oud_criteria": 2}, {"oud_criteria": 2, "moud": None}),
    ("OFFER_MOUD", {"oud_criteria": 2}, {"oud_criteria": 1}),
    ("NO_TAPER_WITHOUT_OBSTETRIC_SPECIALIST", {"pregnancy": "yes"}, {"pregnancy": "unknown"}),
    ("NO_TAPER_WITHOUT_OBSTETRIC_SPECIALIST", {"pregnancy": "yes"}, {"pregnancy": "yes", "opioid_use": None}),
    ("WITHDRAWAL_ALONE_NOT_RECOMMENDED", {"oud_criteria": 2}, {"oud_criteria": 2, "speed_requested": "none"}),
    ("WITHDRAWAL_ALONE_NOT_RECOMMENDED", {"oud_criteria": 2, "speed_requested": None}, {"oud_criteria": 1}),
    ("WITHDRAWAL_ALONE_NOT_RECOMMENDED", {"oud_criteria": 2}, {"oud_criteria": 2, "moud": "buprenorphine"}),
    ("MOTIVATIONAL_NO_PRESSURE", {"readiness": "refusing"}, {"readiness": "ready"}),
    ("MOTIVATIONAL_NO_PRESSURE", {"readiness": "ambivalent"}, {"readiness": None}),
    ("REVIEW_OIH", {"oih": "oih_features"}, {"oih": "tolerance_pattern"}),
    ("COORDINATE_BENZODIAZEPINE", {"benzo": "prn"}, {"benzo": "unknown"}),
    ("COORDINATE_BENZODIAZEPINE", {"benzo": "daily"}, {"benzo": "daily", "opioid_use": "none"}),
]


@pytest.mark.parametrize(("flag", "raising", "not_raising"), FLAG_EDGES)
def test_a_flag_is_raised_on_one_side_of_its_edge_only(
    flag: str, raising: dict[str, Any], not_raising: dict[str, Any]
) -> None:
    assert flag in place(someone(**raising)).flags
    assert flag not in place(someone(**not_raising)).flags


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({}, 0),
        ({"pregnancy": "yes"}, 30), ({"pregnancy": "unknown"}, 0),
        ({"cows": 4}, 0), ({"cows": 5}, 5), ({"cows": 12}, 5), ({"cows": 13}, 15), ({"cows": 24}, 15),
        ({"cows": 25}, 25), ({"cows": 36}, 25), ({"cows": 37}, 35),
        ({"sows": 10}, 0), ({"sows": 11}, 6), ({"sows": 20}, 6), ({"sows": 21}, 12), ({"sows": 30, "cows": 0}, 0),
        ({"ciwa": 9}, 0), ({"ciwa": 10}, 20), ({"ciwa": 18}, 20), ({"ciwa": 19}, 30),
        ({"cssrs": "low"}, 5), ({"cssrs": "moderate"}, 20), ({"cssrs": "high"}, 40),
        ({"benzo": "daily"}, 15), ({"benzo": "prn"}, 0), ({"alcohol": "heavy_daily"}, 15),
        ({"prior_complicated_withdrawal": True}, 15),
        ({"overdose_24h": True}, 30), ({"overdose_90d": True}, 20), ({"overdose_24h": True, "overdose_90d": True}, 30),
        ({"opioid_use": "both"}, 10), ({"opioid_use": "prescribed"}, 0),
        ({"mme": Decimal("49.99")}, 0), ({"mme": 50}, 5), ({"mme": Decimal("89.99")}, 5), ({"mme": 90}, 10),
        ({"living": "unstable"}, 5), ({"living": "homeless"}, 10), ({"living": "unsafe"}, 10),
        ({"oud_criteria": 5}, 0), ({"oud_criteria": 6}, 5),
        ({"pregnancy": "yes", "cows": 40, "cssrs": "high"}, 100),
    ],
)  # fmt: skip
def test_priority_adds_the_points_of_each_fact_and_stops_at_100(facts: dict[str, Any], points: int) -> None:
    placed = place(someone(**facts))
    assert placed.priority == points
    assert min(100, sum(part.points for part in placed.priority_parts)) == points
    assert all(part.words == FACT_WORDS[part.fact] for part in placed.priority_parts)


# How the rules come together


def test_the_queue_is_the_first_in_order_and_the_acuity_the_most_urgent_of_all() -> None:
    placed = place(someone(age=17, cows=14))
    assert (placed.queue, placed.acuity, placed.target_minutes) == ("refer_out", 2, 60)


def test_only_emergency_and_clinician_now_name_a_next_queue_and_callback_never_is_one() -> None:
    assert place(someone(cssrs="high", cows=14)).next_queue == "detox"
    assert place(someone(cssrs="high", age=None)).next_queue is None
    assert place(someone(cssrs="high", age=17, cows=14)).next_queue == "refer_out"
    assert place(someone(cows=14, oud_criteria=3)).next_queue is None


def test_a_gap_is_shown_and_does_not_delay_detox() -> None:
    placed = place(someone(cows=14, age=None))
    assert (placed.queue, placed.incomplete, placed.missing) == ("detox", True, ("age",))


def test_what_is_missing_is_named_most_pressing_first() -> None:
    assert place(Facts()).missing == (*EMERGENCY, "cssrs", "alcohol", "benzo", "pregnancy", "age")
    assert place(someone(opioid_use="illicit")).missing == ("cows",)
    assert place(someone(alcohol="heavy_daily")).missing == ("ciwa",)


def test_an_unknown_number_of_days_with_street_opioids_is_missing_without_being_incomplete() -> None:
    placed = place(someone(opioid_use="illicit", days_since_last_opioid=None))
    assert placed.missing == ("days_since_last_opioid",)
    assert not placed.incomplete


def test_nothing_known_asks_for_a_call_within_an_hour() -> None:
    placed = place(Facts())
    assert (placed.queue, placed.acuity) == ("callback", 2)
    assert fired(Facts()) == ["N01", "N03", "N04", "N05", "N06"]


def test_each_matched_rule_shows_its_words_and_the_facts_it_read_with_their_values() -> None:
    placed = place(someone(cows=8, living="homeless"))
    rule = next(rule for rule in placed.fired if rule.id == "D10")
    assert dict(rule.reads) == {"cows": 8, "living": "homeless", "support": True}
    assert rule.words == "COWS 5 to 12 without a safe home or support"
    assert (rule.queue, rule.acuity) == ("detox", 3)
    assert set(placed.unmatched) | {"D10"} == {rule.id for rule in RULES}


class _Watched:
    """Facts that remember which of them were looked at."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.seen.add("opioid_use" if name in ("any_opioid", "street_opioids") else name)
        return getattr(self._facts, name)


@pytest.mark.parametrize("rule", [*RULES, *FLAG_RULES], ids=lambda rule: rule.id)
def test_a_rule_reads_exactly_the_facts_it_says_it_reads(rule: Any) -> None:
    seen: set[str] = set()
    cases = [Facts(), QUIET, cleaned(Facts()), *(someone(**on) for _, on, _ in EDGES + FLAG_EDGES)]
    cases += [someone(**off) for _, _, off in EDGES + FLAG_EDGES]
    for facts in cases:
        watched = _Watched(facts)
        rule.when(*([watched] if rule in FLAG_RULES else [watched, rule.limits]))
        seen |= watched.seen
    assert seen == set(rule.reads)


# What is refused, what counts as unknown


@pytest.mark.parametrize(
    ("name", "value"),
    [("cows", float("nan")), ("cows", float("inf")), ("cows", -1), ("cows", 49), ("cows", 12.5), ("cows", True),
     ("cows", "13"), ("mme", Decimal("NaN")), ("mme", Decimal("Infinity")), ("mme", 10**9), ("mme", -0.01),
     ("mme", 100_001), ("days_since_last_opioid", 36_601), ("failed_outpatient_12m", 366),
     ("age", 131), ("oud_criteria", 12), ("phq9_item9", 4), ("auditc", 13), ("sows", 65), ("ciwa", 68),
     ("breathing_problem", 1), ("breathing_problem", []), ("cssrs", 3), ("living", True)],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_and_never_placed(name: str, value: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        place(someone(**{name: value}))
    assert refused.value.code == "INPUT_NOT_VALID"
    assert name in refused.value.fields


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [("cows", 13.0, 13), ("cows", Decimal(13), 13), ("mme", 49.99, Fraction(4999, 100)), ("age", 40.0, 40),
     ("breathing_problem", "yes", True), ("breathing_problem", "no", False), ("breathing_problem", "unknown", None),
     ("breathing_problem", "not_able_to_ask", None), ("cssrs", "maybe", None), ("living", "tent", None),
     ("alcohol", "a lot", "unknown"), ("alcohol", None, "unknown"), ("pregnancy", 7, "unknown"),
     ("moud", "naltrexone", "naltrexone"), ("moud", "unknown", None), ("moud", "", None), ("oih", "", None)],
)  # fmt: skip
def test_words_outside_the_lists_are_unknown_and_unknown_is_never_no(name: str, value: Any, known: Any) -> None:
    assert getattr(cleaned(someone(**{name: value})), name) == known


def test_a_misspelt_fact_is_refused_because_it_could_hide_a_danger() -> None:
    with pytest.raises(RuleBroken) as refused:
        wire_plans.route({"facts": {"breathing_problems": True}})
    assert refused.value.code == "INPUT_NOT_VALID"
    with pytest.raises(RuleBroken):
        wire_plans.route({"facts": ["cows"]})
    with pytest.raises(RuleBroken):
        wire_plans.route({})


# Rule sets


def changed(**rules: Mapping[str, Any]) -> RuleSet:
    return RuleSet.from_json({"version": "2", "from": "2027-03-01", "approver": "Dr. M. Director", "rules": rules})


def test_a_rule_set_switches_off_moves_and_sets_thresholds_and_says_so_in_words() -> None:
    assert fired(someone(cows=14), changed(D01={"enabled": False})) == ["O99"]
    assert (
        place(someone(oud_criteria=3, cows=1), changed(O02={"queue": "detox", "acuity": 1})).as_dict()["queue"]
        == "detox"
    )
    placed = place(someone(cows=11, support=True), changed(D01={"thresholds": {"cows_from": 11}}))
    assert placed.queue == "detox"
    assert placed.fired[0].words == "COWS 11 or more"
    assert placed.rule_set == "2"
    assert place(someone(mme=60), changed(O05={"thresholds": {"mme_from": Decimal("60.5")}})).fired[0].id == "O99"


def test_a_threshold_may_meet_its_other_end_and_a_protected_one_may_stay_as_it_is() -> None:
    only_twelve = changed(D10={"thresholds": {"cows_from": 12}})
    assert fired(someone(cows=12, living="homeless"), only_twelve) == ["D10"]
    assert fired(someone(cows=11, living="homeless"), only_twelve) == ["O99"]
    one_band = changed(O05={"thresholds": {"mme_from": 89}})
    assert fired(someone(mme=Decimal("89.5")), one_band) == ["O05"]
    same = changed(C03={"queue": "clinician_now", "acuity": 2, "enabled": True, "thresholds": {"cows_from": 25}})
    assert same.rules == RULES


def test_the_coded_rules_are_a_rule_set_without_changes_and_a_rule_set_can_be_read_again() -> None:
    assert DEFAULT.rules == RULES
    given = changed(D01={"thresholds": {"cows_from": 11}}, O05={"enabled": False})
    assert given.from_date == date(2027, 3, 1)
    assert RuleSet.from_json(given.as_json()) == given


@pytest.mark.parametrize(
    "change",
    [{"enabled": False}, {"queue": "detox"}, {"queue": "outpatient"}, {"acuity": 4}],
)
@pytest.mark.parametrize("rule", [rule.id for rule in RULES if rule.id[0] in "EC"])
def test_what_protects_life_cannot_be_switched_off_or_weakened(rule: str, change: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken) as refused:
        changed(**{rule: change})
    assert refused.value.code == "RULE_PROTECTED"


@pytest.mark.parametrize(
    ("rule", "limit", "weaker", "stricter"),
    [("C02", "ciwa_from", 20, 15), ("C03", "cows_from", 26, 20), ("C06", "phq9_item9_from", 2, 0)],
)
def test_a_limit_that_protects_life_may_only_go_down(rule: str, limit: str, weaker: int, stricter: int) -> None:
    with pytest.raises(RuleBroken) as refused:
        changed(**{rule: {"thresholds": {limit: weaker}}})
    assert refused.value.code == "RULE_PROTECTED"
    assert changed(**{rule: {"thresholds": {limit: stricter}, "queue": "emergency", "acuity": 1}}).rules


@pytest.mark.parametrize("rule", [rule.id for rule in RULES if rule.id[0] in "EC" and not rule.limits])
def test_what_protects_life_without_a_limit_may_be_made_stricter(rule: str) -> None:
    assert changed(**{rule: {"queue": "emergency", "acuity": 1}}).rules


def test_a_number_keeps_its_fraction_and_a_whole_one_is_whole() -> None:
    assert cleaned(someone(mme=Decimal("89.5"))).mme == Fraction(179, 2)
    assert type(cleaned(someone(mme=60.0)).mme) is int


@pytest.mark.parametrize("change", [{"enabled": False}, {"queue": "callback"}, {"acuity": 3}])
def test_the_rule_that_catches_everybody_else_cannot_change(change: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken) as refused:
        changed(O99=change)
    assert refused.value.code == "RULE_PROTECTED"


@pytest.mark.parametrize(
    "rules",
    [
        {"D01": {"thresholds": {"sows_from": 13}}},
        {"D01": {"thresholds": {"cows_from": 12.5}}},
        {"D01": {"thresholds": {"cows_from": 49}}},
        {"D01": {"thresholds": {"cows_from": float("nan")}}},
        {"D01": {"thresholds": {"cows_from": "13"}}},
        {"D01": {"thresholds": 13}},
        {"D10": {"thresholds": {"cows_from": 13}}},
        {"O05": {"thresholds": {"mme_from": 90}}},
        {"D01": {"queue": "somewhere"}},
        {"D01": {"acuity": 5}},
        {"D01": {"acuity": True}},
        {"D01": {"enabled": "no"}},
        {"D01": {"when": "cows >= 3"}},
        {"D01": 13},
        [1],
    ],
)
def test_a_rule_set_that_cannot_be_read_is_refused(rules: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        RuleSet.from_json({"version": "2", "rules": rules})
    assert refused.value.code == "RULE_SET_NOT_VALID"


@pytest.mark.parametrize(
    "given", [{}, {"version": " "}, [], {"version": "2", "from": "soon"}, {"version": "2", "from": 3},
              {"version": "2", "approver": 3}],
)  # fmt: skip
def test_a_rule_set_needs_a_version_a_date_and_a_name_that_can_be_read(given: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        RuleSet.from_json(given)
    assert refused.value.code == "RULE_SET_NOT_VALID"


def test_the_thresholds_a_rule_has_are_named_when_another_is_tried() -> None:
    with pytest.raises(RuleBroken, match="D05 has these thresholds: none"):
        changed(D05={"thresholds": {"cows_from": 13}})
    with pytest.raises(RuleBroken, match="D10 has these thresholds: cows_from, cows_to"):
        changed(D10={"thresholds": {"sows_from": 13}})


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(RuleBroken, match="Z01") as refused:
        changed(Z01={"enabled": False})
    assert refused.value.code == "RULE_UNKNOWN"


# What would change it


def test_the_example_of_the_screens_names_the_change_to_outpatient() -> None:
    facts = someone(cows=15, mme=135, oih="oih_features")
    placed = place(facts)
    assert (placed.queue, placed.acuity, placed.priority) == ("detox", 2, 25)
    first = what_would_change(facts)[0]
    assert first.words == "COWS 12 or less"
    assert (first.from_, first.queue, first.acuity, first.target_minutes) == (15, "outpatient", 3, 1440)


def test_of_a_known_number_the_nearest_range_on_either_side_is_named() -> None:
    found = [change.value_words for change in what_would_change(someone(cows=15)) if change.fact == "cows"]
    assert found == ["5 to 12", "25 or more"]
    found = [change.value_words for change in what_would_change(someone(cows=0)) if change.fact == "cows"]
    assert found == ["5 to 12"]
    found = [change.value_words for change in what_would_change(someone(mme=60)) if change.fact == "mme"]
    assert found == ["90 or more"]
    found = [c.value_words for c in what_would_change(someone(oud_criteria=3, cows=1)) if c.fact == "oud_criteria"]
    assert found == ["1 or less"]


def test_the_upper_end_of_a_rule_is_an_edge_of_its_own() -> None:
    found = what_would_change(someone(opioid_use="illicit", days_since_last_opioid=3))
    assert [c.words for c in found if c.fact == "days_since_last_opioid"] == ["Days since the last opioid 8 or more"]


def test_of_an_unknown_number_every_range_that_leads_elsewhere_is_named() -> None:
    found = [(c.value_words, c.queue) for c in what_would_change(someone(ciwa=None)) if c.fact == "ciwa"]
    assert found == [("10 to 18", "detox"), ("19 or more", "clinician_now")]
    rules = changed(O05={"thresholds": {"mme_from": 40, "mme_below": 80}, "acuity": 2})
    found = [(c.value_words, str(c.acuity)) for c in what_would_change(someone(mme=None), rules) if c.fact == "mme"]
    assert found == [("40 to under 80", "2"), ("90 or more", "3")]


def test_words_with_the_same_outcome_stand_together() -> None:
    facts = someone(cows=8, oud_criteria=1)
    change = next(change for change in what_would_change(facts) if change.fact == "living")
    assert change.words == "Living situation: unstable or unsafe or homeless"
    assert change.queue == "detox"


@pytest.mark.parametrize("facts", [Facts(), QUIET, someone(cows=15), someone(cssrs="high", age=16), someone(sows=25)])
def test_each_change_really_leads_where_it_says_and_facts_of_matched_rules_come_first(facts: Facts) -> None:
    found = what_would_change(facts)
    now = place(facts)
    assert found
    for change in found:
        other = place(replace(facts, **{change.fact: change.to}))
        there = (change.queue, change.acuity, change.target_minutes, change.next_queue)
        assert there == (other.queue, other.acuity, other.target_minutes, other.next_queue)
        assert there != (now.queue, now.acuity, now.target_minutes, now.next_queue)
    reads = {name for rule in now.fired for name in rule.reads}
    assert [change.is_fired for change in found] == sorted((c.fact in reads for c in found), reverse=True)


def test_the_changes_follow_the_rule_set_in_force() -> None:
    rules = changed(D01={"thresholds": {"cows_from": 10}}, D10={"thresholds": {"cows_to": 9}},
                    O01={"thresholds": {"cows_to": 9}})  # fmt: skip
    found = [change.words for change in what_would_change(someone(cows=15, mme=95), rules) if change.is_fired]
    assert found[0] == "COWS 9 or less"


def test_replaying_cases_lists_who_would_move_and_why() -> None:
    cases = [("first", someone(cows=12)), ("second", someone(cows=14)), ("third", someone(cows=12, living="homeless"))]
    new = changed(D01={"thresholds": {"cows_from": 12}}, D10={"acuity": 2})
    moved = replay(iter(cases), DEFAULT, new)
    assert [(case.id, case.before.queue, case.after.queue, case.after.acuity) for case in moved] == [
        ("first", "outpatient", "detox", 2),
        ("third", "detox", "detox", 2),
    ]
    assert moved[0].why == ("D01 now matches: COWS 12 or more",)
    assert moved[1].why == ("D10 now asks for detox 2 instead of detox 3", "D01 now matches: COWS 12 or more")
    assert replay(cases, DEFAULT, DEFAULT) == []
    off = replay(cases[1:2], DEFAULT, changed(D01={"enabled": False}))
    assert off[0].why == ("D01 no longer matches: COWS 13 or more", "O99 now matches: no other queue rule fired")


def test_facts_have_no_default_that_means_no() -> None:
    assert {getattr(Facts(), field.name) for field in fields(Facts)} == {None}


def test_a_yes_or_no_change_says_the_answer_that_would_move_the_person() -> None:
    found = [(c.to, c.value_words) for c in what_would_change(someone()) if c.fact == "breathing_problem"]
    assert found == [(True, "yes")]
    back = [c for c in what_would_change(someone(breathing_problem=True)) if c.fact == "breathing_problem"]
    assert [(c.to, c.value_words) for c in back] == [(False, "no")]


def test_while_no_rule_may_be_trusted_danger_goes_to_emergency_and_all_else_is_called_back() -> None:
    found = unscored(in_danger=True, rules=DEFAULT)
    assert (found.queue, found.acuity, found.target_minutes, found.priority) == ("emergency", 1, 15, 0)
    found = unscored(in_danger=False, rules=DEFAULT)
    assert (found.queue, found.acuity, found.target_minutes, found.priority) == ("callback", 2, 60, 0)
    assert found.incomplete
