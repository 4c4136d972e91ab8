"""`flask intake audit`: walk the chains, and anchor them outside the database."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from intake.audit import anchors, verify
from intake.clock import utcnow
from intake.db import id_text, transaction

audit_cli = AppGroup("audit", help="Prove that nothing was changed in the record of who did what.")


@audit_cli.command("verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--anchors", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
    help="An anchor file kept elsewhere; this installation's own when left out.",
)  # fmt: skip
@with_appcontext
def verify_chains(as_json: bool, source: Path | None) -> None:
    """Walk every chain; exit 1 and name the first bad entry when anything was changed."""
    report = verify.walk(source)
    with transaction():
        verify.note(report, now=utcnow())
    first = report.faults[0] if report.faults else None
    rate = round(report.entries / report.seconds) if report.seconds else 0
    if as_json:
        bad = (
            {"chain": id_text(first.chain), "seq": first.seq, "entry": id_text(first.entry_id), "what": first.what}
            if first
            else None
        )
        click.echo(
            json.dumps(
                {
                    "ok": report.ok,
                    "entries": report.entries,
                    "chains": report.chains,
                    "anchors": report.anchors,
                    "anchored_at": report.anchored_at.isoformat() if report.anchored_at else None,
                    "seconds": round(report.seconds, 3),
                    "entries_per_second": rate,
                    "faults": report.count,
                    "first": bad,
                }
            )
        )
    else:
        click.echo(
            f"{report.entries} entries in {report.chains} chains, {report.anchors} anchors, "
            f"{report.seconds:.2f} s ({rate} entries a second)"
        )
        for fault in report.faults:
            click.echo(f"  {fault}")
        click.echo("Every chain is whole." if report.ok else f"{report.count} faults.")
    if not report.ok:
        sys.exit(1)


@audit_cli.command("anchor")
@with_appcontext
def anchor() -> None:
    """Write the heads of all chains to the anchor file now."""
    with transaction():
        written = anchors.drop(now=utcnow(), always=True)
    click.echo(f"{'anchored in' if written else 'nothing moved since the last anchor;'} {anchors.path()}")
