"""`flask intake maintenance`: close every page for a while, with the crisis lines on it, and open again."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from intake.ops import maintenance as doors


@click.command("maintenance")
@click.option("--until", default="", help="When it will be over, as people read it: 14:30.")
@click.option("--off", is_flag=True, help="Open again.")
@with_appcontext
def maintenance(until: str, off: bool) -> None:
    """Close every page of the processes that share this data folder; the probes go on answering."""
    if off:
        click.echo("Open again." if doors.end() else "It was open.")
        return
    doors.begin(until)
    click.echo("Closed. Open again with: flask intake maintenance --off")
