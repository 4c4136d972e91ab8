"""`flask intake keys`: wrap all data keys under a new center's key, and erase a person."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

from intake import crypto
from intake.actor import system
from intake.cases import erasing
from intake.clock import utcnow
from intake.db import db, id_value, transaction
from intake.errors import IntakeError
from intake.ops import erased
from intake.people.models import Person

keys_cli = AppGroup("keys", help="The keys that names, contacts and words are sealed under.")
BATCH = 500


@keys_cli.command("rotate")
@with_appcontext
def rotate() -> None:
    """Wrap every data key under INTAKE_MASTER_KEY; older keys are read from INTAKE_MASTER_KEY_OLD.

    Safe to run while the house works, to break off and to run again. Before: give all processes the new key and the
    old one. After: take INTAKE_MASTER_KEY_OLD away.
    """
    done = 0
    try:
        while True:
            with transaction():
                count = crypto.rewrap(BATCH)
            if not count:
                break
            done += count
            db.session.expunge_all()
    except crypto.SealBroken as broken:
        raise click.ClickException(f"{broken}; {done} keys were wrapped before that") from broken
    left = crypto.wrapped_by()
    click.echo(f"{done} keys wrapped anew. By center's key: {left or 'none'}")


@keys_cli.command("erase")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def erase(person: str, yes: bool) -> None:
    """Erase PERSON (13 letters, from the address of their page): nothing about them can be read any more."""
    try:
        person_id = id_value(person)
    except ValueError as wrong:
        raise click.ClickException("a person is named by 13 letters") from wrong
    found = db.session.get(Person, person_id)
    if found is None:
        raise click.ClickException("There is no such person.")
    if not yes:
        click.confirm("Everything sealed about this person becomes unreadable for good. Go on?", abort=True)
    site_id = found.site_id
    try:
        with transaction():
            count = erasing.erase(person_id, actor=system(site_id), now=utcnow())
    except IntakeError as refused:
        raise click.ClickException(refused.message) from refused
    erased.note(now=utcnow())
    click.echo(f"Erased: {count} keys destroyed. The audit chain is untouched.")
