"""Opioid-induced hyperalgesia (OIH): which of four readings the answers about rising pain fit, and why.

An unvalidated decision aid for clinician review, never a diagnosis and never a dose. OIH has no accepted bedside
test; specialists in Canada suspected it in about 0.01% of chronic patients a year, and pain can get worse for days
after a cut before it gets better. Weights and limits are project rules to be confirmed by the medical director.

Sources: clinical.md 2 (features adapted from Pain Management 2021 11(4); Fishbain 2009; two background articles).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from .exact import Number, number

Scale = Literal["oih", "tolerance", "withdrawal"]

VERSION = "1"
LABEL = "unvalidated decision aid for clinician review"
EXPOSURE_DAYS_NEEDED = 14
OIH_NEEDED, TOLERANCE_NEEDED, WITHDRAWAL_NEEDED = 6, 4, 5
SYMPTOMS = ("s1", "s2", "s3", "s4", "s5")

YES_NO = ("yes", "no", "unknown")
INCREASE = ("better_lasting", "better_brief", "none", "worse", "not_tried", "unknown")
DECREASE = ("better", "worse_then_better", "no_change", "worse", "not_tried", "unknown")

SYMPTOM_POINTS: Mapping[str, int] = MappingProxyType({"s1": 1, "s2": 2, "s3": 1, "s4": 1, "s5": 2})
INCREASE_POINTS: Mapping[str, int] = MappingProxyType({"worse": 3, "none": 1, "better_brief": 0, "better_lasting": -3})
DECREASE_POINTS: Mapping[str, int] = MappingProxyType(
    {"better": 3, "worse_then_better": 2, "no_change": 0, "worse": -1}
)
TOLERANCE_POINTS: Mapping[tuple[str, str], int] = MappingProxyType(
    {
        ("s4", "yes"): 1,
        ("s2", "no"): 1,
        ("s3", "no"): 1,
        ("s5", "no"): 1,
        ("inc", "better_lasting"): 3,
        ("inc", "better_brief"): 2,
    }
)
WITHDRAWAL_POINTS: Mapping[str, int] = MappingProxyType(
    {"end_of_dose": 2, "missed_or_cut_7d": 1, "relieved_by_usual_dose": 1}
)

FACT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "s1": "More pain in spite of the opioid",
        "s2": "Pain has spread beyond the first place",
        "s3": "Pain is sharper or burning",
        "s4": "Relief is shorter than before",
        "s5": "Light touch or cold hurts",
        "inc": "What the last raise of the dose did",
        "dec": "What the last cut of the dose did",
        "end_of_dose": "Worse just before the next dose",
        "relieved_by_usual_dose": "The usual dose takes it away",
        "missed_or_cut_7d": "A dose missed or cut in the last 7 days",
        "new_pathology": "New injury or illness",
        "cows": "Withdrawal signs (COWS)",
        "sows": "Withdrawal signs (SOWS)",
        "exposure_days": "Days of daily opioid use",
    }
)

CLASS_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "oih_features": "Features of opioid-induced hyperalgesia",
        "tolerance_pattern": "Pattern of tolerance",
        "withdrawal_mediated": "Pain that goes with withdrawal",
        "indeterminate": "Not clear yet",
    }
)

REASON_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "INCOMPLETE": "More than one symptom, or the length of opioid use, is not known yet.",
        "NEW_PATHOLOGY_FIRST": "There is a new injury or illness: find that cause first.",
        "SHORT_EXPOSURE": "Daily opioid use is shorter than 14 days.",
        "NO_FEATURES": "None of the five symptoms is present.",
        "WITHDRAWAL_SIGNS": "Withdrawal signs and their timing explain the pain.",
        "MIXED_OIH_WITHDRAWAL": "Both patterns are present: settle the withdrawal, then repeat.",
        "PATTERN_AND_DOSE_RESPONSE": "Spread or touch pain, and the dose response fits.",
        "NEEDS_DOSE_RESPONSE": "The pattern fits, but no change of dose has shown its effect yet.",
        "LOSS_OF_EFFECT_SAME_PAIN": "The same pain with less effect of the same dose.",
        "OVERLAP": "The answers fit more than one pattern, or none well enough.",
    }
)

# Shown as topics only, never as an order and never with a dose.
TOPICS = (
    "gradual reduction",
    "rotation or buprenorphine",
    "NMDA-active or other non-opioid medicines",
    "behavioural therapy",
    "repeat this screen in 2 to 4 weeks",
)


@dataclass(frozen=True, slots=True)
class OihAnswers:
    """The answers about rising pain. Words outside the lists count as unknown; unknown is never no.

    s1 to s5, end_of_dose, relieved_by_usual_dose, missed_or_cut_7d, new_pathology: yes, no, unknown. inc, dec: effect
    of the last raise and of the last cut. cows, sows: totals or None. exposure_days: days of daily opioid use or None.
    """

    s1: str = "unknown"
    s2: str = "unknown"
    s3: str = "unknown"
    s4: str = "unknown"
    s5: str = "unknown"
    inc: str = "unknown"
    dec: str = "unknown"
    end_of_dose: str = "unknown"
    relieved_by_usual_dose: str = "unknown"
    missed_or_cut_7d: str = "unknown"
    new_pathology: str = "unknown"
    cows: Number | None = None
    sows: Number | None = None
    exposure_days: Number | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """One answer that moved one scale: `points` may be negative; `words` name the fact."""

    fact: str
    answer: str
    scale: Scale
    points: int
    words: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reading of rising pain: class, reason and confidence, the three scores and what each answer added to them."""

    class_: str
    reason: str
    confidence: str | None
    oih_suspected: bool
    scores: Mapping[Scale, int]
    contributions: tuple[Contribution, ...]
    answers: OihAnswers
    label: str = LABEL
    version: str = VERSION

    def as_dict(self) -> dict[str, object]:
        """Return class, reason, confidence, oih_suspected and scores as plain JSON values."""
        return {
            "class": self.class_,
            "reason": self.reason,
            "confidence": self.confidence,
            "oih_suspected": self.oih_suspected,
            "scores": dict(self.scores),
        }


