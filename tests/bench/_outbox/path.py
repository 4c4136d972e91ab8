"""What one mail costs: to be owed, and on its way from claim to record."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from intake.clock import utcnow
from intake.db import new_id, transaction
from intake.messages import service
from tests.bench._outbox import fill
from tests.bench._outbox.fill import Center
from tests.bench._outbox.table import Bench, answer
from tests.verify._rig.workload import Patient

FAR = timedelta(days=200)
# Sent before the clock starts: statements and templates are made ready, the connection is open.
WARM = 100


def scheduling(bench: Bench, center: Center, people: list[Patient]) -> None:
    """How fast a signed plan's reminders are owed, through the service, 100 in a transaction."""
    count = min(2000, bench.due)
    bench.say(f"owing {count:,} mails through the service")
    began, cpu = time.monotonic(), time.process_time()
    for start in range(0, count, 100):
        with transaction():
            for n in range(start, start + 100):
                person = people[n % len(people)]
                _owe(center, person, utcnow() + FAR + timedelta(minutes=n), "UTC", f"s{new_id()}", order=person.id)
    rate, each = count / (time.monotonic() - began), 1000 * (time.process_time() - cpu) / count
    bench.add(
        "scheduling, through the service", f"{rate:,.0f} a second, {each:.2f} ms CPU each",
        "with its checks, parts and commits", schedule_rate=rate,
    )  # fmt: skip


def mail_path(bench: Bench, center: Center, people: list[Patient]) -> None:
    """CPU of one sender for claim, gate, render, filter, build, send, record with attempt, audit and timeline.

    It is the user and system time of the sending process and of nothing else: not of the database, the broker and the
    relay, and not what is done once (start, first statements, connecting), which the first `WARM` mails take.
    """
    bench.say(f"{bench.mails:,} mails through claim, gate, render, send and record")
    fill.empty()
    for start in range(0, bench.mails + WARM, 500):
        with transaction():
            for n in range(start, min(start + 500, bench.mails + WARM)):
                person, due = people[n % len(people)], utcnow() - timedelta(seconds=1)
                _owe(center, person, due, person.zone, f"m{new_id()}", order=new_id())
    said = answer(bench.child("send", 300))
    each, rate = 1000 * said["cpu_s"] / max(1, said["sent"]), said["sent"] / said["wall_s"]
    calm = said["sent"] == bench.mails
    bench.add(
        "mail path, CPU of the sending process a mail",
        f"{each:.2f} ms ({rate:,.0f} mails/s)",
        f"limit 0.8 ms; user {said['user_ms']:.2f}, system {said['system_ms']:.2f}; peer about 15 ms",
        kept=calm and each <= 0.8,
        cpu_ms_per_mail=each,
        mails_per_second=rate,
    )


def _owe(center: Center, person: Patient, due: datetime, zone: str, key: str, *, order: int) -> None:
    service.schedule(
        "reminder", subject_id=person.version_id, recipient_type="person", recipient_id=person.id,
        due_at=due, window_start=due, window_end=due + timedelta(hours=11), tz=zone, dedupe_key=key,
        site_id=center.site_id, now=utcnow(), order_key=order, case_id=person.case_id, plan=person.plan_id,
        plan_version=person.version_id, local_date=due.date(), parts=[("CHECKIN", 1, None)],
    )  # fmt: skip
