"""Kill everything at random while mail goes out, then compare the mail server's record with the ledger.

`verify crash [--seed N] [--messages N] [--kills N] [--embedded] [--json]`, also called `drill`. Starts its own
PostgreSQL, broker and mail server; times are those of the drill: lease 6 s, renewal 2 s, doubt 2 s, tick 1 s.
`--seeds N` runs seeds 1 to N, then seed 1 once more with blows that hit no sender, and `--figures` writes them down.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import flask_migrate
import redis
from flask import Flask
from sqlalchemy import ColumnElement, func, select

from config import Config
from intake import create_app
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages.models import Message, MessageState
from tests.servers import Unavailable
from tests.servers.valkey import Valkey
from tests.verify._rig import checker, workload
from tests.verify._rig.checker import Verdict
from tests.verify._rig.house import House
from tests.verify._rig.postgres import KillablePostgres
from tests.verify._rig.report import Done, Options, Toll, note, show
from tests.verify._rig.sink import MoodySink
from tests.verify._rig.workload import World

ROOT = Path(__file__).resolve().parents[2]
TIMES = {
    "MAIL_LEASE_SECONDS": "6",
    "MAIL_RENEW_SECONDS": "2",
    "MAIL_IN_DOUBT_SECONDS": "2",
    "MAIL_TICK_SECONDS": "1",
    "MAIL_RATE_PER_MINUTE": "0",
    "SMTP_TIMEOUT_SECONDS": "10",
}
QUIET_PEOPLE = 5
# Blows that hit nothing that talks to the mail server: not one mail may be doubled.
HARMLESS = ("postgres", "broker", "beat", "wipe")
START_SECONDS = 60.0


class Rig:
    """Servers, house and world of one run; `close` leaves nothing behind."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.dice = random.Random(options.seed)
        self.folder = Path(tempfile.mkdtemp(prefix="intake-drill-"))
        self.postgres = None if options.embedded else KillablePostgres()
        self.valkey = None if options.embedded else Valkey(self.folder)
        self.sink = MoodySink(options.seed, greylist=options.greylist)
        self.environment = self._environment()
        self.app: Flask = create_app(Config.read(self.environment))
        make = House.embedded if options.embedded else House.full
        self.house = make(self.environment, self.folder)
        self.world = World()
        self.toll = Toll()

    def _environment(self) -> dict[str, str]:
        database = f"sqlite:///{self.folder / 'intake.sqlite3'}"
        if self.postgres is not None:
            database = self.postgres.url
        return {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")},
            "INTAKE_DATA": str(self.folder),
            "DATABASE_URL": database,
            "REDIS_URL": self.valkey.url if self.valkey else "",
            "SECRET_KEY": "5e" * 32,
            "INTAKE_MASTER_KEY": "4d" * 32,
            "INTAKE_BLIND_KEY": "b1" * 32,
            "PUBLIC_URL": "http://localhost",
            "SMTP_URL": self.sink.url,
            "ARGON2_MEMORY_KIB": "8",
            "ARGON2_TIME": "1",
            **TIMES,
        }

    def run(self) -> Verdict:
        """Settle the world, let it burn, wait until nothing is left to do, judge."""
        with self.app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            people = max(10, self.options.messages // 10)
            self.house.watch()
            site = workload.settle(self.world, people, quiet=min(QUIET_PEOPLE, people // 10))
            self._wake(site.id)
            workload.schedule_all(
                self.world, site.id, self.options.messages, spread=self.options.spread, dice=self.dice
            )
            self._burn()
            self.sink.calm = True
            self._drain()
            return self._judge()

    def _wake(self, site_id: int) -> None:
        """Wait until the house sends mail at all; a house that never stood cannot fall."""
        with transaction():
            workload.owe(self.world, site_id, self.world.patients[-1], utcnow())
        until = time.monotonic() + START_SECONDS
        while not self.sink.arrived:
            if time.monotonic() > until:
                raise Unavailable("the house sent no mail within a minute")
            time.sleep(0.1)

    def _burn(self) -> None:
        """Blows and commands at random moments until all kills are spent."""
        pause = self.options.spread / max(1, self.options.kills)
        left = self.options.kills
        while left:
            time.sleep(pause * self.dice.uniform(0.3, 1.2))
            self._blow()
            left -= 1
            self.house.watch()
            for _ in range(self.dice.randint(0, 2)):
                workload.forbid_one(self.world, self.dice)

    def _blow(self) -> None:
        blows = ["child"] * 6 + ["worker"] * 4 + ["web"] * 2 + ["beat"] * 2 + ["broker"] * 2 + ["postgres"] * 3
        blows += ["freeze"] * 3 + ["wipe"] * 2
        if self.options.embedded:
            blows = ["web", "freeze"]
        what = self.dice.choice([b for b in blows if b in self.options.only] or blows)
        self.toll.note(what, getattr(self, f"_{what}")())

    def _child(self) -> int:
        return self.house.kill_child(self.dice.choice(self.house.named("worker")), self.dice)

    def _worker(self) -> int:
        return self.house.kill(self.dice.choice(self.house.named("worker")))

    def _web(self) -> int:
        return self.house.kill(self.house.named("web")[0])

    def _beat(self) -> int:
        return self.house.kill(self.dice.choice(self.house.named("beat")))

    def _freeze(self) -> int:
        seconds = self.dice.choice([1.0, 2.0, 8.0])
        return self.house.freeze(self.dice.choice(self.house.named("w")), seconds)

    def _broker(self) -> int:
        assert self.valkey is not None
        self.valkey.kill()
        time.sleep(self.dice.uniform(0, 1))
        self.valkey.start()
        return 0

    def _wipe(self) -> int:
        assert self.valkey is not None
        try:
            self.valkey.empty()
        except redis.RedisError:
            return 0
        return 0

    def _postgres(self) -> int:
        assert self.postgres is not None
        self.postgres.kill()
        time.sleep(self.dice.uniform(0, 1))
        self.postgres.start_again()
        return 0

    def _drain(self) -> None:
        """Wait until every mail is final, held for a person, or owed at night."""
        until = time.monotonic() + self.options.seconds
        while time.monotonic() < until:
            self.house.watch()
            if workload.insist(self._left) == 0:
                return
            workload.insist(workload.hurry)
            time.sleep(0.5)

    def _night(self) -> list[int]:
        return [p.id for p in self.world.patients if p.quiet]

    def _left(self) -> int:
        opens = (MessageState.SCHEDULED, MessageState.CLAIMED, MessageState.SENDING, MessageState.UNCERTAIN)
        return (
            db.session.scalar(
                select(func.count())
                .select_from(Message)
                .where(
                    Message.state.in_(opens),
                    Message.next_try_at.is_not(None),
                    Message.recipient_id.not_in(self._night()),
                )
            )
            or 0
        )

    def _judge(self) -> Verdict:
        self.house.stop()
        time.sleep(0.5)

        def keys(*where: ColumnElement[bool]) -> set[str]:
            found = db.session.scalars(select(Message.message_id).where(*where))
            return {value.partition("@")[0] for value in found}

        rows = checker.ledger(self.environment)
        return checker.judge(
            rows,
            list(self.sink.arrived),
            self.world,
            uncertain=keys(Message.in_doubt_count > 0),
            held=keys(Message.next_try_at.is_(None), Message.state == MessageState.UNCERTAIN),
            quiet=keys(Message.recipient_id.in_(self._night())),
        )

    def close(self) -> None:
        """Kill what runs and remove what was written."""
        self.house.stop()
        with self.app.app_context():
            db.engine.dispose()
        self.sink.stop()
        if self.valkey is not None:
            self.valkey.kill()
        if self.postgres is not None:
            self.postgres.kill()
            shutil.rmtree(self.postgres.folder, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="verify crash", description=__doc__)
    made.add_argument("--seed", type=int, default=None)
    made.add_argument("--seeds", type=int, default=0, help="run seeds 1 to N")
    made.add_argument("--messages", type=int, default=2000)
    made.add_argument("--kills", type=int, default=40)
    made.add_argument("--only", default="", help="kinds of blows, with commas between")
    made.add_argument("--embedded", action="store_true", help="SQLite and one web process, no broker")
    made.add_argument("--json", action="store_true")
    made.add_argument("--figures", action="store_true", help="write docs/figures.md")
    made.add_argument("--greylist", type=float, default=0.02, help="share of mails refused with 451 at first")
    made.add_argument("--keep", action="store_true", help="leave the folder with the logs")
    return made


def options(given: argparse.Namespace, seed: int, only: tuple[str, ...]) -> Options:
    """One run; spread and patience follow from the number of messages."""
    spread = max(6.0, given.messages / 40)
    return Options(seed, given.messages, given.kills, given.embedded, spread, given.greylist, 200.0, only)


def once(chosen: Options, *, keep: bool) -> Done:
    """Run one seed."""
    began = time.monotonic()
    rig = Rig(chosen)
    try:
        verdict = rig.run()
    finally:
        if keep:
            shutil.copytree(rig.folder, f"{rig.folder}.kept", dirs_exist_ok=True)
            print(f"{rig.folder}.kept", file=sys.stderr)
        rig.close()
    return Done(chosen, rig.toll, verdict, time.monotonic() - began)


def main(arguments: list[str]) -> int:
    """Run the proof and print its table; 1 when a promise was broken."""
    given = parser().parse_args(arguments)
    only = tuple(word for word in given.only.split(",") if word)
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    runs = [options(given, n, only) for n in range(1, given.seeds + 1)] or [options(given, seed, only)]
    if given.seeds and not (only or given.embedded):
        runs.append(options(given, 1, HARMLESS))
    done: list[Done] = []
    try:
        for chosen in runs:
            done.append(once(chosen, keep=given.keep))
            show(done[-1], as_json=given.json)
            if given.figures:
                note(done)
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    return 0 if all(each.kept for each in done) else 1
