"""What grows with the number of mails in the table, and what must not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages import claims, kinds, service
from tests.bench._outbox import fill
from tests.bench._outbox.fill import Center
from tests.bench._outbox.table import Bench, answer
from tests.verify._rig.workload import Patient

FAR = timedelta(days=200)


FEW = 10_000


@dataclass(frozen=True)
class Cost:
    """One claim of 100: buffers to find, check and lock the rows, buffers with all its writing, milliseconds."""

    read: int
    whole: int
    took: float


def claim_cost() -> Cost:
    """The cheapest of five claims on the table as it stands, each rolled back, with 500 rows due."""
    fill.analyze()
    dialect = postgresql.dialect(paramstyle="pyformat")
    compiled = claims._claim("postgresql").compile(dialect=dialect)
    values = compiled.construct_params({"most": 100, "token": 1, "lease": timedelta(seconds=1)})
    found = []
    with db.engine.connect() as connection:
        for _ in range(5):
            with connection.begin() as work:
                plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled}", values)
                top = plan.scalar_one()[0]
                picked = next(p for p in top["Plan"]["Plans"] if p.get("Subplan Name") == "CTE pick")
                found.append(Cost(_buffers(picked), _buffers(top["Plan"]), top["Execution Time"]))
                work.rollback()
    return Cost(*(min(getattr(cost, name) for cost in found) for name in ("read", "whole", "took")))


def _buffers(plan: Mapping[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _with_some_due(center: Center) -> Cost:
    fill.rows(center, 500, due=utcnow() - timedelta(seconds=30))
    cost = claim_cost()
    with transaction() as session:
        session.execute(text("DELETE FROM message WHERE next_try_at <= now()"))
    return cost


def growth(bench: Bench, center: Center) -> None:
    """Memory with few and with many mails scheduled, and what a claim costs among few and among many rows."""
    fill.empty()
    memory, broker, have, few = {}, {}, 0, Cost(0, 0, 0.0)
    sizes = (0, bench.rows // 10, bench.rows)
    for size in sorted({*sizes, FEW}):
        bench.say(f"{size:,} mails scheduled")
        fill.rows(center, size - have, due=utcnow() + FAR, step=timedelta(seconds=1))
        have = size
        if size == FEW:
            few = _with_some_due(center)
        if size in sizes:
            fill.analyze()
            memory[size], broker[size] = answer(bench.child("idle", 5))["rss_mb"], bench.broker_mb()
    drift = memory[bench.rows] - memory[0]
    bench.add(
        f"sender memory at {' / '.join(f'{s:,}' for s in sizes)} scheduled",
        " / ".join(f"{memory[s]:.0f}" for s in sizes) + " MB", "limit 5 MB apart",
        kept=drift <= 5.0, sender_rss=memory,
    )  # fmt: skip
    bench.add(
        "broker memory at the same sizes", " / ".join(f"{broker[s]:.1f}" for s in sizes) + " MB",
        "independent of the number", kept=broker[bench.rows] - broker[0] <= 1.0, broker_mb=broker,
    )  # fmt: skip
    claim_growth(bench, center, few)


def claim_growth(bench: Bench, center: Center, few: Cost) -> None:
    """A claim of 100 among 10,000 rows, beside one among all of them: still to come, and mostly sent long ago."""
    ahead = _with_some_due(center)
    bench.say(f"{bench.rows - FEW:,} of {bench.rows:,} mails made sent ones")
    fill.history(FEW)
    years = _with_some_due(center)
    bench.add(
        f"claim of 100: buffers to find, check and lock at 10k / {bench.rows:,} rows", f"{few.read:,} / {years.read:,}",
        f"{years.read / few.read:.2f} x; limit 1.1 x ({few.took:.1f} / {years.took:.1f} ms)",
        kept=years.read <= 1.1 * few.read, claim_buffers=[few.read, years.read],
    )  # fmt: skip
    bench.add(
        "the same with what the update writes, indexes too", f"{few.whole:,} / {years.whole:,}",
        f"{years.whole / few.whole:.2f} x: one level more in the indexes over all rows",
        claim_buffers_whole=[few.whole, years.whole],
    )  # fmt: skip
    bench.add(
        f"the same when all {bench.rows:,} are still to come", f"{ahead.read:,}, with the writing {ahead.whole:,}",
        f"{ahead.read / few.read:.2f} x and {ahead.whole / few.whole:.2f} x ({ahead.took:.1f} ms)",
        claim_buffers_ahead=[ahead.read, ahead.whole],
    )  # fmt: skip


def plan_change(bench: Bench, center: Center, people: list[Patient]) -> None:
    """Take back, then put on another hour, one plan's 10 messages among all others, atomic with the change."""
    bench.say("one plan taken back, one moved")
    cancelled, moved = [], []
    for person in people[1:6]:
        fill.rows(center, 10, due=utcnow() + FAR, step=timedelta(days=1), plan=person)
        fill.analyze()
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
