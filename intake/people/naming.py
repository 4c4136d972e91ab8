"""Add people, say what they are called and when they were born, and let a placeholder become known."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import Missing, RuleBroken
from intake.messages import service as messages
from intake.people.indexing import index_new, index_person
from intake.people.models import ContactPoint, Person, PersonKind
from intake.settings.models import Site


def add_person(
    *,
    site: Site,
    kind: PersonKind,
    used_name: str,
    time_zone: str = "",
    actor: Actor,
    now: datetime,
    legal_name: str = "",
    born_on: date | None = None,
    age_years: int | None = None,
    pronouns: str = "",
    sex: str = "unknown",
    locale: str = "en",
    interpreter: bool = False,
    allergies: str = "",
) -> Person:
    """Add one human with a data key of their own; names may be empty (a placeholder nobody named)."""
    row = Person(
        id=new_id(),
        site_id=site.id,
        kind=kind,
        age_years=age_years,
        sex=sex,
        locale=locale,
        interpreter=interpreter,
        time_zone=time_zone or site.time_zone,
        created_at=now,
        created_by=actor.id,
    )
    crypto.make_key(row.id)
    _seal_into(row, used_name=used_name, legal_name=legal_name, pronouns=pronouns, allergies=allergies)
    row.born_on = crypto.seal(born_on.isoformat(), key_of=row.id, at="person.born_on", row=row.id) if born_on else None
    db.session.add(row)
    index_new(row)
    audit.record(actor=actor, verb="added", record="person", record_id=row.id, site_id=site.id, now=now)
    return row


def _seal_into(row: Person, **clear: str) -> None:
    for field, text in clear.items():
        blob = crypto.seal(text, key_of=row.id, at=f"person.{field}", row=row.id) if text else None
        setattr(row, field, blob)


def _living(person_id: int, actor: Actor) -> Person:
    row = db.session.scalar(select(Person).where(Person.id == person_id, Person.site_id == actor.site_id))
    if row is None:
        raise Missing("There is no such person.")
    if row.kind is PersonKind.TOMBSTONE:
        raise RuleBroken("This record was joined with another one. Open that one instead.", code="TOMBSTONE")
    return row


def rename(
    person_id: int,
    *,
    actor: Actor,
    now: datetime,
    used_name: str | None = None,
    legal_name: str | None = None,
    pronouns: str | None = None,
    allergies: str | None = None,
    born_on: date | None = None,
    age_years: int | None = None,
) -> Person:
    """Change what a person is called or when they were born; None leaves a field as it is.

    Raises:
        Missing: no such person here. RuleBroken: TOMBSTONE, the record was joined with another.
    """
    row = _living(person_id, actor)
    given = {"used_name": used_name, "legal_name": legal_name, "pronouns": pronouns, "allergies": allergies}
    changed = {field: text for field, text in given.items() if text is not None}
    _seal_into(row, **changed)
    fields = list(changed)
    if born_on is not None:
        row.born_on = crypto.seal(born_on.isoformat(), key_of=row.id, at="person.born_on", row=row.id)
        fields.append("born_on")
    if age_years is not None:
        row.age_years = age_years
        fields.append("age_years")
    index_person(row)
    audit.record(
        actor=actor, verb="changed", record="person", record_id=row.id, site_id=row.site_id, changed=fields, now=now
    )
    return row


def become_known(person_id: int, *, how: str, actor: Actor, now: datetime) -> Person:
    """Turn a placeholder into a known person: they got in touch or agreed to be contacted (product.md 2.2).

    Raises:
        Missing: no such person here. RuleBroken: TOMBSTONE.
    """
    row = _living(person_id, actor)
    if row.kind is PersonKind.PLACEHOLDER:
        row.kind = PersonKind.KNOWN
        index_person(row)
        audit.record(
            actor=actor,
            verb="became_known",
            record="person",
            record_id=row.id,
            site_id=row.site_id,
            purpose=how,
            now=now,
        )
    return row


def back_to_placeholder(person_id: int, *, actor: Actor, now: datetime) -> Person:
    """Take name and contact points off somebody who turned out to be asked about, while the asking goes on.

    Raises:
        Missing: no such person here. RuleBroken: TOMBSTONE.
    """
    row = _living(person_id, actor)
    row.kind, row.used_name, row.legal_name = PersonKind.PLACEHOLDER, None, None
    for point in db.session.scalars(
        select(ContactPoint).where(ContactPoint.person_id == row.id, ContactPoint.stopped_at.is_(None))
    ):
        point.stopped_at = now
    index_person(row)
    messages.touch(recipient_id=row.id)
    audit.record(
        actor=actor, verb="unnamed", record="person", record_id=row.id, site_id=row.site_id, changed=("kind",), now=now
    )
    return row
