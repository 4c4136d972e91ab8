"""Very many mails due at one instant, ours and the same load as Celery tasks with an ETA."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from intake.clock import utcnow
from tests.bench._outbox import fill
from tests.bench._outbox import peer as eta
from tests.bench._outbox.fill import Center
from tests.bench._outbox.table import ROOT, Bench, answer, percentile, rss_mb
from workers.local.processes import die_with_parent

AHEAD = 12.0
FAR = timedelta(days=200)


def burst(bench: Bench, center: Center) -> dict[str, float]:
    """Lateness of `due` rows due at one instant among far ones; two processes, tick 1 s; claimed and counted."""
    bench.say(f"{bench.due:,} mails due at one instant of {5 * bench.due:,}")
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
        *["-m", "celery", "--quiet", "-A", "tests.bench._outbox.peer", "worker", "-c", "2", "-Q", "peer"],
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
    bench.say(f"{5 * bench.due:,} Celery tasks with an ETA are published")
    rate = _publish(4 * bench.due, time.time() + 86_400)
    bench.add("scheduling with Celery ETA", f"{rate:,.0f} a second", "ours below", peer_schedule_rate=rate)
    # Late enough that all are published before the first is due.
    due = time.time() + AHEAD + 1.5 * bench.due / rate
    _publish(bench.due, due)
    memory, broker = rss_mb(pid), bench.broker_mb()
    bench.say("they run")
    until = time.monotonic() + 180 + max(0.0, due - time.time())
    while store.llen(eta.LATE) < bench.due and time.monotonic() < until:
        memory = max(memory, rss_mb(pid))
        time.sleep(0.2)
    pairs = [tuple(map(float, value.split())) for value in store.lrange(eta.LATE, 0, -1)]
    # What has not run by now is at least as late as that.
    missing = [time.time() - due] * (bench.due - len(pairs))
    ended = time.time() if missing else max(p[1] for p in pairs)
    bench.numbers["peer_not_run"] = len(missing)
    return [*(p[0] for p in pairs), *missing], ended - due, memory, broker