_SCALES: tuple[Scale, ...] = ("oih", "tolerance", "withdrawal")
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"inc": INCREASE, "dec": DECREASE})
_HIGHEST: Mapping[str, int] = MappingProxyType({"cows": 48, "sows": 64, "exposure_days": 36_600})


def weigh(answers: OihAnswers) -> Explanation:
    """Weigh the answers about rising pain and name the reading they fit.

    Returns:
        An Explanation; the three scores and `oih_suspected` are always worked out, whatever the class.

    Raises:
        RuleBroken: NUMBER_NOT_ALLOWED when a total or the number of days is no number or outside its range.

    Source: clinical.md 2.1 to 2.3.
    """
    known = _cleaned(answers)
    contributions = tuple(_contributions(known))
    scores = {scale: sum(c.points for c in contributions if c.scale == scale) for scale in _SCALES}
    scores["oih"] = max(0, scores["oih"])
    symptoms = sum(c.points for c in contributions if c.scale == "oih" and c.fact in SYMPTOMS)
    class_, reason, confidence = _decide(known, scores)
    return Explanation(class_, reason, confidence, symptoms >= 5, MappingProxyType(scores), contributions, known)


def _cleaned(answers: OihAnswers) -> OihAnswers:
    """Turn words outside the lists into unknown and refuse numbers that cannot be."""
    unknown: dict[str, Any] = {}
    for field in fields(answers):
        value = getattr(answers, field.name)
        if field.name in _HIGHEST:
            if value is not None:
                number(value, f"“{FACT_WORDS[field.name]}”", field=field.name, highest=_HIGHEST[field.name])
        elif value not in _WORDS.get(field.name, YES_NO):
            unknown[field.name] = "unknown"
    return replace(answers, **unknown)


