"""Cases as JSON: every golden case of every file, and what is no case."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from intake.clinical import wire
from intake.clinical.selfcheck import same
from intake.errors import RuleBroken
from tests.clinical.every_case import every_case

EVERY = list(every_case())


def plain(value: Any) -> Any:
    """Return a result as it reads after it was printed."""
    return json.loads(json.dumps(value, allow_nan=False), parse_float=Decimal)


@pytest.mark.parametrize(("tool", "name", "case", "wanted"), [pytest.param(*c, id=c[1]) for c in EVERY])
def test_every_golden_case_of_every_file_comes_out_as_written(
    tool: str, name: str, case: dict[str, Any], wanted: Any
) -> None:
    assert same(plain(wire.run(tool, case)), wanted), name


def test_no_case_of_the_specification_is_left_out() -> None:
    assert Counter(tool for tool, *_ in EVERY) == {
        "instruments": 77, "oih": 32, "mme": 38, "taper": 37, "route": 45, "cadence": 8, "wording": 19,
    }  # fmt: skip


def test_keys_that_a_tool_does_not_know_are_ignored() -> None:
    for tool, _, case, wanted in EVERY[::5]:
        assert same(plain(wire.run(tool, {**case, "id": "x", "note": 1, "vignette": [], "zzz": {}})), wanted)


def test_unknown_facts_and_keys_inside_a_case_are_ignored_too() -> None:
    line = {"drug": "morphine", "strength": 10, "freq": "qd", "colour": "white"}
    assert plain(wire.run("mme", {"input": {"lines": [line], "by": "x"}}))["total_mme"] == 10
    assert plain(wire.run("oih", {"input": {"mood": "low"}}))["reason"] == "INCOMPLETE"


def test_a_table_that_is_not_named_is_the_one_of_2022_without_further_factors() -> None:
    lines = [{"drug": "levorphanol", "strength": 2, "freq": "tid"}, {"drug": "tramadol", "strength": 100, "freq": "qd"}]
    found = plain(wire.run("mme", {"input": {"lines": lines}}))
    assert (found["total_mme"], found["flags"]) == (20, ["NO_FACTOR"])
    assert plain(wire.run("mme", {"input": {"lines": lines, "extended_factors": True}}))["total_mme"] == 86
    assert wire.run("mme", {"input": {"lines": lines, "table": None}}) == {"error": "UNKNOWN_TABLE"}


def test_answers_and_context_may_be_left_out() -> None:
    assert plain(wire.run("instruments", {"instrument": "phq2"}))["missing"] == ["interest", "down"]
    assert plain(wire.run("instruments", {"instrument": "phq2", "answers": None, "context": None}))["score"] is None


def test_dispensed_units_use_the_factor_of_2022() -> None:
    case = {"drug": "hydromorphone", "strength": 4, "units": 120, "days": 30}
    assert wire.run("mme", case) == {"mme_per_day": 80.0}
    assert wire.run("mme", {"mcg_per_h": 25, "patches": 7, "days": 9}) == {"mme_per_day": 140.0}
    assert wire.run("mme", {"mcg_per_h": 12, "patches": 1, "days": 7}) == {"mme_per_day": 12.34}
    assert wire.run("mme", {**case, "days": 0}) == {"error": "NUMBER_NOT_ALLOWED"}
    assert wire.run("mme", {**case, "drug": "levorphanol"}) == {"error": "NO_FACTOR"}


def test_wording_takes_the_html_part_and_a_language_as_well() -> None:
    assert wire.run("wording", {"subject": "", "html": "det&#111;x"}) == {"allowed": False, "hits": ["detox"]}
    assert wire.run("wording", {"subject": "", "body": "receta", "locale": "es"}) == {
        "allowed": False,
        "hits": ["receta"],
    }
    assert wire.run("wording", {"subject": "", "body": "receta", "locale": None}) == {"allowed": True, "hits": []}
    assert wire.run("wording", {"subject": "", "body": "", "center_aliases": None}) == {"allowed": True, "hits": []}


@pytest.mark.parametrize(
    ("tool", "case"),
    [("instruments", {}), ("instruments", {"instrument": "cows", "answers": [1]}),
     ("instruments", {"instrument": "cows", "answers": {}, "context": 5}),
     ("oih", {}), ("oih", {"input": None}), ("oih", {"input": [1]}),
     ("mme", {}), ("mme", {"input": 5}), ("mme", {"input": {}}), ("mme", {"input": {"lines": {}}}),
     ("mme", {"input": {"lines": [5]}}), ("mme", {"mcg_per_h": 5}), ("mme", {"mcg_per_h": 5, "patches": 5}),
     ("mme", {"drug": "morphine", "strength": 1, "units": 1}),
     ("wording", {}), ("wording", {"subject": ""}), ("wording", {"subject": 1, "body": ""}),
     ("wording", {"subject": "", "body": None}), ("wording", {"subject": "", "body": "", "center_aliases": "x"}),
     ("wording", {"subject": "", "body": "", "center_aliases": [1]}),
     ("wording", {"subject": "", "body": "", "locale": 1}), ("wording", {"subject": "", "html": 1}),
     ("taper", 5), ("route", []), ("oih", "text"), ("mme", None)],
)  # fmt: skip
def test_what_has_not_the_form_of_a_case_is_refused_with_a_sentence(tool: str, case: Any) -> None:
    assert wire.run(tool, case) == {"error": "INPUT_NOT_VALID"}
    with pytest.raises(RuleBroken) as refused:
        wire.work(tool, case)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("tool", ["", "drugs", "instrument"])
def test_an_unknown_tool_is_refused(tool: str) -> None:
    assert wire.run(tool, {}) == {"error": "UNKNOWN_TOOL"}


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), Decimal("1e400"), 1e400, 10**400, True, "7", [], {}])
def test_numbers_that_cannot_be_are_refused_in_every_tool_and_never_computed_with(odd: Any) -> None:
    line = {"drug": "morphine", "strength": odd, "freq": "qd"}
    cases: list[tuple[str, Any]] = [
        ("instruments", {"instrument": "cows", "answers": {"pulse": odd}}),
        ("instruments", {"instrument": "single_drug", "answers": {"times": odd}}),
        ("oih", {"input": {"cows": odd}}),
        ("mme", {"input": {"lines": [line]}}),
        ("mme", {"mcg_per_h": odd, "patches": 1, "days": 1}),
    ]
    for tool, case in cases:
        found = plain(wire.run(tool, case))
        assert list(found) == ["error"]
        assert found["error"] in ("OPTION_NOT_ALLOWED", "NUMBER_NOT_ALLOWED")
