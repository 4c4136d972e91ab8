"""Keep the blind tokens of a person in step with what they are called and how they are reached."""

from __future__ import annotations

from datetime import date
from typing import cast

from sqlalchemy import Table, bindparam, delete, insert, or_, select

from intake import crypto
from intake.db import db, new_id
from intake.people import matching
from intake.people.models import ContactKind, ContactPoint, MatchKey, Person, PersonKind

_ADD = insert(cast(Table, MatchKey.__table__))
_HELD = select(MatchKey.kind, MatchKey.token).where(MatchKey.person_id == bindparam("person"))


def index_new(person: Person) -> None:
    """Write the tokens of somebody added a moment ago: nothing is joined to them yet and nothing was indexed."""
    db.session.flush()
    if person.kind is PersonKind.KNOWN:
        _add(person, _keys_of_names(person))


def index_person(person: Person) -> None:
    """Write all tokens of a person anew; only somebody known has any.

    A placeholder must never be found as a patient, a tombstone is found through its survivor, who carries the names
    of all records joined into theirs.
    """
    db.session.flush()
    db.session.execute(delete(MatchKey).where(MatchKey.person_id == person.id))
    if person.kind is not PersonKind.KNOWN:
        return
    keys: set[matching.Key] = set()
    for each in db.session.scalars(select(Person).where(or_(Person.id == person.id, Person.merged_into == person.id))):
        keys |= _keys_of_names(each)
    for point in db.session.scalars(select(ContactPoint).where(ContactPoint.person_id == person.id)):
        keys |= _keys_of_contact(point)
    _add(person, keys)
    db.session.flush()


def index_contact(person: Person, point: ContactPoint) -> None:
    """Add the tokens of one new contact point."""
    if person.kind is PersonKind.KNOWN:
        held = db.session.execute(_HELD, {"person": person.id})
        _add(person, _keys_of_contact(point) - {(kind, token) for kind, token in held})


def _add(person: Person, keys: set[matching.Key]) -> None:
    if keys:
        whose = {"site_id": person.site_id, "person_id": person.id}
        rows = [{"id": new_id(), **whose, "kind": kind, "token": token} for kind, token in sorted(keys)]
        db.session.connection().execute(_ADD, rows)


def _keys_of_names(person: Person) -> set[matching.Key]:
    def clear(field: str) -> str:
        text = crypto.open_(getattr(person, field), at=f"person.{field}", row=person.id)
        return "" if text == crypto.ERASED else text

    names, born = [clear("used_name"), clear("legal_name")], clear("born_on")
    return matching.name_keys(*names) | matching.birth_keys(names, date.fromisoformat(born) if born else None)


def _keys_of_contact(point: ContactPoint) -> set[matching.Key]:
    value = crypto.open_(point.value, at="contact_point.value", row=point.id)
    if value == crypto.ERASED or point.kind is ContactKind.POST:
        return set()
    return matching.phone_keys(value) if point.kind is ContactKind.PHONE else matching.email_keys(value)
