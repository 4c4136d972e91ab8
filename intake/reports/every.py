"""All reports by the word in their address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from intake.reports import care, outcomes, queries, teds, times
from intake.reports.table import Table

Report = Callable[[int, datetime, datetime], Table]

REPORTS: Mapping[str, Report] = {
    "funnel": queries.funnel,
    "waits": queries.waits,
    "weeks": times.weeks,
    "hours": times.hours,
    "mail": queries.mail,
    "patterns": queries.patterns,
    "overrides": queries.overrides,
    "plans": outcomes.plans,
    "losses": care.losses,
    "capacity": care.capacity,
    "waitlist": care.waitlist,
    "transfers": care.transfers,
    "leaving": care.leaving,
    "reasons": care.reasons,
    "teds": teds.teds,
}
