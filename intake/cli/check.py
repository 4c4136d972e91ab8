"""`flask intake check`: look whether everything that must always hold does hold, and name the first place where not."""

from __future__ import annotations

import json

import click
from flask.cli import with_appcontext

from intake.ops import digest, invariants


@click.command("check")
@click.option("--digest", "as_digest", is_flag=True, help="Only print one hash of the whole center.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_appcontext
def check(as_digest: bool, as_json: bool) -> None:
    """Check every invariant of the center; ends with 1 when one is broken. It changes nothing."""
    if as_digest:
        click.echo(digest.center())
        return
    checked = list(invariants.check())
    broken = [each for each in checked if each.faults]
    if as_json:
        found = {each.rule.key: list(each.faults) for each in broken}
        click.echo(json.dumps({"checked": len(checked), "broken": found}))
    else:
        for each in checked:
            click.echo(f"{'BROKEN' if each.faults else 'holds ':7} {each.rule.key:22} {each.rule.words}")
            for fault in each.faults:
                click.echo(f"        {fault}")
        click.echo(f"{len(checked)} invariants, {len(broken)} broken" + (f": {broken[0].faults[0]}" if broken else ""))
    if broken:
        raise SystemExit(1)
