"""Read people: opened views, contact rules, find, and who may be the same human."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import phonenumbers
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from intake import crypto
from intake.actor import Actor
from intake.clock import utcnow
from intake.db import db
from intake.people import likeness, matching
from intake.people.likeness import Traits
from intake.people.models import ContactKind, ContactPoint, MatchKey, Person, PersonKind

MOST_CANDIDATES = 300
# Rooms above say which people an actor must not come across: each gives a select of person ids.
hidden: list[Callable[[Actor], Select[int]]] = []
NO_NAME = "(no name given)"


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
    verified_at: datetime | None
    consented_at: datetime | None
    stopped_at: datetime | None
    bad_since: datetime | None

    @property
    def usable(self) -> bool:
        """Neither stopped nor bad."""
        return self.stopped_at is None and self.bad_since is None


@dataclass(frozen=True)
class Likeness:
    """Somebody who may be the same human: a score of 0 to 100, the reasons, and whether it is all but certain."""

    person: PersonView
    score: int
    reasons: tuple[str, ...]
    suggested: bool = True
    same: bool = False


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
        age=age_on(born_on, person.age_years, utcnow().date()),
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
        verified_at=row.verified_at,
        consented_at=row.consented_at,
        stopped_at=row.stopped_at,
        bad_since=row.bad_since,
    )


def contact_points(person_id: int) -> list[ContactView]:
    """All contact points of a person, oldest first, stopped ones too."""
    rows = list(
        db.session.scalars(
            select(ContactPoint)
            .where(ContactPoint.person_id == person_id)
            .order_by(ContactPoint.created_at, ContactPoint.id)
        )
    )
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


def _holders(
    site_id: int, keys: Iterable[matching.Key], limit: int = MOST_CANDIDATES, actor: Actor | None = None
) -> list[int]:
    """Known people who hold any of the tokens, those with most of them first."""
    tests = [(MatchKey.kind == kind) & (MatchKey.token == token) for kind, token in keys]
    if not tests:
        return []
    return list(
        db.session.scalars(
            select(MatchKey.person_id)
            .where(MatchKey.site_id == site_id, or_(*tests), shown_to(actor, MatchKey.person_id))
            .group_by(MatchKey.person_id)
            .order_by(func.count().desc(), MatchKey.person_id)
            .limit(limit)
        )
    )


def likely_same(
    *,
    site_id: int,
    name: str = "",
    born_on: date | None = None,
    age: int | None = None,
    phone: str = "",
    email: str = "",
    leave_out: Sequence[int] = (),
    limit: int = 5,
    actor: Actor | None = None,
) -> list[Likeness]:
    """Known people who may be the human described, best first, each with its reasons.

    `phone` in E.164, `email` normalised, `age` in years. A placeholder is never among them, nor, with `actor`,
    somebody whose restricted case the actor may not read.
    """
    keys = {k for k in matching.phone_keys(phone) if k[0] == "phone"} | matching.email_keys(email)
    keys |= matching.birth_keys([name], born_on)
    keys |= {k for k in matching.name_keys(name) if k[0] in {"sound", "name6", "name5"}}
    ids = [i for i in _holders(site_id, keys, actor=actor) if i not in set(leave_out)]
    people, points = opened_many(ids), contact_points_of(ids)
    given, surname = likeness.split(name)
    asked = Traits(given, surname, _compact(born_on), age, phone, email.casefold())
    found = [_judged(p, points[p.id], asked) for p in people.values()]
    return sorted((f for f in found if f.suggested), key=lambda f: (-f.score, f.person.id))[:limit]


def _compact(born_on: date | None) -> str:
    return born_on.strftime("%Y%m%d") if born_on else ""


def _judged(person: PersonView, points: Sequence[ContactView], asked: Traits) -> Likeness:
    """The best reading of somebody's names; a phone or email of theirs that is not the asked one says nothing."""
    held = {p.value.casefold() for p in points}
    phone = asked.phone if asked.phone in held else ""
    email = asked.email if asked.email in held else ""
    verdicts = []
    for name in {person.used_name, person.legal_name} - {""} or {""}:
        given, surname = likeness.split(name)
        theirs = Traits(given, surname, _compact(person.born_on), person.age, phone, email)
        verdicts.append(likeness.weigh(asked, theirs))
    best = max(verdicts, key=lambda v: v.points)
    reasons = tuple(r for r in best.reasons if not r.startswith("another")) or best.reasons
    # One phone in a house serves many; who else has it is always worth knowing.
    shown = best.suggests or bool(phone or email)
    return Likeness(person, best.score, reasons, suggested=shown, same=best.is_same)


def find(text: str, site_id: int, limit: int = 20, actor: Actor | None = None) -> list[Likeness]:
    """Known people whose name (typos allowed), phone or email answers `text`, best first.

    Case numbers are found by the rooms that own them. At most 200 characters of `text` are read.
    """
    text = text[:200].strip()
    digits = [c for c in text if c.isdigit()]
    if len(digits) >= 7 and not any(c.isalpha() for c in text):
        return _find_by(site_id, {("phone7", crypto.blind("phone7", "".join(digits[-7:])))}, "phone", limit, actor)
    if "@" in text:
        return _find_by(site_id, matching.email_keys(text), "email", limit, actor)
    return _find_name(text, site_id, limit, actor)


def _find_by(site_id: int, keys: set[matching.Key], what: str, limit: int, actor: Actor | None) -> list[Likeness]:
    people = opened_many(_holders(site_id, keys, limit, actor))
    return [Likeness(p, 100, (what,)) for p in sorted(people.values(), key=lambda p: p.name)]


def _find_name(text: str, site_id: int, limit: int, actor: Actor | None) -> list[Likeness]:
    asked = matching.words(text)
    if not asked:
        return []
    keys = {k for k in matching.name_keys(text) if k[0] != "name4"}
    long = [w for w in asked if len(w) > 3]
    if long:
        # Three letters of a long word would bring half the center; the sound and longer starts find the typos.
        short = {k for w in long for k in matching.name_keys(w[:3]) if k[0] == "name3"}
        keys = (keys - short) | {k for w in long if len(w) == 4 for k in matching.name_keys(w) if k[0] == "name4"}
    people = opened_many(_holders(site_id, keys, actor=actor))
    scored = [(max(_hit(asked, p.used_name), _hit(asked, p.legal_name)), p) for p in people.values()]
    good = sorted(((s, p) for s, p in scored if s >= 0.72), key=lambda hit: (-hit[0], hit[1].name, hit[1].id))
    return [Likeness(p, round(100 * s), ("name",)) for s, p in good[:limit]]


def _hit(asked: list[str], name: str) -> float:
    """Each asked word against the best word of the name; a word begun counts as nearly there."""
    have = matching.words(name)
    if not have:
        return 0.0
    return sum(max(_begun(w, v) for v in have) for w in asked) / len(asked)


def _begun(word: str, full: str) -> float:
    return 0.97 if len(word) < len(full) and full.startswith(word) else matching.likeness(word, full)
