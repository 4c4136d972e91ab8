"""The shape of what people type: each page's answers, and the whole as InquiryValues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from intake.fields import Reader
from intake.inquiries import answers as a
from intake.inquiries.models import Relation
from intake.inquiries.values import UNKNOWN, InquiryValues, Reach, danger_of

Form = MultiDict[str, str]
Told = dict[str, Any]

STEPS = ("now", "who", "you", "use", "pain", "reach", "feel", "pay")
MINUTES_LEFT = {"now": 4, "who": 3, "you": 3, "use": 3, "pain": 2, "reach": 2, "feel": 1, "pay": 1}
NAME, WORDS, SHORT = 100, 2000, 200
# The pages without which nobody could be helped or called; the others may be skipped.
NEEDED = ("now", "who", "you", "reach")


def _now(r: Reader) -> Told:
    picked = r.choices(
        "danger",
        (*a.DANGER_CODES, a.NONE),
        required=_("Pick all that fit. If nothing fits, pick “None of these”."),
    )
    if a.NONE in picked and len(picked) > 1:
        r.wrong("danger", _("You picked “None of these” and also a sign. Keep the one that is true."))
    return {"danger": list(picked)}


def _who(r: Reader) -> Told:
    return {"who": r.choice("who", a.WHO_CODES, required=_("Pick who needs care."))}


def _you(r: Reader, who: str) -> Told:
    told: Told = {"age": r.whole("age", low=0, high=120)}
    if who == "self" or not who:
        return told | {"name": r.text("name", limit=NAME, required=_("Tell us a name to use. Any name is fine."))}
    told |= {
        "inquirer": r.text("inquirer", limit=NAME, required=_("Tell us your name. Any name is fine.")),
        "name": r.text("name", limit=NAME),
    }
    if who == "family":
        return told | {"tie": r.choice("tie", a.codes(a.TIES)), "knows": r.choice("knows", a.codes(a.KNOWS))}
    return told | {
        "organisation": r.text("organisation", limit=SHORT, required=_("Tell us where you work.")),
    }


def _use(r: Reader) -> Told:
    return {
        "takes": list(r.choices("takes", a.codes(a.TAKES))),
        "since": r.choice("since", a.codes(a.SINCE)),
        "takes_name": r.text("takes_name", limit=SHORT),
    }


def _pain(r: Reader) -> Told:
    picked = r.choices("pain", a.codes(a.PAIN))
    if "no_pain" in picked and len(picked) > 1:
        r.wrong("pain", _("You picked “I have no pain” and also a kind of pain. Keep the one that is true."))
    return {"pain": list(picked)}


def _reach(r: Reader) -> Told:
    none = r.yes("no_phone")
    required = "" if none else _("Enter a phone number with 10 digits, like 555 014 2200")
    phone = r.phone("phone", required=required)
    if none and phone:
        r.wrong("no_phone", _("You gave a phone number and also said that you have none. Keep the one that is true."))
    voicemail = r.choice(
        "voicemail", a.codes(a.VOICEMAIL), required="" if none else _("Tell us if we can leave a voice message")
    )
    return {
        "phone": phone,
        "no_phone": "yes" if none else "",
        "voicemail": voicemail,
        "text": r.choice("text", a.codes(a.YES_NO)),
        "email": r.email("email"),
        "best_time": r.choice("best_time", a.codes(a.BEST_TIME)),
    }


def _feel(r: Reader) -> Told:
    picked = r.choices("feels", a.codes(a.FEELS))
    if "fine" in picked and len(picked) > 1:
        r.wrong("feels", _("You picked “I feel OK” and also a sign. Keep the one that is true."))
    return {"feels": list(picked), "own_words": r.text("own_words", limit=WORDS)}


def _pay(r: Reader) -> Told:
    return {"funding": r.choice("funding", a.codes(a.FUNDING))}


_READERS: dict[str, Callable[[Reader], Told]] = {
    "now": _now,
    "who": _who,
    "use": _use,
    "pain": _pain,
    "reach": _reach,
    "feel": _feel,
    "pay": _pay,
}


def read_step(step: str, form: Form, told: Mapping[str, Any]) -> Told:
    """The answers of one page of the public form, in normal form.

    Raises:
        RuleBroken: FORM, with a sentence for each field that is not right.
    """
    reader = Reader(form)
    found = _you(reader, str(told.get("who", ""))) if step == "you" else _READERS[step](reader)
    reader.check()
    return found


def first_open(told: Mapping[str, Any]) -> str | None:
    """The first page not yet sent on, or None when all were; pages that may be skipped count once seen."""
    seen = set(told.get("seen", ()))
    return next((s for s in STEPS if s not in seen), None)


def typed(form: Form) -> Told:
    """What was typed, as it was typed, so that a page with an error shows it again; long texts are cut."""
    many = {"danger", "takes", "pain", "feels"}
    return {
        name: [v[:60] for v in form.getlist(name)][:40] if name in many else form.get(name, "")[: WORDS * 2]
        for name in form
        if name not in {"csrf_token", "change"}
    }


def values(told: Mapping[str, Any], *, locale: str) -> InquiryValues:
    """The whole of a public form as one inquiry; what was not answered is unknown."""
    who = told.get("who") or "self"
    return InquiryValues(
        relation=Relation(who),
        danger=danger_of(told.get("danger", ())),
        name=told.get("name", ""),
        age_years=told.get("age"),
        inquirer=told.get("inquirer", ""),
        organisation=told.get("organisation", ""),
        reach=Reach(
            phone=told.get("phone", ""),
            email=told.get("email", ""),
            may_voicemail=told.get("voicemail") == "yes",
            may_text=told.get("text") == "yes",
            hours=told.get("best_time", ""),
        ),
        will_call_back=told.get("no_phone") == "yes",
        consent=told.get("consent") == "yes",
        own_words=told.get("own_words", ""),
        funding=told.get("funding") or UNKNOWN,
        locale=locale,
        facts={k: told[k] for k in ("takes", "since", "takes_name", "pain", "feels", "tie", "knows") if told.get(k)},
    )


def read_consent(form: Form, told: Mapping[str, Any]) -> Told:
    """The box on the last page: may we contact you; not needed when the person will call.

    Raises:
        RuleBroken: FORM, the box is not ticked although a phone was given.
    """
    reader = Reader(form)
    agreed = reader.yes("consent")
    if not agreed and told.get("no_phone") != "yes":
        reader.wrong(
            "consent", _("Tick the box if we may call you. If not, change “How to reach you” and say you will call.")
        )
    reader.check()
    return {"consent": "yes" if agreed else ""}
