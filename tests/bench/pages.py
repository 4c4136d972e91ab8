"""A queue page of 25 of 200,000 waiting cases on PostgreSQL, first and last, beside the page of an empty queue.

`bench pages [--json] [--figures] [--rows N]`; gates are statements, quotients of CPU, and the time of header counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text, update

from config import Config
from intake import create_app, crypto
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.desk.queries import counts
from intake.queues import cursor, forms, queries
from intake.queues.models import EntryState, Queue, QueueCounter, QueueEntry
from tests import figures
from tests.cases.folk import waiting
from tests.conftest import process_environment
from tests.desk.door import browser
from tests.people import Cast, make_cast
from tests.servers import Unavailable
from tests.servers.databases import Database
from tests.servers.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
DETOX = (Queue.DETOX,)
SHOWN = 25
ROUNDS = 60
MOST_STATEMENTS = 3
MOST_TIMES_EMPTY = 5.0
# First and last page are the same work; what is allowed between them is noise.
MOST_BETWEEN = 1.25
MOST_COUNT_MS = 1.0


@dataclass
class Figures:
    """Lines of (words, ours, beside, kept), and the bare numbers."""

    lines: list[tuple[str, str, str, bool]] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    def add(self, words: str, ours: str, beside: str, kept: bool, **numbers: float) -> None:
        """Note one figure and say it at once."""
        self.lines.append((words, ours, beside, kept))
        self.numbers |= numbers
        print(f"  {'ok ' if kept else 'NOT'} {words:48} {ours:26} {beside}", file=sys.stderr, flush=True)

    @property
    def kept(self) -> bool:
        """Whether every gate holds."""
        return all(line[3] for line in self.lines)

    def tell(self, name: str, given: argparse.Namespace, *, said: str = "", what: str = "what") -> int:
        """Write the section of docs/figures.md or the JSON that was asked for; 1 when a gate is missed."""
        if given.figures:
            rows = [(words, ours, beside, "yes" if kept else "NO") for words, ours, beside, kept in self.lines]
            figures.write(name, said + figures.table((what, "ours", "beside", "kept"), rows))
        if given.json:
            print(json.dumps(self.numbers | {"kept": self.kept}))
        else:
            print("\n".join(f"{words:48} {ours:26} {beside}" for words, ours, beside, _kept in self.lines))
        return 0 if self.kept else 1


def fill(cast: Cast, count: int) -> None:
    """`count` people who wait in detox, copied from one real entry; the rows of both ends get seals of their own."""
    _case, model = waiting(cast, queue=Queue.DETOX, acuity=4, priority=0)
    model_id, columns = model.id, [c.name for c in QueueEntry.__table__.columns]
    db.session.rollback()
    changed = {
        "id": ":first + g",
        "person_id": ":first + g",
        "reference": "'NL-' || g",
        "priority": "g % 60",
        "acuity": "2 + g % 3",
        "rank": "(2 + g % 3) * 1000 + 100 - g % 60",
        "waiting_since": "waiting_since - (g % 5000) * interval '1 minute'",
        "entered_at": "entered_at - (g % 5000) * interval '1 minute'",
        "target_at": "target_at - (g % 5000) * interval '1 minute'",
        "cows": "g % 30",
    }
    parts = ", ".join(changed.get(name, name) for name in columns)
    with transaction():
        # People and cases are not read by a board; the copies name none.
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(
            text(
                f"INSERT INTO queue_entry ({', '.join(columns)}) SELECT {parts} "
                "FROM queue_entry CROSS JOIN generate_series(1, :count) AS g WHERE queue_entry.id = :model"
            ),
            {"first": new_id() >> 1, "count": count - 1, "model": model_id},
        )
        db.session.execute(update(QueueCounter).where(QueueCounter.queue == Queue.DETOX).values(waiting=count))
        ends = select(QueueEntry.id, QueueEntry.person_id).where(QueueEntry.queue == Queue.DETOX)
        order = (QueueEntry.rank, QueueEntry.waiting_since, QueueEntry.id)
        for direction in (order, tuple(column.desc() for column in order)):
            for row in db.session.execute(ends.order_by(*direction).limit(SHOWN * 2)).all():
                crypto.make_key(row.person_id)
                words = {"used_name": "Theo B.", "summary": "Sweats, shaky"}
                sealed = {
                    name: crypto.seal(said, key_of=row.person_id, at=f"queue_entry.{name}", row=row.id)
                    for name, said in words.items()
                }
                db.session.execute(update(QueueEntry).where(QueueEntry.id == row.id).values(**sealed))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE queue_entry"))


def last_page() -> str:
    """The cursor before the last full page."""
    order = (QueueEntry.rank, QueueEntry.waiting_since, QueueEntry.id)
    row = db.session.execute(
        select(QueueEntry)
        .where(QueueEntry.queue == Queue.DETOX, QueueEntry.left_at.is_(None))
        .order_by(*(column.desc() for column in order))
        .offset(SHOWN)
        .limit(1)
    ).scalar_one()
    return cursor.write(cursor.Place(row.queue.value, row.rank, row.waiting_since, row.id))


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that a page needs for its list: neither the session's own, nor the center's, nor a BEGIN."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def of_the_list(seen: list[str]) -> list[str]:
    """Those that read the board: rows, keys, counts."""
    return [s for s in seen if "queue_entry" in s or "data_key" in s or "queue_counter" in s]


def timed(act: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, float]:
    """Median milliseconds of CPU and of the clock."""
    cpu, wall = [], []
    for turn in range(rounds + 5):
        began, at = time.process_time(), time.perf_counter()
        act()
        if turn >= 5:
            cpu.append(time.process_time() - began)
            wall.append(time.perf_counter() - at)
    return 1000 * statistics.median(cpu), 1000 * statistics.median(wall)


def measure(client: FlaskClient, cast: Cast, found: Figures, app: Any, count: int) -> None:
    """All figures of the bench."""
    with app.app_context():
        after = last_page()
    pages = {
        "empty": "/queues/callback?n=25",
        "first": "/queues/detox?n=25",
        "last": f"/queues/detox?n=25&after={after}",
    }
    for name, path in pages.items():
        shown = client.get(path)
        assert shown.status_code == 200, (name, shown.status_code)
        assert shown.text.count("data-row=") == (0 if name == "empty" else SHOWN), name
    with app.app_context(), counted() as seen:
        client.get(pages["last"])
    said = of_the_list(seen)
    found.add(
        "statements of a page", str(len(said)), f"limit {MOST_STATEMENTS}; {len(seen)} with sign-in and settings",
        len(said) <= MOST_STATEMENTS, statements=len(said),
    )  # fmt: skip
    cost = {name: timed(lambda path=path: client.get(path)) for name, path in pages.items()}
    for name in ("first", "last"):
        times = cost[name][0] / cost["empty"][0]
        found.add(
            f"the {name} page of 25 of {count:,}, CPU", f"{cost[name][0]:.1f} ms ({cost[name][1]:.1f} ms in all)",
            f"{times:.1f} times the empty page ({cost['empty'][0]:.1f} ms), limit {MOST_TIMES_EMPTY:.0f}",
            times <= MOST_TIMES_EMPTY, **{f"{name}_ms": cost[name][0], f"{name}_times_empty": times},
        )  # fmt: skip
    with app.app_context():
        wanted, actor = forms.read(""), cast.cleo
        first = timed(lambda: queries.board(actor, DETOX, wanted, now=utcnow(), limit=SHOWN))[1]
        last = timed(lambda: queries.board(actor, DETOX, wanted, now=utcnow(), after=after, limit=SHOWN))[1]
        found.add(
            "reading the last page against the first", f"{last:.2f} / {first:.2f} ms", f"quotient limit {MOST_BETWEEN}",
            last <= MOST_BETWEEN * first, last_read_ms=last, first_read_ms=first,
        )  # fmt: skip
        exact = counts(actor, DETOX).boards["detox"]
        truth = db.session.query(QueueEntry.id).filter_by(queue=Queue.DETOX, left_at=None).count()
        waits = db.session.query(QueueEntry.id).filter_by(queue=Queue.DETOX, state=EntryState.WAITING).count()
        cpu = timed(lambda: counts(actor, DETOX))[0]
        header = statistics.median(in_database(lambda: counts(actor, DETOX)) for _ in range(20))
        found.add(
            "header counts, exact, in the database", f"{header:.2f} ms for {exact:,}",
            f"limit {MOST_COUNT_MS} ms; counted {truth:,}; {cpu:.1f} ms CPU to ask for them",
            header < MOST_COUNT_MS and exact == truth == waits, header_ms=header, header_cpu_ms=cpu,
        )  # fmt: skip


def in_database(act: Callable[[], Any]) -> float:
    """Milliseconds the database itself needs for the longest statement of an act."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    act()
    event.remove(db.engine, "before_cursor_execute", note)
    statement, parameters = max(asked, key=lambda each: len(each[0]))
    plan = db.session.connection().exec_driver_sql(
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters
    )
    said = plan.scalar_one()[0]
    db.session.rollback()
    return float(said["Execution Time"])


@contextmanager
def crowded(rows: int) -> Iterator[tuple[Flask, Cast]]:
    """A center on a PostgreSQL of its own whose queue holds `rows` waiting people.

    Raises:
        Unavailable: no PostgreSQL can be had.
    """
    server = Server()
    try:
        with tempfile.TemporaryDirectory(prefix="intake-bench-") as folder:
            app = create_app(Config.read(process_environment(Database("postgresql", server.url, Path(folder)))))
            app.config["RATELIMIT_ENABLED"] = False
            with app.app_context():
                flask_migrate.upgrade(directory=str(ROOT / "migrations"))
                with transaction():
                    cast = make_cast()
                db.session.expunge_all()
                fill(cast, rows)
            yield app, cast
            with app.app_context():
                db.engine.dispose()
    finally:
        server.stop()


def main(arguments: list[str]) -> int:
    """Measure, print the table, and answer 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="bench pages", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    parser.add_argument("--rows", type=int, default=200_000)
    given = parser.parse_args(arguments)
    found = Figures()
    try:
        with crowded(given.rows) as (app, cast):
            measure(browser(app, cast, "cleo"), cast, found, app, given.rows)
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    return found.tell("bench pages", given)
