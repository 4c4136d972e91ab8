"""`flask intake set-up` and `flask intake invite`: the first center, and accounts without a browser."""

from __future__ import annotations

import zoneinfo

import click
from flask.cli import with_appcontext
from werkzeug.datastructures import MultiDict

from intake.accounts import api_tokens, forms, joining
from intake.actor import Role, system
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import IntakeError
from intake.settings import queries as settings


def _invited(email: str, name: str, role: str) -> forms.Invited:
    try:
        return forms.read_invited(MultiDict({"email": email, "name": name, "role": role}))
    except IntakeError as wrong:
        raise click.ClickException(" ".join(wrong.fields.values())) from wrong


@click.command("set-up")
@click.option("--center", required=True, prompt="Name of the center", help="What the center is called inside.")
@click.option(
    "--discreet-name", required=True, prompt="Name on calls and emails", help="A name that tells nothing of treatment."
)
@click.option("--phone", required=True, prompt="Phone", help="The number people call.")
@click.option("--from", "email_from", required=True, prompt="Sender address", help="From address of every email.")
@click.option(
    "--zone", required=True, prompt="Time zone", default="America/New_York", help="For example America/Chicago."
)
@click.option("--email", required=True, prompt="Your work email", help="The first administrator's email.")
@click.option("--name", required=True, prompt="Your name", help="The first administrator's name.")
@with_appcontext
def set_up(center: str, discreet_name: str, phone: str, email_from: str, zone: str, email: str, name: str) -> None:
    """Make the first center and its first administrator, once; prints the address of their invitation."""
    who = _invited(email, name, Role.ADMIN.value)
    if zone not in zoneinfo.available_timezones():
        raise click.ClickException(f"there is no time zone called {zone}")
    for words, value in (("name", center), ("discreet name", discreet_name), ("phone", phone), ("sender", email_from)):
        if not value.strip() or len(value) > 100 or not value.isprintable():
            raise click.ClickException(f"the {words} has to be one line of 1 to 100 signs")
    try:
        with transaction():
            _, _, address = joining.set_up(
                joining.Center(center.strip(), discreet_name.strip(), phone.strip(), email_from.strip(), zone),
                email=who.email,
                name=who.name,
                now=utcnow(),
            )
    except IntakeError as refused:
        raise click.ClickException(refused.message) from refused
    click.echo(f"{center} is set up. Open this within {joining.INVITATION_HOURS} hours, it works once:\n{address}")


@click.command("invite")
@click.argument("email")
@click.option("--name", required=True, help="Name to show to colleagues.")
@click.option("--role", required=True, type=click.Choice(forms.ROLES), help="What they may do.")
@with_appcontext
def invite(email: str, name: str, role: str) -> None:
    """Invite somebody to the first center by email."""
    who = _invited(email, name, role)
    try:
        with transaction():
            actor = system(settings.the_site().id)
            joining.invite(email=who.email, name=who.name, role=who.role, actor=actor, now=utcnow())
    except IntakeError as refused:
        raise click.ClickException(" ".join(refused.fields.values()) or refused.message) from refused
    click.echo(f"The invitation to {who.email} is on its way.")


@click.command("api-token")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, api_tokens.LONGEST_DAYS), default=365, show_default=True)
@with_appcontext
def api_token(name: str, days: int) -> None:
    """Make a bearer token for another system that sends referrals; it is printed once."""
    try:
        with transaction():
            actor = system(settings.the_site().id)
            _, secret = api_tokens.issue(name=name, days=days, actor=actor, now=utcnow())
    except IntakeError as wrong:
        raise click.ClickException(" ".join([wrong.message, *wrong.fields.values()])) from wrong
    click.echo(secret)
