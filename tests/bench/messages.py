"""The outbox beside a raw claim and beside Celery tasks with an ETA, in one run on one host.

`bench messages [--json] [--figures] [--rows N] [--due N] [--mails N] [--small]`; gates are ratios, CPU costs and exact
counts. Of five times `--due` scheduled mails a fifth is due at one instant; `--small` is a tenth of everything.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import redis
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from config import Config
from intake import create_app
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.messages import delivery, kinds, service
from tests import figures as pages
from tests.bench._outbox import fill
from tests.bench._outbox import peer as eta
from tests.bench._outbox.fill import Center
from tests.bench._relay import Relay
from tests.servers import Unavailable
from tests.servers.postgres import Server
from tests.servers.valkey import Valkey
from tests.verify._rig.workload import Patient
from workers.local.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
FAR = timedelta(days=200)
AHEAD = 12.0
PARTS = ("burst", "path", "growth")


@dataclass
class Figure:
    """One line of the table: ours, what it is compared with, and whether the gate holds."""

    words: str
    ours: str
    beside: str = ""
    kept: bool = True


@dataclass
class Bench:
    """Servers, sizes and the figures so far."""

    rows: int
    due: int
    mails: int
    peer: bool
    folder: Path
    postgres: Server
    valkey: Valkey
    relay: Relay
    writes: bool = False
    part: str = ""
    figures: list[Figure] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every measured process."""
        return {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")},
            "INTAKE_DATA": str(self.folder),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": "5e" * 32,
            "INTAKE_MASTER_KEY": "4d" * 32,
            "INTAKE_BLIND_KEY": "b1" * 32,
            "PUBLIC_URL": "http://localhost",
            "SMTP_URL": self.relay.url,
            "MAIL_RATE_PER_MINUTE": "0",
            "ARGON2_MEMORY_KIB": "8",
            "ARGON2_TIME": "1",
        }

    def add(self, words: str, ours: str, beside: str = "", *, kept: bool = True, **numbers: Any) -> None:
        """Note one figure and print it at once."""
        self.figures.append(Figure(words, ours, beside, kept))
        self.numbers |= numbers
        print(f"  {'ok ' if kept else 'NOT'} {words:44} {ours:28} {beside}", file=sys.stderr, flush=True)
        if self.writes:
            self.write()

    def write(self) -> None:
        """Write what is known so far into docs/figures.md."""
        rows: list[tuple[str, ...]] = [(f.words, f.ours, f.beside, "yes" if f.kept else "no") for f in self.figures]
        load = os.getloadavg()[1]
        words = f"{os.cpu_count()} cores, load {load:.1f} while it ran (CPU and rates suffer from a load, ratios less)."
        pages.write(f"bench messages{self.part}", f"{words}\n\n{pages.table(('what', 'ours', 'beside', 'kept'), rows)}")

    def child(self, verb: str, seconds: float) -> subprocess.Popen[str]:
        """Start one measured process and wait until it stands: its start is not what is measured."""
        line = [sys.executable, "-m", "tests.bench._outbox.child", verb, str(seconds)]
        started = subprocess.Popen(
            line, env=self.environment, stdout=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=die_with_parent()
        )
        assert started.stdout is not None
        started.stdout.readline()
        return started

    def broker_mb(self) -> float:
        """Memory the broker uses."""
        found: dict[str, Any] = redis.Redis.from_url(self.valkey.url).info("memory")
        return float(found["used_memory"]) / 1e6


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a measured process printed."""
    out, _ = process.communicate()
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


def scheduling(bench: Bench, center: Center, people: list[Patient]) -> None:
    """How fast a signed plan's reminders are owed, through the service, 100 in a transaction."""
    count, began, cpu = 2000, time.monotonic(), time.process_time()
    for start in range(0, count, 100):
        with transaction():
            for n in range(100):
                due = utcnow() + FAR + timedelta(minutes=start + n)
                person = people[n % len(people)]
                service.schedule(
                    "reminder", subject_id=person.version_id, recipient_type="person", recipient_id=person.id,
                    due_at=due, window_start=due, window_end=due + timedelta(hours=11), tz="UTC",
                    dedupe_key=f"s{new_id()}", site_id=center.site_id, now=utcnow(), order_key=person.id,
                    case_id=person.case_id, plan=person.plan_id, plan_version=person.version_id,
                    local_date=due.date(), parts=[("CHECKIN", 1, None)],
                )  # fmt: skip
    rate, each = count / (time.monotonic() - began), 1000 * (time.process_time() - cpu) / count
    bench.add("scheduling, through the service", f"{rate:,.0f} a second, {each:.2f} ms CPU each", schedule_rate=rate)


