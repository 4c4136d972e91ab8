"""The two panels beside a screening's answers: the daily MME and the pain pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intake.clinical import mme, oih
from intake.screening.findings import Findings


@dataclass(frozen=True)
class MmeView:
    """The daily MME beside the opioids: text of the total, band, what it is made of, and its cautions."""

    total: str
    band: str
    is_lower_bound: bool
    lines: tuple[tuple[str, str], ...]
    other: str
    flags: tuple[str, ...]
    problems: tuple[str, ...]
    note: str = mme.NOT_FOR_CONVERSION


@dataclass(frozen=True)
class PatternView:
    """The pain pattern: class words, confidence, reason, and three bars with the score each one needs."""

    class_: str
    title: str
    confidence: str
    reason: str
    bars: tuple[tuple[str, str, int, int, int], ...]
    suspected: bool
    counts: Mapping[str, tuple[str, str]]


# Short names for a tag; the full words stand in the clinical room.
CLASS_TAGS = {
    "oih_features": "OIH features",
    "tolerance_pattern": "Tolerance pattern",
    "withdrawal_mediated": "Withdrawal pain",
    "indeterminate": "Not clear yet",
}
BAND_WORDS = {"lt50": "Under 50 a day", "50to89": "50 to under 90 a day", "ge90": "90 a day or more"}


def mme_view(found: Findings) -> MmeView | None:
    """The daily MME for the page, None while no opioid is listed."""
    daily = found.mme
    if daily is None:
        return None
    higher, lower = daily.higher, min(daily.prescribed, daily.reported, key=lambda t: t.total)
    other = ""
    if higher.total != lower.total:
        taken = daily.reported is lower or daily.reported.total == lower.total
        other = f"{'As really taken' if taken else 'As prescribed at most'}: {lower.display} a day"
    return MmeView(
        total=str(higher.display) if higher.lines else "",
        band=BAND_WORDS[higher.band],
        is_lower_bound=daily.is_lower_bound,
        lines=tuple(
            (
                line.drug.replace("_", " ").capitalize(),
                f"{_plain(line.daily_dose)} × {_plain(line.factor)} = {_plain(line.mme)}",
            )
            for line in higher.lines
        ),
        other=other,
        flags=tuple(mme.FLAG_WORDS[flag] for flag in daily.flags),
        problems=tuple(f"Line {n}: {next(iter(p.values()))}" for n, p in daily.problems.items()),
    )


def _plain(value: Any) -> str:
    return f"{float(value):g}"


_BARS: tuple[tuple[oih.Scale, str, str, int, int], ...] = (
    ("oih", "OIH", "violet", oih.OIH_NEEDED, 13),
    ("tolerance", "Tolerance", "teal", oih.TOLERANCE_NEEDED, 7),
    ("withdrawal", "Withdrawal pain", "amber", oih.WITHDRAWAL_NEEDED, 8),
)
_SCALE_TAGS: Mapping[oih.Scale, tuple[str, str]] = {
    "oih": ("OIH", "violet"),
    "tolerance": ("Tolerance", "teal"),
    "withdrawal": ("Withdrawal", "amber"),
}


def pattern_view(found: Findings) -> PatternView | None:
    """The explanation for the page, None before any of its questions is answered."""
    weighed = found.explanation
    if weighed is None:
        return None
    counts: dict[str, tuple[str, str]] = {}
    for c in weighed.contributions:
        words, tone = _SCALE_TAGS[c.scale]
        before = counts.get(c.fact)
        text = f"{words} {c.points:+d}".replace("-", "−")
        counts[c.fact] = (f"{before[0]}, {text}", before[1]) if before else (text, tone)
    return PatternView(
        class_=weighed.class_,
        title=CLASS_TAGS[weighed.class_],
        confidence=weighed.confidence or "",
        reason=oih.REASON_WORDS[weighed.reason],
        bars=tuple((words, tone, weighed.scores[key], need, top) for key, words, tone, need, top in _BARS),
        suspected=weighed.oih_suspected,
        counts=counts,
    )
