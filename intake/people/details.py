"""Who somebody is, as they tell it themselves: names, language, what helps them to read, hear and see, allergies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.fields import Reader
from intake.messages import service as messages
from intake.people import hours, queries
from intake.people.demographics import editable
from intake.people.indexing import index_person
from intake.people.models import Person
from intake.settings import zones

NAME, LINE, WORDS = 100, 80, 300
LOCALES = {"en": "English", "es": "Spanish"}
LANGUAGES = {
    "en": "English",
    "es": "Spanish",
    "zh": "Chinese",
    "vi": "Vietnamese",
    "ht": "Haitian Creole",
    "pt": "Portuguese",
    "ru": "Russian",
    "ar": "Arabic",
    "ase": "American Sign Language",
    "other": "Another",
}
SEALED = ("used_name", "legal_name", "pronouns", "gender", "needs", "allergies")
PLAIN = ("language", "locale", "interpreter", "county", "no_fixed_address", "time_zone")


@dataclass(frozen=True)
class Details:
    """Everything the page of a person asks; texts may be empty, a birth date once known is not taken away."""

    used_name: str = ""
    legal_name: str = ""
    born_on: date | None = None
    pronouns: str = ""
    gender: str = ""
    language: str = ""
    locale: str = "en"
    time_zone: str = ""
    interpreter: bool = False
    needs: str = ""
    county: str = ""
    no_fixed_address: bool = False
    allergies: str = ""


def of(person: Person) -> Details:
    """The details of a person with the seals opened."""
    known: dict[str, Any] = {name: getattr(person, name) for name in PLAIN}
    for name in SEALED:
        known[name] = crypto.open_(getattr(person, name), at=f"person.{name}", row=person.id)
    return Details(**known, born_on=queries.opened(person).born_on)


def missing_for_admission(person_id: int) -> list[str]:
    """What product.md asks for at admission and nobody told yet, in words; it stands in the way of nothing."""
    known = of(queries.person(person_id))
    homed = known.no_fixed_address or any(p.kind == "post" and p.usable for p in queries.contact_points(person_id))
    asked = (
        (known.legal_name, "legal name"),
        (known.born_on, "birth date"),
        (known.language, "language"),
        (homed, "address"),
        (known.county, "county"),
    )
    return [words for value, words in asked if not value]


def read(r: Reader, *, today: date, zone: str) -> Details:
    """The page as sent; `zone` is the time zone that is known, kept when none is sent.

    Raises:
        RuleBroken: with a sentence per field.
    """
    found = Details(
        used_name=r.text("used_name", limit=NAME),
        legal_name=r.text("legal_name", limit=NAME),
        born_on=r.day("born_on", earliest=date(1900, 1, 1), latest=today),
        pronouns=r.text("pronouns", limit=LINE),
        gender=r.text("gender", limit=LINE),
        language=r.choice("language", tuple(LANGUAGES)),
        locale=r.choice("locale", tuple(LOCALES), default="en"),
        time_zone=r.choice("time_zone", [value for value, _words in zones.choices(zone)], default=zone),
        interpreter=r.yes("interpreter"),
        needs=r.text("needs", limit=WORDS),
        county=r.text("county", limit=LINE),
        no_fixed_address=r.yes("no_fixed_address"),
        allergies=r.text("allergies", limit=WORDS),
    )
    r.check()
    return found


def save(person_id: int, told: Details, *, version: int | None, case_id: int, actor: Actor, now: datetime) -> Person:
    """Keep what a person told about themselves; find and mail follow the new names, language and time zone at once.

    Raises:
        Missing: no such person here. NotPermitted: the role. AlreadyDone: the person changed since `version`.
    """
    row = editable(person_id, version=version, actor=actor)
    before = of(row)
    changed = sorted(
        name for name in (*SEALED, *PLAIN, "born_on")
        if getattr(before, name) != getattr(told, name) and (name != "born_on" or told.born_on is not None)
    )  # fmt: skip
    for name in changed:
        _set(row, name, getattr(told, name))
    if changed:
        index_person(row)
        messages.touch(recipient_id=row.id)
        if "time_zone" in changed:
            hours.move_reminders(row, now=now)
        audit.record(
            actor=actor, verb="changed", record="person", record_id=row.id, site_id=row.site_id, case_id=case_id,
            changed=changed, purpose="details", now=now,
        )  # fmt: skip
    return row


def _set(row: Person, name: str, value: object) -> None:
    if name in PLAIN:
        setattr(row, name, value)
        return
    text = value.isoformat() if isinstance(value, date) else str(value)
    setattr(row, name, crypto.seal(text, key_of=row.id, at=f"person.{name}", row=row.id) if text else None)
