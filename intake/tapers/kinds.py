"""Mails of a plan: the reminder of one day, and the notice that something changed.

What a part of a reminder is allowed to be said depends on the plan as it stands now (rulings 22): the version must be
the current one, its state must fit the part, no open hold may cover the step, and a visit must still be booked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlalchemy import BigInteger, Boolean, Integer, Table, and_, bindparam, exists, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from intake.actor import Actor
from intake.cases.models import Case
from intake.cases.queries import visible
from intake.clinical.cadence import KINDS
from intake.clock import db_now, utcnow
from intake.db import among, db
from intake.messages.kinds import Policy, Recipient, Refusal
from intake.messages.mime import File
from intake.messages.models import Message, MessagePart, MessageState
from intake.messages.render import link
from intake.people.kinds import PersonMail
from intake.people.models import Person
from intake.settings import education
from intake.settings import queries as settings
from intake.settings.models import EducationReview
from intake.tapers import sparing, told
from intake.tapers.models import PlanState, PlanVersion, StepHold, TaperPlan
from intake.tapers.schedule import ASKS, LINK_DAYS
from intake.tapers.told import VISIT_DAYS
from intake.visits import saying
from intake.visits.models import Appointment

S = MessageState
# These stay true after the plan came to its end.
AFTER_END = frozenset({"CHECKIN", "PEG_WEEKLY", "AFTER_1M", "AFTER_3M", "AFTER_6M", "AFTER_12M", "AFTER_24M"})
LESSON = "SAFETY_EDU"
LOOK_AGAIN = timedelta(minutes=15)
_PART = (MessagePart.message_id, MessagePart.kind, MessagePart.step_no, MessagePart.appointment_id)


def _of_case(actor: Actor, table: Table) -> ColumnElement[bool]:
    """The message's case is one that `actor` may read."""
    return and_(table.c.site_id == actor.site_id, exists().where(Case.id == table.c.case_id, visible(actor)))


@dataclass
class _Day:
    """What stands behind one reminder: its plan, the parts that are true now, and why others are not."""

    refusal: Refusal | None = None
    parts: list[str] = field(default_factory=list)
    step: int = 0
    visits: list[Appointment] = field(default_factory=list)
    visits_seen: int = 0
    review: int = 0


class PlanMail(PersonMail):
    """Base of both: readable with the case, resent with the same id, stopped by its link."""

    policy: ClassVar[Policy] = "resend_same_id"
    latest: ClassVar[timedelta] = timedelta(hours=12)
    stoppable: ClassVar[bool] = True
    unsaid: ClassVar[tuple[str, ...]] = ("of", "rendered")

    def readable(self, actor: Actor, table: Table) -> ColumnElement[bool]:
        """Whoever may read the case."""
        return _of_case(actor, table)


