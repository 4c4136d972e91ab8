"""What one request for help costs: the last step of the public form, beside the page of its first question.

`bench inquiry [--json] [--figures] [--rounds N]`, on SQLite and on PostgreSQL. Person, request, first contact with its
clock and task, acknowledgement, links, tokens to find them by, audit and timeline are one commit. The aim of
2.5 ms and four statements was that of bare rows; docs/decisions/0003 says what the difference buys.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import event

from config import Config
from intake import create_app
from intake.db import db, transaction
from tests.bench.pages import ROOT, Figures, counted, timed
from tests.conftest import process_environment
from tests.inquiries.browser import Browser, fill
from tests.people import make_cast
from tests.servers import Unavailable
from tests.servers.databases import Database
from tests.servers.postgres import Server

ROUNDS = 60
# As many as now and a few to spare: one more for each row would be a step back.
MOST_STATEMENTS = 40
MOST_TIMES_A_PAGE = 8.0


@dataclass
class Sent:
    """One request as the database saw it."""

    statements: int
    commits: int


def filled(app: Flask) -> Browser:
    """A visitor who answered everything and sees it once more before sending."""
    visitor = Browser(app)
    fill(visitor)
    visitor.get("/help/check")
    return visitor


def send(visitor: Browser) -> None:
    """The last step.

    Raises:
        RuntimeError: it was refused.
    """
    if (status := visitor.post("/help/check", {"consent": "yes"}).status_code) != 302:
        raise RuntimeError(f"the request was answered with {status}")


def seen(app: Flask) -> Sent:
    """Statements and commits of one request; a BEGIN is no statement."""
    visitor, commits = filled(app), []

    def note(_connection: object) -> None:
        commits.append(1)

    with app.app_context(), counted() as said:
        event.listen(db.engine, "commit", note)
        send(visitor)
        event.remove(db.engine, "commit", note)
    return Sent(sum(not each.startswith("BEGIN") for each in said), len(commits))


def measure(app: Flask, engine: str, rounds: int, found: Figures) -> None:
    """The figures of one engine."""
    for _ in range(5):
        send(filled(app))
    one = seen(app)
    found.add(
        f"{engine}: commits and statements of a request", f"{one.commits} and {one.statements}",
        f"limits 1 and {MOST_STATEMENTS}", one.commits == 1 and one.statements <= MOST_STATEMENTS,
        **{f"{engine}_commits": one.commits, f"{engine}_statements": one.statements},
    )  # fmt: skip
    waiting = [filled(app) for _ in range(rounds + 5)]
    cpu, wall = timed(lambda: send(waiting.pop()), rounds)
    page = timed(lambda: Browser(app).get("/help/now"), rounds)[0]
    found.add(
        f"{engine}: CPU of a request", f"{cpu:.1f} ms ({wall:.1f} ms in all)",
        f"{cpu / page:.1f} times the page of one question ({page:.1f} ms), limit {MOST_TIMES_A_PAGE:.0f}",
        cpu <= MOST_TIMES_A_PAGE * page, **{f"{engine}_cpu_ms": cpu},
    )  # fmt: skip


def main(arguments: list[str]) -> int:
    """Measure both engines, print the table, and answer 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="bench inquiry", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args(arguments)
    found = Figures()
    try:
        server = Server()
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="intake-bench-") as folder:
            urls = {"sqlite": f"sqlite:///{Path(folder) / 'intake.sqlite3'}", "postgresql": server.url}
            for engine, url in urls.items():
                app = create_app(Config.read(process_environment(Database(engine, url, Path(folder)))))
                app.config["RATELIMIT_ENABLED"] = False
                with app.app_context():
                    flask_migrate.upgrade(directory=str(ROOT / "migrations"))
                    with transaction():
                        make_cast()
                measure(app, engine, given.rounds, found)
                with app.app_context():
                    db.engine.dispose()
    finally:
        server.stop()
    return found.tell("bench inquiry", given)
