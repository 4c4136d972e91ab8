"""`flask intake clinical`: JSON Lines in, one result a line out; tables; clear refusals with status 2."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from intake.cli.clinical import clinical_cli
from intake.clinical import tables, wire
from intake.clinical.selfcheck import same
from tests.clinical.every_case import every_case


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(clinical_cli, arguments, input=given)


def as_lines(cases: list[Any]) -> str:
    """Write cases as JSON Lines, decimals as the specification writes them."""
    return "\n".join(json.dumps(case, default=lambda d: float(d) if isinstance(d, Decimal) else d) for case in cases)


@pytest.mark.parametrize("tool", list(wire.TOOLS))
def test_every_golden_case_of_a_tool_in_one_go_in_order(tool: str, tmp_path: Path) -> None:
    mine = [(case, wanted) for name, _, case, wanted in every_case() if name == tool]
    text = as_lines([case for case, _ in mine])
    result = run(tool, given=text)
    assert result.exit_code == 0
    printed = [json.loads(line, parse_float=Decimal) for line in result.stdout.splitlines()]
    assert len(printed) == len(mine)
    assert all(same(found, wanted) for found, (_, wanted) in zip(printed, mine, strict=True))
    path = tmp_path / "cases.jsonl"
    path.write_text(text, encoding="utf-8")
    assert run(tool, str(path)).stdout == result.stdout == run(tool, "-", given=text).stdout


def test_empty_lines_and_a_byte_order_mark_are_skipped_and_nothing_gives_nothing() -> None:
    case = '{"instrument": "pain_nrs", "answers": {"now": 3}}'
    assert len(run("instruments", given="\ufeff" + case + "\n\n   \r\n" + case + "\r\n").stdout.splitlines()) == 2
    assert (run("instruments").exit_code, run("instruments").stdout) == (0, "")


def test_a_refused_case_prints_its_code_and_the_next_case_still_runs() -> None:
    result = run(
        "instruments",
        given='{"instrument": "x"}\n{"instrument": "cows", "answers": {"pulse": 3}}\n{"instrument": "phq2"}',
    )
    first, second, third = (json.loads(line) for line in result.stdout.splitlines())
    assert (first, second) == ({"error": "UNKNOWN_INSTRUMENT"}, {"error": "OPTION_NOT_ALLOWED"})
    assert third["status"] == "incomplete"
    assert result.exit_code == 0


def test_a_case_without_its_form_prints_a_code_and_says_on_the_side_what_is_needed() -> None:
    result = run("oih", given='{"id": "O1"}')
    assert json.loads(result.stdout) == {"error": "INPUT_NOT_VALID"}
    assert result.stderr == "line 1: The case needs “input”, a JSON object.\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "broken",
    [b'{"instrument": ', b"cows", b"\xff\xfe{}", b"[" * 100_000,
     b'{"instrument": "cows", "answers": {"pulse": ' + b"1" * 5000 + b"}}"],
    ids=["cut off", "no JSON", "no UTF-8", "too deep", "too many digits"],
)  # fmt: skip
def test_a_broken_line_stops_with_status_2_its_number_and_no_traceback(broken: bytes) -> None:
    result = run("instruments", given=b'{"instrument": "phq2"}\n' + broken + b'\n{"instrument": "phq2"}\n')
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 1
    assert "line 2" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("line", ["5", "[]", '"cows"', "null", "true"])
def test_a_line_that_is_no_object_stops_with_status_2(line: str) -> None:
    result = run("instruments", given=line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "line 1" in result.stderr


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "9" * 300])
def test_a_number_that_cannot_be_is_refused_and_never_computed_with(number: str) -> None:
    result = run("mme", given=f'{{"input": {{"lines": [{{"drug": "morphine", "strength": {number}, "freq": "qd"}}]}}}}')
    assert json.loads(result.stdout) == {"error": "NUMBER_NOT_ALLOWED"}
    result = run("instruments", given=f'{{"instrument": "cows", "answers": {{"pulse": {number}}}}}')
    assert json.loads(result.stdout) == {"error": "OPTION_NOT_ALLOWED"}


def test_a_decimal_stays_the_decimal_that_was_written() -> None:
    line = '{"input": {"lines": [{"drug": "morphine", "strength": 49.9999999999999999999, "freq": "qd"}]}}'
    assert json.loads(run("mme", given=line).stdout)["band"] == "lt50"


@pytest.mark.parametrize("arguments", [("nothing",), ("mme", "/no/such/file"), ("table", "nothing"), ("table",)])
def test_what_is_not_there_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


@pytest.mark.parametrize("name", [*tables.NAMES, *tables.ALIASES])
def test_a_table_is_printed_as_it_is(name: str) -> None:
    assert run("table", name).stdout == tables.table(name)


def test_all_tables_together_are_the_page_in_docs() -> None:
    assert run("table", "all").stdout == tables.document()
