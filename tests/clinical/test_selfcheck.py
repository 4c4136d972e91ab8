"""The self-check at start: it passes, it is quick, and it cannot pass when a rule is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest

from intake.clinical import instruments, selfcheck
from intake.clinical.instruments import scoring
from tests.clinical.every_case import every_case

GOOD: dict[str, Any] = {
    "tool": "instruments",
    "id": "X1",
    "case": {"instrument": "pain_nrs", "answers": {"now": 3}},
    "expect": {"status": "complete", "missing": [], "alerts": [], "score": 3},
}


def test_the_shipped_sample_passes_well_under_a_second() -> None:
    started = perf_counter()
    found = selfcheck.run()
    assert perf_counter() - started < 1
    assert (found.ok, found.failures) == (True, ())
    assert found.cases >= 80


def test_the_shipped_sample_holds_every_tool_and_only_golden_cases() -> None:
    golden = {name: (tool, wanted) for tool, name, _, wanted in every_case()}
    shipped = selfcheck.shipped()
    assert {example["tool"] for example in shipped} == {tool for tool, _ in golden.values()}
    assert len({example["id"] for example in shipped}) == len(shipped)
    for example in shipped:
        tool, wanted = golden[example["id"]]
        assert example["tool"] == tool
        assert selfcheck.same(json.loads(json.dumps(example["expect"])), json.loads(json.dumps(wanted, default=float)))


@pytest.mark.parametrize(
    "wrong",
    [{"expect": {**GOOD["expect"], "score": 4}}, {"expect": {}}, {"case": {}}, {"tool": "nothing"}, {"case": 5},
     {"expect": [GOOD["expect"]]}, {"expect": None}],
)  # fmt: skip
def test_an_example_that_comes_out_otherwise_is_named(wrong: dict[str, Any]) -> None:
    found = selfcheck.run([GOOD, {**GOOD, "id": "X2", **wrong}])
    assert found == selfcheck.SelfCheck(False, ("X2",), 2)


@pytest.mark.parametrize("missing", ["tool", "case", "expect", "id"])
def test_an_example_with_a_part_missing_never_passes_unnoticed(missing: str) -> None:
    example = {key: value for key, value in GOOD.items() if key != missing}
    found = selfcheck.run([example])
    assert found.ok == (missing == "id")
    assert found.failures == (() if missing == "id" else ("X1",))


def test_nothing_to_check_is_not_a_pass() -> None:
    assert selfcheck.run([]) == selfcheck.SelfCheck(False, (), 0)


def test_a_changed_limit_fails_the_shipped_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    cows = instruments.get("cows")
    later = tuple(replace(t, at=t.at + 2) for t in cows.thresholds)
    monkeypatch.setitem(instruments._BY_KEY, "cows", replace(cows, thresholds=later))
    found = selfcheck.run()
    assert not found.ok
    assert "I013" in found.failures


def test_a_rule_that_breaks_down_fails_the_shipped_sample_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "half_up", None)
    found = selfcheck.run()
    assert not found.ok
    assert {"I056", "I070"} <= set(found.failures)


def test_an_unreadable_sample_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", "{", "5", "[]"):
        monkeypatch.setattr(selfcheck, "_text", lambda text=text: text)
        assert not selfcheck.run().ok
        assert selfcheck.run() == selfcheck.SelfCheck(False, ("selfcheck.json cannot be read",), 0)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [(20, 20.0, True), (True, 1, False), (1, True, False), (False, 0, False), (None, 0, False), ([1, 2], [2, 1], False),
     ([1], [1, 1], False), ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ({"a": 1}, {}, False), ([], {}, False),
     ([True], [1], False), ({"a": [1]}, {"a": [1.0]}, True), ("1", 1, False), (None, None, True),
     ({}, 5, False), (5, {}, False), ([], 5, False), (5, [], False),
     ({"a": True}, {"a": 1}, False), ({}, {"a": 1}, False)],
)  # fmt: skip
def test_values_are_compared_as_the_vectors_want(a: Any, b: Any, equal: bool) -> None:
    assert selfcheck.same(a, b) is equal
