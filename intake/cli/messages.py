"""`flask intake messages`: the ledger of all mail, and holding everything back after a restore."""

from __future__ import annotations

import csv
import sys

import click
from flask.cli import AppGroup

from intake.clock import utcnow
from intake.db import transaction
from intake.errors import IntakeError
from intake.messages import bounces, holding, ledger

messages_cli = AppGroup("messages", help="Look at the outbox, hold it and let it go.")

BAD_DATA = 65
MOST_BYTES = 1_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


@messages_cli.command("ledger")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values with a header (the default is the same).")
def print_ledger(as_csv: bool) -> None:
    """Print every message: key, recipient word, kind, zone, window, due time, state, attempts, cancel and accept."""
    out = csv.writer(sys.stdout, delimiter="," if as_csv else "\t", lineterminator="\n")
    out.writerow(ledger.COLUMNS)
    out.writerows([safe(cell) for cell in row] for row in ledger.lines())


@messages_cli.command("hold")
def hold() -> None:
    """Hold every open message until `release`."""
    with transaction():
        count = holding.hold_all(now=utcnow())
    click.echo(f"{count} messages are held.")


@messages_cli.command("release")
def release() -> None:
    """Let the held messages go; those already due stay for a person, since they may have left before the restore."""
    with transaction():
        gone, kept = holding.release_all(now=utcnow())
    click.echo(f"{gone} messages wait for their time again; {kept} were already due and wait for a person.")


@messages_cli.command("bounce")
def bounce() -> None:
    """Read one report of mail that came back (RFC 3464) from standard input: for a pipe of the mail server."""
    raw = sys.stdin.buffer.read(MOST_BYTES)
    try:
        with transaction():
            bounces.take(bounces.read_report(raw), now=utcnow())
    except IntakeError as refused:
        # The code by which mail servers know bad data: they keep the mail instead of trying again.
        click.echo(str(refused), err=True)
        sys.exit(BAD_DATA)
