"""Empty the broker every five seconds for a minute while four workers send, and see what that costs.

`verify brokerloss [--seconds 60] [--messages 1200] [--json] [--figures]`: first a calm stretch, then the same with the
broker wiped all the time; two beats and four workers, times as in production. Nothing may be lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from intake.db import db
from intake.messages.models import Message
from tests import figures
from tests.servers import Unavailable
from tests.servers.mailsink import Fault
from tests.verify._rig.checker import Verdict
from tests.verify._rig.house import House
from tests.verify._rig.report import Options
from tests.verify._rig.sink import MoodySink, key_of
from tests.verify.crash import Rig

EVERY = 5.0
LIMIT = 35.0
WORKERS = 4
PRODUCTION = {
    "MAIL_LEASE_SECONDS": "120",
    "MAIL_RENEW_SECONDS": "30",
    "MAIL_IN_DOUBT_SECONDS": "60",
    "MAIL_TICK_SECONDS": "5",
}


class Friendly(MoodySink):
    """A mail server that takes every mail: what is late is late by us."""

    def fate(self, key: str) -> Fault:
        """Always yes."""
        return Fault.ACCEPT

    def next_fault(self) -> Fault:
        """Always yes."""
        return Fault.ACCEPT


@dataclass
class Stretch:
    """One minute: the verdict, and how late each mail arrived."""

    wiped: int
    verdict: Verdict
    late: list[float]

    def share(self, part: float) -> float:
        """The lateness that `part` of all mails stay below."""
        ranked = sorted(self.late)
        return ranked[min(len(ranked) - 1, int(part * len(ranked)))]

    @property
    def kept(self) -> bool:
        """Nothing lost, nothing twice."""
        return self.verdict.holds(0) and len(self.late) == self.verdict.sent


class Emptied(Rig):
    """A house of four workers and two beats whose broker forgets everything again and again."""

    def __init__(self, options: Options, *, wipe: bool) -> None:
        super().__init__(options)
        self.wipe, self.wiped = wipe, 0
        self.sink.stop()
        self.sink = Friendly(options.seed, greylist=0.0)
        self.environment |= {**PRODUCTION, "SMTP_URL": self.sink.url}
        self.house = House.full(self.environment, self.folder, WORKERS)
        self.due: dict[str, datetime] = {}

    def _burn(self) -> None:
        until = time.monotonic() + self.options.spread
        while time.monotonic() < until:
            time.sleep(EVERY)
            if self.wipe and self.valkey is not None:
                self.valkey.empty()
                self.wiped += 1

    def stretch(self) -> Stretch:
        """Run it and measure."""
        verdict = self.run()
        with self.app.app_context():
            rows = db.session.execute(select(Message.message_id, Message.due_at))
            due = {row.message_id.partition("@")[0]: row.due_at for row in rows}
        late = [max(timedelta(0), m.at - due[key_of(m.raw)]).total_seconds() for m in self.sink.arrived]
        return Stretch(self.wiped, verdict, late)


def measure(given: argparse.Namespace, *, wipe: bool) -> Stretch:
    """One stretch in a house of its own."""
    chosen = Options(1, given.messages, 0, embedded=False, spread=given.seconds, greylist=0.0, seconds=200.0)
    rig = Emptied(chosen, wipe=wipe)
    try:
        return rig.stretch()
    finally:
        rig.close()


def main(arguments: list[str]) -> int:
    """Both stretches; 1 when something was lost or doubled, or the wiping cost 35 seconds."""
    parser = argparse.ArgumentParser(prog="verify brokerloss", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--messages", type=int, default=1200)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    given = parser.parse_args(arguments)
    try:
        calm, wiped = measure(given, wipe=False), measure(given, wipe=True)
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    extra = wiped.share(0.99) - calm.share(0.99)
    kept = calm.kept and wiped.kept and extra < LIMIT
    rows = [_line("calm", calm), _line(f"wiped every {EVERY:.0f} s", wiped)]
    if given.json:
        print(json.dumps({"extra_p99_s": extra, "kept": kept, "rows": rows}))
    else:
        for row in (HEAD, *rows):
            print("  " + "".join(f"{cell:>16}" for cell in row))
        print(f"  {'ok ' if kept else 'NOT'} extra lateness p99 {extra:.1f} s (promised below {LIMIT:.0f} s)")
    if given.figures:
        words = (
            f"{given.messages:,} reminders in {given.seconds:.0f} s, four workers of two senders, two beats, tick 5 s."
        )
        words += f" Extra lateness p99: {extra:.1f} s (promised below {LIMIT:.0f} s)."
        figures.write("verify brokerloss", f"{words}\n\n{figures.table(HEAD, rows)}")
    return 0 if kept else 1


HEAD = ("broker", "wipes", "sent", "lost", "doubled", "late p50", "late p99")


def _line(words: str, one: Stretch) -> tuple[str, ...]:
    lost = len(one.verdict.lost) + len(one.verdict.unfinished)
    return (
        words, str(one.wiped), str(one.verdict.sent), str(lost), str(len(one.verdict.duplicates)),
        f"{one.share(0.5):.1f} s", f"{one.share(0.99):.1f} s",
    )  # fmt: skip
