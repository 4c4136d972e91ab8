"""What the day's page and the shift hand-over read: one screen of everything that has a time and an owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select

from intake.actor import CARE, Actor
from intake.beds import queries as beds
from intake.beds.models import Bed, BedUse, Unit, UseKind
from intake.beds.queries import UnitCount
from intake.cases import codes
from intake.cases.models import Case, CaseAlert, Transfer, TransferState
from intake.cases.queries import ENDED, visible
from intake.checkins import queries as checkins
from intake.consents.models import Consent, ConsentState
from intake.db import db, id_text
from intake.desk import words
from intake.desk.queries import task_shown, today
from intake.inquiries.models import Inquiry
from intake.messages import queries as messages
from intake.messages.models import Message, MessageState
from intake.queues.models import EntryState, QueueEntry
from intake.settings import queries as settings
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tasks import service as tasks
from intake.tasks.models import Task
from intake.visits.models import Appointment, AppointmentState

MOST = 50
SHIFT = timedelta(hours=12)
CONSENT_DAYS = 30
LATE_KINDS = ("late_first_contact", "late_in_queue", tasks.OVERDUE)


@dataclass(frozen=True)
class Item:
    """One line: what, the case number it is about (never a name), where it leads, when, and whether it is late."""

    words: str
    about: str
    url: str
    at: str
    late: bool = False


@dataclass(frozen=True)
class Section:
    """One part of the page; `empty` says what is true when there is nothing."""

    key: str
    title: str
    items: Sequence[Item]
    empty: str


@dataclass(frozen=True)
class Today:
    """Everything both templates read."""

    sections: Sequence[Section]
    units: Sequence[UnitCount]
    zone: ZoneInfo
    now: datetime


@dataclass
class _Reader:
    """Reads for one actor: only cases and requests that the actor may read, by number."""

    actor: Actor
    now: datetime

    def __post_init__(self) -> None:
        self.zone: ZoneInfo = settings.zone(settings.site(self.actor.site_id))

    def at(self, moment: datetime | None) -> str:
        return moment.astimezone(self.zone).strftime("%b %-d, %H:%M") if moment else ""

    def of_cases(self, query: Any) -> list[tuple[Any, Case, str]]:
        """Rows of a select over (thing, Case), with the case number; restricted ones the actor may not read are out."""
        found = db.session.execute(
            query.add_columns(Inquiry.reference)
            .join(Inquiry, Inquiry.id == Case.opened_from)
            .where(visible(self.actor))
            .limit(MOST)
        )
        return [(row[0], row[1], row[2]) for row in found]

    def case(self, case: Case) -> str:
        return f"/cases/{id_text(case.id)}"

    def item(self, said: str, case: Case, number: str, moment: datetime | None, *, late: bool = False) -> Item:
        return Item(said, number, self.case(case), self.at(moment), late)

    def arrivals(self) -> list[Item]:
        start, end = today(self.actor.site_id, self.now)
        rows = self.of_cases(
            select(Appointment, Case)
            .join(Case, Case.id == Appointment.case_id)
            .where(Appointment.state == AppointmentState.BOOKED, Appointment.starts_at >= start - SHIFT * 2,
                   Appointment.starts_at < end)
            .order_by(Appointment.starts_at)
        )  # fmt: skip
        return [
            self.item(words.state(v.kind), c, n, v.starts_at, late=v.starts_at + timedelta(hours=1) < self.now)
            for v, c, n in rows
        ]

    def holds(self, within: timedelta) -> list[Item]:
        rows = db.session.execute(
            select(BedUse, Case, Inquiry.reference, Bed.name, Unit.name)
            .join(Case, Case.id == BedUse.case_id)
            .join(Inquiry, Inquiry.id == Case.opened_from)
            .join(Bed, Bed.id == BedUse.bed_id)
            .join(Unit, Unit.id == Bed.unit_id)
            .where(
                visible(self.actor),
                BedUse.kind == UseKind.HOLD,
                BedUse.ended_at.is_(None),
                BedUse.until < self.now + within,
            )
            .order_by(BedUse.until)
            .limit(MOST)
        )
        return [self.item(f"{unit}, {bed}", case, number, use.until) for use, case, number, bed, unit in rows]

    def tasks(self, *where: Any, order: Any = Task.due_at) -> list[Item]:
        rows = db.session.execute(
            select(Task, Case, Inquiry)
            .join(Case, Case.id == Task.case_id, isouter=True)
            .join(Inquiry, Inquiry.id == Task.inquiry_id, isouter=True)
            .where(
                task_shown(self.actor),
                Task.state.in_(tasks.LIVE),
                *where,
            )
            .order_by(order)
            .limit(MOST)
        ).all()
        asked = {case.opened_from for _, case, _ in rows if case is not None}
        numbers = dict(db.session.execute(select(Inquiry.id, Inquiry.reference).where(Inquiry.id.in_(asked))).all())
        return [self._task(task, case, inquiry, numbers) for task, case, inquiry in rows]

    def _task(self, task: Task, case: Case | None, inquiry: Inquiry | None, numbers: dict[int, str]) -> Item:
        about, url = "", "/tasks?state=all"
        if case is not None:
            about, url = numbers.get(case.opened_from, ""), self.case(case)
        elif inquiry is not None:
            about, url = inquiry.reference, f"/inquiries/{id_text(inquiry.id)}"
        return Item(words.task_line(task), about, url, self.at(task.due_at), task.due_at < self.now)

    def mails(self) -> list[Item]:
        rows = db.session.scalars(
            select(Message)
            .where(
                messages.readable(self.actor),
                or_(
                    Message.state == MessageState.UNCERTAIN,
                    and_(Message.state == MessageState.FAILED_PERMANENT, Message.due_at > self.now - SHIFT * 4),
                ),
            )
            .order_by(Message.due_at.desc())
            .limit(MOST)
        )
        return [
            Item(
                f"{words.state(m.kind)}: {words.state(m.state.value).lower()}",
                "",
                f"/reminders/{id_text(m.id)}/preview",
                self.at(m.due_at),
                True,
            )
            for m in rows
        ]

    def check_ins(self) -> list[Item]:
        found = checkins.unread(self.actor.site_id, MOST)
        cases = {
            c.id: (c, n)
            for c, n in db.session.execute(
                select(Case, Inquiry.reference)
                .join(Inquiry, Inquiry.id == Case.opened_from)
                .where(visible(self.actor), Case.id.in_([f.case_id for f in found]))
            )
        }
        return [
            self.item(
                "Alert in it" if f.triggers else "Answered", *cases[f.case_id], f.answered_at, late=bool(f.triggers)
            )
            for f in found
            if f.case_id in cases
        ]

    def paused(self) -> list[Item]:
        day = self.now.astimezone(self.zone).date()
        rows = self.of_cases(
            select(PlanVersion, Case)
            .join(TaperPlan, TaperPlan.current_version_id == PlanVersion.id)
            .join(Case, Case.id == TaperPlan.case_id)
            .where(PlanVersion.state == PlanState.PAUSED, PlanVersion.review_by < day)
            .order_by(PlanVersion.review_by)
        )
        return [
            Item(
                "Paused, review was due",
                n,
                self.case(c),
                f"{v.review_by:%b} {v.review_by.day}" if v.review_by else "",
                True,
            )
            for v, c, n in rows
        ]

    def consents(self) -> list[Item]:
        rows = self.of_cases(
            select(Consent, Case)
            .join(Case, Case.person_id == Consent.person_id)
            .where(
                Consent.state == ConsentState.ACTIVE,
                Consent.expires_at < self.now + timedelta(days=CONSENT_DAYS),
                Case.state.not_in(ENDED),
            )
            .order_by(Consent.expires_at)
        )
        return [
            self.item(
                words.state(x.kind.value), c, n, x.expires_at, late=bool(x.expires_at and x.expires_at < self.now)
            )
            for x, c, n in rows
        ]

    def alerts(self) -> list[Item]:
        rows = self.of_cases(
            select(CaseAlert, Case)
            .join(Case, Case.id == CaseAlert.case_id)
            .where(CaseAlert.acknowledged_at.is_(None))
            .order_by(CaseAlert.raised_at)
        )
        return [
            self.item(codes.words(a.code), c, n, a.acknowledge_by, late=a.acknowledge_by < self.now) for a, c, n in rows
        ]

    def held(self) -> list[Item]:
        rows = self.of_cases(
            select(QueueEntry, Case)
            .join(Case, Case.id == QueueEntry.case_id)
            .where(QueueEntry.left_at.is_(None), QueueEntry.state == EntryState.CLAIMED)
            .order_by(QueueEntry.claimed_at)
        )
        return [self.item(f"{e.claimed_name}: {words.queue(e.queue)}", c, n, e.claimed_at) for e, c, n in rows]

    def transfers(self) -> list[Item]:
        rows = self.of_cases(
            select(Transfer, Case)
            .join(Case, Case.id == Transfer.case_id)
            .where(Transfer.state.in_((TransferState.REQUESTED, TransferState.ACCEPTED)))
            .order_by(Transfer.asked_at)
        )
        return [self.item(f"{codes.words(t.to_level)}, {t.state.value}", c, n, t.asked_at) for t, c, n in rows]


def huddle(actor: Actor, *, now: datetime) -> Today:
    """The daily huddle (flow J): arrivals, holds ending, late clocks, mail, check-ins, pauses, consents, beds."""
    r = _Reader(actor, now)
    care = actor.may(*CARE)
    sections = [
        Section("arrivals", "Arrivals and visits today", r.arrivals(), "Nobody is expected today."),
        Section("holds", "Bed holds that end within a day", r.holds(timedelta(hours=24)), "No hold ends within a day."),
        Section("late", "Late clocks", r.tasks(Task.kind.in_(LATE_KINDS)), "No clock is late."),
        Section("mail", "Emails that failed or are uncertain", r.mails(), "Every email of the last two days went out."),
    ]
    if care:
        sections += [
            Section("check_ins", "Check-ins nobody has read", r.check_ins(), "Every check-in was read."),
            Section("paused", "Paused plans past their review", r.paused(), "No pause is past its review."),
        ]
    sections.append(
        Section("consents", "Consents that end within 30 days", r.consents(), "No consent ends within 30 days.")
    )
    return Today(sections, beds.counts(actor.site_id), r.zone, now)


def handover(actor: Actor, *, now: datetime) -> Today:
    """What the next shift must know, by case number: alerts, who holds what, late and due work, beds, transfers."""
    r = _Reader(actor, now)
    soon = (Task.due_at < now + SHIFT, Task.kind.not_in(LATE_KINDS))
    awake = or_(Task.snoozed_until.is_(None), Task.snoozed_until < now + SHIFT)
    sections = [
        Section("alerts", "Open alerts", r.alerts(), "No alert is open."),
        Section("held", "Held by somebody now", r.held(), "Nobody holds a case."),
        Section("late", "Late clocks", r.tasks(Task.kind.in_(LATE_KINDS)), "No clock is late."),
        Section("due", "Work due within 12 hours", r.tasks(*soon, awake), "Nothing is due within 12 hours."),
        Section("mine", "Yours, not finished", r.tasks(Task.owner_id == actor.id), "You hold no task."),
        Section("holds", "Bed holds that end within 12 hours", r.holds(SHIFT), "No hold ends within 12 hours."),
        Section("transfers", "Transfers under way", r.transfers(), "No transfer is under way."),
    ]
    return Today(sections, beds.counts(actor.site_id), r.zone, now)
