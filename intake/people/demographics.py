"""Items of daily life that States ask for at admission (TEDS-A codebook 2017): asked once, sealed, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from intake import crypto
from intake.actor import STAFF, Actor
from intake.audit import service as audit
from intake.db import db
from intake.errors import AlreadyDone, Missing, NotPermitted
from intake.fields import Reader
from intake.people.models import Person, PersonKind

NOT_KNOWN = "-9"
Choices = tuple[tuple[str, str], ...]
_AGES: Choices = (
    ("1", "11 or younger"), ("2", "12 to 14"), ("3", "15 to 17"), ("4", "18 to 20"), ("5", "21 to 24"),
    ("6", "25 to 29"), ("7", "30 or older"),
)  # fmt: skip
_YES_NO: Choices = (("1", "Yes"), ("2", "No"))

# Heading -> field of the codebook -> (its words, code and words of each answer). Codes are the codebook's own.
ITEMS: Mapping[str, Mapping[str, tuple[str, Choices]]] = {
    "The person": {
        "GENDER": ("Sex", (("1", "Male"), ("2", "Female"))),
        "RACE": ("Race", (
            ("1", "Alaska Native"), ("2", "American Indian"), ("6", "Asian"), ("4", "Black or African American"),
            ("9", "Native Hawaiian or other Pacific Islander"), ("3", "Asian or Pacific Islander, not told apart"),
            ("5", "White"), ("8", "Two or more"), ("7", "Another"),
        )),
        "ETHNIC": ("Hispanic or Latino origin", (
            ("4", "Not of this origin"), ("2", "Mexican"), ("1", "Puerto Rican"), ("3", "Cuban or another"),
            ("5", "Yes, not said which"),
        )),
        "MARSTAT": ("Marital status", (
            ("1", "Never married"), ("2", "Married"), ("3", "Separated"), ("4", "Divorced or widowed"),
        )),
        "VET": ("Veteran", _YES_NO),
    },
    "Work and home": {
        "EDUC": ("Years of school", (
            ("1", "8 or fewer"), ("2", "9 to 11"), ("3", "12, or GED"), ("4", "13 to 15"), ("5", "16 or more"),
        )),
        "EMPLOY": ("Work", (
            ("1", "Full time"), ("2", "Part time"), ("3", "Looking for work"), ("4", "Not in the labor force"),
        )),
        "DETNLF": ("If not in the labor force", (
            ("1", "Runs the home"), ("2", "Student"), ("3", "Retired, or living with a disability"),
            ("4", "Lives in an institution"), ("5", "Another reason"),
        )),
        "LIVARAG": ("Lives", (("1", "Without a home"), ("2", "Depending on others"), ("3", "Independently"))),
        "PRIMINC": ("Main income", (
            ("1", "Wages"), ("2", "Public assistance"), ("3", "Pension or disability"), ("4", "Another"),
            ("5", "None"),
        )),
    },
    "The way here": {
        "PSOURCE": ("Who sent the person", (
            ("1", "Came on their own, or through family"), ("2", "Another treatment center"),
            ("3", "Other health care"), ("4", "School"), ("5", "Employer"), ("6", "Other community help"),
            ("7", "Court or other justice"),
        )),
        "DETCRIM": ("If sent by justice", (
            ("1", "State or federal court"), ("2", "Formal process"), ("3", "Probation or parole"),
            ("4", "Another legal body"), ("5", "Diversion program"), ("6", "Prison"), ("7", "Driving under influence"),
            ("8", "Another"),
        )),
        "ARRESTS": ("Arrests in the last 30 days", (("0", "None"), ("1", "One"), ("2", "Two or more"))),
        "NOPRIOR": ("Earlier treatments", (
            ("0", "None"), ("1", "1"), ("2", "2"), ("3", "3"), ("4", "4"), ("5", "5 or more"),
        )),
        "FREQ_ATND_SELF_HELP": ("Self-help groups in the last 30 days", (
            ("1", "Not once"), ("2", "1 to 3 times"), ("3", "4 to 7 times"), ("4", "8 to 30 times"),
            ("5", "Some, not known how often"),
        )),
        "FRSTUSE1": ("Age at first use, first substance", _AGES),
        "FRSTUSE2": ("Age at first use, second substance", _AGES),
        "FRSTUSE3": ("Age at first use, third substance", _AGES),
        "PSYPROB": ("A mental health problem as well", _YES_NO),
        "DSMCRIT": ("Diagnosis, as a clinician recorded it", (
            ("5", "Opioid use disorder, moderate or severe"), ("12", "Opioid use disorder, mild"),
            ("4", "Alcohol use disorder, moderate or severe"), ("9", "Alcohol use disorder, mild"),
            ("6", "Cocaine use disorder, moderate or severe"), ("13", "Cocaine use disorder, mild"),
            ("7", "Cannabis use disorder, moderate or severe"), ("10", "Cannabis use disorder, mild"),
            ("8", "Another use disorder, moderate or severe"), ("11", "Another use disorder, mild"),
            ("14", "Anxiety"), ("15", "Depression"), ("17", "Bipolar disorder"), ("16", "Psychosis"),
            ("18", "Attention deficit"), ("19", "Another mental health condition"),
        )),
    },
}  # fmt: skip
_SEX = {"1": "male", "2": "female"}
_AT = "person.demographics"


def answers(person: Person) -> dict[str, str]:
    """What is known so far, field of the codebook -> code; a field nobody asked about is absent."""
    text = crypto.open_(person.demographics, at=_AT, row=person.id)
    found: dict[str, str] = json.loads(text) if text and text != crypto.ERASED else {}
    if person.sex in _SEX.values():
        found["GENDER"] = next(code for code, word in _SEX.items() if word == person.sex)
    return found


def read(form: MultiDict[str, str]) -> dict[str, str]:
    """The answers of the form; blank is not asked, -9 is asked and not known.

    Raises:
        RuleBroken: an answer that is not of the list, by field.
    """
    reader = Reader(form)
    found = {}
    for group in ITEMS.values():
        for name, (_, choices) in group.items():
            found[name] = reader.choice(name, [code for code, _ in choices] + [NOT_KNOWN])
    reader.check()
    return {name: code for name, code in found.items() if code}


def read_version(form: MultiDict[str, str]) -> int:
    """The version of the person that the page was made from.

    Raises:
        RuleBroken: it is no number.
    """
    reader = Reader(form)
    version = reader.whole("version", low=1, high=10**9) or 0
    reader.check()
    return version


def editable(person_id: int, *, version: int | None, actor: Actor) -> Person:
    """The person, locked, for a form that was opened at `version`.

    Raises:
        Missing: no such person here. NotPermitted: the role. AlreadyDone: the person changed since `version`.
    """
    if not actor.may(*STAFF):
        raise NotPermitted("Your role does not record this.")
    row = db.session.scalar(
        select(Person).where(Person.id == person_id, Person.site_id == actor.site_id).with_for_update()
    )
    if row is None or row.kind is PersonKind.TOMBSTONE:
        raise Missing("There is no such person.")
    if row.version != version:
        raise AlreadyDone("Somebody changed this person while you were writing. Look again, then save.", code="CHANGED")
    return row


def save(person_id: int, given: Mapping[str, str], *, version: int, actor: Actor, now: datetime) -> None:
    """Keep the answers, sealed; the sex also stands on the person, where beds and scores read it.

    Raises:
        Missing: no such person here. NotPermitted: the role. AlreadyDone: the person changed since `version`.
    """
    row = editable(person_id, version=version, actor=actor)
    before = answers(row)
    row.demographics = crypto.seal(json.dumps(dict(given), sort_keys=True), key_of=row.id, at=_AT, row=row.id)
    row.sex = _SEX.get(given.get("GENDER", ""), "unknown")
    changed = sorted(name for name in {*before, *given} if before.get(name) != given.get(name))
    audit.record(
        actor=actor, verb="changed", record="person", record_id=row.id, site_id=row.site_id, changed=changed,
        purpose="state_items", now=now,
    )  # fmt: skip
