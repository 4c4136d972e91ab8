"""A check-in against its step: own worked examples, both sides of every edge, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from intake.clinical.alerts import FEELINGS, WORDS, CheckInAnswers, Start, assess, is_peg_worse, not_weighed
from intake.errors import RuleBroken
from tests.clinical.vectors import by_id, vectors

GOLDEN = vectors("alert_vectors")


def answers(given: dict[str, Any] | None) -> CheckInAnswers | None:
    if given is None:
        return None
    return CheckInAnswers(**{**given, "feelings": frozenset(given.get("feelings", ()))})


def run(case: dict[str, Any]) -> dict[str, object]:
    more = {key: case[key] for key in ("unanswered_hours", "visit_missed") if key in case}
    return assess(
        answers(case["checkin"]),
        baseline=Start(**case.get("baseline", {})),
        previous=answers(case.get("previous")),
        **more,
    ).as_dict()


@pytest.mark.parametrize("case", by_id(GOLDEN["cases"]))
def test_every_worked_example_is_assessed_exactly(case: dict[str, Any]) -> None:
    assert run(case) == case["expect"]


def test_every_trigger_has_a_worked_example_and_a_counterexample() -> None:
    shown = {code for case in GOLDEN["cases"] for code in case["expect"]["triggers"]}
    assert shown | {"NOT_WEIGHED"} == set(WORDS)
    assert [case for case in GOLDEN["cases"] if not case["expect"]["triggers"]]


def test_a_trigger_says_in_words_what_it_was_read_from() -> None:
    found = assess(CheckInAnswers(thoughts=False, pain=8, sows=22), baseline=Start(pain=4)).triggers
    assert [trigger.words for trigger in found] == ["Pain is 8 now and was 4 at the start.", "SOWS is 22."]
    assert dict(found[0].reads) == {"pain": 8, "before": 4}
    felt = assess(CheckInAnswers(thoughts=False, feelings=frozenset(FEELINGS))).triggers[0]
    assert felt.words == "6 feelings of withdrawal."
    assert felt.reads["feelings"] == tuple(sorted(FEELINGS))


def test_the_answers_behind_yes_and_no_triggers_are_kept() -> None:
    given = CheckInAnswers(thoughts=True, used_other=True, street_opioids=True, slow_down=True, dose_as_planned=False)
    found = assess(given, previous=given, visit_missed=True).triggers
    assert {trigger.code: dict(trigger.reads) for trigger in found} == {
        "THOUGHTS": {"thoughts": True},
        "USED_OTHER": {"used_other": True},
        "STREET_OPIOIDS": {"street_opioids": True},
        "DOSE_NOT_AS_PLANNED_TWICE": {"dose_as_planned": False, "previous": False},
        "SLOW_DOWN": {"slow_down": True},
        "VISIT_MISSED": {"visit_missed": True},
    }


@pytest.mark.parametrize("thoughts", [True, False, None])
def test_answers_that_no_rule_weighed_hold_the_step_and_ask_for_eyes(thoughts: bool | None) -> None:
    found = not_weighed(CheckInAnswers(thoughts=thoughts))
    assert (found.hold, found.task, found.alert_now) == (True, True, thoughts is True)
    assert [t.code for t in found.triggers] == ["THOUGHTS", "NOT_WEIGHED"][0 if thoughts else 1 :]
    assert [dict(t.reads) for t in found.triggers] == [{"thoughts": True}, {"weighed": False}][0 if thoughts else 1 :]


def test_hours_without_an_answer_have_an_end() -> None:
    assert assess(None, unanswered_hours=100_000).hold
    with pytest.raises(RuleBroken):
        assess(None, unanswered_hours=100_001)


def test_danger_to_life_comes_first() -> None:
    everything = CheckInAnswers(
        feelings=frozenset(FEELINGS), pain=10, dose_as_planned=False, used_other=True, thoughts=True, slow_down=True,
        sows=64, cows=48, peg_sum=30, phq9_item9=3, cssrs="high", street_opioids=True,
    )  # fmt: skip
    found = assess(everything, baseline=Start(0, 3), previous=everything, visit_missed=True)
    assert [trigger.code for trigger in found.triggers if trigger.alert_now] == ["THOUGHTS", "PHQ9_ITEM9", "CSSRS"]
    assert [trigger.alert_now for trigger in found.triggers] == [True] * 3 + [False] * (len(found.triggers) - 3)
    assert len(found.triggers) == len(WORDS) - 3


@pytest.mark.parametrize(
    ("peg", "before", "worse"),
    [(13, 10, True), (12, 10, False), (30, 24, False), (26, 20, True), (25, 20, False), (0, 0, False), (1, 0, True),
     (None, 10, False), (10, None, False), (5, 10, False), (4, 3, True), (23, 18, False)],
)  # fmt: skip
def test_peg_is_worse_from_a_rise_of_exactly_thirty_percent(peg: int | None, before: int | None, worse: bool) -> None:
    assert is_peg_worse(peg, before) is worse


@pytest.mark.parametrize(
    ("field", "value"),
    [("pain", 11), ("pain", -1), ("pain", 7.5), ("pain", True), ("sows", 65), ("cows", 49), ("peg_sum", 31),
     ("phq9_item9", 4), ("cows", float("nan")), ("sows", "21")],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused_in_answers_before_and_now(field: str, value: Any) -> None:
    faulty = CheckInAnswers(thoughts=False, **{field: value})
    for given in ({"checkin": faulty}, {"checkin": CheckInAnswers(), "previous": faulty}):
        with pytest.raises(RuleBroken) as refused:
            assess(**given)
        assert refused.value.code == "INPUT_NOT_VALID"
        assert field in refused.value.fields


@pytest.mark.parametrize("hours", [-1, float("inf"), float("nan"), "48", 10**9])
def test_a_number_of_hours_that_cannot_be_is_refused(hours: Any) -> None:
    with pytest.raises(RuleBroken):
        assess(None, unanswered_hours=hours)


@pytest.mark.parametrize("baseline", [Start(pain=11), Start(peg_sum=-1)])
def test_a_start_that_cannot_be_is_refused(baseline: Start) -> None:
    with pytest.raises(RuleBroken):
        assess(CheckInAnswers(), baseline=baseline)
