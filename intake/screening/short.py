"""Why somebody waits, in a few words for the line of a board: what they take, how much, since when nothing."""

from __future__ import annotations

from intake.clinical import mme
from intake.clinical.exact import half_up
from intake.screening.findings import Findings
from intake.screening.lines import DRUGS

_NAMES = dict(DRUGS)
_MOST = 2
# Their daily amount is no plain number of milligrams.
_NO_MILLIGRAMS = (mme.PATCH, "fentanyl")


def in_short(found: Findings) -> str:
    """What the person takes, largest share of MME first, at most two: "Oxycodone 90 mg a day"; empty when unknown."""
    lines = sorted(found.mme.higher.lines, key=lambda line: -line.mme) if found.mme is not None else []
    said = [_name(line) for line in lines[:_MOST]]
    if found.facts.street_opioids:
        said.insert(0, "Street opioids" + _last_use(found))
    if not said and found.facts.alcohol == "daily":
        said.append("Alcohol every day")
    return ", ".join(said[:_MOST])


def _name(line: mme.MmeLine) -> str:
    words = _NAMES.get(line.drug, line.drug.replace("_", " ").capitalize())
    if line.drug.startswith(_NO_MILLIGRAMS):
        return words
    return f"{words} {half_up(line.daily_dose, 1).normalize():f} mg a day"


def _last_use(found: Findings) -> str:
    days = found.facts.days_since_last_opioid
    if days is None:
        return ""
    hours = int(days * 24)
    return f", last use {hours}\N{NO-BREAK SPACE}h" if hours < 48 else f", last use {hours // 24}\N{NO-BREAK SPACE}days"
