"""A process that is measured: `idle` holds still after a tick, `claim` claims and counts, `send` sends what is due.

It prints "ready", and at its end one line of JSON. Run as `python -m tests.bench._outbox.child VERB [SECONDS]`.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path

from intake import create_app
from intake.clock import to_micros
from intake.db import db, transaction
from intake.messages import claims
from workers import engine

TICK = 1.0


def rss_mb() -> float:
    """Resident memory of this process now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def idle(_seconds: float) -> dict[str, object]:
    """What a sender keeps in memory: a tick, a claim that finds nothing, and its libraries."""
    for _ in range(3):
        engine.tick()
        engine.deliver(seconds=5)
    return {"rss_mb": rss_mb()}


def claim(seconds: float) -> dict[str, object]:
    """Tick every second, claim batches of 100 until nothing is due; the lateness of each row at its claim."""
    late: list[int] = []
    until, first, last = time.monotonic() + seconds, 0.0, 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        while True:
            with transaction():
                batch = claims.claim(claims.MOST, lease=timedelta(seconds=600))
            if not batch.messages:
                break
            first = first or time.time()
            last = time.time()
            now = to_micros(batch.now)
            late += [now - to_micros(m.due_at) for m in batch.messages]
        if late and time.monotonic() - began > 0 and last and time.time() - last > 2 * TICK:
            break
        time.sleep(max(0.0, TICK - (time.monotonic() - began)))
    return {"late_us": late, "first": first, "last": last, "rss_mb": rss_mb()}


def send(seconds: float) -> dict[str, object]:
    """Deliver what is due; CPU of this process alone, after one batch that makes everything ready."""
    sender = engine.sender()
    engine.tick()
    # No time is left after the first batch.
    sender.deliver(seconds=0.001)
    before, began, sent = resource.getrusage(resource.RUSAGE_SELF), time.monotonic(), 0
    until = began + seconds
    while time.monotonic() < until:
        engine.tick()
        got = sender.deliver(seconds=seconds)
        sent += got
        if not got:
            break
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return {
        "sent": sent,
        "cpu_s": user + system,
        "user_ms": 1000 * user / max(1, sent),
        "system_ms": 1000 * system / max(1, sent),
        "wall_s": wall,
        "rss_mb": rss_mb(),
    }


VERBS = {"idle": idle, "claim": claim, "send": send}

if __name__ == "__main__":
    with create_app().app_context():
        print("ready", flush=True)
        said = VERBS[sys.argv[1]](float(sys.argv[2]) if len(sys.argv) > 2 else 60.0)
        db.engine.dispose()
    print(json.dumps(said))
