"""Emergency contacts: who, how related, how to reach them, and which consent says what they may be told.

Naming somebody gives them no right to know anything: what is told passes the gate of disclosures (`release.telling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.people import queries
from intake.people.contacts import SafeUse, add_contact, set_safe_use
from intake.people.models import ContactKind, EmergencyContact, Person, PersonKind
from intake.people.naming import add_person
from intake.people.queries import ContactView, PersonView
from intake.settings import queries as settings
from intake.tasks import service as tasks

RELATIONS: dict[str, LazyString] = {
    "partner": _("Partner"),
    "parent": _("Parent"),
    "child": _("Son or daughter"),
    "sibling": _("Brother or sister"),
    "relative": _("Other family"),
    "friend": _("Friend"),
    "guardian": _("Guardian"),
    "other": _("Another way"),
}
# The task of a case whose person has named nobody yet, and of one who asks us to tell somebody.
NAME_TASK, TELL_TASK = "name_contact", "tell_contact"
GONE = "There is no such emergency contact."


@dataclass(frozen=True)
class Naming:
    """What is said about somebody to be told; without `contact_id` a new person of that name is added."""

    name: str = ""
    relation: str = ""
    contact_id: int | None = None
    phone: str = ""
    email: str = ""
    use: SafeUse = field(default_factory=SafeUse)
    may_be_told: str = ""


@dataclass(frozen=True)
class Named:
    """An emergency contact, opened; `may_be_told` is in the person's own words, the consent is what binds."""

    id: int
    version: int
    contact: PersonView
    points: Sequence[ContactView]
    relation: str
    may_be_told: str
    consent_id: int | None

    @property
    def relation_words(self) -> str:
        """How they are related, in words."""
        return str(RELATIONS.get(self.relation, self.relation))


def of_person(person_id: int) -> list[Named]:
    """The living emergency contacts of a person, oldest first."""
    rows = db.session.scalars(
        select(EmergencyContact)
        .where(EmergencyContact.person_id == person_id, EmergencyContact.ended_at.is_(None))
        .order_by(EmergencyContact.created_at, EmergencyContact.id)
    ).all()
    people = queries.opened_many(row.contact_id for row in rows)
    points = queries.contact_points_of(row.contact_id for row in rows)
    return [
        Named(
            row.id,
            row.version,
            people[row.contact_id],
            points[row.contact_id],
            row.relation,
            crypto.open_(row.may_be_told, at="emergency_contact.may_be_told", row=row.id),
            row.consent_id,
        )
        for row in rows
    ]


def has_one(person_id: int) -> bool:
    """Whether a person has named somebody."""
    named = select(EmergencyContact.id).where(
        EmergencyContact.person_id == person_id, EmergencyContact.ended_at.is_(None)
    )
    return db.session.scalar(named.limit(1)) is not None


def name_contact(person: Person, said: Naming, *, case_id: int, actor: Actor, now: datetime) -> EmergencyContact:
    """Write down whom a person names; nothing is allowed on their phone or email but what `said.use` says.

    Raises:
        RuleBroken: no name, no relation, the person themselves, or somebody named already (by field).
        Missing: `contact_id` is nobody here.
    """
    _check(person, said)
    contact = _known(said.contact_id, actor) if said.contact_id else _added(person, said, actor, now)
    for kind, value in ((ContactKind.PHONE, said.phone), (ContactKind.EMAIL, said.email)):
        held = any(p.kind is kind and p.value == value and p.usable for p in queries.contact_points(contact.id))
        if value and not held:
            point = add_contact(contact, kind=kind, value=value, actor=actor, now=now)
            set_safe_use(point.id, said.use, version=None, actor=actor, now=now)
    row = EmergencyContact(
        id=new_id(), site_id=person.site_id, person_id=person.id, contact_id=contact.id, relation=said.relation,
        created_at=now, created_by=actor.id,
    )  # fmt: skip
    _say(row, said.may_be_told)
    db.session.add(row)
    db.session.flush()
    _settle(row, "named", case_id, actor, now)
    return row


def _check(person: Person, said: Naming) -> None:
    wrong: dict[str, str] = {}
    if not said.contact_id and not said.name:
        wrong["name"] = "Write the name of the one to be told."
    if said.relation not in RELATIONS:
        wrong["relation"] = "Say how they are related."
    if said.contact_id == person.id:
        wrong["who"] = "This is the person themselves."
    if said.contact_id in {each.contact.id for each in of_person(person.id)}:
        wrong["who"] = "They are named already."
    if wrong:
        raise RuleBroken("This emergency contact is not complete.", code="CONTACT", fields=wrong)


