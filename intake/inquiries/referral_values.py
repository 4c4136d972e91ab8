"""What a referral says: one shape for the page and for other systems, and what is still missing in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from intake.errors import RuleBroken
from intake.fields import PROBLEM, Reader
from intake.inquiries import answers as a
from intake.inquiries.models import Relation
from intake.inquiries.values import NOT_ABLE, UNKNOWN, YES, InquiryValues, Reach

Options = tuple[tuple[str, Any], ...]

SOURCES: Options = (
    ("hospital", _("Hospital ward")),
    ("emergency_department", _("Emergency department")),
    ("clinic", _("Doctor or clinic")),
    ("center", _("Other treatment center")),
    ("court", _("Court or probation")),
    ("prison", _("Jail or prison")),
    ("other", _("Other")),
)
BASES: Options = (
    ("consent", _("The person agreed in writing")),
    ("emergency", _("Medical emergency")),
    ("court_order", _("Court order")),
    ("treatment", _("Treatment, by a provider outside Part 2")),
)
ANSWERS: Options = (
    ("accepted", _("Accepted")),
    ("declined", _("Not accepted")),
    ("need_more", _("Need more first")),
)
TRI: Options = (("yes", _("Yes")), ("no", _("No")), ("unknown", _("Not known")))
NAME, LINE, TEXT = 100, 200, 4000
DANGER = (*(code for code in a.DANGER_CODES),)

# Field of the whole -> its words; without these a referral cannot be worked on, so they are asked for again.
WANTED: dict[str, Any] = {
    "patient_name": _("Name of the person"),
    "born_on": _("Birth date"),
    "reason": _("Reason for the referral"),
    "medicines": _("Medicines with dose"),
    "last_dose": _("When each was last taken"),
    "vitals": _("Vital signs"),
    "pregnant": _("Pregnancy: yes, no or not known"),
    "legal_hold": _("Legal hold: yes, no or not known"),
    "target_on": _("Wanted date"),
    "danger": _("The safety signs"),
}
TEXTS = {
    "referrer_name": NAME, "organisation": LINE, "patient_name": NAME, "reason": TEXT, "medicines": TEXT,
    "last_dose": LINE, "vitals": LINE, "labs": LINE, "legal_detail": LINE,
}  # fmt: skip
CHOICES: dict[str, tuple[str, ...]] = {
    "source": a.codes(SOURCES), "legal_basis": a.codes(BASES), "pregnant": a.codes(TRI), "legal_hold": a.codes(TRI),
}  # fmt: skip
NEEDED = ("organisation", "call_back", "source", "legal_basis")
OTHERS = ("call_back", "email", "born_on", "age", "target_on", "danger")
FIELDS = frozenset({*TEXTS, *CHOICES, *OTHERS})


def read_form(form: MultiDict[str, str], *, today: date, more: bool = False) -> dict[str, Any]:
    """Read the page; with `more` only what was missing before, so that nothing is needed.

    Raises:
        RuleBroken: with a sentence per field.
    """
    r = Reader(form)
    told: dict[str, Any] = {name: r.text(name, limit=limit) for name, limit in TEXTS.items()}
    told |= {name: r.choice(name, codes) for name, codes in CHOICES.items()}
    if not told["organisation"] and not more:
        r.wrong("organisation", str(_("Tell us where you work.")))
    told["call_back"] = r.phone("call_back", required="" if more else str(_("Enter the number we can call you on.")))
    told["email"] = r.email("email")
    told["age"] = r.whole("age", low=0, high=120)
    born = r.day("born_on", earliest=date(1900, 1, 1), latest=today)
    target = r.day("target_on", earliest=today, latest=today + timedelta(days=366))
    told["born_on"], told["target_on"] = _iso(born), _iso(target)
    for name in ("source", "legal_basis"):
        if not told[name] and not more:
            r.wrong(name, str(_("Pick one.")))
    picked = r.choices("danger", (*DANGER, a.NONE, NOT_ABLE))
    told["danger"] = _danger(picked)
    r.check()
    return told


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _danger(picked: tuple[str, ...]) -> dict[str, str]:
    if not picked:
        return {}
    if NOT_ABLE in picked:
        return dict.fromkeys(DANGER, NOT_ABLE)
    other = "no" if a.NONE in picked else UNKNOWN
    return {code: YES if code in picked else other for code in DANGER}


def read_json(body: Any, *, today: date, more: bool = False) -> dict[str, Any]:
    """Read what another system sent: an object with the same fields; `danger` is an object of codes.

    Raises:
        RuleBroken: with a sentence per place in the body; an unknown field is refused, never lost.
    """
    if not isinstance(body, dict):
        raise RuleBroken("Send one JSON object.", code="FORM", fields={"": "Send one JSON object."})
    wrong = {str(name)[:60]: "There is no such field." for name in body if name not in FIELDS}
    flat: MultiDict[str, str] = MultiDict()
    for name, value in body.items():
        if name == "danger" or name in wrong or value is None:
            continue
        if name == "age" and isinstance(value, int) and not isinstance(value, bool):
            flat[name] = str(value)
        elif isinstance(value, str):
            flat[name] = value
        else:
            wrong[name] = "Send a text." if name != "age" else "Send a whole number."
    danger = body.get("danger")
    if danger is not None and not _is_danger(danger):
        wrong["danger"] = f"Send an object with {', '.join(DANGER)}: yes, no, unknown or not_able_to_ask."
    try:
        told = read_form(flat, today=today, more=more)
    except RuleBroken as broken:
        raise RuleBroken(PROBLEM, code="FORM", fields={**broken.fields, **wrong}) from broken
    if wrong:
        raise RuleBroken(PROBLEM, code="FORM", fields=wrong)
    told["danger"] = {code: danger.get(code, UNKNOWN) for code in DANGER} if danger else {}
    return told


def _is_danger(value: Any) -> bool:
    return isinstance(value, dict) and all(
        code in DANGER and isinstance(said, str) and said in {YES, "no", UNKNOWN, NOT_ABLE}
        for code, said in value.items()
    )


def missing(told: Mapping[str, Any]) -> list[str]:
    """What is asked for and was not told; "not known" counts as told."""
    found = []
    for name in WANTED:
        if name == "born_on" and (told.get("born_on") or told.get("age") is not None):
            continue
        if not told.get(name):
            found.append(name)
    return found


def values(told: Mapping[str, Any], *, locale: str) -> InquiryValues:
    """The inquiry inside a referral; the number and email are the referrer's own."""
    born = date.fromisoformat(told["born_on"]) if told.get("born_on") else None
    return InquiryValues(
        relation=Relation.PROFESSIONAL,
        danger=told["danger"] or dict.fromkeys(DANGER, UNKNOWN),
        name=unicodedata.normalize("NFC", told["patient_name"]),
        age_years=told["age"],
        born_on=born,
        inquirer=told["referrer_name"],
        organisation=told["organisation"],
        reach=Reach(phone=told["call_back"], email=told["email"]),
        consent=True,
        own_words=told["reason"],
        locale=locale,
        facts={"pregnant": told["pregnant"]} if told["pregnant"] in {"yes", "no"} else {},
    )
