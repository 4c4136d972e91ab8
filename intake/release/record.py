"""What each kind of facts of a case is, in words: the only place that reads a record in order to give it out.

Only the gate (`release.service`) calls it, with the parts that a consent or a legal ground names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from intake.cases import codes
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.checkins import queries as checkins
from intake.clinical.products import PRODUCTS
from intake.consents import scope
from intake.db import db
from intake.people import queries as people
from intake.people.models import Person
from intake.screening import queries as screening
from intake.screening import told
from intake.screening.documents import complete_of
from intake.tapers import queries as tapers
from intake.visits import queries as visits
from intake.visits.models import AppointmentState

Rows = list[tuple[str, str]]
Reader = Callable[[Case, ZoneInfo], Rows]
MOST = 200


@dataclass(frozen=True)
class Section:
    """One kind of facts: its code (scope.PARTS), title, and rows of label and value."""

    code: str
    title: str
    rows: Sequence[tuple[str, str]]


def sections(case: Case, parts: Collection[str], zone: ZoneInfo) -> list[Section]:
    """The named kinds of facts of a case, and no other, in the order of scope.PARTS.

    `zone` is the center's, for dates and times. A part without facts says so with an empty list of rows.
    """
    return [
        Section(code, str(scope.PARTS[code]), READERS[code](case, zone)) for code in scope.parts_in_order(list(parts))
    ]


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


def _when(value: datetime, zone: ZoneInfo) -> str:
    return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _filled(*rows: tuple[str, str]) -> Rows:
    return [(label, value) for label, value in rows if value]


def _presence(case: Case, zone: ZoneInfo) -> Rows:
    return _filled(
        (_("Case opened"), _when(case.opened_at, zone)),
        (_("State"), codes.words(case.state.value)),
        (_("Admitted"), _day(case.admitted_on)),
        (_("Discharged"), _day(case.discharged_on)),
    )


def _identity(case: Case, zone: ZoneInfo) -> Rows:
    person = people.opened(db.session.get_one(Person, case.person_id))
    rows = _filled((_("Legal name"), person.legal_name), (_("Born"), _day(person.born_on)), (_("Sex"), person.sex))
    points = [p for p in people.contact_points(case.person_id) if p.usable]
    return rows + [(codes.words(p.kind.value), p.shown) for p in points]


def _screening(case: Case, zone: ZoneInfo) -> Rows:
    rows: Rows = []
    for row in complete_of(case_id=case.id)[-10:]:
        for score in row.scores:
            rows.append((f"{_when(row.taken_at, zone)} {told.scale(score)}", told.result(score)))
    return rows


def _medicines(case: Case, zone: ZoneInfo) -> Rows:
    person = people.opened(db.session.get_one(Person, case.person_id))
    rows: Rows = []
    for view in screening.opioid_lines(case.person_id):
        rows.append((told.drug(view.row), told.opioid(view.row)))
    daily = screening.baseline(case.id).mme
    if daily.get("display"):
        least = f"{_('at least')} " if daily.get("is_lower_bound") else ""
        rows.append((_("Daily total"), f"{least}{daily['display']} MME ({str(daily.get('table', '')).upper()})"))
    naloxone = codes.NALOXONE_ANSWERS.get(str(case.naloxone.get("answer", "")), "")
    moud = codes.MOUD_ANSWERS.get(str(case.moud.get("answer", "")), "")
    return rows + _filled(
        (_("Allergies"), person.allergies), (_("Naloxone"), naloxone), (_("Medication for opioid use disorder"), moud)
    )


def _decision(case: Case, zone: ZoneInfo) -> Rows:
    return _filled(
        (_("Decision"), codes.words(case.decision) if case.decision else ""),
        (_("Decided"), _when(case.decided_at, zone) if case.decided_at else ""),
        (_("Level of care decided"), codes.words(case.decision_level) if case.decision_level else ""),
        (_("Level of care at admission"), codes.words(case.admit_level) if case.admit_level else ""),
    )


def _plan(case: Case, zone: ZoneInfo) -> Rows:
    version = tapers.live_of(case.id)
    if version is None:
        return []
    rows = [
        (_("Medicine"), PRODUCTS[version.product].name),
        (_("State"), f"{version.state.value}, {_('version')} {version.n}"),
        (_("Signed"), f"{version.signed_name}, {_when(version.signed_at, zone) if version.signed_at else ''}"),
    ]
    for step in version.steps:
        total = f"{step['daily_total']} {step['unit']} {_('a day')}"
        rows.append((f"{_('Step')} {step['step']}, {_('from')} {step['start']}", total))
    return rows


def _check_ins(case: Case, zone: ZoneInfo) -> Rows:
    rows: Rows = []
    for row in checkins.of_case(case.id):
        if row.answered_at is not None:
            came = ", ".join(str(t).replace("_", " ").lower() for t in row.triggers) or _("nothing to act on")
            rows.append((_when(row.answered_at, zone), came))
    return rows


def _visits(case: Case, zone: ZoneInfo) -> Rows:
    shown = (AppointmentState.KEPT, AppointmentState.MISSED, AppointmentState.BOOKED)
    return [
        (_when(v.starts_at, zone), f"{v.kind.replace('_', ' ')}, {v.state.value}")
        for v in visits.of_case(case.id)
        if v.state in shown
    ][:MOST]


def _discharge(case: Case, zone: ZoneInfo) -> Rows:
    return _filled(
        (_("Discharged"), _day(case.discharged_on)),
        (_("How"), codes.words(case.discharge_type) if case.discharge_type else ""),
        (_("How they were"), codes.words(case.discharge_status) if case.discharge_status else ""),
        (_("Last contact"), _day(case.last_contact_on)),
    )


def _notes(case: Case, zone: ZoneInfo) -> Rows:
    return [(f"{_when(row.created_at, zone)} {row.author_name}", text) for row, text in cases.notes(case.id)][:MOST]


READERS: Mapping[str, Reader] = {
    "presence": _presence,
    "identity": _identity,
    "screening": _screening,
    "medicines": _medicines,
    "decision": _decision,
    "plan": _plan,
    "check_ins": _check_ins,
    "visits": _visits,
    "discharge": _discharge,
    scope.NOTES: _notes,
}