def _known(contact_id: int, actor: Actor) -> Person:
    row = db.session.scalar(select(Person).where(Person.id == contact_id, Person.site_id == actor.site_id))
    if row is None or row.kind is PersonKind.TOMBSTONE:
        raise Missing("There is no such person.")
    return row


def _added(person: Person, said: Naming, actor: Actor, now: datetime) -> Person:
    # A placeholder, since they are not in touch with us: nobody finds them as a patient.
    return add_person(
        site=settings.site(person.site_id), kind=PersonKind.PLACEHOLDER, used_name=said.name,
        time_zone=person.time_zone, actor=actor, now=now,
    )  # fmt: skip


def _say(row: EmergencyContact, words: str) -> None:
    at = "emergency_contact.may_be_told"
    row.may_be_told = crypto.seal(words, key_of=row.person_id, at=at, row=row.id) if words else None


def _settle(row: EmergencyContact, verb: str, case_id: int, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor, verb=verb, record="emergency_contact", record_id=row.id, case_id=case_id, site_id=row.site_id,
        purpose=row.relation, now=now,
    )  # fmt: skip
    audit.tell(kind="emergency_contact", actor=actor, now=now, case_id=case_id, params={"answer": verb})
    if verb == "named":
        tasks.cancel(f"{NAME_TASK}:{case_id}", site_id=row.site_id, reason=verb, actor=actor, now=now)


def refuse_contact(case_id: int, *, site_id: int, actor: Actor, now: datetime) -> None:
    """Write down that the person was asked and wants nobody told."""
    audit.record(
        actor=actor, verb="named_nobody", record="emergency_contact", record_id=None, case_id=case_id, site_id=site_id,
        now=now,
    )  # fmt: skip
    audit.tell(kind="emergency_contact", actor=actor, now=now, case_id=case_id, params={"answer": "none_wanted"})
    tasks.cancel(f"{NAME_TASK}:{case_id}", site_id=site_id, reason="none_wanted", actor=actor, now=now)


def locked(named_id: int, *, person_id: int, version: int | None = None) -> EmergencyContact:
    """A living emergency contact of a person, locked.

    Raises:
        Missing: none of theirs, or it ended. AlreadyDone: it changed since `version`.
    """
    row = db.session.scalar(
        select(EmergencyContact)
        .where(
            EmergencyContact.id == named_id,
            EmergencyContact.person_id == person_id,
            EmergencyContact.ended_at.is_(None),
        )
        .with_for_update()
    )
    if row is None:
        raise Missing(GONE)
    if version is not None and row.version != version:
        raise AlreadyDone("This changed while you were writing. Look at it again.", code="CHANGED")
    return row


def change_contact(
    named_id: int, *, person_id: int, relation: str, may_be_told: str, version: int | None, case_id: int, actor: Actor,
    now: datetime,
) -> EmergencyContact:  # fmt: skip
    """Change how they are related and the person's words on what may be told; another human is another contact.

    Raises:
        Missing, AlreadyDone. RuleBroken: no relation.
    """
    row = locked(named_id, person_id=person_id, version=version)
    if relation not in RELATIONS:
        raise RuleBroken("Say how they are related.", code="CONTACT", fields={"relation": "Pick one."})
    row.relation = relation
    _say(row, may_be_told)
    _settle(row, "changed", case_id, actor, now)
    return row


def bind_consent(
    named_id: int, *, person_id: int, consent_id: int, case_id: int, actor: Actor, now: datetime
) -> EmergencyContact:
    """Say under which consent they may be told; whether it counts is asked by the gate each time.

    Raises:
        Missing: no such contact of this person.
    """
    row = locked(named_id, person_id=person_id)
    row.consent_id = consent_id
    _settle(row, "consent_bound", case_id, actor, now)
    return row


def end_contact(named_id: int, *, person_id: int, case_id: int, actor: Actor, now: datetime) -> EmergencyContact:
    """Take somebody off: nobody tells them anything from now on; the row stays.

    Raises:
        Missing: no such contact of this person.
    """
    row = locked(named_id, person_id=person_id)
    row.ended_at = now
    _settle(row, "ended", case_id, actor, now)
    return row
