"""Every verb of the queues, under one name for the rooms above."""

from __future__ import annotations

from intake.queues.claims import (
    active,
    assign,
    claim,
    park,
    release,
    return_idle,
    unpark,
    unpark_due,
)
from intake.queues.counters import read as counts
from intake.queues.waiting import (
    InCare,
    calm,
    confirm,
    enter,
    leave,
    leave_all,
    live_of,
    raise_alert,
    refresh,
    restrict,
)

__all__ = [
    "InCare",
    "active",
    "assign",
    "calm",
    "claim",
    "confirm",
    "counts",
    "enter",
    "leave",
    "leave_all",
    "live_of",
    "park",
    "raise_alert",
    "refresh",
    "release",
    "restrict",
    "return_idle",
    "unpark",
    "unpark_due",
]
