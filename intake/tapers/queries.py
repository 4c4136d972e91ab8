"""What the taper pages read: versions, the live one, rows for the chart and the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clinical import cadence
from intake.clinical.products import PRODUCTS
from intake.db import db
from intake.errors import Missing
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessagePart, MessageState
from intake.people import queries as people
from intake.people.models import ContactKind, Person
from intake.tapers import facts, plans, schedule
from intake.tapers.models import PlanState, PlanVersion, StepHold, TaperPlan
from intake.visits.models import Appointment, AppointmentState

GONE = "There is no such plan."
MOST_SHEET_DAYS = 42
SLOTS: Mapping[int, tuple[str, ...]] = {
    1: ("Daily",),
    2: ("Morning", "Night"),
    3: ("Morning", "Afternoon", "Night"),
    4: ("Morning", "Noon", "Evening", "Night"),
}


def version_of(actor: Actor, plan_id: int, n: int) -> tuple[PlanVersion, TaperPlan, Case]:
    """One version with its plan and case, for somebody who may read the case.

    Raises:
        Missing: foreign and non-existent alike.
    """
    row = db.session.execute(
        select(PlanVersion, TaperPlan)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(TaperPlan.id == plan_id, PlanVersion.n == n)
    ).one_or_none()
    case = None if row is None else db.session.get(Case, row[1].case_id)
    # One sentence for all three, so that a foreign plan reads exactly like none.
    if row is None or case is None or not cases.can_read(actor, case):
        raise Missing(GONE)
    return row[0], row[1], case


def versions(plan_id: int) -> list[PlanVersion]:
    """All versions of a plan, newest first."""
    return list(
        db.session.scalars(select(PlanVersion).where(PlanVersion.plan_id == plan_id).order_by(PlanVersion.n.desc()))
    )


def draft_of(case_id: int) -> PlanVersion | None:
    """The open draft of a case."""
    return db.session.scalar(
        select(PlanVersion)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(
            TaperPlan.case_id == case_id,
            PlanVersion.state.in_((PlanState.DRAFT, PlanState.AWAITING_SIGNATURE)),
        )
        .order_by(PlanVersion.n.desc())
        .limit(1)
    )


def live_of(case_id: int) -> PlanVersion | None:
    """The active or paused version of a case."""
    return db.session.scalar(
        select(PlanVersion)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(TaperPlan.case_id == case_id, PlanVersion.state.in_((PlanState.ACTIVE, PlanState.PAUSED)))
        .limit(1)
    )


def open_hold(version_id: int) -> StepHold | None:
    """The open hold of a version."""
    return db.session.scalar(
        select(StepHold).where(StepHold.version_id == version_id, StepHold.cleared_at.is_(None)).limit(1)
    )


@dataclass(frozen=True)
class Listed:
    """One row of the list of plans."""

    plan_id: int
    n: int
    case_id: int
    person_id: int
    state: str
    product: str
    starts_on: date
    ends_on: date | None
    review_by: date | None


def listed(site_id: int, states: Sequence[PlanState], limit: int = 200) -> list[Listed]:
    """Plans of a site in some states, those to be reviewed first."""
    rows = db.session.execute(
        select(PlanVersion, TaperPlan)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(TaperPlan.site_id == site_id, PlanVersion.state.in_(states))
        .order_by(PlanVersion.review_by.is_(None), PlanVersion.review_by, PlanVersion.starts_on, PlanVersion.id)
        .limit(limit)
    ).all()
    return [
        Listed(
            p.id,
            v.n,
            p.case_id,
            p.person_id,
            v.state.value,
            PRODUCTS[v.product].name,
            v.starts_on,
            v.ends_on,
            v.review_by,
        )
        for v, p in rows
    ]


def person(case: Case) -> people.PersonView:
    """The person of a case with the seals opened."""
    return people.opened(db.session.get_one(Person, case.person_id))


def emails(case: Case) -> list[people.ContactView]:
    """The email addresses of a case's person that were not stopped, newest first."""
    points = people.contact_points(case.person_id)
    return [p for p in reversed(points) if p.kind is ContactKind.EMAIL and p.stopped_at is None]


def reference(case: Case) -> str:
    """The case number people read: the reference of the inquiry the case came from."""
    return db.session.scalar(select(Inquiry.reference).where(Inquiry.id == case.opened_from)) or ""


