"""The outbox beside a raw claim and beside Celery tasks with an ETA, in one run on one host.

`bench messages [--json] [--figures] [--rows N] [--due N] [--mails N] [--small]`; gates are ratios, CPU costs and exact
counts. Of five times `--due` scheduled mails a fifth is due at one instant; `--small` is a tenth of everything.
"""

from __future__ import annotations

import argparse
import json
import sys

import flask_migrate

from config import Config
from intake import create_app
from intake.db import db
from tests.bench._outbox import fill
from tests.bench._outbox.burst import burst, peer
from tests.bench._outbox.growth import growth, plan_change
from tests.bench._outbox.path import mail_path, scheduling
from tests.bench._outbox.table import ROOT, servers
from tests.servers import Unavailable

PARTS = ("burst", "path", "growth")


def main(arguments: list[str]) -> int:
    """Measure, print the table, and answer 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="bench messages", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=20_000)
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--parts", default="", help=f"some of {', '.join(PARTS)}, with commas between")
    parser.add_argument("--small", action="store_true", help="a tenth of everything, for slow machines")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    parser.add_argument("--no-peer", action="store_true", help="leave Celery's ETA out")
    given = parser.parse_args(arguments)
    try:
        with servers(given) as bench:
            app = create_app(Config.read(bench.environment))
            with app.app_context():
                flask_migrate.upgrade(directory=str(ROOT / "migrations"))
                center, people = fill.settle(50)
                wanted = given.parts.split(",") if given.parts else PARTS
                ours = burst(bench, center) if "burst" in wanted else {}
                if ours and bench.peer:
                    peer(bench, ours)
                if "path" in wanted:
                    scheduling(bench, center, people)
                    mail_path(bench, center, people)
                if "growth" in wanted:
                    growth(bench, center)
                    plan_change(bench, center, people)
                db.engine.dispose()
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(bench.numbers | {"kept": all(f.kept for f in bench.figures)}, default=str))
    else:
        print("\n".join(f"{f.words:46} {f.ours:30} {f.beside}" for f in bench.figures))
    return 0 if all(f.kept for f in bench.figures) else 1
