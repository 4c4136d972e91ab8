"""The page of one case: who, how to reach them, what is open, how it goes, what happened, and who looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select

from intake.accounts.models import Staff
from intake.actor import Actor
from intake.beds import queries as beds
from intake.cases import codes
from intake.cases import queries as cases
from intake.cases.leveling import BILLERS
from intake.cases.models import Case, CaseAlert, CaseState, Transfer
from intake.consents.models import Consent, ConsentState
from intake.db import db
from intake.desk import case_scores, words
from intake.desk.previews import contact_rule, phone_of
from intake.inquiries.models import Inquiry
from intake.people import details, emergency
from intake.people import queries as people
from intake.people.emergency import Named
from intake.people.models import Person
from intake.people.queries import ContactView, PersonView
from intake.queues import queries as queue_queries
from intake.queues.queries import BoardRow
from intake.screening import queries as screening
from intake.settings import queries as settings
from intake.tasks.models import Task, TaskState
from intake.visits import queries as visits
from intake.visits.models import Appointment

UNKNOWN = "not known"
HIGH_MME = 50


@dataclass(frozen=True)
class CasePage:
    """Everything the case template reads above its tabs."""

    case: Case
    inquiry: Inquiry
    person: PersonView
    zone: ZoneInfo
    contact_rule: str
    phone: str
    contacts: Sequence[ContactView]
    named: Sequence[Named]
    chips: Sequence[tuple[str, str]]
    stages: Sequence[tuple[str, str, str]]
    entries: Sequence[BoardRow]
    alerts: Sequence[CaseAlert]
    tasks: Sequence[Task]
    tasks_done: int
    medicines: Sequence[case_scores.Medicine]
    mme_total: str
    mme_version: str
    trend: case_scores.Trend | None
    consents: Sequence[Consent]
    visits: Sequence[Appointment]
    bed: str
    owner: str
    earlier: Sequence[Case]
    levels: Sequence[tuple[str, str]]
    moves: Sequence[tuple[Transfer, str]]
    steps: Sequence[tuple[str, str]]

    @property
    def reference(self) -> str:
        """The case number."""
        return self.inquiry.reference

    def at(self, moment: datetime | None) -> str:
        """A time as staff read it, in the center's zone."""
        return moment.astimezone(self.zone).strftime("%b %-d, %H:%M") if moment else ""


def read(actor: Actor, case_id: int, *, now: datetime, steps: Sequence[tuple[str, str]]) -> CasePage:
    """Read one case for its page; the caller has recorded the read.

    Raises:
        Missing: none that the actor may read.
    """
    case = cases.readable(actor, case_id)
    inquiry = db.session.get_one(Inquiry, case.opened_from)
    person = db.session.get_one(Person, case.person_id)
    view = people.opened(person)
    points = people.contact_points(case.person_id)
    zone = settings.zone(settings.site(actor.site_id))
    entries = queue_queries.live_of_case(actor, case.id, now=now)
    medicines = case_scores.medicines(case.person_id)
    baseline = screening.baseline(case.id)
    owed = _tasks(case)
    return CasePage(
        case=case,
        inquiry=inquiry,
        person=view,
        zone=zone,
        contact_rule=contact_rule(points),
        phone=phone_of(points),
        contacts=points,
        named=emergency.of_person(case.person_id),
        chips=[*_chips(case, view, baseline.mme), *_helps(person)],
        stages=_stages(case, inquiry, entries, zone),
        entries=entries,
        alerts=cases.open_alerts(case.id),
        tasks=[t for t in owed if t.state in (TaskState.OPEN, TaskState.CLAIMED)],
        tasks_done=sum(t.state is TaskState.DONE for t in owed),
        medicines=medicines,
        mme_total=_total(baseline.mme),
        mme_version=str(baseline.mme.get("table", "")),
        trend=case_scores.trend(case.id, zone),
        consents=_consents(case.person_id),
        visits=visits.ahead(now=now, case_id=case.id),
        bed=_bed(case.id),
        owner=_staff_names({case.owner_id} - {None}).get(case.owner_id or 0, ""),
        earlier=[c for c in cases.earlier(case) if cases.can_read(actor, c)],
        levels=_levels(case, actor),
        moves=[(t, cases.place_of(t)) for t in cases.transfers(case.id)[:5]],
        steps=steps,
    )


def _chips(case: Case, person: PersonView, daily: Any) -> list[tuple[str, str]]:
    found = [words.flag_tag(code) for code in case.flags]
    if total := _total(daily):
        high = Decimal(str(daily["display"])) >= HIGH_MME
        found.append((f"{total} MME/day" if total != UNKNOWN else "MME not known", "amber" if high else "line"))
    found.append((f"Allergy: {person.allergies}", "red") if person.allergies else ("Allergies not asked yet", "line"))
    answer = str(case.naloxone.get("answer", ""))
    if answer in {"accepted", "has_it"}:
        found.append(("Naloxone at hand", "green"))
    elif answer:
        found.append((f"Naloxone: {words.offer('naloxone', answer).lower()}", "amber"))
    elif "OFFER_NALOXONE" not in case.flags:
        found.append(("Naloxone not offered yet", "amber"))
    if case.restricted:
        found.append(("Restricted", "red"))
    return found