class Reminder(PlanMail):
    """All touchpoints of one local date in one mail (clinical.md 6)."""

    about_plan: ClassVar[bool] = True
    name = "reminder"
    template = "reminder"
    alone = ("check_in_url",)

    def recipients(self, messages: Sequence[Message]) -> dict[int, Recipient | Refusal]:
        """As for any person, unless the plan says that nothing is to be said."""
        return self._reachable(messages, _days(messages))

    def read(
        self, messages: Sequence[Message]
    ) -> tuple[Mapping[int, Recipient | Refusal], Mapping[int, Mapping[str, Any]]]:
        """What stands behind each day is read once for both."""
        days = _days(messages)
        return self._reachable(messages, days), {m.id: _words(m, days[m.id]) for m in messages}

    def _reachable(self, messages: Sequence[Message], days: Mapping[int, _Day]) -> dict[int, Recipient | Refusal]:
        found = super().recipients(messages)
        spared = sparing.spared(messages, {i: day.parts for i, day in days.items()}, found)
        return {m.id: days[m.id].refusal or (sparing.OFTEN_ENOUGH if m.id in spared else found[m.id]) for m in messages}

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """Version current, plan in a state that fits what was rendered, step not held, visit and review unchanged."""
        only_after = bindparam("only_after", type_=Boolean())
        step = bindparam("step_rendered", type_=Integer())
        plan = exists().where(
            TaperPlan.id == table.c.plan_id,
            TaperPlan.current_version_id == table.c.plan_version_id,
            PlanVersion.id == table.c.plan_version_id,
            or_(
                PlanVersion.state == PlanState.ACTIVE,
                and_(PlanVersion.state == PlanState.COMPLETED, only_after),
            ),
        )
        held = exists().where(
            StepHold.version_id == table.c.plan_version_id,
            StepHold.cleared_at.is_(None),
            StepHold.first_step <= step,
        )
        lesson = bindparam("education_review", type_=BigInteger())
        reviewed = exists().where(
            EducationReview.id == lesson,
            EducationReview.withdrawn_at.is_(None),
            EducationReview.ends_at > db_now(),
        )
        return and_(
            super().still_true(table),
            plan.correlate(table),
            ~held.correlate(table),
            told.unchanged(table),
            or_(lesson == 0, reviewed),
        )

    def contexts(self, messages: Sequence[Message]) -> dict[int, Mapping[str, Any]]:
        """Which sentences are true today, in the order of the day's parts."""
        days = _days(messages)
        return {m.id: _words(m, days[m.id]) for m in messages}

    def binds(self, message: Message, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was rendered, so that the gate can compare."""
        rendered: Mapping[str, Any] = context["rendered"]
        return rendered

    def files(
        self,
        message: Message,
        recipient: Recipient,
        context: Mapping[str, Any],
        *,
        from_name: str,
        from_address: str,
    ) -> tuple[File, ...]:
        """Each visit of the day for the person's calendar."""
        return saying.files(context["of"], message, recipient, from_name=from_name, from_address=from_address)

    def why_not(self, message: Message) -> Refusal:
        """The plan's reason, else the address's."""
        return _days([message])[message.id].refusal or super().why_not(message)


class PlanChanged(PlanMail):
    """One notice after a pause or a new version: please talk to us (rulings 22)."""

    about_plan: ClassVar[bool] = True
    name = "plan_changed"
    template = "plan_changed"

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The version is still the current one and has not ended."""
        plan = exists().where(
            TaperPlan.id == table.c.plan_id,
            TaperPlan.current_version_id == table.c.plan_version_id,
            PlanVersion.id == table.c.plan_version_id,
            or_(PlanVersion.state == PlanState.ACTIVE, PlanVersion.state == PlanState.PAUSED),
        )
        return and_(super().still_true(table), plan.correlate(table))

    def why_not(self, message: Message) -> Refusal:
        """The address's reason, else the plan moved on."""
        found = super().why_not(message)
        if found.reason != "changed":
            return found
        current = db.session.scalar(select(TaperPlan.current_version_id).where(TaperPlan.id == message.plan_id))
        state = db.session.scalar(select(PlanVersion.state).where(PlanVersion.id == message.plan_version_id))
        if current == message.plan_version_id and state in (PlanState.ACTIVE, PlanState.PAUSED):
            return found
        return Refusal(S.CANCELLED, "plan_replaced")


def _days(messages: Sequence[Message]) -> dict[int, _Day]:
    """Four statements for a batch (plans, parts, holds, visits), two more when it has an education text."""
    states = {
        row.id: row
        for row in db.session.execute(
            select(PlanVersion.id, PlanVersion.state, TaperPlan.current_version_id)
            .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
            .where(among(PlanVersion.id, {m.plan_version_id for m in messages if m.plan_version_id}))
        )
    }
    parts: dict[int, list[Any]] = {}
    for part in db.session.execute(select(*_PART).where(among(MessagePart.message_id, [m.id for m in messages]))):
        parts.setdefault(part.message_id, []).append(part)
    holds: dict[int, int] = {
        row.version_id: row.first
        for row in db.session.execute(
            select(StepHold.version_id, func.min(StepHold.first_step).label("first"))
            .where(among(StepHold.version_id, states), StepHold.cleared_at.is_(None))
            .group_by(StepHold.version_id)
        )
    }
    reviews = _reviews([m for m in messages if any(p.kind == LESSON for p in parts.get(m.id, []))])
    named = any(part.kind in VISIT_DAYS for each in parts.values() for part in each)
    visits = told.visits(messages) if named else {}
    return {
        m.id: _day(
            m,
            states.get(m.plan_version_id or 0),
            parts.get(m.id, []),
            holds.get(m.plan_version_id or 0),
            visits.get(m.id, []),
            reviews.get(m.id, 0),
        )
        for m in messages
    }


def _reviews(messages: Sequence[Message]) -> dict[int, int]:
    """The review that holds longest among the texts each recipient can read now; none, no text is sent."""
    if not messages:
        return {}
    found: dict[tuple[int, str], EducationReview] = {}
    for (site_id, _topic, locale), lesson in settings.lessons({m.site_id for m in messages}, utcnow()).items():
        known = found.get((site_id, locale))
        if known is None or lesson.review.ends_at > known.ends_at:
            found[(site_id, locale)] = lesson.review
    locales = {
        row.id: education.short(row.locale)
        for row in db.session.execute(
            select(Person.id, Person.locale).where(Person.id.in_({m.recipient_id for m in messages}))
        )
    }
    keys = {m.id: (m.site_id, locales.get(m.recipient_id, "en")) for m in messages}
    return {i: found[key].id for i, key in keys.items() if key in found}


def _day(
    message: Message,
    plan: Any,
    parts: Sequence[Any],
    held_from: int | None,
    visits: Sequence[Appointment],
    review: int,
) -> _Day:
    if plan is None or plan.current_version_id != message.plan_version_id:
        return _Day(Refusal(S.CANCELLED, "plan_replaced"))
    if plan.state not in (PlanState.ACTIVE, PlanState.COMPLETED):
        return _Day(Refusal(S.CANCELLED, f"plan_{plan.state.value}"))
    day, why = _Day(visits_seen=told.seen(visits)), Refusal(S.CANCELLED, "plan_completed")
    for part in sorted(parts, key=lambda p: KINDS.index(p.kind)):
        if plan.state is PlanState.COMPLETED and part.kind not in AFTER_END:
            continue
        if part.kind == "STEP_EVE" and held_from is not None and (part.step_no or held_from) >= held_from:
            why = Refusal(S.SCHEDULED, "step_held", LOOK_AGAIN)
            continue
        if part.kind == LESSON:
            if not review:
                why = why if why.reason == "step_held" else Refusal(S.CANCELLED, "text_not_reviewed")
                continue
            day.review = review
        if part.kind in VISIT_DAYS:
            visit = next((v for v in visits if v.id == part.appointment_id), None)
            if visit is None:
                why = why if why.reason == "step_held" else Refusal(S.CANCELLED, "visit_gone")
                continue
            day.visits.append(visit)
        if part.kind == "STEP_EVE":
            day.step = part.step_no or 0
        day.parts.append(part.kind)
    if not day.parts:
        day.refusal = why
    return day


def _words(message: Message, day: _Day) -> dict[str, Any]:
    locale = "es" if message.locale.lower().startswith("es") else "en"
    zone = ZoneInfo(message.tz)
    ends = (message.due_at + timedelta(days=LINK_DAYS)).astimezone(zone)
    visits = sorted(day.visits, key=lambda visit: visit.starts_at)
    return {
        "parts": day.parts,
        "asks": any(part in ASKS or part.startswith("AFTER_") for part in day.parts),
        "of": visits,
        "visits": told.spoken(visits, locale),
        "check_in_url": link("/c", "check_in", message.id),
        "link_until": _weekday(ends.date(), locale),
        "rendered": {
            "only_after": bool(day.parts) and all(part in AFTER_END for part in day.parts),
            "step_rendered": day.step,
            "visits_seen": day.visits_seen,
            "education_review": day.review,
        },
    }


@lru_cache(maxsize=64)
def _weekday(day: date, locale: str) -> str:
    return str(format_date(day, "EEEE", locale=locale))
