"""The instruments: golden vectors, every edge, every missing rule, every alert and every refusal."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.clinical import instruments
from intake.clinical.instruments import Instrument, Item
from intake.errors import RuleBroken
from tests.clinical.vectors import by_id, vectors

DEFINED = vectors("instruments")["instruments"]
KEYS = [i.key for i in instruments.every()]
WITH_TOTAL = [i for i in instruments.every() if i.bands]


def outcome(key: str, answers: dict[str, Any], context: dict[str, Any] | None = None) -> dict[str, Any]:
    return instruments.score(key, answers, context).as_dict()


def code_of(key: Any, answers: dict[str, Any], context: dict[str, Any] | None = None) -> str:
    with pytest.raises(RuleBroken) as refused:
        instruments.score(key, answers, context)
    assert refused.value.message.endswith(".")
    return refused.value.code


def values(item: Item) -> list[int]:
    if item.options:
        return [option.value for option in item.options]
    assert item.minimum is not None
    assert item.maximum is not None
    return [item.minimum, item.minimum + 1, item.maximum]


def answered(instrument: Instrument, total: int) -> dict[str, int]:
    """Return complete answers that add up to `total` points."""
    answers = {item.id: 1 if item.reversed else 0 for item in instrument.items}
    if instrument.key == "rods":
        answers["ever"] = 1
    reached = {0: answers}
    for item in instrument.items:
        for points, so_far in list(reached.items()):
            for value in values(item):
                if item.scored:
                    reached.setdefault(points + item.points(value), {**so_far, item.id: value})
    return reached[total]


def set_to(item: Item, points: int) -> int:
    return 1 - points if item.reversed else points


@pytest.mark.parametrize("case", by_id(vectors("instrument_vectors")["cases"]))
def test_every_golden_case_comes_out_as_written(case: dict[str, Any]) -> None:
    if "error" in case["expect"]:
        assert {"error": code_of(case["instrument"], case["answers"], case["context"])} == case["expect"]
    else:
        found = json.loads(
            json.dumps(outcome(case["instrument"], case["answers"], case["context"])), parse_float=Decimal
        )
        assert found == case["expect"]


def test_the_eighteen_instruments_are_there_in_the_order_of_the_specification() -> None:
    assert list(DEFINED) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_a_definition_agrees_with_the_specification_in_items_points_range_bands_alerts_and_codes(key: str) -> None:
    instrument, wanted = instruments.get(key), DEFINED[key]
    assert instrument.version
    assert instrument.rater == wanted["rater"]
    assert [i.id for i in instrument.items] == [i["id"] for i in wanted["items"]]
    for item, asked in zip(instrument.items, wanted["items"], strict=True):
        assert item.loinc == asked.get("loinc")
        assert item.reversed == asked.get("reversed", False)
        if isinstance(asked["points"], list):
            assert [o.value for o in item.options] == asked["points"]
        else:
            assert not item.options
            assert item.minimum == 0
    assert [instrument.low, instrument.high] == (wanted.get("range") or [None, None])
    assert [(b.code, b.high) for b in instrument.bands] == [(b["code"], b["max"]) for b in wanted.get("bands") or []]
    assert instrument.missing == wanted["missing"]
    assert dict(instrument.loinc) == wanted["loinc"]
    assert {t.code: t.at for t in instrument.thresholds} == {
        a["code"]: a["min"] for a in wanted["alerts"] if "min" in a and "item" not in a
    }


@pytest.mark.parametrize("key", KEYS)
def test_every_instrument_can_be_shown_title_rights_source_topics_and_a_label_for_each_option(key: str) -> None:
    instrument = instruments.get(key)
    assert instrument.title
    assert instrument.short
    assert instrument.rights
    assert instrument.source
    for item in instrument.items:
        assert item.topic
        labels = [option.label for option in item.options]
        assert all(labels)
        assert len(set(labels)) >= len(labels) - 2
        if item.gate:
            assert item.gate.value in values(instrument.item(item.gate.item))


def test_the_pulse_option_of_cows_reads_as_a_range_of_beats() -> None:
    labels = {o.value: o.label for o in instruments.get("cows").item("pulse").options}
    assert labels == {0: "80 or below", 1: "81 to 100", 2: "101 to 120", 4: "Over 120"}


def test_a_yes_or_no_question_offers_no_first() -> None:
    labels = [(o.value, o.label) for o in instruments.get("ort_oud").item("depression").options]
    assert labels == [(0, "No"), (1, "Yes")]


def test_the_most_points_of_an_item_are_its_highest_option_or_number_and_none_if_it_only_steers() -> None:
    assert instruments.get("cows").item("pupils").highest == 5
    assert instruments.get("craving_vas").item("now").highest == 100
    assert instruments.get("rods").item("ever").highest == 0
    assert Item("x", "words").highest == 0
    assert not Item("x", "words").allows(0)
    assert not Item("x", "words", minimum=0).allows(0)
    assert not Item("x", "words", maximum=9).allows(0)


def test_questions_that_depend_on_another_answer_name_it() -> None:
    gates = {(i.key, item.id): item.gate for i in instruments.every() for item in i.items if item.gate}
    assert {where: (gate.item, gate.value) for where, gate in gates.items()} == {
        **{("cssrs_screen", q): ("q2", 1) for q in ("q3", "q4", "q5")},
        ("cssrs_screen", "q6_3m"): ("q6", 1),
        **{("rods", f"r{n}"): ("ever", 1) for n in range(1, 8)},
    }


def test_only_ort_oud_ships_switched_off_and_its_age_comes_from_the_date_of_birth() -> None:
    assert [i.key for i in instruments.every() if not i.enabled] == ["ort_oud"]
    derived = [(i.key, item.id, item.derived) for i in instruments.every() for item in i.items if item.derived]
    assert derived == [("ort_oud", "age_16_45", "born_on")]


def luhn_mod_10(code: str) -> bool:
    digits = [int(c) for c in code.replace("-", "")]
    doubled = [d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def test_all_forty_loinc_entries_and_the_two_codes_of_the_original_ort_pass_the_check_digit() -> None:
    codes = [c for i in instruments.every() for c in i.loinc.values() if c]
    codes += [item.loinc for i in instruments.every() for item in i.items if item.loinc]
    assert len(codes) == 40
    assert len(set(codes)) == 38
    assert all(luhn_mod_10(code) for code in [*codes, "91393-9", "91392-1"])
    assert not luhn_mod_10("72109-3")
    assert not {"91393-9", "91392-1"} & set(codes)


@pytest.mark.parametrize("instrument", WITH_TOTAL, ids=lambda i: i.key)
def test_bands_cover_the_range_without_gap_or_overlap(instrument: Instrument) -> None:
    assert instrument.low is not None
    assert instrument.high is not None
    covered = [score for band in instrument.bands for score in range(band.low, band.high + 1)]
    assert covered == list(range(instrument.low, instrument.high + 1))
    assert instrument.band_of(instrument.high + 1) is None
    assert instrument.band_of(instrument.low - 1) is None


@pytest.mark.parametrize("instrument", WITH_TOTAL, ids=lambda i: i.key)
def test_both_sides_of_every_band_and_alert_edge_come_out_right(instrument: Instrument) -> None:
    edges = {b.low for b in instrument.bands} | {b.high for b in instrument.bands}
    edges |= {t.at for t in instrument.thresholds} | {t.at - 1 for t in instrument.thresholds}
    for total in sorted(edges):
        found = outcome(instrument.key, answered(instrument, total))
        assert found["status"] == "complete"
        assert found["missing"] == []
        assert found["score"] == total
        band = instrument.band_of(total)
        assert band is not None
        assert found["band"] == band.code
        fired = {t.code for t in instrument.thresholds if total >= t.at}
        assert {t.code for t in instrument.thresholds} & set(found["alerts"]) == fired
        assert found["alerts"] == sorted(set(found["alerts"]))


@st.composite
def sittings(draw: st.DrawFn) -> tuple[Instrument, dict[str, int | None]]:
    instrument = draw(st.sampled_from(instruments.every()))
    answers: dict[str, int | None] = {}
    for item in instrument.items:
        answer = draw(st.one_of(st.none(), st.sampled_from(values(item))))
        if answer is not None or draw(st.booleans()):
            answers[item.id] = answer
    return instrument, answers


@given(sittings())
def test_any_sitting_gives_a_score_within_range_or_bounds_that_hold_every_way_to_finish_it(
    sitting: tuple[Instrument, dict[str, int | None]],
) -> None:
    instrument, answers = sitting
    found = instruments.score(instrument.key, answers)
    assert found.alerts == tuple(sorted(set(found.alerts)))
    assert all(alert in instruments.ALERT_WORDS for alert in found.alerts)
    assert (found.instrument, found.version) == (instrument.key, instrument.version)
    assert set(found.as_dict()) == {"status", "missing", "alerts", *found.shown}
    json.dumps(found.as_dict(), allow_nan=False)
    assert [i.id for i in instrument.items if i.id in found.missing] == list(found.missing)
    assert all(answers.get(item) is None for item in found.missing)
    assert (found.status == "complete") == (not found.missing)
    if instrument.low is None or instrument.high is None:
        return
    if found.score is not None:
        assert instrument.low <= found.score <= instrument.high
    elif "low" in found.shown:
        assert found.low is not None
        assert found.high is not None
        assert instrument.low <= found.low <= found.high <= instrument.high
        for points in ("least", "most"):
            filled = dict(answers)
            for item_id in found.missing:
                item = instrument.item(item_id)
                filled[item_id] = set_to(item, 0 if points == "least" else item.highest) if item.scored else 1
            finished = instruments.score(instrument.key, filled)
            assert finished.status == "complete"
            assert finished.score == (found.low if points == "least" else found.high)
            assert found.band in (None, finished.band)
            assert set(found.alerts) - {"FREQUENCY_ONLY"} <= set(finished.alerts)


@given(sittings(), st.randoms(use_true_random=False))
def test_the_order_in_which_answers_arrive_changes_nothing(
    sitting: tuple[Instrument, dict[str, int | None]], chance: Any
) -> None:
    instrument, answers = sitting
    shuffled = list(answers.items())
    chance.shuffle(shuffled)
    assert instruments.score(instrument.key, dict(shuffled)) == instruments.score(instrument.key, answers)


def test_every_alert_code_of_the_specification_can_fire_and_none_beside_them() -> None:
    fired: set[str] = set()
    for instrument in instruments.every():
        for answers in ({}, {i.id: values(i)[-1] for i in instrument.items}, {"q6": 1, "q6_3m": 0}, {"frequency": 4}):
            known = {k: v for k, v in answers.items() if k in {i.id for i in instrument.items}}
            context = {"previous": 0, "baseline_sum": 1}
            fired.update(instruments.score(instrument.key, known, context).alerts)
    fired.update(instruments.score("auditc", {"frequency": 4, "quantity": 0, "heavy": 0}).alerts)
    assert fired == set(instruments.ALERT_WORDS)


class TestMissingAnswers:
    def test_an_open_total_reports_its_bounds_and_a_band_only_when_both_ends_share_it(self) -> None:
        answers = answered(instruments.get("cows"), 4) | {"pulse": None}
        rest = sum(v for k, v in answers.items() if k != "pulse" and v)
        found = outcome("cows", answers)
        assert (found["score"], found["low"], found["high"]) == (None, rest, rest + 4)
        assert list(found) == ["status", "missing", "alerts", "score", "low", "high", "band"]

    def test_nothing_answered_spans_the_whole_range(self) -> None:
        found = outcome("ciwa_ar", {})
        assert (found["low"], found["high"], found["band"], found["alerts"]) == (0, 67, None, [])
        assert len(found["missing"]) == 10

    @pytest.mark.parametrize(
        ("missing", "status", "score", "band"),
        [(0, "complete", 27, "severe"), (1, "prorated", 27, "severe"), (2, "prorated", 27, "severe"),
         (3, "incomplete", None, None), (9, "incomplete", None, None)],
    )  # fmt: skip
    def test_up_to_two_unanswered_items_are_prorated_and_a_third_leaves_no_score(
        self, missing: int, status: str, score: int | None, band: str | None
    ) -> None:
        found = outcome("phq9", {f"p{n}": 3 for n in range(1 + missing, 10)})
        assert (found["status"], found["score"], found["band"]) == (status, score, band)
        assert ("PHQ9_SEVERE" in found["alerts"]) == (score is not None)

    @pytest.mark.parametrize(("total", "score"), [(3, 4), (4, 5), (5, 6), (2, 2), (1, 1)])
    def test_prorating_gad7_with_six_answers_rounds_half_up_to_a_whole_number(self, total: int, score: int) -> None:
        answers = {f"g{n}": 1 if n <= total else 0 for n in range(1, 7)}
        assert Fraction(total * 7, 6) - score <= Fraction(1, 2)
        assert outcome("gad7", answers)["score"] == score

    def test_one_unanswered_item_of_phq2_leaves_neither_score_nor_band_nor_alert(self) -> None:
        assert outcome("phq2", {"interest": 3}) == {
            "status": "incomplete", "missing": ["down"], "alerts": [], "score": None, "band": None,
        }  # fmt: skip

    def test_one_value_scales_without_an_answer_report_no_score_and_no_alert(self) -> None:
        for key in ("craving_vas", "pain_nrs"):
            found = outcome(key, {"now": None}, {"previous": 0})
            assert found == {"status": "incomplete", "missing": ["now"], "alerts": [], "score": None}

    def test_an_unanswered_single_question_is_neither_positive_nor_negative(self) -> None:
        for key, item in (("single_drug", "times"), ("single_alcohol", "days")):
            unanswered = {"status": "incomplete", "missing": [item], "alerts": [], "positive": None}
            assert outcome(key, {}) == unanswered
            assert outcome(key, {item: 0})["positive"] is False
            assert outcome(key, {item: 1})["positive"] is True


class TestAuditC:
    @pytest.mark.parametrize(
        ("sex", "score", "positive"),
        [("male", 3, False), ("male", 4, True), ("female", 2, False), ("female", 3, True), (None, 2, False),
         (None, 3, True), ("Male", 3, True), ("other", 3, True), (["male"], 3, True)],
    )  # fmt: skip
    def test_positive_starts_at_four_for_men_and_at_three_for_everyone_else(
        self, sex: Any, score: int, positive: bool
    ) -> None:
        found = outcome("auditc", answered(instruments.get("auditc"), score), {"sex": sex})
        assert found["positive"] is positive

    def test_an_open_score_may_be_positive_already_and_is_never_negative(self) -> None:
        assert outcome("auditc", {"frequency": 4}, {"sex": "male"})["positive"] is True
        assert outcome("auditc", {"frequency": 3}, {"sex": "male"})["positive"] is None
        assert outcome("auditc", {"frequency": 0, "quantity": 0}, {"sex": "male"})["positive"] is None

    @pytest.mark.parametrize(
        ("answers", "fires"),
        [((1, 0, 0), True), ((4, 0, 0), True), ((0, 0, 0), False), ((1, 1, 0), False), ((1, 0, 1), False),
         ((1, 0, None), False), ((1, None, 0), False)],
    )  # fmt: skip
    def test_frequency_only_needs_all_three_answers_and_points_from_the_first_alone(
        self, answers: tuple[int | None, ...], fires: bool
    ) -> None:
        found = outcome("auditc", dict(zip(("frequency", "quantity", "heavy"), answers, strict=True)))
        assert ("FREQUENCY_ONLY" in found["alerts"]) is fires

    def test_eight_points_are_high(self) -> None:
        audit = instruments.get("auditc")
        assert outcome("auditc", answered(audit, 7))["alerts"] == []
        assert outcome("auditc", answered(audit, 8))["alerts"] == ["AUDITC_HIGH"]


class TestPhq9ItemNine:
    def test_it_alerts_at_any_answer_above_zero_even_when_nothing_else_is_answered(self) -> None:
        for answer in (1, 2, 3):
            assert outcome("phq9", {"p9": answer})["alerts"] == ["SUICIDE_ITEM"]
        assert outcome("phq9", {"p9": 0})["alerts"] == []

    def test_unanswered_it_raises_its_own_alert_whatever_the_status(self) -> None:
        assert outcome("phq9", {})["alerts"] == ["SUICIDE_ITEM_UNANSWERED"]
        full = {f"p{n}": 3 for n in range(1, 9)}
        assert outcome("phq9", full)["alerts"] == ["PHQ9_SEVERE", "SUICIDE_ITEM_UNANSWERED"]

    def test_other_scales_raise_no_suicide_alert(self) -> None:
        assert outcome("gad7", {f"g{n}": 3 for n in range(1, 8)})["alerts"] == ["GAD7_POSITIVE"]
        assert outcome("gad7", {})["alerts"] == []


class TestPeg:
    @pytest.mark.parametrize(
        ("total", "score", "whole"), [(0, 0.0, 0), (1, 0.3, 0), (2, 0.7, 1), (4, 1.3, 1), (5, 1.7, 2), (30, 10.0, 10)]
    )
    def test_mean_and_whole_number_both_round_from_the_exact_third(self, total: int, score: float, whole: int) -> None:
        found = outcome("peg", answered_sum(total))
        assert (found["score"], found["score_whole"]) == (score, whole)
        assert "change" not in found

    @pytest.mark.parametrize(
        ("baseline", "total", "change"),
        [(20, 14, "improved"), (20, 15, "stable"), (20, 25, "stable"), (20, 26, "worse"), (10, 13, "worse"),
         (10, 12, "stable"), (10, 7, "improved"), (10, 8, "stable"), (0, 0, "stable"), (0, 1, "worse"),
         (30, 21, "improved"), (30, 22, "stable"), (1, 1, "stable"), (1, 2, "worse"),
         (Decimal("0.1"), 1, "worse"), (12.5, 16, "stable")],
    )  # fmt: skip
    def test_thirty_percent_either_way_counts_edges_included(self, baseline: Any, total: int, change: str) -> None:
        found = outcome("peg", answered_sum(total), {"baseline_sum": baseline})
        assert found["change"] == change
        assert found["alerts"] == (["PEG_WORSE"] if change == "worse" else [])

    def test_an_open_peg_has_neither_whole_number_nor_change(self) -> None:
        assert outcome("peg", {"pain": 5}, {"baseline_sum": 3}) == {
            "status": "incomplete", "missing": ["enjoyment", "activity"], "alerts": [], "score": None,
        }  # fmt: skip


def answered_sum(total: int) -> dict[str, int]:
    first = min(10, total)
    second = min(10, total - first)
    return {"pain": first, "enjoyment": second, "activity": total - first - second}


class TestSuicideRiskScreener:
    def test_all_answers_follow_the_written_order_of_rules(self) -> None:
        """Every one of the 2,187 ways to answer, against the rules of clinical.md 1.5 written out once more."""
        items = ("q1", "q2", "q3", "q4", "q5", "q6", "q6_3m")
        for combination in product((None, 0, 1), repeat=7):
            a = dict(zip(items, combination, strict=True))
            needed = [
                "q1",
                "q2",
                *(["q3", "q4", "q5"] if a["q2"] == 1 else []),
                "q6",
                *(["q6_3m"] if a["q6"] == 1 else []),
            ]
            missing = [q for q in needed if a[q] is None]
            if a["q4"] == 1 or a["q5"] == 1 or a["q6_3m"] == 1 or (a["q6"] == 1 and a["q6_3m"] is None):
                risk, colour = "high", "red"
            elif a["q3"] == 1 or a["q6"] == 1:
                risk, colour = "moderate", "orange"
            elif a["q1"] == 1 or a["q2"] == 1:
                risk, colour = "low", "yellow"
            else:
                risk, colour = ("none", "none") if not missing else (None, None)
            alerts = {"high": ["SUICIDE_HIGH"], "moderate": ["SUICIDE_MODERATE"]}.get(str(risk), [])
            assert outcome("cssrs_screen", a) == {
                "status": "incomplete" if missing else "complete",
                "missing": missing,
                "alerts": alerts + (["SUICIDE_SCREEN_INCOMPLETE"] if missing else []),
                "risk": risk,
                "colour": colour,
            }


class TestRods:
    def test_never_an_opioid_ends_the_screen_whatever_else_is_answered(self) -> None:
        ended = {"status": "complete", "missing": [], "alerts": [], "score": 0, "band": "negative"}
        assert outcome("rods", {"ever": 0}) == ended
        assert outcome("rods", {"ever": 0, **{f"r{n}": 1 for n in range(1, 8)}}) == ended

    def test_an_unanswered_gate_leaves_the_bounds_of_the_seven_and_may_alert(self) -> None:
        found = outcome("rods", {"r1": 1, "r2": 1, "r3": 1})
        assert found == {
            "status": "incomplete", "missing": ["ever", "r4", "r5", "r6", "r7"], "alerts": ["RODS_POSITIVE"],
            "score": None, "low": 3, "high": 7, "band": "positive",
        }  # fmt: skip
        only_gate = outcome("rods", {f"r{n}": 0 for n in range(1, 8)})
        assert (only_gate["low"], only_gate["high"], only_gate["missing"]) == (0, 0, ["ever"])


class TestOudCriteria:
    def test_taken_only_as_prescribed_leaves_tolerance_and_withdrawal_out_everywhere(self) -> None:
        answers = {f"c{n:02}": 0 for n in range(1, 10)}
        both = {"c10": 1, "c11": 1}
        assert outcome("oud_dsm5", answers | both, {"only_as_prescribed": True})["score"] == 0
        assert outcome("oud_dsm5", answers, {"only_as_prescribed": True})["status"] == "complete"
        assert outcome("oud_dsm5", answers | both)["score"] == 2
        open_count = outcome("oud_dsm5", {}, {"only_as_prescribed": True})
        assert (open_count["high"], len(open_count["missing"])) == (9, 9)

    @pytest.mark.parametrize("value", [False, None, "yes", 1])
    def test_only_a_plain_true_leaves_them_out(self, value: Any) -> None:
        assert outcome("oud_dsm5", {}, {"only_as_prescribed": value})["high"] == 11

    def test_its_context_changes_no_other_instrument(self) -> None:
        assert outcome("ort_oud", {}, {"only_as_prescribed": True})["high"] == 9


class TestCravingAndPain:
    @pytest.mark.parametrize(
        ("now", "previous", "alerts"),
        [(69, None, []), (70, None, ["CRAVING_HIGH"]), (50, 31, []), (50, 30, ["CRAVING_UP"]),
         (70, 50, ["CRAVING_HIGH", "CRAVING_UP"]), (20, 0, ["CRAVING_UP"]), (20, 100, []), (50, Decimal("30.1"), [])],
    )  # fmt: skip
    def test_craving_alerts_from_seventy_and_from_twenty_above_the_previous_value(
        self, now: int, previous: Any, alerts: list[str]
    ) -> None:
        found = outcome("craving_vas", {"now": now}, {"previous": previous})
        assert found == {"status": "complete", "missing": [], "alerts": alerts, "score": now}

    def test_pain_has_a_score_and_never_an_alert(self) -> None:
        found = outcome("pain_nrs", {"now": 10}, {"previous": 500})
        assert found == {"status": "complete", "missing": [], "alerts": [], "score": 10}


class TestTaps:
    def test_every_item_above_never_is_listed_in_the_order_of_the_instrument_even_when_open(self) -> None:
        found = outcome("taps1", {"rx_misuse": 1, "tobacco": 4, "alcohol": 0})
        assert found == {
            "status": "incomplete", "missing": ["illicit"], "alerts": [], "positive": ["tobacco", "rx_misuse"],
        }  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize("key", ["", "COWS", "bpi", None, 5, ["cows"]])
    def test_an_unknown_instrument_is_refused(self, key: Any) -> None:
        assert code_of(key, {}) == "UNKNOWN_INSTRUMENT"
        with pytest.raises(RuleBroken):
            instruments.get(key)

    @pytest.mark.parametrize("answers", [{"nose": 0}, {"nose": None}, {"pulse": 0, "total": 48}])
    def test_an_unknown_item_is_refused_even_without_an_answer(self, answers: dict[str, Any]) -> None:
        assert code_of("cows", answers) == "UNKNOWN_ITEM"

    @pytest.mark.parametrize(
        "answer",
        [3, 5, -1, True, False, "2", "", [], {}, 1.5, float("nan"), float("inf"), -float("inf"), 1e308,
         Decimal("NaN"), Decimal("sNaN"), Decimal("1e400"), Decimal("1e999999"), Decimal("0.5"),
         Decimal("-Infinity"), 10**400],
        ids=repr,
    )  # fmt: skip
    def test_an_answer_outside_the_points_is_refused_and_never_computed_with(self, answer: Any) -> None:
        assert code_of("cows", {"pulse": answer}) == "OPTION_NOT_ALLOWED"

    @pytest.mark.parametrize("answer", [2, 2.0, Decimal("2.0"), Decimal("2E0")])
    def test_a_number_equal_to_an_integer_is_that_integer(self, answer: Any) -> None:
        assert instruments.score("cows", {"pulse": answer}).low == 2

    @pytest.mark.parametrize("answer", [-1, 0.5, 100_000, 10**30, 1e30, Decimal("1e30"), float("nan"), True, "1"])
    def test_a_count_is_a_whole_number_that_a_year_can_hold(self, answer: Any) -> None:
        assert code_of("single_drug", {"times": answer}) == "OPTION_NOT_ALLOWED"

    @pytest.mark.parametrize("answer", [0, 1, 365, 99_999, Decimal("3.0")])
    def test_every_sensible_count_is_taken(self, answer: Any) -> None:
        assert instruments.score("single_drug", {"times": answer}).positive is (answer > 0)

    @pytest.mark.parametrize(("answer", "allowed"), [(0, True), (100, True), (-1, False), (101, False), (0.5, False)])
    def test_craving_goes_from_0_to_100(self, answer: Any, allowed: bool) -> None:
        if allowed:
            assert instruments.score("craving_vas", {"now": answer}).score == answer
        else:
            assert code_of("craving_vas", {"now": answer}) == "OPTION_NOT_ALLOWED"

    def test_the_first_answer_that_breaks_a_rule_decides_the_code(self) -> None:
        assert code_of("cows", {"pulse": 3, "nose": 0}) == "OPTION_NOT_ALLOWED"
        assert code_of("cows", {"nose": 0, "pulse": 3}) == "UNKNOWN_ITEM"

    @pytest.mark.parametrize("value", [True, "20", -1, 31, float("nan"), Decimal("Infinity"), 1e400, 10**40])
    def test_an_earlier_value_that_cannot_be_is_refused(self, value: Any) -> None:
        assert code_of("peg", answered_sum(3), {"baseline_sum": value}) == "CONTEXT_NOT_ALLOWED"

    def test_the_refusal_names_the_field(self) -> None:
        with pytest.raises(RuleBroken) as refused:
            instruments.score("cows", {"pulse": 3})
        assert list(refused.value.fields) == ["pulse"]
        assert "COWS" in refused.value.message
        with pytest.raises(RuleBroken) as refused:
            instruments.score("craving_vas", {"now": 3}, {"previous": 101})
        assert list(refused.value.fields) == ["previous"]


def test_a_score_carries_instrument_and_version_and_cannot_be_changed() -> None:
    found = instruments.score("pain_nrs", {"now": 3})
    assert (found.instrument, found.version) == ("pain_nrs", "1")
    cows, rods = instruments.get("cows"), instruments.get("rods")
    parts = (
        found,
        cows,
        cows.items[0],
        cows.items[0].options[0],
        cows.bands[0],
        cows.thresholds[0],
        rods.items[1].gate,
    )
    for part in parts:
        name = "version" if part in (found, cows) else next(iter(part.__slots__))
        with pytest.raises(FrozenInstanceError):
            setattr(part, name, 4)
    assert instruments.SCORER_VERSION == "1"


def test_the_ends_of_a_scale_carry_their_words_at_their_numbers() -> None:
    peg = instruments.get("peg")
    for item in peg.items:
        words = {option.value: option.label for option in item.options}
        ends = ("no pain", "worst pain") if item.id == "pain" else ("not in the way", "fully in the way")
        assert ends[0] in words[0]
        assert ends[1] in words[10]
        assert all(ends[0] not in words[n] and ends[1] not in words[n] for n in range(1, 10))


def test_the_two_items_of_phq2_are_the_first_two_of_phq9() -> None:
    short, long = instruments.get("phq2"), instruments.get("phq9")
    assert [(i.topic, i.loinc) for i in short.items] == [(i.topic, i.loinc) for i in long.items[:2]]
