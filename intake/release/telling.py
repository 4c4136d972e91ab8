"""Tell somebody in words, through the gate: allowed and written down first, then said, then what came of it.

An emergency contact is told under the consent bound to them, or under a legal ground with its facts; never more than
family may be told, and only by a phone that is safe now or face to face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.cases import queries as cases
from intake.clock import db_now
from intake.consents import scope
from intake.consents import service as consents
from intake.consents.models import Consent, ConsentKind, Disclosure, DisclosureState
from intake.consents.service import Wanted
from intake.db import db
from intake.errors import Missing, RuleBroken
from intake.people import emergency, safe
from intake.people import queries as persons
from intake.people import service as people
from intake.people.emergency import Named
from intake.release import service
from intake.release.service import Ask, Handed
from intake.settings import queries as settings
from intake.tasks import service as tasks

WAY, IN_PERSON = "spoken", "in_person"
OUTCOMES = ("told", "not_reached")


@dataclass(frozen=True)
class Open:
    """What was allowed a moment ago and is not said yet: to whom, and which facts in words."""

    id: int
    recipient: str
    parts: Sequence[str]
    until: datetime


def contact_of(case_id: int, named_id: int, actor: Actor) -> Named:
    """An emergency contact of the person of a case.

    Raises:
        Missing: no such case for the actor, or none of this person.
    """
    case = cases.readable(actor, case_id)
    found = next((each for each in emergency.of_person(case.person_id) if each.id == named_id), None)
    if found is None:
        raise Missing(emergency.GONE)
    return found


def agree(
    case_id: int,
    named_id: int,
    *,
    parts: Sequence[str],
    expires_at: datetime | None,
    end_event: str,
    language: str,
    actor: Actor,
    now: datetime,
) -> Consent:
    """Write down the consent that a contact needs, for signing, and bind it to them.

    Raises:
        Missing, NotPermitted. RuleBroken: no facts, more than family may be told, or no end.
    """
    case = cases.readable(actor, case_id)
    named = contact_of(case_id, named_id, actor)
    wanted = Wanted(
        kind=ConsentKind.DISCLOSURE, discloser=settings.site(case.site_id).name,
        recipient=f"{named.contact.name}, {named.relation_words.lower()}", parts=tuple(parts), purpose="family",
        expires_at=expires_at, end_event=end_event, language=language,
    )  # fmt: skip
    row = consents.draft(persons.person(case.person_id), wanted, actor=actor, now=now)
    people.bind_consent(named.id, person_id=case.person_id, consent_id=row.id, case_id=case.id, actor=actor, now=now)
    return row


def ask(
    case_id: int, named_id: int, *, parts: Sequence[str], ground: str, facts: str, actor: Actor, now: datetime
) -> Disclosure:
    """Ask the gate whether a contact may be told, under their consent or, with `ground`, without one.

    Raises:
        Missing, NotPermitted. RuleBroken: more than family may ever be told.
    """
    if not set(parts) <= scope.FAMILY_PARTS:
        raise RuleBroken("Nobody is told more than this.", code="FAMILY", fields={"parts": "Pick from this list."})
    named = contact_of(case_id, named_id, actor)
    asked = Ask(
        parts, consent_id=None if ground else named.consent_id, ground=ground, recipient=named.contact.name,
        affiliation=f"Emergency contact, {named.relation_words.lower()}", facts=facts, way=WAY,
    )  # fmt: skip
    return service.authorize(case_id, asked, actor=actor, now=now)


def ways(named: Named, *, now: datetime) -> list[tuple[str, str]]:
    """How a contact may be told now: the phones that are safe at this hour, and face to face."""
    zone = named.contact.time_zone
    phones = [p for p in named.points if not safe.why_not(p, "call", now=now, zone=zone)]
    return [*((str(p.id), p.shown) for p in phones), (IN_PERSON, "")]


def told(
    case_id: int, named_id: int, disclosure_id: int, *, how: str, outcome: str, actor: Actor, now: datetime
) -> Handed:
    """Record that what was allowed was said, or that nobody was reached; the gate looks once more before it counts.

    Raises:
        Missing. RuleBroken: a way that is not safe now, or no outcome (by field).
    """
    named = contact_of(case_id, named_id, actor)
    wrong: dict[str, str] = {}
    if outcome not in OUTCOMES:
        wrong["outcome"] = "Say what came of it."
    if how not in {way for way, _words in ways(named, now=now)}:
        wrong["how"] = "Pick a phone that is safe now, or face to face."
    if wrong:
        raise RuleBroken("This is not complete.", code="TOLD", fields=wrong)
    row = _allowed(disclosure_id, case_id, named, actor)
    if outcome == "told":
        handed = service.hand_out(row.id, way=WAY, actor=actor, now=now)
    else:
        handed = Handed(None, outcome)
        row.state, row.reason = DisclosureState.FAILED, outcome
        audit.record(
            actor=actor, verb="denied", record="disclosure", record_id=row.id, case_id=case_id, purpose=outcome, now=now
        )
    if handed.copy is not None or outcome != "told":
        audit.tell(kind="contact_told", actor=actor, now=now, case_id=case_id, params={"answer": outcome})
    if handed.copy is not None:
        key = f"{emergency.TELL_TASK}:{case_id}"
        tasks.cancel(key, site_id=actor.site_id, reason="told", actor=actor, now=now)
    return handed


def _allowed(disclosure_id: int, case_id: int, named: Named, actor: Actor) -> Disclosure:
    row = db.session.scalar(
        select(Disclosure)
        .where(
            Disclosure.id == disclosure_id,
            Disclosure.case_id == case_id,
            Disclosure.way == WAY,
            Disclosure.state == DisclosureState.AUTHORIZED,
            Disclosure.actor_id == actor.id,
        )
        .with_for_update()
    )
    if row is None or _recipient(row) != named.contact.name:
        raise Missing(service.GONE)
    return row


def _recipient(row: Disclosure) -> str:
    return crypto.open_(row.recipient, at="disclosure.recipient", row=row.id)


def open_of(case_id: int, *, actor: Actor) -> list[Open]:
    """What the actor was allowed to tell somebody about a case and has not told yet, the newest first."""
    rows = db.session.scalars(
        select(Disclosure)
        .where(
            Disclosure.case_id == case_id,
            Disclosure.way == WAY,
            Disclosure.state == DisclosureState.AUTHORIZED,
            Disclosure.actor_id == actor.id,
            Disclosure.at > db_now(-service.COPY_FOR),
        )
        .order_by(Disclosure.at.desc(), Disclosure.id)
    ).all()
    return [
        Open(row.id, _recipient(row), [str(scope.PARTS[code]) for code in row.scope], row.at + service.COPY_FOR)
        for row in rows
    ]
