"""`flask intake clinical`: the clinical rules on the command line, one case a line, and their tables to be signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

import click
from flask.cli import AppGroup

from intake.clinical import tables, wire
from intake.errors import RuleBroken

clinical_cli = AppGroup("clinical", help="Work out cases with the clinical rules, and print their tables.")


class NotUsable(click.ClickException):
    """What was typed or piped in cannot be used; exit status 2, as for wrong usage."""

    exit_code = 2


def read_cases(lines: BinaryIO) -> Iterator[tuple[int, object]]:
    """Yield line number and case of JSON Lines in UTF-8; empty lines are skipped.

    Numbers with a decimal point stay the decimals they are written as.

    Raises:
        NotUsable: a line is no JSON; the message names the line.
    """
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig").strip()
            if text:
                yield number, json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError) as broken:
            raise NotUsable(f"line {number} is not a case in JSON: {broken}") from broken


def explain(tool: str, source: BinaryIO) -> None:
    """Print one JSON line for each case of `source`, in order."""
    for number, case in read_cases(source):
        if not isinstance(case, dict):
            raise NotUsable(f"line {number} is JSON, but no object with named values")
        try:
            result = wire.work(tool, case)
        except RuleBroken as refused:
            result = {"error": refused.code}
            if refused.code == wire.INPUT_NOT_VALID:
                click.echo(f"line {number}: {refused.message}", err=True)
        click.echo(json.dumps(result, allow_nan=False))


def _add(tool: str) -> None:
    @clinical_cli.command(tool, with_appcontext=False, help=f"Read cases as JSON Lines, print results: {tool}.")
    @click.argument("source", metavar="[FILE]", type=click.File("rb"), default="-")
    def run(source: BinaryIO) -> None:
        explain(tool, source)


for _tool in wire.TOOLS:
    _add(_tool)


@clinical_cli.command("table", with_appcontext=False)
@click.argument("name")
def table(name: str) -> None:
    """Print one table as Markdown, or "all" for docs/clinical.md."""
    try:
        click.echo(tables.document() if name == "all" else tables.table(name), nl=False)
    except RuleBroken as unknown:
        raise NotUsable(unknown.message) from unknown
