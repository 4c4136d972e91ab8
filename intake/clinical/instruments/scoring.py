"""From answers to a score: one path per missing rule, the special cases of clinical.md 1.3 to 1.7 beside it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from intake.errors import RuleBroken

from ..exact import half_up, number
from .model import Instrument, Item, Score

Given = Mapping[str, int]
Context = Mapping[str, object]
Status = Literal["complete", "incomplete"]

_COLOUR = {"none": "none", "low": "yellow", "moderate": "orange", "high": "red"}
_BAND_SHOWN = ("score", "band")
_OPEN_SHOWN = ("score", "low", "high", "band")


def checked(instrument: Instrument, answers: Mapping[str, object]) -> dict[str, int]:
    """Return the given answers as whole numbers, unanswered items left out.

    Raises:
        RuleBroken: UNKNOWN_ITEM or OPTION_NOT_ALLOWED, for the first answer (in its order) that breaks a rule.
    """
    given: dict[str, int] = {}
    for item_id, answer in answers.items():
        item = instrument.item(item_id)
        if answer is None:
            continue
        value = _whole(answer)
        if value is None or not item.allows(value):
            raise RuleBroken(
                f"That is not one of the answers to “{item.topic}” in {instrument.short}.",
                code="OPTION_NOT_ALLOWED",
                fields={item_id: "Choose one of the answers."},
            )
        given[item_id] = value
    return given


def score_of(instrument: Instrument, answers: Mapping[str, object], context: Context) -> Score:
    """Score one instrument; see `intake.clinical.instruments.score`."""
    given = checked(instrument, answers)
    if instrument.missing == "cssrs":
        return _suicide_risk(instrument, given)
    if instrument.missing == "bounds":
        return _bounded(instrument, given, context)
    if instrument.missing == "prorate2":
        return _prorated(instrument, given)
    if instrument.bands:
        return _all_needed(instrument, given)
    if instrument.key == "peg":
        return _peg(instrument, given, context)
    if instrument.low is None:
        return _positive_only(instrument, given)
    return _single_value(instrument, given, context)


def _whole(answer: object) -> int | None:
    """Return a number equal to a whole number as that number; yes/no values, text and the rest are None."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int):
        return answer
    if isinstance(answer, float):
        return int(answer) if answer.is_integer() else None
    if isinstance(answer, Decimal) and answer.is_finite() and abs(answer) < 1_000_000 and answer == int(answer):
        return int(answer)
    return None


def _missing(items: tuple[Item, ...], given: Given) -> tuple[str, ...]:
    return tuple(item.id for item in items if item.id not in given)


def _thresholds(instrument: Instrument, low_end: int) -> list[str]:
    return [t.code for t in instrument.thresholds if low_end >= t.at]


def _code(instrument: Instrument, score: int) -> str | None:
    band = instrument.band_of(score)
    return band.code if band else None


def _bounded(instrument: Instrument, given: Given, context: Context) -> Score:
    """Sum with bounds: unanswered items open the total from the answered sum up to plus their most points."""
    if instrument.key == "rods" and given.get("ever") == 0:
        return Score("rods", instrument.version, "complete", (), (), _BAND_SHOWN, score=0, band=_code(instrument, 0))
    items = instrument.items
    if instrument.key == "oud_dsm5" and context.get("only_as_prescribed") is True:
        items = tuple(item for item in items if item.id not in ("c10", "c11"))
    missing = _missing(items, given)
    low = sum(item.points(given[item.id]) for item in items if item.id in given)
    high = low + sum(item.highest for item in items if item.id not in given)
    alerts = _thresholds(instrument, low)
    positive = None
    if instrument.key == "auditc":
        positive = _auditc_positive(instrument, low, not missing, context)
        if not missing and low > 0 and given["quantity"] == 0 and given["heavy"] == 0:
            alerts.append("FREQUENCY_ONLY")
    extra = ("positive",) if instrument.key == "auditc" else ()
    band, top = _code(instrument, low), _code(instrument, high)
    return Score(
        instrument.key,
        instrument.version,
        "incomplete" if missing else "complete",
        missing,
        tuple(sorted(alerts)),
        (_OPEN_SHOWN if missing else _BAND_SHOWN) + extra,
        score=None if missing else low,
        band=band if band == top else None,
        low=low if missing else None,
        high=high if missing else None,
        positive=positive,
    )


def _auditc_positive(instrument: Instrument, low: int, complete: bool, context: Context) -> bool | None:
    """Positive from the limit for the sex; an open score can be positive already, it is never negative."""
    sex = context.get("sex")
    unknown = instrument.positive_at["other_or_unknown"]
    limit = next((at for who, at in instrument.positive_at.items() if who == sex), unknown)
    if low >= limit:
        return True
    return False if complete else None


