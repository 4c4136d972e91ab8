"""How complete the items are that States ask for at admission, field by field, under the names of the codebook.

Only admissions count: somebody screened or waiting is no client. A field is known when it was answered; "not known" and
a blank are both missing, and neither is ever counted as a value. Source: TEDS-A codebook 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from intake import crypto
from intake.cases.models import Case
from intake.db import db
from intake.inquiries.models import Inquiry, Relation
from intake.people import demographics
from intake.people import queries as people
from intake.people.models import Person
from intake.reports.table import Table, share
from intake.screening.documents import document
from intake.screening.findings import flat
from intake.screening.models import Screening, ScreeningState
from intake.settings import queries as settings

UNKNOWN = {"", "unknown", "unsure", "not_able", "declined", "-9", None}


@dataclass(frozen=True)
class Admission:
    """One admission with what is known about the person on that day."""

    case: Case
    inquiry: Inquiry
    person: people.PersonView
    answers: Mapping[str, Any]
    social: Mapping[str, Any]
    earlier: int = 0


Known = Callable[[Admission], object]


def _answer(name: str) -> Known:
    return lambda a: a.answers.get(name)


def _social(name: str) -> Known:
    return lambda a: a.social.get(name)


def _first_of(*names: str) -> Known:
    return lambda a: next((v for name in names if (v := a.answers.get(name)) not in UNKNOWN), None)


def _source(a: Admission) -> object:
    told = a.social.get("PSOURCE")
    if told not in UNKNOWN:
        return told
    return a.inquiry.relation.value if a.inquiry.relation is not Relation.FAMILY else a.inquiry.channel.value


def _prior(a: Admission) -> object:
    """Earlier treatments as told; when nobody asked, those at this center (flow D5), 5 for five or more."""
    told = a.social.get("NOPRIOR")
    return told if told not in UNKNOWN or not a.earlier else str(min(a.earlier, 5))


def _medication(a: Admission) -> object:
    return a.case.moud.get("answer") or a.answers.get("moud")


def _waited(a: Admission) -> object:
    return None if a.case.request_on is None else a.case.request_on.isoformat()


def _first_use(n: int) -> Known:
    return lambda a: a.social.get(f"FRSTUSE{n}") or a.answers.get(f"substances-{n}-first_age")


# Field of the codebook -> (its words, where we know it from). The first are the minimum set, the rest supplemental.
MINIMUM: Mapping[str, tuple[str, Known]] = {
    "SERVICES": ("Service setting", lambda a: a.case.admit_level),
    "PSOURCE": ("Referral source", _source),
    "SUB1": ("First substance", _first_of("opioids-1-drug", "substances-1-what")),
    "SUB2": ("Second substance", _first_of("substances-1-what", "opioids-2-drug")),
    "SUB3": ("Third substance", _first_of("substances-2-what", "opioids-3-drug")),
    "ROUTE1": ("Route of the first", _first_of("opioids-1-route", "substances-1-how")),
    "ROUTE2": ("Route of the second", _first_of("substances-1-how", "opioids-2-route")),
    "ROUTE3": ("Route of the third", _first_of("substances-2-how", "opioids-3-route")),
    "FREQ1": ("How often, the first", _first_of("opioids-1-freq", "substances-1-often")),
    "FREQ2": ("How often, the second", _first_of("substances-1-often", "opioids-2-freq")),
    "FREQ3": ("How often, the third", _first_of("substances-2-often", "opioids-3-freq")),
    "FRSTUSE1": ("Age at first use, the first", _first_use(1)),
    "FRSTUSE2": ("Age at first use, the second", _first_use(2)),
    "FRSTUSE3": ("Age at first use, the third", _first_use(3)),
    "METHUSE": ("Planned medication for OUD", _medication),
    "NOPRIOR": ("Earlier treatments", _prior),
    "AGE": ("Age", lambda a: a.person.age),
    "GENDER": ("Sex", lambda a: a.social.get("GENDER")),
    "RACE": ("Race", _social("RACE")),
    "ETHNIC": ("Ethnicity", _social("ETHNIC")),
    "EDUC": ("Education", _social("EDUC")),
    "EMPLOY": ("Employment", _social("EMPLOY")),
}  # fmt: skip
SUPPLEMENTAL: Mapping[str, tuple[str, Known]] = {
    "DAYWAIT": ("Days waiting", _waited),
    "PRIMINC": ("Source of income", _social("PRIMINC")),
    "PRIMPAY": ("Who pays", lambda a: a.inquiry.funding),
    "HLTHINS": ("Health insurance", lambda a: a.inquiry.funding),
    "LIVARAG": ("Living arrangements", lambda a: a.answers.get("living") or a.social.get("LIVARAG")),
    "ARRESTS": ("Arrests in 30 days", _social("ARRESTS")),
    "MARSTAT": ("Marital status", _social("MARSTAT")),
    "PREG": ("Pregnant", _answer("pregnancy")),
    "VET": ("Veteran", _social("VET")),
    "PSYPROB": ("Mental health as well", lambda a: a.answers.get("psych_unstable") or a.social.get("PSYPROB")),
    "DETNLF": ("Not in the labor force, detail", _social("DETNLF")),
    "DETCRIM": ("Court referral, detail", _social("DETCRIM")),
    "DSMCRIT": ("Diagnosis", _social("DSMCRIT")),
    "FREQ_ATND_SELF_HELP": ("Self-help groups", _social("FREQ_ATND_SELF_HELP")),
}
FIELDS: Mapping[str, tuple[str, Known]] = {**MINIMUM, **SUPPLEMENTAL}


def teds(site_id: int, since: datetime, until: datetime) -> Table:
    """Per field: admissions of the period, how many have it, and the share; fields below are those of the codebook."""
    admissions = _admissions(site_id, since, until)
    rows = []
    for name, (words, known) in FIELDS.items():
        count = sum(_is_known(known(a)) for a in admissions)
        part = "minimum" if name in MINIMUM else "supplemental"
        rows.append((name, words, part, len(admissions), count, share(count, len(admissions))))
    return Table(
        "teds",
        "Items the State asks for at admission",
        ("Field", "Item", "Set", "Admissions", "Known", "Known, %"),
        tuple(rows) if admissions else (),
    )


def _is_known(value: object) -> bool:
    return value is not None and str(value) not in UNKNOWN


def _admissions(site_id: int, since: datetime, until: datetime) -> list[Admission]:
    zone = settings.zone(settings.site(site_id))
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    rows = db.session.execute(
        select(Case, Inquiry, Person)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .join(Person, Person.id == Case.person_id)
        .where(Case.site_id == site_id, Case.admitted_on >= first, Case.admitted_on < last)
    ).all()
    sheets: dict[int, Screening] = {}
    for sheet in db.session.scalars(
        select(Screening)
        .where(Screening.inquiry_id.in_([i.id for _, i, _ in rows]), Screening.state == ScreeningState.COMPLETE)
        .order_by(Screening.completed_at)
    ):
        sheets[sheet.inquiry_id] = sheet
    crypto.prefetch([*(p.born_on for _, _, p in rows), *(s.answers for s in sheets.values())])
    opened = people.opened_many({p.id for _, _, p in rows})
    before = _days_in_care(list(opened))
    return [
        Admission(
            case, inquiry, opened[person.id], _answers(sheets.get(inquiry.id)), demographics.answers(person),
            sum(day < (case.admitted_on or date.min) for day in before[person.id]),
        )
        for case, inquiry, person in rows
    ]  # fmt: skip


def _days_in_care(person_ids: list[int]) -> dict[int, list[date]]:
    found: dict[int, list[date]] = {each: [] for each in person_ids}
    ever = Case.admitted_on.is_not(None)
    for person_id, day in db.session.execute(
        select(Case.person_id, Case.admitted_on).where(Case.person_id.in_(person_ids), ever)
    ):
        found[person_id].append(day or date.min)
    return found


def _answers(sheet: Screening | None) -> Mapping[str, Any]:
    return {} if sheet is None else flat(document(sheet))
