"""`flask intake rules`: try a changed rule set on the stored cases, and put one in force."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, BinaryIO

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from intake.actor import system
from intake.clinical import routing, selfcheck
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import IntakeError
from intake.screening import queries
from intake.settings import queries as settings
from intake.settings import service
from intake.settings.models import Site

rules_cli = AppGroup("rules", help="Try changed routing rules on stored cases, and put them in force.")

_SITE = click.option("--site", "slug", default="", help="The center's short name; the first center when left out.")


def changes_in(source: BinaryIO) -> dict[str, Any]:
    """Return the changes of a rule set file: rule id -> {enabled, queue, acuity, thresholds}.

    The file holds them alone, or under "rules" beside version, from and approver.

    Raises:
        click.ClickException: the file is no JSON object.
    """
    try:
        given = json.loads(source.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as broken:
        raise click.ClickException(f"the file is no JSON: {broken}") from broken
    found = given.get("rules", given) if isinstance(given, dict) else given
    if not isinstance(found, dict):
        raise click.ClickException("the file has to hold one JSON object: rule id to what changes")
    return found


def _site(slug: str) -> Site:
    if not slug:
        return settings.the_site()
    found = db.session.scalar(select(Site).where(Site.slug == slug))
    if found is None:
        raise click.ClickException(f"there is no center called {slug}")
    return found


def _spot(placed: routing.Placement) -> str:
    return f"{placed.queue} P{placed.acuity}" + (f" then {placed.next_queue}" if placed.next_queue else "")


@rules_cli.command("try")
@click.option("--ruleset", "source", required=True, metavar="FILE", type=click.File("rb"), help="The changed rules.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_SITE
@with_appcontext
def attempt(source: BinaryIO, as_json: bool, slug: str) -> None:
    """Replay every stored placement under a changed rule set: who would move, and why. Nothing is written."""
    changes = changes_in(source)
    try:
        site = _site(slug)
        n, old = settings.rule_set(site.id)
        new = routing.RuleSet("tried", changes=changes)
    except IntakeError as refused:
        raise click.ClickException(refused.message) from refused
    replayed = 0

    def each() -> Any:
        nonlocal replayed
        for reference, facts in queries.replayable(site.id):
            replayed += 1
            yield reference, facts

    moved = routing.replay(each(), old, new)
    for case in moved:
        line = {"case": case.id, "from": _spot(case.before), "to": _spot(case.after), "why": list(case.why)}
        if as_json:
            click.echo(json.dumps(line))
        else:
            click.echo(f"{case.id}  {line['from']} -> {line['to']}")
            for sentence in case.why:
                click.echo(f"    {sentence}")
    if not as_json:
        click.echo(f"{len(moved)} of {replayed} stored cases would move (rule set {n} in force).")


@rules_cli.command("activate")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option("--approver", required=True, help="The named clinician who approves the rules.")
@click.option(
    "--approved-on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Day of approval; today when left out."
)
@_SITE
@with_appcontext
def activate(source: BinaryIO, approver: str, approved_on: Any, slug: str) -> None:
    """Put a rule set in force from now on; earlier placements keep the rules they were made with."""
    changes = changes_in(source)
    checked = selfcheck.run()
    if not checked.ok:
        raise click.ClickException(f"the self-check does not pass: {', '.join(checked.failures)}")
    on: date | None = approved_on.date() if approved_on is not None else None
    try:
        with transaction():
            site = _site(slug)
            row = service.activate_rules(
                site, changes, approver=approver, approved_on=on, actor=system(site.id), now=utcnow()
            )
            n, active_from = row.n, row.active_from
    except IntakeError as refused:
        raise click.ClickException(refused.message) from refused
    assert active_from is not None
    click.echo(f"Rule set {n}, approved by {approver}, is in force since {active_from:%Y-%m-%d %H:%M:%S} UTC.")
