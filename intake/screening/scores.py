"""One score as a page shows it: never a total while answers are missing, a band only when it is certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from intake.clinical.instruments import ALERT_WORDS, Instrument, Score
from intake.screening.findings import answers_of
from intake.screening.queries import Reading

_RISK_WORDS = {"none": "None", "low": "Low", "moderate": "Moderate", "high": "High"}
_SHORT = {"Moderate": "Mod.", "Moderately severe": "Mod.–sev.", "Substantial": "Subst."}
_TONES = {"none": "green", "low": "amber", "moderate": "amber", "high": "red"}


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One instrument's score card.

    `total` is a total only when `is_whole`; before that it is the sum so far, and `reach` names where it can still end.
    `left` counts the answers still needed. `scale` holds (value, highest, bands, words, other end) for the band bar.
    """

    key: str
    short: str
    is_whole: bool
    total: str
    reach: str
    band: str
    left: int
    note: str
    tone: str
    alerts: tuple[str, ...]
    scale: tuple[Any, ...] | None
    last: str
    last_at: datetime | None
    change: int | None
    is_started: bool
    is_risk: bool


def shown(instrument: Instrument, score: Score, values: Mapping[str, Any], last: Reading | None) -> ScoreView:
    """Lay out one score beside its last one."""
    given = [v for v in answers_of(instrument, values).values() if v is not None]
    whole = score.status != "incomplete" and (score.score, score.risk, score.positive) != (None, None, None)
    band = _band(instrument, score)
    return ScoreView(
        key=instrument.key,
        short=instrument.short,
        is_whole=whole,
        total=_total(instrument, score, given),
        reach=_reach(score, band),
        band=band,
        left=len(score.missing),
        note=f"Prorated from {len(given)} of {len(instrument.items)} answers" if score.status == "prorated" else "",
        tone=_TONES.get(score.risk or "", ""),
        alerts=tuple(ALERT_WORDS[code] for code in score.alerts) if given else (),
        scale=_scale(instrument, score, given),
        last=_last(instrument, last),
        last_at=None if last is None else last.at,
        change=_change(score, last),
        is_started=bool(given),
        is_risk=instrument.missing == "cssrs",
    )


def _total(instrument: Instrument, score: Score, given: list[int]) -> str:
    if instrument.missing == "cssrs":
        return _RISK_WORDS.get(score.risk or "", "–")
    if isinstance(score.score, int | Decimal):
        return str(score.score)
    if isinstance(score.positive, tuple):
        return f"{len(score.positive)} positive" if given else "–"
    if isinstance(score.positive, bool) and score.status != "incomplete":
        return "Positive" if score.positive else "Negative"
    if instrument.low is None or not given:
        return "–"
    return str(score.low) if score.low is not None else str(sum(given)) if instrument.key != "peg" else "–"


def _reach(score: Score, band: str) -> str:
    """“15 to 20, moderate”: where an open score can still end."""
    if score.low is None or score.high is None:
        return ""
    return f"{score.low} to {score.high}" + (f", {band.lower()}" if band else "")


def _band(instrument: Instrument, score: Score) -> str:
    if score.risk is not None:
        return f"{_RISK_WORDS[score.risk]} risk"
    return next((b.label for b in instrument.bands if b.code == score.band), "")


def _scale(instrument: Instrument, score: Score, given: list[int]) -> tuple[Any, ...] | None:
    """The band bar; screen readers hear the same in words."""
    if not instrument.bands or instrument.high is None:
        return None
    value = score.score if score.score is not None else score.low
    bands = tuple((b.low, _SHORT.get(b.label, b.label)) for b in instrument.bands[:5])
    ranges = ", ".join(f"{b.label.lower()} {b.low} to {b.high}" for b in instrument.bands)
    what = "No score yet" if value is None or not given else f"Score {value}"
    words = f"{what} on a scale from {instrument.low} to {instrument.high}. Bands: {ranges}."
    return (value if given else None, instrument.high, bands, words, score.high if given else None)


def _last(instrument: Instrument, last: Reading | None) -> str:
    if last is None:
        return ""
    if last.score is not None:
        return str(last.score)
    if last.low is not None:
        return f"{last.low} to {last.high}"
    return _RISK_WORDS.get(last.band or "", "not finished") if instrument.missing == "cssrs" else "not finished"


def _change(score: Score, last: Reading | None) -> int | None:
    """Points above (or below) the last score; None unless both are whole."""
    if last is None or not isinstance(score.score, int) or not isinstance(last.score, int):
        return None
    return score.score - last.score
