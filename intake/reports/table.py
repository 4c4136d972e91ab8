"""The shape of every report, and how its cells are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Any

LEAST_SHOWN = 5


@dataclass(frozen=True)
class Table:
    """One report: its address word, a caption, heads and rows; counts are whole numbers."""

    key: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def guarded(value: Any) -> str:
    """A CSV cell that no spreadsheet reads as a formula (ASVS 1.2.10)."""
    text = "" if value is None else str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def hidden(value: Any) -> Any:
    """A count of one to four is not exported: it could point at somebody."""
    return f"<{LEAST_SHOWN}" if isinstance(value, int) and 0 < value < LEAST_SHOWN else value


def share(part: int, whole: int) -> float | None:
    """Percent with one decimal, None of nothing."""
    return None if not whole else round(100 * part / whole, 1)


def minutes(pairs: Iterable[tuple[datetime, datetime | None]]) -> list[float]:
    """Lengths in minutes of what has an end."""
    return [(b - a).total_seconds() / 60 for a, b in pairs if b is not None]


def middle(values: Sequence[float]) -> float | None:
    """The median with one decimal, None of nothing."""
    return round(median(values), 1) if values else None


def ninetieth(values: Sequence[float]) -> float | None:
    """The 90th percentile with one decimal, None of nothing."""
    if len(values) < 2:
        return round(values[0], 1) if values else None
    return round(quantiles(values, n=10, method="inclusive")[8], 1)
