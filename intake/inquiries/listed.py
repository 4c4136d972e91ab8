"""The rows of the inbox: what waits, how late it is, and where the rules would send it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from intake.actor import Actor
from intake.clinical import routing
from intake.db import db
from intake.inquiries import placing, queries
from intake.inquiries.models import Channel, Inquiry, InquiryState, Relation
from intake.people import queries as people
from intake.people.queries import ContactView, PersonView
from intake.settings import queries as settings

MOST_ROWS = 200


@dataclass(frozen=True)
class InboxRow:
    """One line of the inbox, plain values; times are aware UTC, waits in minutes."""

    id: int
    reference: str
    version: int
    state: InquiryState
    channel: Channel
    relation: Relation
    name: str
    age: int | None
    own_words: str
    told: Mapping[str, Any]
    danger: tuple[str, ...]
    signals: tuple[str, ...]
    queue: str
    acuity: int
    priority: int
    fired: tuple[str, ...]
    incomplete: bool
    owner_id: int | None
    received_at: datetime
    waited_minutes: int
    target_minutes: int
    is_late: bool
    contacted: bool
    will_call_back: bool


@dataclass(frozen=True)
class InboxFilter:
    """What the inbox shows: stage, source (channel), owner id, provisional queue, only those past their target."""

    stage: str = "open"
    source: str = ""
    owner_id: int | None = None
    queue: str = ""
    late: bool = False


def inbox_rows(actor: Actor, wanted: InboxFilter, *, now: datetime, limit: int = MOST_ROWS) -> list[InboxRow]:
    """The inquiries of a stage that `actor` may read, most urgent first: acuity, priority, arrival.

    Six statements, whatever the number.
    """
    states = queries.STAGES.get(wanted.stage, queries.OPEN)
    query = select(Inquiry).where(queries.visible(actor), Inquiry.state.in_(states))
    if wanted.source:
        query = query.where(Inquiry.channel == wanted.source)
    if wanted.owner_id is not None:
        query = query.where(Inquiry.owner_id == wanted.owner_id)
    if wanted.late:
        query = query.where(Inquiry.first_contact_at.is_(None), Inquiry.first_contact_due_at < now)
    # Ended ones are listed newest first, open ones oldest first, since those wait longest.
    newest = wanted.stage in {"closed", "routed"}
    at = Inquiry.received_at.desc() if newest else Inquiry.received_at
    rows = list(db.session.scalars(query.order_by(at, Inquiry.id).limit(limit)))
    _n, rules = settings.rule_set(actor.site_id)
    found = [r for r in _opened(rows, rules, now) if not wanted.queue or r.queue == wanted.queue]
    return found if newest else sorted(found, key=lambda r: (r.acuity, -r.priority, r.received_at, r.id))


def _opened(rows: Sequence[Inquiry], rules: routing.RuleSet, now: datetime) -> list[InboxRow]:
    views = people.opened_many({r.person_id for r in rows} | {r.inquirer_id for r in rows})
    points = people.contact_points_of({r.inquirer_id for r in rows})
    return [_inbox_row(r, views, points[r.inquirer_id], rules, now) for r in rows]


def _inbox_row(
    row: Inquiry,
    views: Mapping[int, PersonView],
    points: Sequence[ContactView],
    rules: routing.RuleSet,
    now: datetime,
) -> InboxRow:
    person = views[row.person_id]
    facts = queries.told(row)
    placed = placing.place(danger=row.danger, told=facts, age=person.age, rules=rules)
    phone = queries.phone_of(points)
    until = row.first_contact_at or now
    return InboxRow(
        id=row.id,
        reference=row.reference,
        version=row.version,
        state=row.state,
        channel=row.channel,
        relation=row.relation,
        name=person.name,
        age=person.age,
        own_words=queries.own_words(row),
        told=facts,
        danger=tuple(code for code, answer in row.danger.items() if answer == "yes"),
        signals=placing.signals(
            facts,
            third_party=row.relation is not Relation.SELF,
            may_voicemail=phone.may_voicemail if phone else None,
        ),
        queue=placed.queue,
        acuity=placed.acuity,
        priority=placed.priority,
        fired=tuple(f.id for f in placed.fired),
        incomplete=placed.incomplete,
        owner_id=row.owner_id,
        received_at=row.received_at,
        waited_minutes=max(0, int((until - row.received_at).total_seconds() // 60)),
        target_minutes=placed.target_minutes,
        is_late=until > row.first_contact_due_at,
        contacted=row.first_contact_at is not None,
        will_call_back=row.will_call_back,
    )


def stage_counts(actor: Actor) -> dict[str, int]:
    """How many inquiries that `actor` may read stand in each stage: one statement."""
    query = select(Inquiry.state, func.count()).where(queries.visible(actor)).group_by(Inquiry.state)
    by_state = dict(db.session.execute(query).all())
    return {stage: sum(by_state.get(s, 0) for s in states) for stage, states in queries.STAGES.items()}
