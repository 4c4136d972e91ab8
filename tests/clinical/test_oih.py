"""The OIH screen: golden vignettes, every weight, every step of the decision on both sides of its edge."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.clinical import oih
from intake.clinical.oih import OihAnswers, weigh
from intake.errors import RuleBroken
from tests.clinical.vectors import by_id, vectors

VECTORS = vectors("oih_vectors")
QUIET = OihAnswers(
    s1="no", s2="no", s3="no", s4="no", s5="no", new_pathology="no", exposure_days=400,
    end_of_dose="no", relieved_by_usual_dose="no", missed_or_cut_7d="no",
)  # fmt: skip
SPREAD_AND_TOUCH = replace(QUIET, s1="yes", s2="yes", s5="yes")


def verdict(answers: OihAnswers) -> tuple[str, str, str | None]:
    found = weigh(answers)
    return found.class_, found.reason, found.confidence


def scores(answers: OihAnswers) -> tuple[int, int, int]:
    found = weigh(answers).scores
    return found["oih"], found["tolerance"], found["withdrawal"]


@pytest.mark.parametrize("case", by_id(VECTORS["cases"]))
def test_every_golden_vignette_comes_out_as_written(case: dict[str, Any]) -> None:
    assert weigh(OihAnswers(**case["input"])).as_dict() == case["expect"]


def test_the_weights_are_those_of_the_specification() -> None:
    points = VECTORS["points"]
    assert dict(oih.SYMPTOM_POINTS) == points["symptom"]
    assert dict(oih.INCREASE_POINTS) == points["increase"]
    assert dict(oih.DECREASE_POINTS) == points["decrease"]
    assert {f"{fact}_{answer}": n for (fact, answer), n in oih.TOLERANCE_POINTS.items()} == points["tolerance"]
    assert oih.WITHDRAWAL_POINTS.items() <= points["withdrawal"].items()


@pytest.mark.parametrize(("symptom", "points"), [("s1", 1), ("s2", 2), ("s3", 1), ("s4", 1), ("s5", 2)])
def test_a_symptom_counts_on_yes_only(symptom: str, points: int) -> None:
    for answer, expected in (("yes", points), ("no", 0), ("unknown", 0)):
        assert scores(replace(QUIET, **{symptom: answer}))[0] == expected


@pytest.mark.parametrize(
    ("fact", "answer", "oih_points", "tolerance_points"),
    [("inc", "worse", 3, 0), ("inc", "none", 1, 0), ("inc", "better_brief", 0, 2), ("inc", "better_lasting", -3, 3),
     ("inc", "not_tried", 0, 0), ("inc", "unknown", 0, 0), ("dec", "better", 3, 0), ("dec", "worse_then_better", 2, 0),
     ("dec", "no_change", 0, 0), ("dec", "worse", -1, 0), ("dec", "not_tried", 0, 0), ("dec", "unknown", 0, 0)],
)  # fmt: skip
def test_the_effect_of_the_last_change_of_dose_weighs(
    fact: str, answer: str, oih_points: int, tolerance_points: int
) -> None:
    base = scores(SPREAD_AND_TOUCH)
    found = scores(replace(SPREAD_AND_TOUCH, **{fact: answer}))
    assert (found[0] - base[0], found[1] - base[1]) == (oih_points, tolerance_points)


def test_the_oih_score_never_falls_below_zero() -> None:
    assert scores(replace(QUIET, inc="better_lasting", dec="worse"))[0] == 0


def test_no_must_be_answered_before_it_speaks_for_tolerance() -> None:
    assert scores(QUIET)[1] == 3
    for symptom in ("s2", "s3", "s5"):
        assert scores(replace(QUIET, **{symptom: "unknown"}))[1] == 2
        assert scores(replace(QUIET, **{symptom: "yes"}))[1] == 2
    assert scores(replace(QUIET, s4="yes"))[1] == 4


@pytest.mark.parametrize(
    ("cows", "sows", "points"),
    [(None, None, 0), (4, None, 0), (5, None, 3), (12, None, 3), (13, None, 4), (48, None, 4), (None, 10, 0),
     (None, 11, 3), (None, 20, 3), (None, 21, 4), (5, 21, 4), (13, 11, 4), (0, 11, 3), (Decimal("12.9"), None, 3)],
)  # fmt: skip
def test_of_two_withdrawal_totals_the_one_with_more_points_counts(cows: Any, sows: Any, points: int) -> None:
    assert scores(replace(QUIET, cows=cows, sows=sows))[2] == points


@pytest.mark.parametrize(
    ("fact", "points"), [("end_of_dose", 2), ("missed_or_cut_7d", 1), ("relieved_by_usual_dose", 1)]
)
def test_timing_speaks_for_withdrawal_on_yes_only(fact: str, points: int) -> None:
    assert scores(replace(QUIET, **{fact: "yes"}))[2] == points
    assert scores(replace(QUIET, **{fact: "unknown"}))[2] == 0


class TestDecision:
    def test_one_unknown_symptom_can_be_read_and_two_cannot(self) -> None:
        strong = replace(SPREAD_AND_TOUCH, inc="worse")
        assert verdict(replace(strong, s3="unknown"))[1] == "PATTERN_AND_DOSE_RESPONSE"
        for a, b in (("s1", "s2"), ("s3", "s4"), ("s4", "s5"), ("s3", "s5")):
            assert verdict(replace(strong, **{a: "unknown", b: "unknown"})) == ("indeterminate", "INCOMPLETE", None)

    def test_unknown_exposure_comes_before_everything_else(self) -> None:
        assert verdict(replace(QUIET, exposure_days=None, new_pathology="yes"))[1] == "INCOMPLETE"

    def test_a_new_cause_is_looked_for_first_and_an_unknown_one_does_not_block(self) -> None:
        strong = replace(SPREAD_AND_TOUCH, inc="worse")
        assert verdict(replace(strong, new_pathology="yes", exposure_days=1))[1] == "NEW_PATHOLOGY_FIRST"
        assert verdict(replace(strong, new_pathology="unknown"))[0] == "oih_features"

    @pytest.mark.parametrize(("days", "opens"), [(0, False), (13, False), (Decimal("13.9"), False), (14, True)])
    def test_the_exposure_gate_opens_at_fourteen_days(self, days: Any, opens: bool) -> None:
        found = verdict(replace(SPREAD_AND_TOUCH, inc="worse", exposure_days=days))
        assert found[1] == ("PATTERN_AND_DOSE_RESPONSE" if opens else "SHORT_EXPOSURE")

    def test_without_any_symptom_there_is_nothing_to_read(self) -> None:
        assert verdict(replace(QUIET, cows=30, end_of_dose="yes")) == ("indeterminate", "NO_FEATURES", None)

    def test_withdrawal_explains_from_five_points(self) -> None:
        aching = replace(QUIET, s1="yes", cows=5)
        assert scores(aching)[2] == 3
        assert verdict(replace(aching, missed_or_cut_7d="yes"))[1] != "WITHDRAWAL_SIGNS"
        assert verdict(replace(aching, end_of_dose="yes")) == ("withdrawal_mediated", "WITHDRAWAL_SIGNS", "supported")

    @pytest.mark.parametrize(("inc", "reason"), [("unknown", "WITHDRAWAL_SIGNS"), ("none", "MIXED_OIH_WITHDRAWAL")])
    def test_both_patterns_together_wait_from_six_oih_points(self, inc: str, reason: str) -> None:
        mixed = replace(SPREAD_AND_TOUCH, cows=13, missed_or_cut_7d="yes", inc=inc)
        assert scores(mixed)[0] == (6 if inc == "none" else 5)
        assert verdict(mixed)[1] == reason
        assert verdict(mixed)[0] == ("indeterminate" if inc == "none" else "withdrawal_mediated")

    def test_withdrawal_points_can_never_reach_five_without_signs(self) -> None:
        for timing in product(("yes", "no", "unknown"), repeat=3):
            facts = dict(zip(("end_of_dose", "missed_or_cut_7d", "relieved_by_usual_dose"), timing, strict=True))
            assert scores(replace(QUIET, **facts))[2] < oih.WITHDRAWAL_NEEDED

    def test_six_points_with_two_more_than_tolerance_are_needed(self) -> None:
        five = replace(SPREAD_AND_TOUCH, dec="not_tried", inc="not_tried")
        assert (scores(five)[0], verdict(five)[1]) == (5, "OVERLAP")
        six = replace(SPREAD_AND_TOUCH, inc="none")
        assert (scores(six)[0], verdict(six)[1]) == (6, "PATTERN_AND_DOSE_RESPONSE")

    def test_a_lead_of_one_over_tolerance_is_an_overlap_and_of_two_is_enough(self) -> None:
        lead = replace(QUIET, s4="yes", s5="yes", s1="yes", dec="better", inc="better_brief")
        assert scores(lead)[:2] == (7, 5)
        assert verdict(lead)[0] == "oih_features"
        closer = replace(lead, dec="worse_then_better")
        assert scores(closer)[:2] == (6, 5)
        assert verdict(closer)[1] == "OVERLAP"

    @pytest.mark.parametrize(("s2", "s5"), [("yes", "no"), ("no", "yes")])
    def test_spread_or_touch_pain_is_needed(self, s2: str, s5: str) -> None:
        full = replace(QUIET, s1="yes", s3="yes", s2=s2, s5=s5, dec="better", inc="none")
        assert verdict(full)[0] == "oih_features"
        neither = replace(QUIET, s1="yes", s3="yes", s4="yes", dec="better", inc="none")
        assert scores(neither)[0] >= 6
        assert verdict(neither)[1] == "OVERLAP"

    def test_a_raise_with_lasting_relief_speaks_against_it(self) -> None:
        against = replace(QUIET, s1="yes", s2="yes", s3="yes", s5="yes", dec="better", inc="better_lasting")
        assert scores(against)[:2] == (6, 3)
        assert verdict(against)[1] == "OVERLAP"

    def test_without_a_change_of_dose_that_tells_it_needs_one(self) -> None:
        pattern = replace(SPREAD_AND_TOUCH, s3="yes", s4="yes")
        for inc, dec in product(("unknown", "not_tried", "better_brief"), ("unknown", "not_tried", "no_change")):
            assert verdict(replace(pattern, inc=inc, dec=dec)) == ("indeterminate", "NEEDS_DOSE_RESPONSE", None)

    @pytest.mark.parametrize(
        ("inc", "dec", "confidence"),
        [("worse", "unknown", "supported"), ("none", "unknown", "provisional"), ("unknown", "better", "supported"),
         ("unknown", "worse_then_better", "supported"), ("none", "better", "supported"),
         ("none", "no_change", "provisional"), ("none", "worse", "provisional")],
    )  # fmt: skip
    def test_confidence_follows_the_dose_response(self, inc: str, dec: str, confidence: str) -> None:
        pattern = replace(SPREAD_AND_TOUCH, s3="yes", s4="yes", inc=inc, dec=dec)
        assert verdict(pattern) == ("oih_features", "PATTERN_AND_DOSE_RESPONSE", confidence)

    @pytest.mark.parametrize(
        ("inc", "found"),
        [("better_lasting", "supported"), ("better_brief", "supported"), ("not_tried", "provisional"),
         ("unknown", "provisional"), ("none", None), ("worse", None)],
    )  # fmt: skip
    def test_the_same_pain_with_shorter_relief_is_tolerance_unless_a_raise_did_not_help(
        self, inc: str, found: str | None
    ) -> None:
        wanted = (
            ("tolerance_pattern", "LOSS_OF_EFFECT_SAME_PAIN", found) if found else ("indeterminate", "OVERLAP", None)
        )
        assert verdict(replace(QUIET, s4="yes", inc=inc)) == wanted

    def test_four_tolerance_points_are_needed_and_one_more_than_oih(self) -> None:
        three = replace(QUIET, s1="yes")
        assert (scores(three)[1], verdict(three)[1]) == (3, "OVERLAP")
        level = replace(QUIET, s1="yes", s4="yes", dec="worse_then_better")
        assert scores(level)[:2] == (4, 4)
        assert verdict(level)[1] == "OVERLAP"
        ahead = replace(level, s1="no")
        assert scores(ahead)[:2] == (3, 4)
        assert verdict(ahead)[0] == "tolerance_pattern"

    @pytest.mark.parametrize("symptom", ["s2", "s5"])
    def test_spread_or_touch_pain_is_not_tolerance(self, symptom: str) -> None:
        assert verdict(replace(QUIET, s4="yes", inc="better_lasting", **{symptom: "yes"}))[1] == "OVERLAP"

    def test_a_raise_that_made_it_worse_is_not_tolerance_even_where_tolerance_leads(self) -> None:
        worse = replace(QUIET, s4="yes", inc="worse", dec="worse")
        assert scores(worse)[:2] == (3, 4)
        assert verdict(worse)[1] == "OVERLAP"
        assert verdict(replace(QUIET, s4="yes", inc="none"))[1] == "OVERLAP"

    def test_an_unknown_spread_is_not_a_spread(self) -> None:
        found = verdict(replace(QUIET, s4="yes", s2="unknown", inc="better_brief"))
        assert found == ("tolerance_pattern", "LOSS_OF_EFFECT_SAME_PAIN", "supported")


class TestSuspicion:
    def test_five_symptom_points_flag_the_case_whatever_the_class(self) -> None:
        five = replace(SPREAD_AND_TOUCH, new_pathology="yes")
        assert weigh(five).oih_suspected
        assert not weigh(replace(five, s1="no")).oih_suspected

    def test_the_dose_response_is_no_symptom(self) -> None:
        found = weigh(replace(QUIET, s1="yes", s5="yes", inc="worse", dec="better"))
        assert found.scores["oih"] == 9
        assert not found.oih_suspected
        assert weigh(replace(SPREAD_AND_TOUCH, inc="better_lasting", dec="worse")).oih_suspected


class TestExplanation:
    def test_each_contribution_names_fact_answer_scale_and_points(self) -> None:
        found = weigh(replace(QUIET, s4="yes", inc="better_lasting", dec="worse", cows=13, end_of_dose="yes"))
        assert [(c.fact, c.answer, c.scale, c.points) for c in found.contributions] == [
            ("s2", "no", "tolerance", 1), ("s3", "no", "tolerance", 1), ("s4", "yes", "oih", 1),
            ("s4", "yes", "tolerance", 1), ("s5", "no", "tolerance", 1), ("inc", "better_lasting", "oih", -3),
            ("inc", "better_lasting", "tolerance", 3), ("dec", "worse", "oih", -1),
            ("end_of_dose", "yes", "withdrawal", 2), ("cows", "13", "withdrawal", 4),
        ]  # fmt: skip
        assert all(c.words == oih.FACT_WORDS[c.fact] for c in found.contributions)

    def test_the_total_that_shows_the_signs_is_named(self) -> None:
        def named(**totals: Any) -> list[str]:
            return [c.fact for c in weigh(replace(QUIET, **totals)).contributions if c.scale == "withdrawal"]

        assert named(cows=5, sows=20) == ["cows"]
        assert named(cows=5, sows=21) == ["sows"]
        assert named(sows=11) == ["sows"]

    def test_it_is_labelled_as_unvalidated_and_carries_version_and_answers(self) -> None:
        found = weigh(replace(QUIET, s1="perhaps"))
        assert found.label == "unvalidated decision aid for clinician review"
        assert found.version == oih.VERSION
        assert found.answers.s1 == "unknown"

    def test_the_lists_of_words_are_those_of_the_specification(self) -> None:
        assert oih.YES_NO == ("yes", "no", "unknown")
        assert oih.INCREASE == ("better_lasting", "better_brief", "none", "worse", "not_tried", "unknown")
        assert oih.DECREASE == ("better", "worse_then_better", "no_change", "worse", "not_tried", "unknown")
        assert set(oih.CLASS_WORDS) == {"oih_features", "tolerance_pattern", "withdrawal_mediated", "indeterminate"}
        assert set(oih.REASON_WORDS) == {
            "INCOMPLETE", "NEW_PATHOLOGY_FIRST", "SHORT_EXPOSURE", "NO_FEATURES", "WITHDRAWAL_SIGNS",
            "MIXED_OIH_WITHDRAWAL", "PATTERN_AND_DOSE_RESPONSE", "NEEDS_DOSE_RESPONSE", "LOSS_OF_EFFECT_SAME_PAIN",
            "OVERLAP",
        }  # fmt: skip

    def test_what_was_not_asked_is_unknown_and_nothing_is_defaulted_to_no(self) -> None:
        asked = OihAnswers()
        assert {getattr(asked, f.name) for f in fields(OihAnswers)} == {"unknown", None}
        assert {type(getattr(asked, name)) for name in ("cows", "sows", "exposure_days")} == {type(None)}

    def test_neither_answers_nor_explanation_can_be_changed(self) -> None:
        found = weigh(replace(QUIET, s1="yes"))
        for value, name in ((found, "reason"), (found.answers, "s1"), (found.contributions[0], "points")):
            with pytest.raises(FrozenInstanceError):
                setattr(value, name, "other")

    def test_every_reason_and_class_has_words_and_no_words_hold_a_dose(self) -> None:
        every = [*oih.REASON_WORDS.values(), *oih.CLASS_WORDS.values(), *oih.TOPICS, *oih.FACT_WORDS.values()]
        assert not any(" mg" in words or "mcg" in words for words in every)
        assert set(oih.FACT_WORDS) == {f.name for f in fields(OihAnswers)}


words = st.sampled_from
sittings = st.builds(
    OihAnswers,
    **{name: words(oih.YES_NO) for name in ("s1", "s2", "s3", "s4", "s5", "new_pathology")},
    **{name: words(oih.YES_NO) for name in ("end_of_dose", "relieved_by_usual_dose", "missed_or_cut_7d")},
    inc=words(oih.INCREASE),
    dec=words(oih.DECREASE),
    cows=st.none() | st.integers(0, 48),
    sows=st.none() | st.integers(0, 64),
    exposure_days=st.none() | st.integers(0, 5000),
)


@given(sittings)
def test_any_answers_give_a_known_class_and_reason_and_the_contributions_add_up(answers: OihAnswers) -> None:
    found = weigh(answers)
    assert found.class_ in oih.CLASS_WORDS
    assert found.reason in oih.REASON_WORDS
    assert (found.confidence is None) == (found.class_ == "indeterminate")
    for scale in ("oih", "tolerance", "withdrawal"):
        assert found.scores[scale] == max(0, sum(c.points for c in found.contributions if c.scale == scale))
    assert all(c.points for c in found.contributions)
    json.dumps(found.as_dict(), allow_nan=False)


@given(sittings, st.sampled_from(["s1", "s2", "s3", "s4", "s5"]))
def test_answering_unknown_with_yes_never_lowers_the_oih_score(answers: OihAnswers, symptom: str) -> None:
    unknown, yes = (weigh(replace(answers, **{symptom: word})) for word in ("unknown", "yes"))
    assert yes.scores["oih"] >= unknown.scores["oih"]
    assert yes.oih_suspected >= unknown.oih_suspected


@pytest.mark.parametrize("word", ["", "YES", "maybe", None, True, 1, ["yes"]])
def test_a_word_outside_the_lists_counts_as_unknown(word: Any) -> None:
    for field in fields(OihAnswers):
        if field.name not in ("cows", "sows", "exposure_days"):
            odd, unknown = replace(QUIET, **{field.name: word}), replace(QUIET, **{field.name: "unknown"})
            assert weigh(odd) == weigh(unknown)


def test_a_word_of_one_list_is_none_of_the_other() -> None:
    assert weigh(replace(SPREAD_AND_TOUCH, inc="better")).scores["oih"] == weigh(SPREAD_AND_TOUCH).scores["oih"]
    assert weigh(replace(SPREAD_AND_TOUCH, dec="none")).scores["oih"] == weigh(SPREAD_AND_TOUCH).scores["oih"]


@pytest.mark.parametrize("field", ["cows", "sows", "exposure_days"])
@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), 1e400, Decimal("NaN"), Decimal("1e400"), 10**40, True, "12", 1e-300]
)
def test_a_number_that_cannot_be_is_refused_and_never_computed_with(field: str, value: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        weigh(replace(QUIET, **{field: value}))
    assert refused.value.code == "NUMBER_NOT_ALLOWED"
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(("field", "highest"), [("cows", 48), ("sows", 64), ("exposure_days", 36_600)])
def test_the_highest_number_is_taken_and_one_more_is_not(field: str, highest: int) -> None:
    weigh(replace(QUIET, **{field: highest}))
    with pytest.raises(RuleBroken):
        weigh(replace(QUIET, **{field: highest + 1}))
