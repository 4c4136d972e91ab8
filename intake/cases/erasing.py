"""Erase a person: destroy the keys that everything about them is sealed under; the audit chain stays whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, or_, select, update

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.cases.models import Case, LegalHold
from intake.cases.queries import ENDED
from intake.db import db
from intake.errors import Missing, RuleBroken
from intake.guard import SignedLink
from intake.inquiries.models import Inquiry
from intake.messages import service as messages
from intake.people.models import ContactPoint, EmergencyContact, MatchKey, Person, PersonKind

BATCH = 500


def erase(person_id: int, *, actor: Actor, now: datetime) -> int:
    """Make everything sealed about a person, and about records merged into them, unreadable; returns how many keys.

    Names, contacts, answers, notes and reasons are gone for good; dates, codes and the audit chain stay. Find and
    duplicates forget the person, mail stops, links end.

    Raises:
        Missing: no such person here. RuleBroken: an open case, or a legal hold.
    """
    person = db.session.scalar(
        select(Person).where(Person.id == person_id, Person.site_id == actor.site_id).with_for_update()
    )
    if person is None:
        raise Missing("There is no such person.")
    everybody = _with_merged(person_id)
    everybody += _named_by(everybody)
    if held(everybody):
        raise RuleBroken("A legal hold keeps this record. Release the hold first.", code="LEGAL_HOLD")
    cases = db.session.scalars(select(Case).where(Case.person_id.in_(everybody)).order_by(Case.id)).all()
    if any(case.state not in ENDED for case in cases):
        raise RuleBroken("This person has an open case. Close it first.", code="OPEN_CASE")
    destroyed = sum(crypto.destroy_keys(each, now=now) for each in everybody)
    _forget(everybody, actor=actor, now=now)
    for case in cases:
        audit.record(actor=actor, verb="erased", record="person", record_id=person_id, case_id=case.id, now=now)
    audit.record(actor=actor, verb="erased", record="person", record_id=person_id, now=now)
    return destroyed


def held(person_ids: Sequence[int]) -> bool:
    """True while any of these people is under a legal hold."""
    return bool(
        db.session.scalar(
            select(LegalHold.id).where(LegalHold.person_id.in_(person_ids), LegalHold.released_at.is_(None)).limit(1)
        )
    )


def forget_again(owners: Sequence[int], *, actor: Actor, now: datetime) -> int:
    """Forget persons whose keys a restore left out, with or without an open case; returns how many were here."""
    found = 0
    for start in range(0, len(owners), BATCH):
        here = select(Person.id).where(
            Person.site_id == actor.site_id, Person.id.in_(owners[start : start + BATCH]), Person.kind != "tombstone"
        )
        people = list(db.session.scalars(here.order_by(Person.id)))
        _forget(people, actor=actor, now=now)
        for each in people:
            audit.record(actor=actor, verb="erased", record="person", record_id=each, purpose="restored", now=now)
        found += len(people)
    return found


def _forget(everybody: Sequence[int], *, actor: Actor, now: datetime) -> None:
    db.session.execute(delete(MatchKey).where(MatchKey.person_id.in_(everybody)))
    db.session.execute(
        update(SignedLink)
        .where(SignedLink.person_id.in_(everybody), SignedLink.stopped_at.is_(None))
        .values(stopped_at=now)
    )
    named = or_(EmergencyContact.person_id.in_(everybody), EmergencyContact.contact_id.in_(everybody))
    for contact in db.session.scalars(select(EmergencyContact).where(named)):
        contact.ended_at, contact.relation = contact.ended_at or now, "other"
    for row in db.session.scalars(select(ContactPoint).where(ContactPoint.person_id.in_(everybody))):
        row.stopped_at = row.stopped_at or now
    for each in db.session.scalars(select(Person).where(Person.id.in_(everybody))):
        each.age_years, each.sex, each.county, each.language = None, "unknown", "", ""
        messages.cancel(reason="erased", recipient_id=each.id, now=now, actor=actor)


def _named_by(people: Sequence[int]) -> list[int]:
    """Those whom these people named to be told in an emergency, and who stand in no other record."""
    other = EmergencyContact.__table__.alias("other")
    return list(
        db.session.scalars(
            select(Person.id)
            .where(
                Person.kind == PersonKind.PLACEHOLDER,
                exists().where(EmergencyContact.contact_id == Person.id, EmergencyContact.person_id.in_(people)),
                ~exists().where(other.c.contact_id == Person.id, other.c.person_id.not_in(people)),
                ~exists().where(or_(Inquiry.person_id == Person.id, Inquiry.inquirer_id == Person.id)),
            )
            .order_by(Person.id)
        )
    )


def _with_merged(person_id: int) -> list[int]:
    """The person and every record merged into it, also over several steps."""
    found = [person_id]
    for each in found:
        merged = db.session.scalars(select(Person.id).where(Person.merged_into == each).order_by(Person.id))
        found += [other for other in merged if other not in found]
    return found
