"""The answers of the public form's questions as the answers of a screening; what was not asked stays open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intake.inquiries import answers as a
from intake.inquiries import placing
from intake.inquiries.values import danger_of
from intake.screening.lines import UNKNOWN, cell_name

Values = dict[str, Any]
NOBODY_MEASURED = "Answered alone by a link: nobody was there to measure."
# What is taken, how much of it was not asked: staff see it, and the questions about it stay open.
_OTHERS = {"benzo": "Benzodiazepine", "alcohol": "Alcohol", "stimulant": "Cocaine or methamphetamine"}
_SIGNS = {"more_with_dose": ("s1",), "spread": ("s2",), "touch": ("s5",)}


def parts(told: Mapping[str, Any]) -> dict[str, Values]:
    """Part of the screening -> its answers. Doses, amounts and scales are never guessed from a tick."""
    found = {"safety": _safety(told), "use": _use(told), "pain": _pain(told), "level": _level(told)}
    return {part: values for part, values in found.items() if values}


def _safety(told: Mapping[str, Any]) -> Values:
    return {sign: answer for sign, answer in danger_of(told.get("danger", ())).items() if answer in ("yes", "no")}


def _use(told: Mapping[str, Any]) -> Values:
    takes = told.get("takes", ())
    opioids = placing.facts(danger={}, told=told, age=None).opioid_use
    found: Values = {} if opioids is None else {"opioid_use": opioids}
    found |= {name: UNKNOWN for name in ("benzo", "alcohol") if name in takes}
    if "stimulant" in takes:
        found["stimulants"] = "yes"
    for n, code in enumerate((code for code in _OTHERS if code in takes), start=1):
        found[cell_name("substances", n, "what")] = _OTHERS[code]
    return found


def _pain(told: Mapping[str, Any]) -> Values:
    """The three signs that were asked: a ticked one is yes; "none of these" is no to all three."""
    picked = told.get("pain", ())
    found: Values = {name: "yes" for code, names in _SIGNS.items() if code in picked for name in names}
    if "more_with_dose" in picked:
        found["inc"] = "worse"
    if "same" in picked and not found:
        found = {name: "no" for names in _SIGNS.values() for name in names}
    return {**found, "no_scale_reason": NOBODY_MEASURED} if found else {}


def _level(told: Mapping[str, Any]) -> Values:
    feels = told.get("feels", ())
    if "no_fluids" in feels:
        return {"cannot_keep_fluids": "yes"}
    return {"cannot_keep_fluids": "no"} if "fine" in feels else {}


def in_words(told: Mapping[str, Any]) -> str:
    """What has no place in a screening's answers, in one paragraph for the story."""
    said = (
        told.get("takes_name", ""),
        a.label(a.SINCE, told.get("since", "")),
        a.labels(a.FEELS, told.get("feels", ())),
        told.get("own_words", ""),
    )
    return ". ".join(text for text in said if text)