def mail_path(bench: Bench, center: Center, people: list[Patient]) -> None:
    """CPU of one sender for claim, gate, render, filter, send, record with audit and timeline."""
    fill.empty()
    with transaction():
        for n in range(bench.mails):
            person, due = people[n % len(people)], utcnow() - timedelta(seconds=1)
            service.schedule(
                "reminder", subject_id=person.version_id, recipient_type="person", recipient_id=person.id,
                due_at=due, window_start=due, window_end=due + timedelta(hours=11), tz=person.zone,
                dedupe_key=f"m{new_id()}", site_id=center.site_id, now=utcnow(), order_key=new_id(),
                case_id=person.case_id, plan=person.plan_id, plan_version=person.version_id,
                local_date=due.date(), parts=[("CHECKIN", 1, None)],
            )  # fmt: skip
    said = answer(bench.child("send", 300))
    each, rate = 1000 * said["cpu_s"] / max(1, said["sent"]), said["sent"] / said["wall_s"]
    calm = said["sent"] == bench.mails
    bench.add(
        "mail path, CPU of one sender a mail", f"{each:.2f} ms ({rate:,.0f} mails/s)", "limit 0.8 ms; peer about 15 ms",
        kept=calm and each <= 0.8, cpu_ms_per_mail=each, mails_per_second=rate,
    )  # fmt: skip


def burst(bench: Bench, center: Center) -> dict[str, float]:
    """Lateness of `due` rows due at one instant among far ones; two processes, tick 1 s; claimed and counted."""
    fill.empty()
    fill.rows(center, 4 * bench.due, due=utcnow() + FAR, step=timedelta(seconds=1))
    fill.analyze()
    senders = [bench.child("claim", 120) for _ in range(2)]
    due = utcnow() + timedelta(seconds=AHEAD)
    fill.rows(center, bench.due, due=due)
    said = [answer(sender) for sender in senders]
    late = [value / 1e6 for one in said for value in one["late_us"]]
    drain = max(one["last"] for one in said) - due.timestamp()
    found = {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "drain": drain, "count": float(len(late))}
    bench.add(
        f"{bench.due:,} due of {5 * bench.due:,}: lateness p50 / p99", f"{found['p50']:.2f} / {found['p99']:.2f} s",
        "limit p99 3 s",
        kept=found["p99"] <= 3.0 and len(late) == bench.due, burst_p99=found["p99"], burst_drain=drain,
    )  # fmt: skip
    return found


def peer(bench: Bench, ours: dict[str, float]) -> None:
    """The same load as Celery tasks with an ETA."""
    store = redis.Redis.from_url(bench.valkey.url)
    store.flushall()
    line = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "tests.bench._outbox.peer",
        "worker",
        "-c",
        "2",
        "-Q",
        "peer",
    ]
    worker = subprocess.Popen(
        [*line, "-l", "ERROR"], env=bench.environment, cwd=ROOT, start_new_session=True, preexec_fn=die_with_parent()
    )
    try:
        late, drain, memory, broker = _peer_run(bench, store, worker.pid)
    finally:
        os.killpg(worker.pid, 9)
        worker.wait(10)
        store.flushall()
    p99 = percentile(late, 0.99)
    left = bench.numbers["peer_not_run"]
    words = f"Celery ETA, same load{f' ({left:,} not run yet)' if left else ''}: lateness p50 / p99"
    bench.add(
        words, f"{percentile(late, 0.5):.2f} / {p99:.2f} s",
        f"ours {p99 / max(ours['p99'], 1e-3):.0f} x better; promised 10 x",
        kept=p99 >= 10 * ours["p99"], peer_p99=p99,
    )  # fmt: skip
    bench.add(
        "drain: ours / Celery ETA", f"{ours['drain']:.1f} / {drain:.1f} s",
        f"{drain / max(ours['drain'], 1e-3):.0f} x; promised 10 x",
        kept=drain >= 10 * ours["drain"], peer_drain=drain,
    )  # fmt: skip
    bench.add(
        f"Celery ETA: memory with {5 * bench.due:,} scheduled", f"worker {memory:.0f}, broker {broker:.0f} MB",
        "ours below, independent of the number", peer_rss=memory, peer_broker=broker,
    )  # fmt: skip


def _publish(count: int, due: float) -> float:
    """Schedule tasks for a moment; returns how many a second."""
    when, began = datetime.fromtimestamp(due, UTC), time.monotonic()
    with eta.app.producer_or_acquire() as producer:
        for _ in range(count):
            eta.app.send_task("peer.remind", args=(due,), eta=when, producer=producer, queue="peer")
    return count / (time.monotonic() - began)


