"""The call page: eleven answers are asked, four are needed to save; what was not asked is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from flask_babel import gettext as _

from intake.fields import Reader, read_day
from intake.inquiries import answers as a
from intake.inquiries.forms import NAME, SHORT, WORDS, Form, Told
from intake.inquiries.models import Relation
from intake.inquiries.values import NOT_ABLE, UNKNOWN, InquiryValues, Reach, danger_of

ASKED: tuple[tuple[str, Any], ...] = (
    ("danger", a.SAFETY_FIRST),
    ("relation", a.CALL_WORDS["relation"]),
    ("name", a.CALL_WORDS["name"]),
    ("phone", a.CALL_WORDS["phone"]),
    ("age", a.CALL_WORDS["age"]),
    ("message", a.CALL_WORDS["message"]),
    ("takes", a.CALL_WORDS["takes"]),
    ("last_use", a.CALL_WORDS["last_use"]),
    ("withdrawal", a.CALL_WORDS["withdrawal"]),
    ("pregnant", a.CALL_WORDS["pregnant"]),
    ("consent", a.CALL_WORDS["consent"]),
)
MANY = frozenset({"danger", "takes"})
FIELDS = frozenset(
    {name for name, _label in ASKED}
    | {"no_phone", "best_time", "source", "own_words", "about_name", "organisation", "email"}
)
OLDEST = date(1900, 1, 1)


def typed(form: Form) -> Told:
    """The fields of the call page as typed, cut to a length that can be kept; signs that cannot be stored go."""
    found: Told = {}
    for name in FIELDS & set(form):
        kept = [v.replace("\x00", "").encode("utf-8", "ignore").decode()[: WORDS * 2] for v in form.getlist(name)]
        found[name] = [v for v in kept[:40] if v] if name in MANY else kept[0]
    return found


def whole(form: Form) -> Told:
    """All fields of the page as typed; boxes not ticked are empty."""
    return {name: [] if name in MANY else "" for name in FIELDS} | typed(form)


def missing(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The asked questions without an answer: field and words."""
    open_ = [(name, str(words)) for name, words in ASKED if not told.get(name)]
    return [(n, w) for n, w in open_ if not (n in {"phone", "message"} and told.get("no_phone"))]


def read(form: Form, *, today: date) -> InquiryValues:
    """The call as an inquiry.

    Raises:
        RuleBroken: FORM, with a sentence for each field; needed are who calls, a name, a phone (or that they will
            call) and whether a message is safe.
    """
    r = Reader(form)
    danger = r.choices("danger", (*a.DANGER_CODES, a.NONE, NOT_ABLE))
    if len(danger) > 1 and (a.NONE in danger or NOT_ABLE in danger):
        r.wrong("danger", _("A sign is picked and also “None of these” or “Could not ask”. Keep what is true."))
    relation = r.choice("relation", a.WHO_CODES, required=_("Pick who is calling."))
    name = r.text("name", limit=NAME, required=_("Enter a name to use; any name is fine."))
    phone = _phone(r)
    age, born_on = _age(r, today)
    told = {
        "takes": list(r.choices("takes", a.codes(a.SUBSTANCES))),
        "last_use": r.choice("last_use", a.codes(a.LAST_USE)),
        "withdrawal": r.choice("withdrawal", a.codes(a.WITHDRAWAL)),
        "pregnant": r.choice("pregnant", a.codes(a.PREGNANT)),
        "source": r.choice("source", a.codes(a.SOURCES)),
    }
    message = r.choice(
        "message",
        a.codes(a.MESSAGE_SAFE),
        required="" if r.yes("no_phone") else _("Pick whether a message is safe."),
    )
    said = InquiryValues(
        relation=Relation(relation or "self"),
        danger=danger_of(danger),
        age_years=age,
        born_on=born_on,
        organisation=r.text("organisation", limit=SHORT),
        reach=Reach(
            phone=phone,
            email=r.email("email"),
            may_voicemail=message == "yes",
            may_text=message in {"yes", "text"},
            hours=r.choice("best_time", a.codes(a.BEST_TIME)),
        ),
        will_call_back=r.yes("no_phone"),
        consent=r.yes("consent"),
        own_words=r.text("own_words", limit=WORDS),
        funding=UNKNOWN,
        facts={k: v for k, v in told.items() if v},
    )
    about = r.text("about_name", limit=NAME)
    r.check()
    if said.relation is Relation.SELF:
        return replace(said, name=name)
    return replace(said, inquirer=name, name=about)


def _phone(r: Reader) -> str:
    none = r.yes("no_phone")
    needed = _("Enter a phone number with 10 digits, like 555 014 2200, or tick “will call back”.")
    phone = r.phone("phone", required="" if none else needed)
    if phone and none:
        r.wrong("phone", _("There is a number and also “will call back”. Keep the one that is true."))
    return phone


def _age(r: Reader, today: date) -> tuple[int | None, date | None]:
    """Whole years or a birth date, as people say it."""
    raw = r.text("age", limit=40)
    if not raw:
        return None, None
    if raw.isascii() and raw.isdigit() and len(raw) <= 3:
        if int(raw) <= 120:
            return int(raw), None
    else:
        born = read_day(raw)
        if born is not None and OLDEST <= born <= today:
            return None, born
    r.wrong("age", _("Enter an age like 31, or a date of birth like 7/3/1994."))
    return None, None


def so_far(told: Mapping[str, Any], *, today: date) -> InquiryValues:
    """What half a call tells: each field that can be read, the others unknown; never an error."""
    form = Form([(k, v) for k, vs in told.items() for v in (vs if isinstance(vs, list) else [vs])])
    r = Reader(form)
    age, born_on = _age(r, today)
    relation = r.choice("relation", a.WHO_CODES) or "self"
    name, about = r.text("name", limit=NAME), r.text("about_name", limit=NAME)
    return InquiryValues(
        relation=Relation(relation),
        danger=danger_of(r.choices("danger", (*a.DANGER_CODES, a.NONE, NOT_ABLE))),
        name=name if relation == "self" else about,
        inquirer="" if relation == "self" else name,
        age_years=age,
        born_on=born_on,
        reach=Reach(phone=r.phone("phone")),
        consent=r.yes("consent"),
        own_words=r.text("own_words", limit=WORDS),
        facts={
            "takes": list(r.choices("takes", a.codes(a.SUBSTANCES))),
            "last_use": r.choice("last_use", a.codes(a.LAST_USE)),
            "withdrawal": r.choice("withdrawal", a.codes(a.WITHDRAWAL)),
            "pregnant": r.choice("pregnant", a.codes(a.PREGNANT)),
        },
    )
