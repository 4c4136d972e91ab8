"""`flask intake backup` and `flask intake restore`: everything in two encrypted files, and back."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from intake.clock import utcnow
from intake.ops import backup as writing
from intake.ops import erased
from intake.ops import restore as taking
from intake.ops.coffer import Refused

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("backup")
@click.argument("file", type=_FILE)
@with_appcontext
def backup(file: Path) -> None:
    """Write everything into FILE and the keys into FILE.keys, encrypted, while the house works.

    Keep FILE as long as you like and FILE.keys for 30 days at most: whoever is erased must be gone from old backups.
    Keep INTAKE_MASTER_KEY, INTAKE_BLIND_KEY and INTAKE_BACKUP_KEY apart from both.
    """
    erased.note(now=utcnow())
    try:
        made = writing.write(file, now=utcnow())
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(
        f"{made.rows} rows and {made.entries} audit entries in {file} ({made.size / 1e6:.1f} MB), "
        f"the keys in {writing.keys_beside(file)} ({made.keys / 1e6:.1f} MB, keep {writing.KEYS_DAYS} days at most)."
    )


@click.command("restore")
@click.argument("file", type=_FILE)
@click.option("--verify", "verify_it", is_flag=True, help="Walk the audit, count all rows and open sampled fields.")
@click.option(
    "--keys", type=_FILE, default=None, help="File of keys, FILE.keys when left out; a newer one may be given."
)
@click.option(
    "--erased", "gone", type=_FILE, default=None, help="List of the erased, this installation's when left out."
)
@with_appcontext
def restore(file: Path, verify_it: bool, keys: Path | None, gone: Path | None) -> None:
    """Take FILE into the configured database, which has to be empty. All mail is held until it is released."""
    if gone is not None and not gone.is_file():
        raise click.ClickException(f"{gone.name} cannot be read.")
    try:
        done = taking.take(
            file,
            keys=keys or writing.keys_beside(file),
            gone=gone or erased.path(),
            verify_it=verify_it,
            now=utcnow(),
        )
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(f"Restored as of {done.made_at}: {sum(done.counts.values())} rows, {done.entries} audit entries.")
    click.echo(f"{done.keys} keys, {done.erased} of them of erased people.")
    if done.behind:
        click.echo(f"{done.behind} audit entries were anchored here after this backup; what they tell of is lost.")
    click.echo(f"{done.held} messages are held. Let them go with: flask intake messages release")
    if verify_it:
        for fault in done.faults:
            click.echo(f"  {fault}")
        if done.faults:
            raise click.ClickException(f"{len(done.faults)} faults.")
        click.echo(f"Verified: counts, audit chains and {done.sampled} sampled fields are as they were.")
