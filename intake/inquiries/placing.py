"""Where an inquiry stands before any screening: the routing rules over the few facts it tells. Stored nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intake.clinical import routing
from intake.inquiries.answers import LAST_USE_DAYS, OIH_SIGNS, OPIOIDS, PRESCRIBED, STREET, WITHDRAWAL_SIGNS
from intake.inquiries.values import NO, YES
from intake.settings import scoring

_KNOWN = {YES: True, NO: False}


def facts(*, danger: Mapping[str, str], told: Mapping[str, Any], age: int | None) -> routing.Facts:
    """The routing facts an inquiry tells; all it does not tell stays null or unknown, never no.

    `danger` maps the seven signs to yes, no, unknown or not_able_to_ask; `told` are the stored answers; `age` in years.
    """
    takes = set(told.get("takes", ()))
    return routing.Facts(
        breathing_problem=_KNOWN.get(danger.get("breathing_problem", "")),
        overdose_24h=_KNOWN.get(danger.get("overdose_24h", "")),
        seizure_24h=_KNOWN.get(danger.get("seizure_24h", "")),
        delirium=_KNOWN.get(danger.get("delirium", "")),
        medical_red_flag=_KNOWN.get(danger.get("medical_red_flag", "")),
        suicide_imminent=_KNOWN.get(danger.get("suicide_imminent", "")),
        violence_imminent=_KNOWN.get(danger.get("violence_imminent", "")),
        age=age,
        opioid_use=_opioid_use(takes),
        days_since_last_opioid=LAST_USE_DAYS.get(told.get("last_use", "")) if takes & OPIOIDS else None,
        pregnancy=told.get("pregnant") if told.get("pregnant") in {"yes", "no"} else _pregnancy(told),
        cannot_keep_fluids=True if "no_fluids" in told.get("feels", ()) else None,
    )


def _pregnancy(told: Mapping[str, Any]) -> str:
    # "N/A" on the call page says that pregnancy is not possible.
    return "no" if told.get("pregnant") == "na" else "unknown"


def _opioid_use(takes: set[str]) -> str | None:
    street, prescribed = bool(takes & STREET), bool(takes & PRESCRIBED)
    if street and prescribed:
        return "both"
    if street:
        return "illicit"
    return "prescribed" if takes & OPIOIDS else None


def place(
    *, danger: Mapping[str, str], told: Mapping[str, Any], age: int | None, rules: routing.RuleSet
) -> routing.Placement:
    """The provisional placement of what is known so far, by the center's rule set.

    While scoring is off no rule is asked: danger goes to emergency, all else to callback, marked incomplete.
    """
    if scoring.is_off():
        return routing.unscored(in_danger=YES in danger.values(), rules=rules)
    return routing.place(facts(danger=danger, told=told, age=age), rules)


def signals(told: Mapping[str, Any], *, third_party: bool, may_voicemail: bool | None) -> tuple[str, ...]:
    """Codes of what staff should see at a glance; none of them changes the queue.

    `may_voicemail` is None when there is no phone at all.
    """
    feels = set(told.get("feels", ()))
    found = []
    if told.get("withdrawal") == "bad" or len(feels & WITHDRAWAL_SIGNS) >= 3:
        found.append("withdrawal")
    if told.get("pregnant") == "yes":
        found.append("pregnant")
    takes = set(told.get("takes", ()))
    if takes & OPIOIDS and "benzo" in takes:
        found.append("opioid_benzo")
    if len(set(told.get("pain", ())) & OIH_SIGNS) >= 2:
        found.append("possible_oih")
    if third_party:
        found.append("third_party")
    if may_voicemail is False:
        found.append("no_voicemail")
    if may_voicemail is None:
        found.append("no_phone")
    return tuple(found)
