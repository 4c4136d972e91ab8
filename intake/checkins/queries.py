"""What the patient's page and the team read about check-ins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import get_locale
from sqlalchemy import and_, exists, select

from intake import crypto
from intake.cases.models import Case
from intake.checkins.forms import Answers, answers_of
from intake.checkins.models import CheckIn, CheckInState
from intake.clinical import alerts
from intake.clock import db_now, utcnow
from intake.db import db
from intake.messages.models import Message, MessagePart, MessageState
from intake.people.models import Person
from intake.screening import queries as screening
from intake.settings import queries as settings
from intake.tapers.models import PlanState, PlanVersion, TaperPlan

ASKING = ("CHECKIN", "PEG_WEEKLY", "AFTER_1M", "AFTER_3M", "AFTER_6M", "AFTER_12M", "AFTER_24M")
LESSON = "SAFETY_EDU"
ANSWERABLE = (PlanState.ACTIVE, PlanState.COMPLETED)


@dataclass(frozen=True)
class Asked:
    """One message's question: who is asked, about which version, and what has become of it."""

    message: Message
    version: PlanVersion
    case: Case
    person: Person
    parts: tuple[str, ...]
    given: CheckIn | None

    @property
    def open(self) -> bool:
        """Whether an answer still counts: not given, and the plan version is the one in force."""
        return self.given is None and self.version.state in ANSWERABLE

    @property
    def asks_peg(self) -> bool:
        """Whether the three pain questions are due with it."""
        return "PEG_WEEKLY" in self.parts


def asked(message_id: int) -> Asked | None:
    """What a mailed link asks; None when the message has no plan."""
    row = db.session.execute(
        select(Message, PlanVersion, Case, Person)
        .join(PlanVersion, PlanVersion.id == Message.plan_version_id)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .join(Case, Case.id == TaperPlan.case_id)
        .join(Person, Person.id == Case.person_id)
        .where(Message.id == message_id)
    ).one_or_none()
    if row is None:
        return None
    parts = db.session.scalars(select(MessagePart.kind).where(MessagePart.message_id == message_id)).all()
    given = db.session.scalar(select(CheckIn).where(CheckIn.message_id == message_id))
    return Asked(row[0], row[1], row[2], row[3], tuple(parts), given)


def lessons(of: Asked) -> list[settings.Lesson]:
    """The education texts this message brings, as far as a reviewer holds them right today, in the page's language."""
    if LESSON not in of.parts:
        return []
    return settings.lessons_for(of.case.site_id, str(get_locale()), utcnow())


def answers(row: CheckIn) -> Answers | None:
    """The opened answers of a check-in; None before it is answered or after erasure."""
    clear = crypto.open_(row.answers, at="check_in.answers", row=row.id)
    return None if not clear or clear == crypto.ERASED else answers_of(json.loads(clear))


def assessed(given: Answers) -> alerts.CheckInAnswers:
    """Answers as the clinical rules read them; unanswered items stay unknown."""
    peg = given.more.get("peg", {})
    sows = given.more.get("sows", {})
    return alerts.CheckInAnswers(
        feelings=frozenset(given.feelings),
        pain=given.pain,
        dose_as_planned=given.dose_as_planned,
        used_other=given.used_other,
        thoughts=given.thoughts,
        slow_down=given.slow_down,
        # The sum of what was answered: an unanswered rest can only raise it.
        sows=sum(sows.values()) if sows else None,
        peg_sum=sum(peg.values()) if len(peg) == 3 else None,
    )


def start_of(case_id: int) -> alerts.Start:
    """Pain and PEG before the plan, from the newest complete screening."""
    scores = screening.baseline(case_id).scores
    pain = scores["pain_nrs"].score if "pain_nrs" in scores else None
    peg = scores["peg"].score if "peg" in scores else None
    return alerts.Start(
        pain=None if pain is None else int(pain), peg_sum=None if peg is None else round(float(peg) * 3)
    )


def previous(version_id: int, before: datetime) -> CheckIn | None:
    """The check-in answered last before a time, of the same plan version."""
    return db.session.scalar(
        select(CheckIn)
        .where(CheckIn.version_id == version_id, CheckIn.answered_at.is_not(None), CheckIn.answered_at < before)
        .order_by(CheckIn.answered_at.desc())
        .limit(1)
    )


def unanswered(hours: int, limit: int = 200) -> list[tuple[Message, PlanVersion, Case]]:
    """Check-in mails accepted more than `hours` ago that nobody answered and no task tells of yet."""
    asks = exists().where(MessagePart.message_id == Message.id, MessagePart.kind.in_(ASKING))
    told = exists().where(CheckIn.message_id == Message.id)
    rows = db.session.execute(
        select(Message, PlanVersion, Case)
        .join(PlanVersion, PlanVersion.id == Message.plan_version_id)
        # A message names its plan too, and is found by it: most messages belong to none.
        .join(TaperPlan, and_(TaperPlan.id == PlanVersion.plan_id, TaperPlan.id == Message.plan_id))
        .join(Case, Case.id == TaperPlan.case_id)
        .where(
            Message.state == MessageState.SENT,
            Message.accepted_at <= db_now(-timedelta(hours=hours)),
            PlanVersion.state.in_(ANSWERABLE),
            asks,
            ~told,
        )
        .limit(limit)
    ).all()
    return [(m, v, c) for m, v, c in rows]


def of_case(case_id: int, limit: int = 50) -> list[CheckIn]:
    """Check-ins of a case, newest first."""
    return list(
        db.session.scalars(
            select(CheckIn).where(CheckIn.case_id == case_id).order_by(CheckIn.due_at.desc()).limit(limit)
        )
    )


def unread(site_id: int, limit: int = 100) -> list[CheckIn]:
    """Answered check-ins that no clinician has looked at, oldest first."""
    return list(
        db.session.scalars(
            select(CheckIn)
            .join(Case, Case.id == CheckIn.case_id)
            .where(Case.site_id == site_id, CheckIn.state == CheckInState.ANSWERED)
            .order_by(CheckIn.answered_at)
            .limit(limit)
        )
    )
