"""`flask intake demo`: fill an empty development database once."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from config import Config
from intake.cli.demo import privacy
from intake.cli.demo.center import careful, hurry, make
from intake.cli.demo.fortnight import play
from intake.cli.demo.scenes import Scenes, Team
from intake.clock import utcnow
from intake.db import db
from intake.settings.models import Site


@click.command("demo")
@with_appcontext
def demo() -> None:
    """Make the demo center in an empty development database; a second run changes nothing."""
    config: Config = current_app.extensions["intake.config"]
    if config.production:
        raise click.ClickException("demo data is for development only")
    if db.session.scalar(select(Site.id).limit(1)) is not None:
        click.echo("this database already holds a center; nothing was added")
        return
    hurry()
    now = utcnow()
    site, actors = make(config, now)
    team = Team(actors["rosa"], actors["nina"], actors["cyrus"], actors["amara"])
    counts = play(site, team, now)
    privacy.tell(Scenes(site, team, now), actors["sol"], actors["drew"])
    careful()
    click.echo(f"demo center: {counts['inquiries']} inquiries, {counts['cases']} cases")