def names(person_ids: Sequence[int]) -> dict[int, str]:
    """Names to show for a list, opened with one look for the keys."""
    rows = list(db.session.scalars(select(Person).where(Person.id.in_(person_ids))))
    crypto.prefetch([blob for row in rows for blob in (row.used_name, row.legal_name)])
    return {row.id: people.opened(row).name for row in rows}


def opened_words(version: PlanVersion) -> tuple[str, str]:
    """Goals and co-therapies of a version in clear."""
    return (
        crypto.open_(version.goals, at="plan_version.goals", row=version.id),
        crypto.open_(version.co_therapies, at="plan_version.co_therapies", row=version.id),
    )


def slot_names(count: int) -> tuple[str, ...]:
    """Names of the administrations of a day."""
    return SLOTS.get(count, tuple(f"Dose {i + 1}" for i in range(count)))


def pieces(step: Mapping[str, Any], slot: int) -> str:
    """The pieces of one dose as words: 15+10, 2×10; empty where a person must enter them."""
    found = step.get("dispense_per_dose") or []
    one = found[slot] if slot < len(found) else None
    if not one:
        return ""
    return "+".join(strength if units == 1 else f"{units:g}×{strength}" for strength, units in one.items())


def touchpoints(version: PlanVersion, case: Case, activated: date) -> tuple[cadence.Touchpoint, ...]:
    """The emails a version would owe if it were signed on a day."""
    computed = plans.compute(plans.ask_of(version.request), facts.context(case, version.checklist))
    if not computed.steps:
        return ()
    return cadence.touchpoints(
        computed,
        release=PRODUCTS[version.product].release,
        activated=activated,
        refill_days=schedule.refill_days(version),
    )


def mail_days(version: PlanVersion, case: Case) -> list[date]:
    """The days on which a version owes an email; a pause owes none of its steps."""
    if version.change == "pause":
        return []
    return [point.date for point in touchpoints(version, case, version.starts_on)]


def day_of(case: Case, now: datetime) -> date:
    """The day it is where the person lives: a signature counts emails from it."""
    return now.astimezone(ZoneInfo(db.session.get_one(Person, case.person_id).time_zone)).date()


def owed_days(version: PlanVersion) -> list[date]:
    """Days with an email that is still owed for this version, late ones too; those of visits alone are not counted."""
    owed = (
        select(Message.local_date)
        .join(MessagePart, MessagePart.message_id == Message.id)
        .where(
            Message.plan_version_id == version.id,
            Message.state == MessageState.SCHEDULED,
            MessagePart.appointment_id.is_(None),
        )
    )
    return [day for day in db.session.scalars(owed.distinct()) if day is not None]


def check_in_days(version: PlanVersion) -> dict[int, date]:
    """Step number to the day its check-in is due."""
    delay = {"ir": 2, "er": 3, "patch": 3, "methadone": 4}[PRODUCTS[version.product].release]
    return {s["step"]: date.fromisoformat(s["start"]) + timedelta(days=delay) for s in version.steps}


def sheet_days(step: Mapping[str, Any]) -> list[date]:
    """The days of one step that fit on one page: at most six weeks."""
    first, last = date.fromisoformat(step["start"]), date.fromisoformat(step["end"])
    return [first + timedelta(days=i) for i in range(min((last - first).days + 1, MOST_SHEET_DAYS))]


def weeks(days: Sequence[date]) -> list[list[date | None]]:
    """Rows of a calendar from Monday to Sunday; days outside the step are None."""
    cells: list[date | None] = [None] * days[0].weekday() + list(days)
    cells += [None] * (-len(cells) % 7)
    return [cells[i : i + 7] for i in range(0, len(cells), 7)]


def sheet_marks(version: PlanVersion, case: Case, days: Sequence[date]) -> dict[date, list[str]]:
    """Words under the days of a sheet: check-ins, visits, new doses."""
    found: dict[date, list[str]] = {}
    starts = {date.fromisoformat(s["start"]) for s in version.steps}
    for day in days:
        if day in starts:
            found.setdefault(day, []).append("New dose")
        if day + timedelta(days=1) in starts:
            found.setdefault(day, []).append("New dose next day")
    for day in check_in_days(version).values():
        found.setdefault(day, []).append("✉ Check-in")
    zone = ZoneInfo(db.session.get_one(Person, case.person_id).time_zone)
    booked = select(Appointment.starts_at).where(
        Appointment.case_id == case.id, Appointment.state == AppointmentState.BOOKED
    )
    for at in db.session.scalars(booked):
        local = at.astimezone(zone)
        found.setdefault(local.date(), []).append(f"Visit {local:%-I:%M %p}")
    return found
