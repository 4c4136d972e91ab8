"""The answers of the public form in words, for the check page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from intake.inquiries import answers as a
from intake.inquiries.values import YES, danger_of
from intake.people.queries import shown_phone

Row = tuple[str, str, str, str]


def pick_one() -> str:
    """The sentence when nothing was picked."""
    return str(_("Pick what you want to do now."))


def rows(told: Mapping[str, Any]) -> tuple[list[Row], list[Row]]:
    """Two lists of (label, value, address to change it, note): about the person, and what is going on."""
    return _about(told), _going_on(told)


def _change(step: str) -> str:
    return url_for(".step", name=step, change=1)


def _about(told: Mapping[str, Any]) -> list[Row]:
    who = told.get("who", "")
    found = [(_("Who needs care"), next((str(text) for c, text, _h in a.WHO if c == who), ""), _change("who"), "")]
    if who in {"family", "professional"}:
        found.append((_("Your name"), told.get("inquirer", ""), _change("you"), ""))
        if who == "professional":
            found.append((_("Where you work"), told.get("organisation", ""), _change("you"), ""))
        else:
            found.append((_("How you know them"), a.label(a.TIES, told.get("tie", "")), _change("you"), ""))
            found.append((_("Do they know you ask"), a.label(a.KNOWS, told.get("knows", "")), _change("you"), ""))
        found.append((_("Their name"), told.get("name", ""), _change("you"), ""))
        found.append((_("Their age"), _number(told.get("age")), _change("you"), ""))
    else:
        found.append((_("Name"), told.get("name", ""), _change("you"), ""))
        found.append((_("Age"), _number(told.get("age")), _change("you"), ""))
    found.append((_("How to reach you"), *_reach(told)))
    if told.get("email"):
        found.append((_("Email"), told["email"], _change("reach"), ""))
    found.append((_("Best time to call"), a.label(a.BEST_TIME, told.get("best_time", "")), _change("reach"), ""))
    return found


def _number(value: Any) -> str:
    return "" if value is None else str(value)


def _reach(told: Mapping[str, Any]) -> tuple[str, str, str]:
    if told.get("no_phone"):
        return _("I will call you"), _change("reach"), ""
    voice = _("You may leave a voice message.")
    if told.get("voicemail") != YES:
        voice = _("Please do not leave a voice message.")
    text = _("Text is OK.") + " " if told.get("text") == YES else ""
    return shown_phone(told.get("phone", "")), _change("reach"), text + voice


def _going_on(told: Mapping[str, Any]) -> list[Row]:
    rows = [(label, value, _change(step), "") for _name, step, (label, value) in state(told)]
    return [*rows, (_("Insurance"), a.label(a.FUNDING, told.get("funding", "")), _change("pay"), "")]


def state(told: Mapping[str, Any]) -> list[tuple[str, str, tuple[str, str]]]:
    """How somebody is, as (field, page, (label, value)); a value is empty when nothing was answered."""
    danger = danger_of(told.get("danger", ()))
    signs = a.labels(a.DANGER, [c for c, answer in danger.items() if answer == YES])
    takes = a.labels(a.TAKES, told.get("takes", ()))
    named = told.get("takes_name", "")
    return [
        ("danger", "now", (_("In danger right now"), signs or _("No, none of these"))),
        ("takes", "use", (_("What is taken"), f"{takes} ({named})" if takes and named else takes or named)),
        ("since", "use", (_("How long"), a.label(a.SINCE, told.get("since", "")))),
        ("pain", "pain", (_("Pain"), a.labels(a.PAIN, told.get("pain", ())))),
        ("feels", "feel", (_("How it feels right now"), a.labels(a.FEELS, told.get("feels", ())))),
        ("own_words", "feel", (_("In your words"), told.get("own_words", ""))),
    ]


def kept_closed(answered: bool) -> str:
    """What stands for an answer that was given in another browser: that there is one, not what it is."""
    return str(_("You answered this before.")) if answered else ""
