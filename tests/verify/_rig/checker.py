"""Compare what the mail server kept, what the ledger says, and what staff commanded: who is right about each mail?"""

from __future__ import annotations

import csv
import io
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from tests.servers.mailsink import Fault, Mail
from tests.verify._rig.sink import key_of
from tests.verify._rig.workload import Forbidden, World
from workers.local import commands

FINAL = {"sent", "failed_permanent", "cancelled", "suppressed", "expired"}
ARRIVED = {Fault.ACCEPT, Fault.DROP_AFTER_DOT}


@dataclass
class Verdict:
    """Counts of what must not be, with the keys that show it."""

    messages: int = 0
    sent: int = 0
    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    changed_duplicates: list[str] = field(default_factory=list)
    ambiguous: int = 0
    after_command: list[str] = field(default_factory=list)
    outside_hours: list[str] = field(default_factory=list)
    inversions: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)

    def holds(self, most_duplicates: int) -> bool:
        """True when every promise was kept."""
        broken = (
            self.lost,
            self.unfinished,
            self.unmarked,
            self.changed_duplicates,
            self.after_command,
            self.outside_hours,
            self.inversions,
        )
        return not any(broken) and len(self.duplicates) <= most_duplicates


def ledger(environment: dict[str, str]) -> list[dict[str, str]]:
    """The ledger as the command line prints it."""
    line = commands.flask("intake", "messages", "ledger", "--csv")
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    return list(csv.DictReader(io.StringIO(done.stdout)))


def _words(mail: Mail) -> bytes:
    """A mail without its date, which tells when it was written."""
    return b"\n".join(line for line in mail.raw.splitlines() if not line.startswith(b"Date:"))


def judge(
    rows: list[dict[str, str]],
    arrived: list[Mail],
    world: World,
    *,
    uncertain: set[str],
    held: set[str],
    quiet: set[str],
) -> Verdict:
    """`uncertain` are the keys that were ever in doubt, `held` those that wait for a person, `quiet` those owed at
    night."""
    verdict = Verdict(messages=len(rows), states=Counter(row["state"] for row in rows))
    by_key: dict[str, list[Mail]] = defaultdict(list)
    for mail in arrived:
        if mail.fault in ARRIVED:
            by_key[key_of(mail.raw)].append(mail)
    for row in rows:
        _judge_row(row, by_key.get(row["key"], []), verdict, uncertain, held, quiet)
    known = {row["key"] for row in rows}
    verdict.unmarked += [key for key in by_key if key not in known]
    for command in world.forbidden:
        _judge_command(command, by_key, world, verdict)
    _judge_order(rows, by_key, verdict)
    return verdict


def _judge_row(
    row: dict[str, str], mails: list[Mail], verdict: Verdict, uncertain: set[str], held: set[str], quiet: set[str]
) -> None:
    key, accepted = row["key"], [m for m in mails if m.fault is Fault.ACCEPT]
    if row["state"] == "sent":
        verdict.sent += 1
        if not mails:
            verdict.lost.append(key)
    if row["state"] not in FINAL and key not in held and key not in quiet:
        verdict.unfinished.append(key)
    if accepted and not row["accepted_at"] and key not in uncertain:
        verdict.unmarked.append(key)
    if len(accepted) > 1:
        verdict.duplicates.append(key)
        if key not in uncertain:
            verdict.unmarked.append(key)
    if len(mails) > len(accepted) and accepted:
        verdict.ambiguous += 1
    if len({_words(m) for m in mails}) > 1:
        verdict.changed_duplicates.append(key)
    if mails and key in quiet:
        verdict.outside_hours.append(key)
    start, end = (datetime.fromisoformat(row[name]) for name in ("window_start", "window_end"))
    if any(not start <= m.at <= end for m in mails):
        verdict.outside_hours.append(key)


def _judge_command(command: Forbidden, by_key: dict[str, list[Mail]], world: World, verdict: Verdict) -> None:
    for message_id in command.ids:
        key = world.owed[message_id]
        later = [m for m in by_key.get(key, []) if m.at > command.at]
        if len(later) > (1 if message_id in command.in_flight else 0):
            verdict.after_command.append(key)


def _judge_order(rows: list[dict[str, str]], by_key: dict[str, list[Mail]], verdict: Verdict) -> None:
    lines: dict[str, list[tuple[int, datetime, str]]] = defaultdict(list)
    for row in rows:
        mails = by_key.get(row["key"])
        if mails and row["order_no"]:
            lines[row["recipient"]].append((int(row["order_no"]), min(m.at for m in mails), row["key"]))
    for line in lines.values():
        line.sort()
        latest = line[0][1]
        for _, at, key in line[1:]:
            if at < latest:
                verdict.inversions.append(key)
            latest = max(latest, at)
