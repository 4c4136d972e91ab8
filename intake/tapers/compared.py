"""Two versions of a plan laid side by side: what happens to each dose, and to the days of its emails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from intake.clinical.products import PRODUCTS
from intake.tapers import schedule
from intake.tapers.models import PlanVersion

Step = Mapping[str, Any]
# What was asked of the generator, as the comparison of two versions calls it.
ASKED: Mapping[str, str] = {
    "product": "Medicine",
    "regimen": "Doses of a day before it, mg",
    "rate_pct": "Cut, %",
    "interval_days": "Days of a step",
    "mode": "Cut of the",
    "goal": "Goal, mg",
    "final": "At the end",
    "start_date": "First day",
    "stretch": "Stretch coarse steps",
}
CHOICES: Mapping[str, str] = {
    "exponential": "dose now",
    "linear": "first dose",
    "hybrid30": "first, then now",
    "stop": "stop",
    "extend": "every 2nd day first",
}
# How a version came to be.
CHANGES: Mapping[str, str] = {
    "start": "first plan",
    "revise": "changed",
    "resume": "from the dose reached",
    "pause": "paused",
    "slow": "made slower",
    "stop": "stopped",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One dose in both versions; a blank where a version has no such step. `word` is the change in one phrase."""

    dose: str
    total: str
    old: str
    new: str
    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class Days:
    """Days with an email: taken back, new, and kept in both."""

    gone: int
    new: int
    kept: int


def rows(old: Sequence[Step], new: Sequence[Step]) -> list[Row]:
    """Pair the steps of two versions by their doses, in the order of the newer one; what was left out stands last."""
    waiting = list(old)
    found = []
    for step in new:
        pair = next((s for s in waiting if s["doses"] == step["doses"]), None)
        if pair is not None:
            waiting.remove(pair)
        found.append(_row(pair, step))
    return found + [_row(step, None) for step in waiting]


def _row(old: Step | None, new: Step | None) -> Row:
    shown: Step = new or old or {}
    word, tone = _word(old, new)
    doses = "-".join(f"{dose:g}" for dose in shown["doses"])
    return Row(doses, f"{shown['daily_total']:g}", _dates(old), _dates(new), word, tone)


def _dates(step: Step | None) -> str:
    if step is None:
        return ""
    start, end = (date.fromisoformat(step[name]) for name in ("start", "end"))
    year = f", {end.year}" if start.year != end.year else ""
    return f"{start:%b %-d} – {end:%b %-d}{year}"


def _word(old: Step | None, new: Step | None) -> tuple[str, str]:
    if old is None:
        return "New", "blue"
    if new is None:
        return "Left out", "amber"
    longer = _length(new) - _length(old)
    later = (date.fromisoformat(new["start"]) - date.fromisoformat(old["start"])).days
    said = [_days(later, "later", "earlier"), _days(longer, "longer", "shorter")]
    words = ", ".join(word for word in said if word)
    return (words, "amber" if longer else "blue") if words else ("Same", "")


def _length(step: Step) -> int:
    return (date.fromisoformat(step["end"]) - date.fromisoformat(step["start"])).days + 1


def _days(n: int, more: str, less: str) -> str:
    return f"{abs(n)} day{'' if abs(n) == 1 else 's'} {more if n > 0 else less}" if n else ""


def days(old: Iterable[date], new: Iterable[date], since: date) -> Days:
    """What a change does to the days with an email from `since` on."""
    before, after = ({day for day in each if day >= since} for each in (old, new))
    return Days(len(before - after), len(after - before), len(before & after))


def difference(old: PlanVersion, new: PlanVersion) -> list[tuple[str, str, str]]:
    """Rows (label, old words, new words) of what differs between two versions beside their steps."""
    rows = [
        (label, _words(key, old.request.get(key)), _words(key, new.request.get(key)))
        for key, label in ASKED.items()
        if old.request.get(key) != new.request.get(key)
    ]
    before, after = _lasts(old), _lasts(new)
    if before != after:
        rows.append(("A supply lasts", before, after))
    return rows


def _lasts(version: PlanVersion) -> str:
    days = schedule.refill_days(version)
    return "–" if days is None else f"{days} days"


def _words(key: str, value: Any) -> str:
    """One asked value as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, list):
        return "-".join(_number(dose) for dose in value)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if key == "product":
        return PRODUCTS[value].name
    if key == "start_date":
        return f"{date.fromisoformat(value):%b %-d, %Y}"
    if key in {"rate_pct", "interval_days", "goal"}:
        return _number(value)
    return CHOICES.get(str(value), str(value).replace("_", " "))


def _number(value: Any) -> str:
    return f"{float(Fraction(str(value))):g}"