def _contributions(known: OihAnswers) -> Iterator[Contribution]:
    """Yield every answer that adds to or takes from a scale, in the order they are asked."""
    for fact in (*SYMPTOMS, "inc", "dec", "end_of_dose", "missed_or_cut_7d", "relieved_by_usual_dose"):
        answer: str = getattr(known, fact)
        of_scale: dict[Scale, int] = {
            "oih": _oih_points(fact, answer),
            "tolerance": TOLERANCE_POINTS.get((fact, answer), 0),
            "withdrawal": WITHDRAWAL_POINTS.get(fact, 0) if answer == "yes" else 0,
        }
        for scale, points in of_scale.items():
            if points:
                yield Contribution(fact, answer, scale, points, FACT_WORDS[fact])
    fact, points = _signs(known)
    if points:
        yield Contribution(fact, str(getattr(known, fact)), "withdrawal", points, FACT_WORDS[fact])


def _oih_points(fact: str, answer: str) -> int:
    if fact == "inc":
        return INCREASE_POINTS.get(answer, 0)
    if fact == "dec":
        return DECREASE_POINTS.get(answer, 0)
    return SYMPTOM_POINTS.get(fact, 0) if answer == "yes" else 0


def _signs(known: OihAnswers) -> tuple[str, int]:
    """Return which total shows the withdrawal signs and their points; of two totals the higher points count."""
    cows = 0 if known.cows is None or known.cows < 5 else 3 if known.cows < 13 else 4
    sows = 0 if known.sows is None or known.sows < 11 else 3 if known.sows < 21 else 4
    return ("cows", cows) if cows >= sows else ("sows", sows)


def _decide(known: OihAnswers, scores: Mapping[Scale, int]) -> tuple[str, str, str | None]:
    """Return class, reason and confidence: the first match of clinical.md 2.2."""
    gate = _not_yet(known)
    if gate:
        return "indeterminate", gate, None
    oih, tolerance, withdrawal = scores["oih"], scores["tolerance"], scores["withdrawal"]
    if withdrawal >= WITHDRAWAL_NEEDED:
        if oih >= OIH_NEEDED:
            return "indeterminate", "MIXED_OIH_WITHDRAWAL", None
        return "withdrawal_mediated", "WITHDRAWAL_SIGNS", _confidence(_signs(known)[1] > 0)
    spread_or_touch = "yes" in (known.s2, known.s5)
    if oih >= OIH_NEEDED and oih - tolerance >= 2 and spread_or_touch and known.inc != "better_lasting":
        strong = known.inc == "worse" or known.dec in ("better", "worse_then_better")
        if not strong and known.inc != "none":
            return "indeterminate", "NEEDS_DOSE_RESPONSE", None
        return "oih_features", "PATTERN_AND_DOSE_RESPONSE", _confidence(strong)
    raise_did_not_help = known.inc in ("none", "worse")
    if tolerance >= TOLERANCE_NEEDED and tolerance - oih >= 1 and not spread_or_touch and not raise_did_not_help:
        helped = known.inc in ("better_lasting", "better_brief")
        return "tolerance_pattern", "LOSS_OF_EFFECT_SAME_PAIN", _confidence(helped)
    return "indeterminate", "OVERLAP", None


def _not_yet(known: OihAnswers) -> str | None:
    """Return why the answers cannot be read yet (steps 1 to 4), None when they can."""
    symptoms = [getattr(known, fact) for fact in SYMPTOMS]
    if symptoms.count("unknown") > 1 or known.exposure_days is None:
        return "INCOMPLETE"
    if known.new_pathology == "yes":
        return "NEW_PATHOLOGY_FIRST"
    if known.exposure_days < EXPOSURE_DAYS_NEEDED:
        return "SHORT_EXPOSURE"
    return None if "yes" in symptoms else "NO_FEATURES"


def _confidence(supported: bool) -> str:
    return "supported" if supported else "provisional"
