"""The fixed order of every queue: acuity, then priority points, then first contact (rulings 8)."""

from __future__ import annotations

from datetime import timedelta

ACUITIES = (1, 2, 3, 4)


def rank(acuity: int, priority: int) -> int:
    """The sort key of acuity (1 most urgent to 4) and priority points (0-100, more is sooner); smaller comes first.

    Raises:
        ValueError: outside those ranges.
    """
    if acuity not in ACUITIES or not 0 <= priority <= 100:
        raise ValueError(f"no rank for acuity {acuity} and priority {priority}")
    return acuity * 1000 + (100 - priority)


def ago(length: timedelta) -> str:
    """A length of time as people say it: 2 s, 4 min, 3 h, 2 days."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
