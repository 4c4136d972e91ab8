"""Read people: opened views, contact rules, find, and who may be the same human."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import phonenumbers
from sqlalchemy import ColumnElement, Select, and_, bindparam, select, true
from sqlalchemy.orm import InstrumentedAttribute

from intake import crypto
from intake.actor import Actor
from intake.clock import utcnow
from intake.db import db
from intake.people.models import ContactKind, ContactPoint, Person, PersonKind

# Rooms above say which people an actor must not come across: each gives a select of person ids.
hidden: list[Callable[[Actor], Select[int]]] = []
NO_NAME = "(no name given)"
_POINTS = (
    select(ContactPoint)
    .where(ContactPoint.person_id == bindparam("person"))
    .order_by(ContactPoint.created_at, ContactPoint.id)
)


@dataclass(frozen=True)
class PersonView:
    """A person with the seals opened; `age` in whole years, from the birth date or as told."""

    id: int
    kind: PersonKind
    used_name: str
    legal_name: str
    born_on: date | None
    age: int | None
    pronouns: str
    sex: str
    locale: str
    time_zone: str
    allergies: str

    @property
    def name(self) -> str:
        """The name to show; a stand-in when nobody gave one."""
        return self.used_name or self.legal_name or NO_NAME


@dataclass(frozen=True)
class ContactView:
    """A contact point with the seal opened; `shown` is the phone as people write it."""

    id: int
    version: int
    kind: ContactKind
    value: str
    shown: str
    may_call: bool
    may_voicemail: bool
    may_text: bool
    may_email: bool
    may_post: bool
    may_name_center: bool
    hours: str
    who_else: str
    mail_scope: str
    mail_every: int
    verified_at: datetime | None
    consented_at: datetime | None
    stopped_at: datetime | None
    bad_since: datetime | None

    @property
    def usable(self) -> bool:
        """Neither stopped nor bad."""
        return self.stopped_at is None and self.bad_since is None


def age_on(born_on: date | None, told: int | None, today: date) -> int | None:
    """Age in whole years on a day: from the birth date, else as told."""
    if born_on is None:
        return told
    return today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))


def locale_of(person_id: int) -> str:
    """The language a person reads, `en` or `es`; empty when there is no such person."""
    found = db.session.scalar(select(Person.locale).where(Person.id == person_id)) or ""
    return "es" if found.lower().startswith("es") else "en" if found else ""


def opened(person: Person) -> PersonView:
    """One person with the seals opened."""

    def clear(field: str) -> str:
        return crypto.open_(getattr(person, field), at=f"person.{field}", row=person.id)

    born = clear("born_on")
    born_on = date.fromisoformat(born) if born and born != crypto.ERASED else None
    return PersonView(
        id=person.id,
        kind=person.kind,
        used_name=clear("used_name"),
        legal_name=clear("legal_name"),
        born_on=born_on,
        age=age_on(born_on, person.age_years, utcnow().astimezone(ZoneInfo(person.time_zone)).date()),
        pronouns=clear("pronouns"),
        sex=person.sex,
        locale=person.locale,
        time_zone=person.time_zone,
        allergies=clear("allergies"),
    )


def person(person_id: int) -> Person:
    """The record of a person that is known to exist."""
    return db.session.get_one(Person, person_id)


def opened_many(ids: Iterable[int]) -> dict[int, PersonView]:
    """The opened persons of many ids: two statements, whatever the number."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = list(db.session.scalars(select(Person).where(Person.id.in_(wanted))))
    crypto.prefetch(r.used_name for r in rows)
    crypto.prefetch(r.legal_name for r in rows)
    return {r.id: opened(r) for r in rows}


def shown_phone(e164: str) -> str:
    """A phone number as people write it: (555) 014-7734 at home, +44 ... abroad."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    digits = str(number.national_number)
    if number.country_code == 1 and len(digits) == 10:
        return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _contact(row: ContactPoint) -> ContactView:
    value = crypto.open_(row.value, at="contact_point.value", row=row.id)
    return ContactView(
        id=row.id,
        version=row.version,
        kind=row.kind,
        value=value,
        shown=shown_phone(value) if row.kind is ContactKind.PHONE else value,
        may_call=row.may_call,
        may_voicemail=row.may_voicemail,
        may_text=row.may_text,
        may_email=row.may_email,
        may_post=row.may_post,
        may_name_center=row.may_name_center,
        hours=row.hours,
        who_else=crypto.open_(row.who_else, at="contact_point.who_else", row=row.id),
        mail_scope=row.mail_scope,
        mail_every=row.mail_every,
        verified_at=row.verified_at,
        consented_at=row.consented_at,
        stopped_at=row.stopped_at,
        bad_since=row.bad_since,
    )


def contact_points(person_id: int) -> list[ContactView]:
    """All contact points of a person, oldest first, stopped ones too."""
    rows = list(db.session.scalars(_POINTS, {"person": person_id}))
    crypto.prefetch(r.value for r in rows)
    return [_contact(r) for r in rows]


def contact_points_of(person_ids: Iterable[int]) -> dict[int, list[ContactView]]:
    """The contact points of many people, for lists: two statements, whatever the number."""
    wanted = set(person_ids)
    found: dict[int, list[ContactView]] = {i: [] for i in wanted}
    if not wanted:
        return found
    rows = list(
        db.session.scalars(
            select(ContactPoint)
            .where(ContactPoint.person_id.in_(wanted))
            .order_by(ContactPoint.created_at, ContactPoint.id)
        )
    )
    crypto.prefetch(r.value for r in rows)
    for row in rows:
        found[row.person_id].append(_contact(row))
    return found


def shown_to(actor: Actor | None, person_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The condition that `actor` may come across the person of that column; always true without an actor."""
    if actor is None:
        return true()
    return and_(true(), *(person_id.not_in(ask(actor)) for ask in hidden))
