"""The published instruments as data, and the one way to score them.

Every total is worked out here from item values; a total that a client sends is never used. Official wording is not
part of the product: items are named in own words, and the center imports the wording it has the right to.

Sources: each definition names its own; rules in clinical.md section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from intake.errors import RuleBroken

from .model import Band, Gate, Instrument, Item, Option, Score, Threshold
from .mood import CSSRS_SCREEN, GAD7, PHQ2, PHQ9
from .pain import CRAVING_VAS, PAIN_NRS, PEG
from .scoring import score_of
from .use import AUDITC, DAST10, ORT_OUD, OUD_DSM5, RODS, SINGLE_ALCOHOL, SINGLE_DRUG, TAPS1
from .withdrawal import CIWA_AR, COWS, SOWS

__all__ = [
    "ALERT_WORDS",
    "SCORER_VERSION",
    "Band",
    "Gate",
    "Instrument",
    "Item",
    "Option",
    "Score",
    "Threshold",
    "every",
    "get",
    "score",
]

# Stored with each result; raised whenever a rule of scoring changes.
SCORER_VERSION = "1"

_EVERY: tuple[Instrument, ...] = (
    COWS,
    SOWS,
    DAST10,
    AUDITC,
    PHQ2,
    PHQ9,
    GAD7,
    PEG,
    ORT_OUD,
    TAPS1,
    SINGLE_DRUG,
    SINGLE_ALCOHOL,
    CSSRS_SCREEN,
    RODS,
    OUD_DSM5,
    CIWA_AR,
    CRAVING_VAS,
    PAIN_NRS,
)
_BY_KEY = {instrument.key: instrument for instrument in _EVERY}
_NO_CONTEXT: Mapping[str, object] = MappingProxyType({})

ALERT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "AUDITC_HIGH": "Alcohol use is high",
        "CIWA_MODERATE": "Alcohol withdrawal is moderate or more",
        "CIWA_SEVERE": "Alcohol withdrawal is severe",
        "COWS_MODERATE": "Opioid withdrawal is moderate or more",
        "COWS_SEVERE": "Opioid withdrawal is moderately severe or more",
        "CRAVING_HIGH": "Craving is 70 or more",
        "CRAVING_UP": "Craving rose by 20 or more",
        "DAST_POSITIVE": "Drug use problems are moderate or more",
        "FREQUENCY_ONLY": "All alcohol points come from how often, none from how much",
        "GAD7_POSITIVE": "Anxiety is moderate or more",
        "OFFER_MOUD": "Two or more criteria are met: offer medication for opioid use disorder",
        "ORT_OUD_HIGH": "Risk of opioid use disorder is high",
        "PEG_WORSE": "Pain and its interference are at least 30 percent worse",
        "PHQ2_POSITIVE": "Low mood screen is positive: ask all nine questions",
        "PHQ9_SEVERE": "Depression is severe",
        "RODS_POSITIVE": "Opioid dependence screen is positive",
        "SOWS_SEVERE": "Self-rated opioid withdrawal is severe",
        "SUICIDE_HIGH": "Suicide risk is high: act now",
        "SUICIDE_ITEM": "Thoughts of death or self-harm: finish the suicide risk screener now",
        "SUICIDE_ITEM_UNANSWERED": "The question on thoughts of death or self-harm was not answered: ask it",
        "SUICIDE_MODERATE": "Suicide risk is moderate",
        "SUICIDE_SCREEN_INCOMPLETE": "The suicide risk screener is not finished",
    }
)


def every() -> tuple[Instrument, ...]:
    """Return all instruments in a fixed order, those that are not enabled included."""
    return _EVERY


def get(key: str) -> Instrument:
    """Return the instrument with this key.

    Raises:
        RuleBroken: UNKNOWN_INSTRUMENT.
    """
    found = _BY_KEY.get(key) if isinstance(key, str) else None
    if found is None:
        raise RuleBroken(f"There is no instrument called {key}.", code="UNKNOWN_INSTRUMENT")
    return found


def score(key: str, answers: Mapping[str, object], context: Mapping[str, object] | None = None) -> Score:
    """Score one set of answers.

    Args:
        key: an instrument of `every()`; whether it is enabled is for the caller to decide.
        answers: item id -> whole number, None or absent when unanswered.
        context: auditc `sex` (male, female); peg `baseline_sum` (0 to 30 points); craving_vas `previous` (0 to 100);
            oud_dsm5 `only_as_prescribed` (True leaves tolerance and withdrawal out).

    Returns:
        A Score: points or bounds, band code, alert codes, unanswered items.

    Raises:
        RuleBroken: UNKNOWN_INSTRUMENT, UNKNOWN_ITEM, OPTION_NOT_ALLOWED, CONTEXT_NOT_ALLOWED.

    Source: clinical.md 1.1 to 1.8.
    """
    return score_of(get(key), answers, _NO_CONTEXT if context is None else context)
