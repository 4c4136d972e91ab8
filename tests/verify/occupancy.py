"""`verify occupancy`: ten thousand random steps of the beds; after each, what is counted is what is placed."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import flask_migrate

from config import Config
from intake import create_app
from intake.cli.demo.center import hurry
from intake.db import db
from tests import figures
from tests.beds.test_occupancy import BEDS, PEOPLE, walk
from tests.world import ROOT, environment

STEPS_OF_A_WORLD = 25


def main(arguments: list[str]) -> int:
    """Walk and print how many steps of each kind were taken; any difference ends it with the shortest way there."""
    options = argparse.ArgumentParser(prog="verify occupancy")
    options.add_argument("--steps", type=int, default=10_000)
    options.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Config.read(environment(Path(folder))))
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            hurry()
        started = time.process_time()
        # Some worlds stop early, so a few more are asked for.
        taken = walk(app, runs=max(1, asked.steps * 6 // STEPS_OF_A_WORLD // 5))
        took = time.process_time() - started
        with app.app_context():
            db.engine.dispose()
    total = sum(taken.values())
    words = f"{total:,} steps on {BEDS} beds and {PEOPLE} people, {took:.0f} s of CPU"
    words += ": occupancy equals placements after each"
    table = figures.table(("step", "taken"), [(verb, f"{count:,}") for verb, count in sorted(taken.items())])
    print(f"{words}\n{table}")
    if asked.figures:
        figures.write("verify occupancy", f"{words}.\n\n{table}")
    return 0 if total >= asked.steps else 1
