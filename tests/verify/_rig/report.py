"""What a run of the drill came to, printed and written down."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field

from tests import figures
from tests.verify._rig.checker import Verdict


@dataclass
class Toll:
    """What was done to the house."""

    killed: dict[str, int] = field(default_factory=dict)
    senders_hit: int = 0

    def note(self, what: str, senders: int) -> None:
        """Count one blow."""
        self.killed[what] = self.killed.get(what, 0) + 1
        self.senders_hit += senders


@dataclass
class Options:
    """What the command line asked for."""

    seed: int
    messages: int
    kills: int
    embedded: bool
    spread: float
    greylist: float
    seconds: float
    only: tuple[str, ...] = ()


@dataclass
class Done:
    """One run and what it came to."""

    chosen: Options
    toll: Toll
    verdict: Verdict
    took: float

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return self.verdict.holds(self.toll.senders_hit)


def table(done: Done) -> list[tuple[str, str, str, bool]]:
    """Rows of the report: what, found, promised, kept."""
    toll, verdict = done.toll, done.verdict
    blows = ", ".join(f"{n} x {what}" for what, n in sorted(toll.killed.items()))
    states = ", ".join(f"{n} {state}" for state, n in sorted(verdict.states.items()))

    def none(words: str, found: list[str]) -> tuple[str, str, str, bool]:
        return words, str(len(found)), "0", not found

    return [
        ("seed", str(done.chosen.seed), "", True),
        ("blows", blows, "", True),
        ("messages", f"{verdict.messages} ({states})", "", True),
        none("lost", verdict.lost),
        none("not finished", verdict.unfinished),
        (
            "doubled (two 250s)",
            str(len(verdict.duplicates)),
            f"<= {toll.senders_hit} senders hit",
            len(verdict.duplicates) <= toll.senders_hit,
        ),
        none("doubled with other words or links", verdict.changed_duplicates),
        none("left without a mark in the ledger", verdict.unmarked),
        ("resent after a drop behind the dot", str(verdict.ambiguous), "same id", True),
        none("sent after a committed cancel, pause or stop", verdict.after_command),
        none("outside hours or window", verdict.outside_hours),
        none("order inverted for a person", verdict.inversions),
        ("seconds", f"{done.took:.0f}", "", True),
    ]


HEAD = ("seed", "blows", "sent", "lost", "doubled", "senders hit", "other words", "after a command", "outside hours",
        "out of order", "seconds")  # fmt: skip


def line(done: Done) -> tuple[str, ...]:
    """One run as a line of the figures."""
    toll, verdict = done.toll, done.verdict
    blows = ", ".join(f"{n} {what}" for what, n in sorted(toll.killed.items()))
    found = (verdict.changed_duplicates, verdict.after_command, verdict.outside_hours, verdict.inversions)
    counts = (verdict.sent, len(verdict.lost) + len(verdict.unfinished), len(verdict.duplicates), toll.senders_hit)
    return (
        str(done.chosen.seed), blows, *map(str, counts), *(str(len(each)) for each in found), f"{done.took:.0f}",
    )  # fmt: skip


def show(done: Done, *, as_json: bool) -> None:
    """Print one run."""
    rows = table(done)
    if as_json:
        print(json.dumps({words: found for words, found, _, _ in rows} | {"kept": all(r[3] for r in rows)}))
        return
    print(f"lease 6 s, renewal 2 s, doubt 2 s, tick 1 s; {'SQLite' if done.chosen.embedded else 'PostgreSQL'}")
    for words, found, promised, kept in rows:
        print(f"  {'ok ' if kept else 'NOT'} {words:46} {found} {f'(promised {promised})' if promised else ''}")
    sys.stdout.flush()


def note(done: list[Done]) -> None:
    """Write the figures so far."""
    hit, doubled = (sum(v) for v in zip(*((d.toll.senders_hit, len(d.verdict.duplicates)) for d in done), strict=True))
    words = (
        f"{done[0].chosen.messages:,} reminders a run, {done[0].chosen.kills} blows, PostgreSQL, broker, two workers "
        "of two senders, two beats, a web process; 4 % of mails cut behind the final dot, 2 % before it, 1 % stalled. "
        f"Doubled: {doubled} mails for {hit} senders hit ({doubled / max(1, hit):.2f} each; promised at most 1), all "
        "with the same Message-ID and marked as uncertain. The last line hits no sender."
    )
    figures.write("verify crash", f"{words}\n\n{figures.table(HEAD, [line(each) for each in done])}")
