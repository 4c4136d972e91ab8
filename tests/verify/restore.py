"""`verify restore [--cases N]`: back up a center at work, lose it, take it back; counts, chains, fields and mails."""

from __future__ import annotations

import argparse
import threading
import time
from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from intake.audit import anchors, verify
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages.models import Message
from intake.settings import queries as settings
from tests import figures
from tests.cases.folk import waiting
from tests.messages.outbox import Outbox
from tests.servers.mailsink import MailSink
from tests.verify._rig.engines import ENGINES, Engines, engines, house

CASES = 1000
HEAD = (
    "engine", "cases", "rows", "audit entries", "MB", "backup s", "restore s", "fields sampled", "faults",
    "mails sent again", "bad files refused",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Print one line an engine; the status is 1 when anything is not as it was."""
    parser = argparse.ArgumentParser(prog="manage.py verify restore", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help=f"how many cases the center has ({CASES})")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    given = parser.parse_args(arguments)
    print(line(HEAD))
    good, rows = True, list[tuple[str, ...]]()
    with engines() as both:
        for engine in ENGINES:
            good &= one(both, engine, given.cases, rows)
    if given.figures:
        figures.write("verify restore", figures.table(HEAD, rows))
    return 0 if good else 1


def line(cells: tuple[str, ...]) -> str:
    """One line of the table."""
    return "  ".join(f"{cell:>{max(10, len(head))}}" for cell, head in zip(cells, HEAD, strict=True))


def one(both: Engines, engine: str, cases: int, rows: list[tuple[str, ...]]) -> bool:
    """One engine; prints its line, True when all is as it was."""
    sink = MailSink()
    file = both.folder / f"{engine}.backup"
    source = both.empty(engine)
    with house(source) as app:
        with app.app_context():
            fill(app, cases, sink.url)
        began = time.monotonic()
        _run(app, "backup", file, while_working=True)
        backup_seconds = time.monotonic() - began
    refused = bad_files(both, engine, file)
    target = both.empty(engine)
    with house(target) as app:
        began = time.monotonic()
        said, status = _run(app, "restore", file, "--verify")
        restore_seconds = time.monotonic() - began
        again = _mails(app, sink)
        with app.app_context():
            report = verify.walk()
            count = int(said.split(": ")[1].split(" rows")[0]) if status == 0 else 0
            db.session.remove()
    sink.stop()
    faults = (0 if status == 0 else 1) + report.count
    sampled = said.split("audit chains and ")[1].split()[0] if "Verified" in said else "0"
    rows.append(
        (engine, str(cases), str(count), str(report.entries), f"{file.stat().st_size / 1e6:.1f}",
         f"{backup_seconds:.1f}", f"{restore_seconds:.1f}", sampled, str(faults), str(again), f"{refused} of 4")
    )  # fmt: skip
    print(line(rows[-1]), flush=True)
    if status:
        print(said)
    return faults == 0 and again == 0 and refused == 4


def fill(app: Flask, cases: int, relay: str) -> None:
    """A center at work: cases that wait, one mail sent, one due and one for later for every tenth person."""
    box = Outbox(app, relay)
    for n in range(cases):
        waiting(box.cast, name=f"Person {n}")
        if n % 10 == 0:
            box.owe(box.person(f"p{n}@mail.example", name=f"Pat {n}"))
    box.run()
    for n in range(0, cases, 10):
        pat = box.person(f"q{n}@mail.example", name=f"Quinn {n}")
        box.owe(pat)
        box.owe(pat, due=utcnow() + timedelta(days=1))
    with transaction():
        anchors.drop(now=utcnow(), always=True)
    box.sender.close()
    db.session.remove()


def _run(app: Flask, *line: str | Path, while_working: bool = False) -> tuple[str, int]:
    """Run `flask intake ...`, on wish while somebody else opens cases."""
    stop = threading.Event()
    worker = threading.Thread(target=_work, args=(app, stop))
    if while_working:
        worker.start()
    result = app.test_cli_runner().invoke(args=["intake", *map(str, line)])
    stop.set()
    if while_working:
        worker.join()
    return result.output, result.exit_code


def _work(app: Flask, stop: threading.Event) -> None:
    with app.app_context():
        box = Outbox.over(app, "")
        box.site = settings.the_site()
        db.session.expunge_all()
        while not stop.is_set():
            box.person("busy@mail.example", name="Somebody new")
        db.session.remove()


def bad_files(both: Engines, engine: str, file: Path) -> int:
    """How many of four bad backups are refused, leaving the database empty: flipped twice, cut, another key."""
    whole, refused = file.read_bytes(), 0
    middle = len(whole) // 2
    bad = [
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        whole[:-1] + bytes([whole[-1] ^ 1]),
        whole[:middle],
    ]
    target = both.empty(engine)
    with house(target) as app:
        for content in bad:
            file.write_bytes(content)
            refused += _refused(app, file, "changed or cut off")
        file.write_bytes(whole)
    with house({**target, "INTAKE_MASTER_KEY": "7e" * 32}) as app:
        refused += _refused(app, file, "key does not fit")
    return refused


def _refused(app: Flask, file: Path, sentence: str) -> int:
    said, status = _run(app, "restore", file)
    with app.app_context():
        rows = db.session.scalar(select(func.count(Message.id)))
        db.session.remove()
    return int(status == 1 and sentence in said and rows == 0)


def _mails(app: Flask, sink: MailSink) -> int:
    """How many mails leave after the restore and after the release that are not owed for later."""
    sink.clear()
    with app.app_context():
        box = Outbox.over(app, sink.url)
        box.run()
        _run(app, "messages", "release")
        box.run()
        box.sender.close()
        db.session.remove()
    return len(sink.arrived)
