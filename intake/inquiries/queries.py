"""Read inquiries: the confirmation, the inbox rows, one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select

from intake import crypto
from intake.accounts.models import Staff
from intake.actor import STAFF, Actor, system
from intake.audit.models import TimelineEntry
from intake.clinical import routing
from intake.db import db
from intake.errors import Missing
from intake.inquiries import placing
from intake.inquiries.models import Attempt, Inquiry, InquiryState, Promise
from intake.people import merging
from intake.people import queries as people
from intake.people.finding import Likeness, likely_same
from intake.people.models import ContactKind, PersonMerge
from intake.people.queries import ContactView, PersonView
from intake.settings import queries as settings

STAGES: dict[str, tuple[InquiryState, ...]] = {
    "new": (InquiryState.NEW,),
    "contacting": (InquiryState.CONTACTING,),
    "screening": (InquiryState.SCREENING, InquiryState.CLINICAL_REVIEW),
    "routed": (InquiryState.ACCEPTED,),
    "closed": (
        InquiryState.REFERRED_OUT,
        InquiryState.NOT_SUITABLE,
        InquiryState.DECLINED_BY_PERSON,
        InquiryState.UNREACHABLE,
        InquiryState.DUPLICATE,
        InquiryState.CRISIS_HANDED_OVER,
    ),
}


OPEN = (*STAGES["new"], *STAGES["contacting"], *STAGES["screening"])


def told(row: Inquiry) -> dict[str, Any]:
    """The sealed answers of an inquiry, opened."""
    text = crypto.open_(row.facts, at="inquiry.facts", row=row.id)
    found: dict[str, Any] = json.loads(text) if text and text != crypto.ERASED else {}
    return found


def own_words(row: Inquiry) -> str:
    """What the person wrote or said, opened."""
    return crypto.open_(row.own_words, at="inquiry.own_words", row=row.id)


def provisional(row: Inquiry, *, age: int | None, rules: routing.RuleSet) -> routing.Placement:
    """Where the inquiry stands before any screening; computed, stored nowhere (rulings 5)."""
    return placing.place(danger=row.danger, told=told(row), age=age, rules=rules)


def visible(actor: Actor) -> ColumnElement[bool]:
    """The condition that holds for exactly the inquiries `readable` gives out (rulings 10)."""
    if actor.is_system:
        return Inquiry.site_id == actor.site_id
    if actor.role not in STAFF:
        return false()
    return and_(Inquiry.site_id == actor.site_id, people.shown_to(actor, Inquiry.person_id))


def readable(actor: Actor, inquiry_id: int) -> Inquiry:
    """The inquiry, if the actor may read it.

    Raises:
        Missing: none here; another site's, or one of a restricted case, reads the same.
    """
    row = db.session.scalar(select(Inquiry).where(Inquiry.id == inquiry_id, visible(actor)))
    if row is None:
        raise Missing("There is no such request.")
    return row


def by_reference(site_id: int, text: str) -> Inquiry | None:
    """The inquiry of a reference number, typed with or without dashes and in any case."""
    signs = "".join(c for c in text.upper() if c.isalnum())[:20]
    if len(signs) < 8:
        return None
    wanted = f"{signs[:-6]}-{signs[-6:-2]}-{signs[-2:]}"
    return db.session.scalar(select(Inquiry).where(Inquiry.site_id == site_id, Inquiry.reference == wanted))


@dataclass(frozen=True)
class Confirmation:
    """What the page after sending shows; name and phone only in the browser that sent the form."""

    reference: str
    name: str
    phone: str
    best_time: str
    may_text: bool
    will_call_back: bool
    in_danger: bool
    cancelled: bool
    minutes_to_call: int
    received_at: datetime


def confirmation(inquiry_id: int, *, open_names: bool) -> Confirmation:
    """The confirmation of a sent request.

    Raises:
        Missing: it is gone.
    """
    row = db.session.get(Inquiry, inquiry_id)
    if row is None:
        raise Missing("There is no such request.")
    who = people.opened_many({row.inquirer_id}).get(row.inquirer_id) if open_names else None
    phone = phone_of(people.contact_points(row.inquirer_id)) if open_names else None
    return Confirmation(
        reference=row.reference,
        name=who.used_name if who else "",
        phone=phone.shown if phone else "",
        best_time=phone.hours if phone else "",
        may_text=phone.may_text if phone else False,
        will_call_back=row.will_call_back,
        in_danger="yes" in row.danger.values(),
        cancelled=row.state is InquiryState.DECLINED_BY_PERSON,
        minutes_to_call=round((row.first_contact_due_at - row.received_at).total_seconds() / 60),
        received_at=row.received_at,
    )


def phone_of(points: Sequence[ContactView]) -> ContactView | None:
    """The phone to call: the newest that works."""
    usable = [p for p in points if p.kind is ContactKind.PHONE and p.usable]
    return usable[-1] if usable else None


@dataclass(frozen=True)
class PastInquiry:
    """The newest request of somebody, and how many there were."""

    id: int
    reference: str
    received_at: datetime
    state: InquiryState
    count: int


def past_inquiries(person_ids: Sequence[int]) -> dict[int, PastInquiry]:
    """The newest request of each person, asked by or for them; one statement."""
    found: dict[int, PastInquiry] = {}
    if not person_ids:
        return found
    rows = db.session.scalars(
        select(Inquiry)
        .where(or_(Inquiry.person_id.in_(person_ids), Inquiry.inquirer_id.in_(person_ids)))
        .order_by(Inquiry.received_at)
    )
    for row in rows:
        for person_id in {row.person_id, row.inquirer_id} & set(person_ids):
            before = found.get(person_id)
            found[person_id] = PastInquiry(
                row.id, row.reference, row.received_at, row.state, (before.count if before else 0) + 1
            )
    return found


@dataclass(frozen=True)
class Line:
    """One line of the story of an inquiry: when, who, what (a code with its values) and words."""

    at: datetime
    by: str
    kind: str
    params: Mapping[str, Any]
    words: str


@dataclass(frozen=True)
class Match:
    """Somebody who may be the same human, with their newest request."""

    same: Likeness
    past: PastInquiry | None


def matches(
    actor: Actor, *, name: str, phone: str, born_on: date | None, age: int | None, leave_out: Sequence[int]
) -> tuple[Match, ...]:
    """Up to three known people who may be the one described; nothing is asked for less than a name or a phone."""
    if not phone and len(name) < 3:
        return ()
    found = likely_same(
        site_id=actor.site_id,
        name=name,
        born_on=born_on,
        age=age,
        phone=phone,
        leave_out=leave_out,
        limit=3,
        actor=actor,
    )
    past = past_inquiries([f.person.id for f in found])
    return tuple(Match(f, past.get(f.person.id)) for f in found)


def _earlier(row: Inquiry) -> tuple[PastInquiry, ...]:
    """Other requests for the same person, newest first; at most ten."""
    rows = db.session.scalars(
        select(Inquiry)
        .where(Inquiry.person_id == row.person_id, Inquiry.id != row.id)
        .order_by(Inquiry.received_at.desc())
        .limit(10)
    )
    return tuple(PastInquiry(r.id, r.reference, r.received_at, r.state, 1) for r in rows)


@dataclass(frozen=True)
class InquiryPage:
    """Everything the inquiry page shows."""

    row: Inquiry
    person: PersonView
    inquirer: PersonView
    told: Mapping[str, Any]
    own_words: str
    organisation: str
    contacts: tuple[ContactView, ...]
    person_contacts: tuple[ContactView, ...]
    placement: routing.Placement
    signals: tuple[str, ...]
    owner: str
    lines: tuple[Line, ...]
    attempts: int
    promises: tuple[Promise, ...]
    matches: tuple[Match, ...]
    joins: tuple[PersonMerge, ...]
    past: tuple[PastInquiry, ...]
    is_open: bool
    waited_minutes: int
    is_late: bool


def page(row: Inquiry, *, now: datetime, actor: Actor | None = None) -> InquiryPage:
    """Open one inquiry with its people, contact rules, story and provisional placement, as `actor` may see it."""
    reader = actor or system(row.site_id)
    views = people.opened_many({row.person_id, row.inquirer_id})
    points = people.contact_points_of({row.person_id, row.inquirer_id})
    _n, rules = settings.rule_set(row.site_id)
    facts = told(row)
    phone = phone_of(points[row.inquirer_id])
    until = row.first_contact_at or now
    third = row.inquirer_id != row.person_id
    return InquiryPage(
        row=row,
        person=views[row.person_id],
        inquirer=views[row.inquirer_id],
        told=facts,
        own_words=own_words(row),
        organisation=crypto.open_(row.referrer, at="inquiry.referrer", row=row.id),
        contacts=tuple(points[row.inquirer_id]),
        person_contacts=tuple(points[row.person_id]) if third else (),
        placement=placing.place(danger=row.danger, told=facts, age=views[row.person_id].age, rules=rules),
        signals=placing.signals(facts, third_party=third, may_voicemail=phone.may_voicemail if phone else None),
        owner=_staff_name(row.owner_id),
        lines=tuple(_lines(row)),
        attempts=db.session.scalar(select(func.count(Attempt.id)).where(Attempt.inquiry_id == row.id)) or 0,
        promises=tuple(
            db.session.scalars(select(Promise).where(Promise.inquiry_id == row.id).order_by(Promise.created_at))
        ),
        matches=matches(
            reader,
            name=views[row.person_id].used_name,
            phone="" if third or phone is None else phone.value,
            born_on=views[row.person_id].born_on,
            age=views[row.person_id].age,
            leave_out=(row.person_id, row.inquirer_id),
        ),
        joins=tuple(merging.merges_of(row.person_id)),
        past=_earlier(row),
        is_open=row.state in OPEN,
        waited_minutes=max(0, int((until - row.received_at).total_seconds() // 60)),
        is_late=until > row.first_contact_due_at,
    )


def _staff_name(staff_id: int | None) -> str:
    found = db.session.get(Staff, staff_id) if staff_id else None
    return found.name if found else ""


def _lines(row: Inquiry) -> list[Line]:
    entries = db.session.scalars(
        select(TimelineEntry)
        .where(TimelineEntry.inquiry_id == row.id)
        .order_by(TimelineEntry.at.desc(), TimelineEntry.id)
        .limit(100)
    )
    return [
        Line(
            at=e.at,
            by=str(e.params.get("by", "")),
            kind=e.kind,
            params=e.params,
            words=crypto.open_(e.words, at="timeline_entry.words", row=e.id),
        )
        for e in entries
    ]
