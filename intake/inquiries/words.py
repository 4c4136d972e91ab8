"""Codes and times of this room in the words of staff pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext

from intake.inquiries import answers as a


def _(text: str) -> str:
    return str(gettext(text))


def queue(code: str) -> str:
    """The name of a queue."""
    return {
        "emergency": _("Emergency"),
        "clinician_now": _("Clinician now"),
        "refer_out": _("Refer out"),
        "detox": _("Detox"),
        "callback": _("Callback"),
        "outpatient": _("Outpatient"),
    }.get(code, code)


def target(minutes: int) -> str:
    """A target in words: 15 min, 60 min, 24 h, 72 h."""
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def wait(minutes: int) -> str:
    """A wait in words: 64 min, 2 h 05, 3 d 4 h."""
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 2880:
        return f"{minutes // 60} h {minutes % 60:02d}"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def at(moment: datetime | None, zone: str) -> str:
    """A time as staff read it, in the center's zone: Nov 25, 14:20."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%b %-d, %H:%M") if moment else ""


def state(code: str) -> str:
    """The state of a request."""
    return {
        "new": _("New"),
        "contacting": _("Contacting"),
        "screening": _("Screening"),
        "clinical_review": _("Clinical review"),
        "accepted": _("Accepted"),
        "referred_out": _("Referred out"),
        "not_suitable": _("Not suitable"),
        "declined_by_person": _("The person chose not to go on"),
        "unreachable": _("Not reached"),
        "duplicate": _("Duplicate"),
        "crisis_handed_over": _("Crisis handed over"),
    }.get(code, code)


def channel(code: str) -> str:
    """How a request came."""
    return {
        "web": _("Web form"),
        "phone": _("Phone"),
        "walk_in": _("Walk-in"),
        "referral": _("Referral"),
    }.get(code, code)


def relation(code: str) -> str:
    """Who asks."""
    return {"self": _("self"), "family": _("family"), "professional": _("professional")}.get(code, code)


SIGNAL_TONES = {
    "withdrawal": "red",
    "pregnant": "red",
    "opioid_benzo": "amber",
    "possible_oih": "violet",
    "third_party": "line",
    "no_voicemail": "line",
    "no_phone": "amber",
}


def signal(code: str) -> str:
    """A signal in two or three words."""
    return {
        "withdrawal": _("Withdrawal now"),
        "pregnant": _("Pregnant"),
        "opioid_benzo": _("Opioid and benzo"),
        "possible_oih": _("Possible OIH"),
        "third_party": _("Third party: no consent yet"),
        "no_voicemail": _("No voicemail"),
        "no_phone": _("No phone"),
    }.get(code, code)


def told_rows(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was told, question and answer in words; only what was answered."""
    takes = a.labels((*a.TAKES, ("pills", _("Rx opioid, not theirs"))), told.get("takes", ()))
    rows = [
        (_("Takes"), takes),
        (_("Name of it"), str(told.get("takes_name", ""))),
        (_("For how long"), a.label(a.SINCE, told.get("since", ""))),
        (_("Last use"), a.label(a.LAST_USE, told.get("last_use", ""))),
        (_("Withdrawal now"), a.label(a.WITHDRAWAL, told.get("withdrawal", ""))),
        (_("Feels"), a.labels(a.FEELS, told.get("feels", ()))),
        (_("Pain"), a.labels(a.PAIN, told.get("pain", ()))),
        (_("Pregnant"), a.label(a.PREGNANT, told.get("pregnant", ""))),
        (_("How they know them"), a.label(a.TIES, told.get("tie", ""))),
        (_("Do they know of the request"), a.label(a.KNOWS, told.get("knows", ""))),
        (_("Heard of us from"), a.label(a.SOURCES, told.get("source", ""))),
    ]
    return [(q, w) for q, w in rows if w]


def danger_answer(code: str) -> str:
    """An answer to a danger question."""
    return {
        "yes": _("Yes"),
        "no": _("No"),
        "unknown": _("Not asked"),
        "not_able_to_ask": _("Could not ask"),
    }.get(code, code)


def event(kind: str, params: Mapping[str, Any]) -> str:
    """One line of the story in words."""
    if kind == "attempt":
        how = a.label(a.ATTEMPT_CHANNELS, str(params.get("channel", "")))
        return f"{how}: {a.label(a.ATTEMPT_OUTCOMES, str(params.get('outcome', '')))}"
    if kind == "crisis_handed_over":
        return _("Hand-over") + ": " + a.label(a.HAND_OVER, str(params.get("outcome", "")))
    if kind == "inquiry_closed":
        return _("Closed") + ": " + state(str(params.get("state", "")))
    if kind == "danger_told":
        return _("Emergency sign") + ": " + a.labels(a.DANGER, params.get("signs", ()))
    if kind == "danger_taken_back":
        return _("Says the sign was picked by mistake") + ": " + a.labels(a.DANGER, params.get("signs", ()))
    if kind == "promise":
        return _("Promised a call") if params.get("what") == "callback" else _("Promised a visit")
    return {
        "inquiry_received": _("Request received"),
        "inquiry_reopened": _("Reopened"),
        "asked_to_change": _("Asked by link to change the request"),
        "asked_to_cancel": _("Asked by link to cancel"),
        "questions_sent": _("Questions sent by email"),
        "questions_answered": _("Answered the questions by link"),
        "person_linked": _("Joined with an earlier record"),
        "person_unlinked": _("Join taken back"),
        "contact_agreed": _("The person agreed to be contacted"),
    }.get(kind, kind.replace("_", " ").capitalize())


def danger_rows(danger: Mapping[str, str]) -> list[tuple[str, str]]:
    """The seven danger questions with their answers."""
    return [(str(text), danger_answer(danger.get(code, "unknown"))) for code, text in a.DANGER]


def pointer(name: str) -> str:
    """What a row is that came after a join, from its "table.column:id"."""
    table = name.split(".", 1)[0]
    return {
        "contact_point": _("A phone or address"),
        "inquiry": _("A request"),
        "care_case": _("A case"),
        "appointment": _("An appointment"),
        "consent": _("A consent"),
        "screening": _("A screening"),
        "taper_plan": _("A taper plan"),
        "check_in": _("A check-in"),
    }.get(table, table.replace("_", " "))