def _prorated(instrument: Instrument, given: Given) -> Score:
    """Sum; up to two unanswered items take the mean of the others. Item 9 of PHQ-9 alerts on its own answer only."""
    items = instrument.items
    missing = _missing(items, given)
    score: int | None = None
    if len(missing) <= 2:
        score = int(half_up(Fraction(sum(given.values()) * len(items), len(given)), 0))
    alerts = [] if score is None else _thresholds(instrument, score)
    if instrument.key == "phq9":
        if "p9" not in given:
            alerts.append("SUICIDE_ITEM_UNANSWERED")
        elif given["p9"] >= 1:
            alerts.append("SUICIDE_ITEM")
    return Score(
        instrument.key,
        instrument.version,
        "complete" if not missing else "incomplete" if score is None else "prorated",
        missing,
        tuple(sorted(alerts)),
        _BAND_SHOWN,
        score=score,
        band=None if score is None else _code(instrument, score),
    )


def _all_needed(instrument: Instrument, given: Given) -> Score:
    """Sum of all items; one unanswered item leaves neither score nor band."""
    missing = _missing(instrument.items, given)
    score = None if missing else sum(given.values())
    return Score(
        instrument.key,
        instrument.version,
        "incomplete" if missing else "complete",
        missing,
        () if score is None else tuple(sorted(_thresholds(instrument, score))),
        _BAND_SHOWN,
        score=score,
        band=None if score is None else _code(instrument, score),
    )


def _peg(instrument: Instrument, given: Given, context: Context) -> Score:
    """Mean of the three items, rounded on output only; the change compares exact sums with the baseline's."""
    missing = _missing(instrument.items, given)
    if missing:
        return Score("peg", instrument.version, "incomplete", missing, (), ("score",))
    total = sum(given.values())
    mean = Fraction(total, 3)
    baseline = _earlier(context, "baseline_sum", 30)
    change = None if baseline is None else _peg_change(total, baseline)
    return Score(
        "peg",
        instrument.version,
        "complete",
        (),
        ("PEG_WORSE",) if change == "worse" else (),
        ("score", "score_whole") if change is None else ("score", "score_whole", "change"),
        score=half_up(mean, 1),
        score_whole=int(half_up(mean, 0)),
        change=change,
    )


def _peg_change(total: int, baseline: Fraction) -> str:
    """Improved at 30 percent less, worse at 30 percent more, edges included, else stable; from 0 any pain is worse."""
    if baseline == 0:
        return "worse" if total > 0 else "stable"
    change = (total - baseline) / baseline
    if change <= Fraction(-3, 10):
        return "improved"
    return "worse" if change >= Fraction(3, 10) else "stable"


def _positive_only(instrument: Instrument, given: Given) -> Score:
    """Instruments without a total: TAPS-1 lists its positive items, a single question is positive from its limit."""
    missing = _missing(instrument.items, given)
    positive: bool | tuple[str, ...] | None
    if instrument.positive_at:
        positive = None if missing else next(iter(given.values())) >= instrument.positive_at["any"]
    else:
        positive = tuple(item.id for item in instrument.items if given.get(item.id, 0) > 0)
    status: Status = "incomplete" if missing else "complete"
    return Score(instrument.key, instrument.version, status, missing, (), ("positive",), positive=positive)


def _single_value(instrument: Instrument, given: Given, context: Context) -> Score:
    """One value is the score; craving alerts from 70 and from 20 above the previous value (project rule)."""
    missing = _missing(instrument.items, given)
    score = None if missing else given["now"]
    alerts: list[str] = []
    if instrument.key == "craving_vas" and score is not None:
        if score >= 70:
            alerts.append("CRAVING_HIGH")
        previous = _earlier(context, "previous", 100)
        if previous is not None and score - previous >= 20:
            alerts.append("CRAVING_UP")
    status: Status = "incomplete" if missing else "complete"
    return Score(instrument.key, instrument.version, status, missing, tuple(alerts), ("score",), score=score)


def _suicide_risk(instrument: Instrument, given: Given) -> Score:
    """First match of clinical.md 1.5; what was answered counts even when its question need not have been asked."""
    yes = {item for item, value in given.items() if value == 1}
    needed = {"q1", "q2", "q6"} | ({"q3", "q4", "q5"} if "q2" in yes else set()) | ({"q6_3m"} if "q6" in yes else set())
    missing = tuple(item.id for item in instrument.items if item.id in needed and item.id not in given)
    risk: str | None
    if yes & {"q4", "q5", "q6_3m"} or ("q6" in yes and "q6_3m" not in given):
        risk = "high"
    elif yes & {"q3", "q6"}:
        risk = "moderate"
    elif yes & {"q1", "q2"}:
        risk = "low"
    else:
        risk = None if missing else "none"
    alerts = [f"SUICIDE_{risk.upper()}"] if risk in ("high", "moderate") else []
    if missing:
        alerts.append("SUICIDE_SCREEN_INCOMPLETE")
    return Score(
        instrument.key,
        instrument.version,
        "incomplete" if missing else "complete",
        missing,
        tuple(alerts),
        ("risk", "colour"),
        risk=risk,
        colour=None if risk is None else _COLOUR[risk],
    )


def _earlier(context: Context, name: str, highest: int) -> Fraction | None:
    """Return an earlier value of the context exactly, None when it is absent.

    Raises:
        RuleBroken: CONTEXT_NOT_ALLOWED for text, yes/no, or a number outside 0 to `highest`.
    """
    value = context.get(name)
    if value is None:
        return None
    return number(value, "The earlier value", field=name, highest=highest, code="CONTEXT_NOT_ALLOWED")
