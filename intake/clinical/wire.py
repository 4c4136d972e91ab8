"""A case as plain JSON values in, a result as plain JSON values out: the shapes of the golden vectors.

Used by the command, the self-check and the tests. Numbers with a decimal point may come as Decimal, so that 49.99 stays
49.99. A case that a rule refuses gives `{"error": CODE}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from intake.errors import RuleBroken

from . import mme as mme_rules
from . import oih as oih_rules
from . import wire_plans
from . import wording as wording_rules
from .exact import half_up
from .instruments import score

Case = Mapping[str, Any]

_OIH_FACTS = frozenset(field.name for field in fields(oih_rules.OihAnswers))
_LINE_KEYS = frozenset(field.name for field in fields(mme_rules.OpioidLine))


# The case has not the form that its tool needs.
INPUT_NOT_VALID = "INPUT_NOT_VALID"


def run(tool: str, case: object) -> object:
    """Work out one case with one tool and return its result in the shape of the vectors' `expect`.

    A refused case gives `{"error": CODE}`; otherwise as `work`.
    """
    try:
        return work(tool, case)
    except RuleBroken as refused:
        return {"error": refused.code}


def work(tool: str, case: object) -> object:
    """Work out one case as `run` does, raising what refuses it.

    Args:
        tool: a name of `TOOLS`.
        case: a JSON object; keys that the tool does not know (id, note, expect, ...) are ignored.

    Raises:
        RuleBroken: the code of the rule; UNKNOWN_TOOL; INPUT_NOT_VALID when the case has not the form that is needed.
    """
    if tool not in TOOLS:
        raise RuleBroken(f"There is no tool called {tool}.", code="UNKNOWN_TOOL")
    if not isinstance(case, Mapping):
        raise _not_valid("A case has to be a JSON object.")
    return TOOLS[tool](case)


def instruments(case: Case) -> dict[str, object]:
    """Score {instrument, answers, context}."""
    context = _object(case, "context", {})
    return score(_needed(case, "instrument"), _object(case, "answers", {}), context).as_dict()


def oih(case: Case) -> dict[str, object]:
    """Weigh {input: the answers about rising pain}."""
    given = _object(case, "input")
    return oih_rules.weigh(oih_rules.OihAnswers(**{k: v for k, v in given.items() if k in _OIH_FACTS})).as_dict()


def mme(case: Case) -> dict[str, object]:
    """Add up {input: {table, extended_factors, lines}}, or one of the two dispensing forms beside it."""
    if "input" not in case:
        return {"mme_per_day": float(half_up(_dispensed(case), 2))}
    given = _object(case, "input")
    lines = _needed(given, "lines")
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        raise _not_valid("“lines” has to be a list of objects.")
    opioids = [_line(line) for line in lines]
    table = given.get("table", "cdc2022")
    return mme_rules.total(opioids, table=table, extended=given.get("extended_factors") is True).as_dict()


def wording(case: Case) -> dict[str, object]:
    """Check {subject, body, center_aliases, locale} as an email, or with `html` in place of `body` as its HTML part."""
    aliases = case.get("center_aliases") or []
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise _not_valid("“center_aliases” has to be a list of names.")
    check = wording_rules.check_html if "html" in case else wording_rules.check_email
    subject, body = _text(case, "subject"), _text(case, "html" if "html" in case else "body")
    locale = _text(case, "locale") if case.get("locale") is not None else "en"
    return check(subject, body, aliases, locale=locale).as_dict()


TOOLS: Mapping[str, Callable[[Case], object]] = MappingProxyType(
    {
        "instruments": instruments,
        "oih": oih,
        "mme": mme,
        "taper": wire_plans.taper,
        "route": wire_plans.route,
        "cadence": wire_plans.cadence,
        "wording": wording,
    }
)


def _not_valid(sentence: str) -> RuleBroken:
    return RuleBroken(sentence, code=INPUT_NOT_VALID)


def _needed(case: Case, key: str) -> Any:
    if key not in case:
        raise _not_valid(f"The case needs “{key}”.")
    return case[key]


def _object(case: Case, key: str, default: Case | None = None) -> Case:
    """Return an object of the case, `default` when it is absent or null and a default is given."""
    found = case.get(key)
    if found is None and default is not None:
        return default
    if not isinstance(found, Mapping):
        raise _not_valid(f"The case needs “{key}”, a JSON object.")
    return found


def _text(case: Case, key: str) -> str:
    found = _needed(case, key)
    if not isinstance(found, str):
        raise _not_valid(f"“{key}” has to be a text.")
    return found


def _line(given: Case) -> mme_rules.OpioidLine:
    known = {key: value for key, value in given.items() if key in _LINE_KEYS}
    return mme_rules.OpioidLine(**{"drug": "", **known})


def _dispensed(case: Case) -> Any:
    if "mcg_per_h" in case:
        return mme_rules.dispensed_patches(case["mcg_per_h"], _needed(case, "patches"), _needed(case, "days"))
    return mme_rules.dispensed_units(
        _needed(case, "drug"), _needed(case, "strength"), _needed(case, "units"), _needed(case, "days")
    )
