"""Find among 1,000,000 sealed people on PostgreSQL: names whole, mistyped, half typed, phones, likely doubles.

`bench find [--json] [--figures] [--people N]`; the gate is 50 ms for 95 of 100 finds, of all kinds together and each.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import flask_migrate
from flask import Flask

from config import Config
from intake import create_app
from intake.db import db, transaction
from intake.people import finding
from intake.people.finding import Likeness
from tests.bench._crowd import Somebody, settle
from tests.bench.pages import ROOT, Figures
from tests.conftest import process_environment
from tests.people import make_cast
from tests.servers import Unavailable
from tests.servers.databases import Database
from tests.servers.postgres import Server

SEED = 6
PEOPLE = 1_000_000
EACH = 150
LIMIT_MS = 50.0
SHOWN = 20

Ask = Callable[[Somebody], Sequence[Likeness]]


def mistyped(word: str, rng: random.Random) -> str:
    """A word with one slip behind its first letter: two letters swapped, one left out, or one wrong."""
    at = rng.randrange(1, len(word) - 1)
    how = rng.randrange(3)
    if how == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + ("" if how == 1 else rng.choice("aeiorst")) + word[at + 1 :]


def kinds(site_id: int, commonest: Somebody) -> dict[str, Ask]:
    """The ways to look for somebody."""
    rng = random.Random(SEED)

    def find(words: str) -> Sequence[Likeness]:
        return finding.find(words, site_id, SHOWN)

    return {
        "whole name": lambda one: find(one.name),
        "surname mistyped": lambda one: find(f"{one.given} {mistyped(one.surname, rng)}"),
        "name half typed": lambda one: find(f"{one.given} {one.surname[:3]}"),
        "surname alone": lambda one: find(one.surname),
        "given name alone": lambda one: find(one.given),
        "three letters": lambda one: find(one.surname[:3]),
        "phone": lambda one: find(one.phone[2:]),
        "commonest given, any surname": lambda one: find(f"{commonest.given} {one.surname}"),
        "commonest names": lambda _one: find(commonest.name),
        "likely the same (new person)": lambda one: finding.likely_same(
            site_id=site_id, name=one.name, born_on=one.born_on, phone=one.phone
        ),
    }


# Where the one looked for must be among the answers.
NAMED = {"whole name", "surname mistyped", "phone", "likely the same (new person)"}


def measure(found: Figures, site_id: int, people: list[Somebody], each: int) -> None:
    """All finds of every kind, each in a session of its own as in a request."""
    common = max(people, key=lambda one: sum(o.given == one.given for o in people[:2000]))
    surname = max(people, key=lambda one: sum(o.surname == one.surname for o in people[:2000])).surname
    both = Somebody(0, common.given, surname, common.born_on, common.phone)
    everything: list[float] = []
    asks = kinds(site_id, both)
    for name, ask in asks.items():
        took, cpu, hit = [], [], 0
        for one in people[-3:] + people[:each]:
            db.session.remove()
            began, at = time.process_time(), time.perf_counter()
            answers = ask(one)
            took.append(1000 * (time.perf_counter() - at))
            cpu.append(1000 * (time.process_time() - began))
            hit += any(answer.person.id == one.id for answer in answers)
        took, cpu = took[3:], cpu[3:]
        everything += took
        late = _of_hundred(took, 95)
        words = f"{hit / (each + 3):.0%} found; " if name in NAMED else ""
        found.add(
            name, f"p50 {statistics.median(took):.1f}, p95 {late:.1f} ms",
            f"{words}CPU here {statistics.median(cpu):.1f} ms", late <= LIMIT_MS, **{f"{name} p95": late},
        )  # fmt: skip
    late = _of_hundred(everything, 95)
    found.add(
        f"all {len(everything):,} finds", f"p95 {late:.1f}, p99 {_of_hundred(everything, 99):.1f} ms",
        f"limit {LIMIT_MS:.0f} ms", late <= LIMIT_MS, p95=late,
    )  # fmt: skip


def _of_hundred(values: Sequence[float], rank: int) -> float:
    return statistics.quantiles(values, n=100)[rank - 1]


def prepare(server: Server, folder: Path, count: int, each: int) -> tuple[Flask, int, list[Somebody]]:
    """The application on a center of so many people."""
    database = Database("postgresql", server.url, folder)
    app = create_app(Config.read(process_environment(database)))
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        with transaction():
            site_id = make_cast().site.id
        db.session.expunge_all()
        url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        people = settle(site_id, url, count, seed=SEED, keep=each * 2)
    random.Random(SEED).shuffle(people)
    return app, site_id, people


def main(arguments: list[str]) -> int:
    """Measure, print the table, and answer 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="bench find", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--each", type=int, default=EACH, help="how often each way is tried")
    given = parser.parse_args(arguments)
    found = Figures()
    try:
        server = Server()
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="intake-bench-") as folder:
            began = time.perf_counter()
            app, site_id, people = prepare(server, Path(folder), given.people, given.each)
            made = time.perf_counter() - began
            with app.app_context():
                measure(found, site_id, people, given.each)
                db.engine.dispose()
    finally:
        server.stop()
    said = (
        f"{given.people:,} people with sealed names, birth dates and phones, brought in by COPY in {made:.0f} s; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end.\n\n"
    )
    return found.tell("bench find", given, said=said, what="how")