def _peer_run(bench: Bench, store: Any, pid: int) -> tuple[list[float], float, float, float]:
    eta.app.conf.broker_url = bench.valkey.url
    rate = _publish(4 * bench.due, time.time() + 86_400)
    bench.add("scheduling with Celery ETA", f"{rate:,.0f} a second", "ours below", peer_schedule_rate=rate)
    # Late enough that all are published before the first is due.
    due = time.time() + AHEAD + 1.5 * bench.due / rate
    _publish(bench.due, due)
    memory, broker = _rss(pid), bench.broker_mb()
    until = time.monotonic() + 180 + max(0.0, due - time.time())
    while store.llen(eta.LATE) < bench.due and time.monotonic() < until:
        memory = max(memory, _rss(pid))
        time.sleep(0.2)
    pairs = [tuple(map(float, value.split())) for value in store.lrange(eta.LATE, 0, -1)]
    # What has not run by now is at least as late as that.
    missing = [time.time() - due] * (bench.due - len(pairs))
    ended = time.time() if missing else max(p[1] for p in pairs)
    bench.numbers["peer_not_run"] = len(missing)
    return [*(p[0] for p in pairs), *missing], ended - due, memory, broker


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def claim_cost(bench: Bench) -> tuple[float, float]:
    """Buffers and milliseconds of one claim of 100 on the table as it stands."""
    dialect = postgresql.dialect(paramstyle="pyformat")
    compiled = delivery._claim("postgresql").compile(dialect=dialect)
    values = compiled.construct_params({"most": 100, "token": 1, "lease": timedelta(seconds=1)})
    buffers, took = [], []
    with db.engine.connect() as connection:
        for _ in range(5):
            with connection.begin() as work:
                plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled}", values)
                top = plan.scalar_one()[0]
                buffers.append(top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"])
                took.append(top["Execution Time"])
                work.rollback()
    return min(buffers), statistics.median(took)


def growth(bench: Bench, center: Center) -> None:
    """Memory and claim cost with few and with many rows scheduled."""
    fill.empty()
    memory, broker, cost, took = {}, {}, {}, {}
    have = 0
    for size in (0, 10_000, bench.rows // 10, bench.rows):
        fill.rows(center, size - have, due=utcnow() + FAR, step=timedelta(seconds=1))
        have = size
        if size:
            fill.rows(center, 500, due=utcnow() - timedelta(seconds=30))
        fill.analyze()
        if size:
            cost[size], took[size] = claim_cost(bench)
            with transaction() as session:
                session.execute(text("DELETE FROM message WHERE next_try_at <= now()"))
            fill.analyze()
        memory[size], broker[size] = answer(bench.child("idle", 5))["rss_mb"], bench.broker_mb()
    small, large = cost[10_000], cost[bench.rows]
    bench.add(
        f"claim of 100: buffers at 10k / {bench.rows:,}", f"{small:,.0f} / {large:,.0f}",
        f"{large / small:.2f} x; limit 1.1 x ({took[10_000]:.1f} / {took[bench.rows]:.1f} ms)",
        kept=large <= 1.1 * small, claim_buffers=[small, large],
    )  # fmt: skip
    drift = memory[bench.rows] - memory[0]
    bench.add(
        f"sender memory at 0 / {bench.rows // 10:,} / {bench.rows:,}",
        " / ".join(f"{memory[s]:.0f}" for s in (0, bench.rows // 10, bench.rows)) + " MB", "limit 5 MB apart",
        kept=drift <= 5.0, sender_rss=memory,
    )  # fmt: skip
    bench.add(
        "broker memory at the same sizes",
        " / ".join(f"{broker[s]:.1f}" for s in (0, bench.rows // 10, bench.rows)) + " MB", "independent of the number",
        kept=broker[bench.rows] - broker[0] <= 1.0, broker_mb=broker,
    )  # fmt: skip


def plan_change(bench: Bench, center: Center, people: list[Patient]) -> None:
    """Take back, then put on another hour, one plan's 10 messages among all others, atomic with the change."""
    cancelled, moved = [], []
    for person in people[1:6]:
        fill.rows(center, 10, due=utcnow() + FAR, step=timedelta(days=1), plan=person)
        with transaction():
            began = time.monotonic()
            kinds.get("reminder").choose_time(person.id, 18, 30, now=utcnow())
            moved.append(1000 * (time.monotonic() - began))
        with transaction():
            began = time.monotonic()
            count = service.cancel(reason="bench", now=utcnow(), plan_id=person.plan_id)
            cancelled.append(1000 * (time.monotonic() - began))
            if count != 10:
                raise RuntimeError("the plan's messages were not all found")
    bench.add(
        f"cancel a plan of 10 among {bench.rows:,}", f"{min(cancelled):.1f} ms with its audit entry",
        "revoke: 10 broadcasts of 14-24 ms, gone with the worker", cancel_ms=min(cancelled),
    )  # fmt: skip
    bench.add(
        "another hour for the same plan", f"{min(moved):.1f} ms", "Celery: revoke all, publish all anew",
        reschedule_ms=min(moved),
    )  # fmt: skip


@contextmanager
def servers(given: argparse.Namespace) -> Iterator[Bench]:
    """Start what is needed, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="intake-bench-") as name:
        folder = Path(name)
        postgres, valkey, relay = Server(), Valkey(folder), Relay()
        try:
            part = 10 if given.small else 1
            sizes = (given.rows // part, given.due // part, given.mails // part)
            yield Bench(*sizes, not given.no_peer, folder, postgres, valkey, relay, given.figures,
                        f" ({given.parts})" if given.parts else "")  # fmt: skip
        finally:
            relay.stop()
            valkey.kill()
            postgres.stop()


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
