"""How long people waited: by hour of the day and by week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select

from intake.clock import utcnow
from intake.db import db
from intake.queues.models import QueueEntry
from intake.reports.table import Table, share
from intake.settings import queries as settings

MOST_WEEKS = 26


def hours(site_id: int, since: datetime, until: datetime) -> Table:
    """Per hour of the center's day in which people entered a queue: entries, claimed in time, median wait in minutes.

    An entry whose target has not come yet and that nobody claimed is left out of the share.
    """
    zone, now = settings.zone(settings.site(site_id)), utcnow()
    groups: dict[int, list[tuple[float | None, bool | None]]] = defaultdict(list)
    for entered, target, claimed in _entries(site_id, since, until):
        met = None if claimed is None and target > now else claimed is not None and claimed <= target
        groups[entered.astimezone(zone).hour].append((_minutes(entered, claimed), met))
    return Table(
        "hours",
        "Seen in time, by hour of the day",
        ("Hour", "Entries", "In time, %", "Median, min"),
        tuple(
            (
                f"{hour:02}",
                len(groups[hour]),
                share(sum(1 for _w, met in groups[hour] if met), sum(1 for _w, met in groups[hour] if met is not None)),
                _middle([w for w, _met in groups[hour]]),
            )
            for hour in range(24)
        ),
    )


def weeks(site_id: int, since: datetime, until: datetime) -> Table:
    """Per week of the period: the median wait to the claim in minutes of P1 and P2."""
    starts = [since + timedelta(weeks=n) for n in range(MOST_WEEKS) if since + timedelta(weeks=n) < until]
    groups: dict[tuple[int, int], list[float | None]] = defaultdict(list)
    rows = db.session.execute(
        select(QueueEntry.acuity, QueueEntry.entered_at, QueueEntry.claimed_at).where(
            QueueEntry.site_id == site_id, QueueEntry.entered_at >= since, QueueEntry.entered_at < until
        )
    )
    for acuity, entered, claimed in rows:
        groups[(entered - since).days // 7, acuity].append(_minutes(entered, claimed))
    return Table(
        "weeks",
        "Wait to be seen, median minutes by week",
        ("Week from", "P1", "P2"),
        tuple(
            (f"{start:%b} {start.day}", _middle(groups[n, 1]), _middle(groups[n, 2])) for n, start in enumerate(starts)
        ),
    )


def _entries(site_id: int, since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime, datetime | None]]:
    rows = db.session.execute(
        select(QueueEntry.entered_at, QueueEntry.target_at, QueueEntry.claimed_at).where(
            QueueEntry.site_id == site_id, QueueEntry.entered_at >= since, QueueEntry.entered_at < until
        )
    )
    return [(row.entered_at, row.target_at, row.claimed_at) for row in rows]


def _minutes(entered: datetime, claimed: datetime | None) -> float | None:
    return None if claimed is None else (claimed - entered).total_seconds() / 60


def _middle(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(median(known), 1) if known else None
