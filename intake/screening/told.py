"""What a person told about an opioid and what a scale came to, in words for pages and papers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from intake.clinical import instruments
from intake.screening.lines import DRUGS, FREQUENCIES, ROUTES, STREET

_DRUGS = {**dict(DRUGS), STREET: "Street opioids"}
_FREQUENCIES, _ROUTES = dict(FREQUENCIES), dict(ROUTES)
_SCALES = {each.key: each.short for each in instruments.every()}


def drug(row: Mapping[str, Any]) -> str:
    """The name of an opioid as it is said; "" when none was picked."""
    code = str(row.get("drug", ""))
    return str(_DRUGS.get(code, code.replace("_", " ").capitalize()))


def opioid(row: Mapping[str, Any]) -> str:
    """One opioid as told, every number with its unit: mg, for patches mcg/h, for transmucosal fentanyl mcg."""
    code, freq, route = (str(row.get(name, "")) for name in ("drug", "freq", "route"))
    patch = "transdermal" in code or row.get("form") == "patch"
    unit = "mcg/h" if patch else "mcg" if code.endswith("_mcg") else "mg"
    said = (
        (f"{row.get('strength')} {unit}", "strength"),
        (f"{row.get('mg_per_ml')} mg/mL", "mg_per_ml"),
        (f"{row.get('ml')} mL", "ml"),
        (f"{row.get('units')} {_('at one time')}", "units"),
        (f"{row.get('patches')} {_('patches at one time')}", "patches"),
        (f"{_('up to')} {row.get('units_max')} {_('at one time')}", "units_max"),
        (_FREQUENCIES.get(freq, freq.replace("_", " ")), "freq"),
        (_("as needed"), "prn"),
        (f"{row.get('per_day')} {_('units a day')}", "per_day"),
        (f"{_('at most')} {row.get('max_per_day')} {_('a day')}", "max_per_day"),
        (_ROUTES.get(route, route).lower(), "route"),
    )
    return ", ".join(words for words, key in said if row.get(key))


def scale(score: Mapping[str, Any]) -> str:
    """The name of the scale of a stored score."""
    key = str(score.get("instrument", ""))
    return _SCALES.get(key, key.upper().replace("_", " "))


def result(score: Mapping[str, Any]) -> str:
    """What a stored score came to: points, and the band or the risk in words."""
    points, band = score.get("score"), str(score.get("band") or score.get("risk") or "").replace("_", " ")
    if points is None:
        return band or _("incomplete")
    return f"{points} ({band})" if band else f"{points}"
