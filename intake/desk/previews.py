"""What the preview beside a board shows of one case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake import crypto
from intake.accounts.models import Staff
from intake.actor import STAFF, Actor
from intake.cases import codes
from intake.cases.models import Case, CaseAlert
from intake.cases.queries import open_alerts, readable
from intake.db import db
from intake.desk import words
from intake.inquiries.models import Inquiry
from intake.people import queries as people
from intake.people import safe
from intake.people.models import Person
from intake.people.queries import ContactView, PersonView
from intake.queues.queries import BoardRow
from intake.screening import queries as screening
from intake.screening.queries import Reading
from intake.settings import queries as settings


@dataclass(frozen=True)
class Pane:
    """One case in short."""

    case: Case
    person: PersonView
    contact_rule: str
    phone: str
    own_words: str
    cows: Sequence[Reading]
    alerts: Sequence[CaseAlert]
    flags: Sequence[str]
    naloxone: str
    colleagues: Sequence[Staff]
    zone: ZoneInfo
    minutes_left: int

    def alert_words(self, code: str) -> str:
        """The words of an alert."""
        return codes.words(code)


def pane(actor: Actor, row: BoardRow, *, now: datetime) -> Pane:
    """Read one case for the pane; the caller has recorded the read.

    Raises:
        Missing: the actor may not read it.
    """
    case = readable(actor, row.case_id)
    inquiry = db.session.get_one(Inquiry, case.opened_from)
    points = people.contact_points(case.person_id)
    return Pane(
        case=case,
        person=people.opened(db.session.get_one(Person, case.person_id)),
        contact_rule=contact_rule(points),
        phone=phone_of(points),
        own_words=crypto.open_(inquiry.own_words, at="inquiry.own_words", row=inquiry.id),
        cows=[r for r in screening.series("cows", case_id=case.id) if r.score is not None][-5:],
        alerts=open_alerts(case.id),
        flags=[words.flag(code) for code in case.flags],
        naloxone=words.offer("naloxone", _answer(case.naloxone)),
        colleagues=colleagues(actor),
        zone=settings.zone(settings.site(actor.site_id)),
        minutes_left=row.target - row.waited,
    )


def _answer(stored: dict[str, Any]) -> str:
    return str(stored.get("answer", ""))


def colleagues(actor: Actor) -> list[Staff]:
    """Active staff of the site whose role takes cases, by name."""
    return list(
        db.session.scalars(
            select(Staff)
            .where(Staff.site_id == actor.site_id, Staff.role.in_(STAFF), Staff.is_active.is_(True))
            .order_by(Staff.name)
        )
    )


def phone_of(points: Sequence[ContactView]) -> str:
    """The newest working phone that may be called, as people write it."""
    found = safe.to_call(points)
    return found.shown if found else ""


def contact_rule(points: Sequence[ContactView]) -> str:
    """How this person may be reached, in one line; what is not allowed is said, not left out."""
    phones = [p for p in points if p.kind == "phone" and p.usable]
    if not phones:
        return "Email only" if any(p.kind == "email" and p.usable for p in points) else "No way to reach them known"
    best = phones[-1]
    parts = ["Call OK" if best.may_call else "no calls"]
    parts.append("text OK" if best.may_text else "no text")
    parts.append("voicemail OK" if best.may_voicemail else "no voicemail")
    if best.hours and best.hours != "any":
        parts.append(str(safe.HOURS.get(best.hours, best.hours)).lower())
    return ", ".join(parts)