def _total(daily: Mapping[str, Any]) -> str:
    """The MME of a day in words: a number, a least one, or that it is not known; "" when nothing was asked."""
    if daily.get("display") in (None, ""):
        return ""
    value = Decimal(str(daily["display"])).normalize()
    if not daily.get("is_lower_bound"):
        return f"{value:f}"
    return f"at least {value:f}" if value else UNKNOWN


def _helps(person: Person) -> list[tuple[str, str]]:
    """What somebody needs in order to be understood."""
    known = details.of(person)
    found = [(f"Interpreter: {details.LANGUAGES.get(known.language, 'language not asked')}", "amber")]
    return [*(found if known.interpreter else []), *([(known.needs, "line")] if known.needs else [])]


_ORDER = ("Inquiry", "Screened", "Routed", "Decided", "In care", "After care")


def _stages(case: Case, inquiry: Inquiry, entries: Sequence[BoardRow], zone: ZoneInfo) -> list[tuple[str, str, str]]:
    def day(moment: datetime | None) -> str:
        return moment.astimezone(zone).strftime("%b %-d") if moment else ""

    screened = screening.latest(case_id=case.id)
    queue = words.queue(entries[0].queue) if entries else ""
    at = {
        CaseState.IN_REVIEW: 2 if screened else 1,
        CaseState.ACCEPTED: 3,
        CaseState.SCHEDULED: 3,
        CaseState.WAITLISTED: 3,
        CaseState.NO_SHOW: 3,
        CaseState.ADMITTED: 4,
        CaseState.TRANSFER_PENDING: 4,
        CaseState.DISCHARGED: 5,
        CaseState.AFTERCARE: 5,
        CaseState.CLOSED: 6,
    }[case.state]
    names = list(_ORDER)
    names[2] = f"Routed: {queue}" if queue else "Routed"
    if at == 3:
        names[3] = words.state(case.state.value)
    if at == 4:
        names[4] = f"In care: {codes.words(case.admit_level)}"
    notes = [day(inquiry.received_at), day(screened.taken_at if screened else None), day(case.opened_at)]
    notes += [day(case.decided_at), _day(case.admitted_on), _day(case.discharged_on)]
    if case.state is CaseState.CLOSED:
        names.append("Closed")
        notes.append("")
    return [
        (name, "done" if n < at else ("now" if n == at else ""), notes[n] if n <= at else "")
        for n, name in enumerate(names)
    ]


def _day(day: date | None) -> str:
    return f"{day:%b} {day.day}" if day else ""


def _levels(case: Case, actor: Actor) -> list[tuple[str, str]]:
    """The levels of a case in words; what is billed only for those who bill."""
    found = [
        ("Decided", codes.words(case.decision_level) if case.decision_level else ""),
        ("At admission", codes.words(case.admit_level) if case.admit_level else ""),
        ("Now", codes.words(cases.current_level(case)) if case.admitted_on else ""),
        (
            "Assessed elsewhere",
            f"{codes.words(case.external_level)} ({case.external_tool}, {_day(case.external_on)})"
            if case.external_level
            else "",
        ),
        ("At discharge", codes.words(case.discharge_status) if case.discharge_status else ""),
        ("Billed", codes.words(case.billed_level) if case.billed_level and actor.role in BILLERS else ""),
    ]
    return [pair for pair in found if pair[1]]


def _tasks(case: Case) -> list[Task]:
    return list(
        db.session.scalars(
            select(Task)
            .where(or_(Task.case_id == case.id, and_(Task.inquiry_id == case.opened_from, Task.case_id.is_(None))))
            .order_by(Task.due_at)
            .limit(100)
        )
    )


def _consents(person_id: int) -> list[Consent]:
    return list(
        db.session.scalars(
            select(Consent)
            .where(Consent.person_id == person_id, Consent.state != ConsentState.DRAFT)
            .order_by(Consent.signed_at.desc())
            .limit(20)
        )
    )


def _bed(case_id: int) -> str:
    found = beds.of_case(case_id)
    if found is None:
        return ""
    use, bed = found
    return f"Bed {bed.name}" if use.kind == "stay" else f"Bed {bed.name}, kept"


def _staff_names(ids: set[int | None]) -> dict[int, str]:
    wanted = [i for i in ids if i]
    if not wanted:
        return {}
    return {s.id: s.name for s in db.session.scalars(select(Staff).where(Staff.id.in_(wanted)))}
