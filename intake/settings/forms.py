"""The shape of what administrators type about the center and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from werkzeug.datastructures import MultiDict

from intake.clinical import wording
from intake.fields import Reader
from intake.settings import education, zones
from intake.settings.editable import EDITABLE

MOST_ALIASES = 20
LONGEST_REVIEW = timedelta(days=3 * 366)


@dataclass(frozen=True)
class Center:
    """What a center is called and where it stands."""

    name: str
    discreet_name: str
    aliases: tuple[str, ...]
    phone: str
    email_from: str
    time_zone: str
    leave_url: str


def read_center(form: MultiDict[str, str]) -> Center:
    """Read the center.

    Raises:
        RuleBroken: with a sentence per field; the discreet name may not tell what the center does.
    """
    r = Reader(form)
    name = _line(r, "name", "Enter the name of the center.")
    discreet = _line(r, "discreet_name", "Enter the name for calls and emails.")
    hits = wording.check_email(discreet, "").hits
    if hits:
        r.wrong("discreet_name", f"This name tells what the center does ({', '.join(hits)}). Choose a neutral one.")
    phone = r.phone("phone", required="Enter the phone number people call.")
    email = r.email("email_from", required="Enter the address that emails come from.")
    if email and wording.check_email(email, "").hits:
        r.wrong("email_from", "This address tells what the center does. Choose a neutral one.")
    zone = r.text("time_zone", limit=60, required="Pick a time zone.")
    if zone and not zones.is_known(zone):
        r.wrong("time_zone", "Pick a time zone of the list, like America/Chicago.")
    aliases = tuple(a.strip() for a in r.text("aliases", limit=1000).split("\n") if a.strip())
    if len(aliases) > MOST_ALIASES or any(len(a) > 100 for a in aliases):
        r.wrong("aliases", f"At most {MOST_ALIASES} names of at most 100 signs, one a line.")
    leave = _line(r, "leave_url", "Enter the page that a person is taken to when they leave fast.", limit=300)
    found = urlsplit(leave)
    if leave and (found.scheme != "https" or not found.netloc or "@" in found.netloc):
        r.wrong("leave_url", "Enter an address that begins with https://")
    r.check()
    return Center(name, discreet, aliases, form.get("phone", "").strip() or phone, email, zone, leave)


def _line(r: Reader, field: str, required: str, *, limit: int = 100) -> str:
    text = r.text(field, limit=limit, required=required)
    if "\n" in text or "\t" in text:
        r.wrong(field, "Enter this on one line.")
    return text


@dataclass(frozen=True)
class Values:
    """New values by setting, and who approves them."""

    values: Mapping[str, Any]
    approver: str


def read_values(form: MultiDict[str, str]) -> Values:
    """Read every setting of the page.

    Raises:
        RuleBroken: a number outside its limits, or no approver.
    """
    r = Reader(form)
    found: dict[str, Any] = {}
    for each in EDITABLE:
        if each.is_yes_no:
            found[each.key] = r.yes(each.name)
            continue
        number = r.whole(each.name, low=each.low, high=each.high, required=f"{each.words}: enter a number.")
        if each.part:
            found.setdefault(each.key, {})[each.part] = number
        else:
            found[each.key] = number
    _in_order(r, found)
    approver = _line(r, "approver", "Name who approves this change.")
    r.check()
    return Values(found, approver)


def _in_order(r: Reader, found: Mapping[str, Any]) -> None:
    targets = [found["targets_minutes"].get(n) for n in ("1", "2", "3", "4")]
    if None not in targets and targets != sorted(targets):
        r.wrong("targets_minutes.2", "A more urgent case cannot wait longer than a less urgent one.")
    opens, closes = found["working_hours"].get("from"), found["working_hours"].get("to")
    if opens is not None and closes is not None and closes <= opens:
        r.wrong("working_hours.to", "The day has to end after it begins.")
    lease, warning = found["claim_lease_minutes"], found["claim_warning_minutes"]
    if lease is not None and warning is not None and warning >= lease:
        r.wrong("claim_warning_minutes", "The warning has to come before the claim goes back.")


@dataclass(frozen=True)
class Review:
    """Who reviewed an education text, when, and until when that holds; `seen` is the digest of the words read."""

    topic: str
    locale: str
    reviewer: str
    reviewed_on: date
    expires_on: date
    seen: str


def read_review(form: MultiDict[str, str], *, today: date) -> Review:
    """Read the review of an education text.

    Raises:
        RuleBroken: no reviewer, a review in the future or over three years old, or an end that does not lie ahead.
    """
    r = Reader(form)
    topic = r.choice("topic", education.TOPICS, required="Pick a text.")
    locale = r.choice("locale", education.LOCALES, required="Pick a language.")
    reviewer = _line(r, "reviewer", "Name the clinician who reviewed this text.")
    day = r.day("reviewed_on", earliest=today - LONGEST_REVIEW, latest=today, required="Enter the day of the review.")
    last = today + LONGEST_REVIEW
    end = r.day("expires_on", earliest=today, latest=last, required="Enter until when the review holds.")
    r.check()
    assert day is not None
    assert end is not None
    return Review(topic, locale, reviewer, day, end, form.get("seen", "")[:64])
