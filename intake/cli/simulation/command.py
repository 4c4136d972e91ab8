"""`flask intake simulate`: leave a center with a month of history, for training, benches and tests."""

from __future__ import annotations

import gc
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from config import Config
from intake import clock
from intake.cli.demo.center import careful, hurry
from intake.cli.simulation.month import Month, Told
from intake.clock import utcnow
from intake.db import db, drawn_ids
from intake.errors import IntakeError
from intake.settings.models import Site

# What belongs to the process of now and not to the folder that is filled.
USUAL = gc.get_threshold()
ELSEWHERE = ("DATABASE_URL", "SECRET_KEY", "INTAKE_MASTER_KEY", "INTAKE_BLIND_KEY", "REDIS_URL", "SMTP_URL")


@click.command("simulate")
@click.option("--days", type=click.IntRange(1, 120), default=30, show_default=True, help="Length of the history.")
@click.option("--inquiries", type=click.IntRange(1, 20000), default=2000, show_default=True, help="How many ask.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same center.")
@click.option("--ending", type=click.DateTime(["%Y-%m-%d"]), help="The day the history ends on; today unless given.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Fill this data folder instead.",
)
@with_appcontext
def simulate(days: int, inquiries: int, seed: int, ending: datetime | None, into: Path | None) -> None:
    """Live a month of an invented center through the real services; every mail is accepted and dropped."""
    config: Config = current_app.extensions["intake.config"]
    if config.production:
        raise click.ClickException("a simulation moves the clock, which production does not allow")
    end = datetime.combine((ending or utcnow()).date(), datetime.min.time(), UTC)
    if into is not None:
        told, took = _elsewhere(into, days=days, inquiries=inquiries, seed=seed, end=end)
    else:
        told, took = _here(config, days=days, inquiries=inquiries, seed=seed, end=end)
    click.echo(
        f"{days} days, {told.inquiries} inquiries, {told.cases} cases, {told.messages} messages, "
        f"{told.events} events in {took:.1f} s"
    )


def _here(config: Config, *, days: int, inquiries: int, seed: int, end: datetime) -> tuple[Told, float]:
    if db.session.scalar(select(Site.id).limit(1)) is not None:
        raise click.ClickException("this database already holds a center; give an empty folder with --into DIR")
    hurry()
    # What the process holds by now stays; looking through it again and again would take a tenth of the time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    started, before = time.monotonic(), clock.offset()
    try:
        with drawn_ids(random.Random(f"{seed}:ids").getrandbits):
            told = Month.begin(config, days=days, inquiries=inquiries, seed=seed, end=end).live()
    except IntakeError as wrong:
        raise click.ClickException(f"the simulation met a refusal: {wrong.message} {wrong.fields or ''}") from wrong
    finally:
        clock.set_offset(before)
        careful()
        gc.unfreeze()
        gc.set_threshold(*USUAL)
    return told, time.monotonic() - started


def _elsewhere(into: Path, *, days: int, inquiries: int, seed: int, end: datetime) -> tuple[Told, float]:
    app: Flask = current_app
    environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    config = Config.read({**environment, "INTAKE_DATA": str(into)})
    other = app.extensions["intake.factory"](config)
    with other.app_context():
        flask_migrate.upgrade(directory=other.extensions["migrate"].directory)
        try:
            return _here(config, days=days, inquiries=inquiries, seed=seed, end=end)
        finally:
            db.engine.dispose()
