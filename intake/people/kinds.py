"""Mail to persons: the address is safe, verified, consented to, neither stopped nor bad, and the person is alive.

`PersonMail` is the base of every kind addressed to a person. What it read when the mail was rendered, the gate repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import Table, exists, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from intake import crypto
from intake.actor import Role, system
from intake.audit import service as audit
from intake.clinical import cadence
from intake.db import among, db
from intake.messages import service as messages
from intake.messages.kinds import CONTACT_ID, CONTACT_VERSION, Kind, Recipient, Refusal
from intake.messages.models import Message, MessageState
from intake.people import hours
from intake.people.models import ContactKind, ContactPoint, Person
from intake.tasks import service as tasks

S = MessageState
STOPPED_BY_LINK = "stopped_by_link"


@dataclass
class _Reach:
    """A person of a batch with their email contact points, newest first."""

    person: Any
    points: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reached(Recipient):
    """A person's address, and how many days they want between mails that could wait (0: none)."""

    mail_every: int = 0


class PersonMail(Kind):
    """Base of mails to persons. A kind that answers what somebody just typed needs no verified address."""

    quiet_hours = True
    capped = True
    needs_verified: ClassVar[bool] = True
    names_person: ClassVar[bool] = True
    # Who agreed only to mail about visits gets none of these.
    about_plan: ClassVar[bool] = False

    def recipients(self, messages: Sequence[Message]) -> dict[int, Recipient | Refusal]:
        """Two statements and one for the keys, whatever the number of messages."""
        reach = _reach({m.recipient_id for m in messages})
        return {m.id: self._choose(reach.get(m.recipient_id)) for m in messages}

    def reachable(self, person_id: int) -> Recipient | Refusal:
        """Who would get a mail of this kind now, or why nobody would; for pages that offer to send one."""
        return self._choose(_reach({person_id}).get(person_id))

    def _choose(self, reach: _Reach | None) -> Recipient | Refusal:
        if reach is None:
            return Refusal(S.SUPPRESSED, "no_person")
        if reach.person.died_at is not None:
            return Refusal(S.CANCELLED, "person_died")
        if not reach.points:
            return Refusal(S.SUPPRESSED, "no_address")
        point = next((p for p in reach.points if self._fits(p)), None)
        if point is None:
            return Refusal(S.SUPPRESSED, _why(reach.points))
        address = crypto.open_(point.value, at="contact_point.value", row=point.id)
        if address == crypto.ERASED:
            return Refusal(S.SUPPRESSED, "erased")
        person = reach.person
        name = crypto.open_(person.used_name, at="person.used_name", row=person.id) if self.names_person else ""
        return Reached(
            address=address,
            first_name=name.split()[0] if name.strip() and name != crypto.ERASED else "",
            locale=person.locale,
            zone=person.time_zone,
            contact_id=point.id,
            contact_version=point.version,
            mail_every=point.mail_every,
        )

    def _fits(self, point: Any) -> bool:
        agreed = point.verified_at is not None and point.consented_at is not None
        usable = point.may_email and point.stopped_at is None and point.bad_since is None
        asked = point.mail_scope == "all" or not self.about_plan
        return bool(usable and asked and (agreed or not self.needs_verified))

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The contact point is the one rendered for, unchanged and allowed; its person lives and is the recipient."""
        was = aliased(Person)
        merged = select(was.merged_into).where(was.id == table.c.recipient_id).correlate(table).scalar_subquery()
        agreed: list[ColumnElement[bool]] = (
            [ContactPoint.verified_at.is_not(None), ContactPoint.consented_at.is_not(None)]
            if self.needs_verified
            else []
        )
        if self.about_plan:
            agreed.append(ContactPoint.mail_scope == "all")
        return (
            exists()
            .where(
                ContactPoint.id == CONTACT_ID,
                ContactPoint.version == CONTACT_VERSION,
                ContactPoint.may_email.is_(True),
                ContactPoint.stopped_at.is_(None),
                ContactPoint.bad_since.is_(None),
                *agreed,
                Person.id == ContactPoint.person_id,
                Person.died_at.is_(None),
                or_(Person.id == table.c.recipient_id, Person.id == merged),
            )
            .correlate(table)
        )

    def why_not(self, message: Message) -> Refusal:
        """What forbids it now; an address that merely changed is rendered anew at once."""
        found = self.recipient(message)
        return found if isinstance(found, Refusal) else Refusal(S.SCHEDULED, "changed", timedelta(0))

    def stop(self, person_id: int, *, now: datetime) -> bool:
        """Withdraw the permission to write, at once, with a task for staff; the plan is not touched."""
        rows = db.session.scalars(
            select(ContactPoint)
            .where(
                ContactPoint.person_id.in_(_same(person_id)),
                ContactPoint.kind == ContactKind.EMAIL,
                ContactPoint.may_email.is_(True),
                ContactPoint.stopped_at.is_(None),
            )
            .with_for_update()
        ).all()
        for point in rows:
            point.may_email = False
        person = db.session.get(Person, person_id)
        if person is None:
            return False
        messages.touch(recipient_id=person_id)
        if rows:
            by = system(person.site_id)
            audit.record(actor=by, verb=STOPPED_BY_LINK, record="person", record_id=person_id, now=now)
            _owe_call(person, cause=STOPPED_BY_LINK, now=now)
        return True

    def resume(self, person_id: int, *, now: datetime) -> bool:
        """Give the permission back on addresses that are verified and were not stopped by staff."""
        rows = db.session.scalars(
            select(ContactPoint)
            .where(
                ContactPoint.person_id.in_(_same(person_id)),
                ContactPoint.kind == ContactKind.EMAIL,
                ContactPoint.may_email.is_(False),
                ContactPoint.stopped_at.is_(None),
                ContactPoint.consented_at.is_not(None),
            )
            .with_for_update()
        ).all()
        person = db.session.get(Person, person_id)
        if person is None or not rows:
            return False
        for point in rows:
            point.may_email = True
        messages.touch(recipient_id=person_id)
        by = system(person.site_id)
        audit.record(actor=by, verb="resumed_by_link", record="person", record_id=person_id, now=now)
        tasks.cancel(f"call_about_mail:{person_id}", site_id=person.site_id, reason="resumed", now=now)
        return True

    def choose_time(self, person_id: int, hour: int, minute: int, *, now: datetime) -> bool:
        """Use another time of day for later reminders, the open ones of coming days included.

        Raises:
            RuleBroken: QUIET_HOURS.
        """
        person = db.session.get(Person, person_id, with_for_update=True)
        if person is None:
            return False
        today = now.astimezone(cadence.zone_of(person.time_zone)).date()
        cadence.send_window(today, hour, minute, person.time_zone)
        person.reminder_hour, person.reminder_minute = hour, minute
        hours.move_reminders(person, now=now)
        by = system(person.site_id)
        audit.record(actor=by, verb="chose_time", record="person", record_id=person_id, now=now)
        return True

    def choose_often(self, person_id: int, days: int, *, now: datetime) -> bool:
        """Keep how many days the person wants between mails that could wait, on each address in use."""
        person = db.session.get(Person, person_id)
        rows = db.session.scalars(
            select(ContactPoint)
            .where(
                ContactPoint.person_id.in_(_same(person_id)),
                ContactPoint.kind == ContactKind.EMAIL,
                ContactPoint.stopped_at.is_(None),
            )
            .with_for_update()
        ).all()
        if person is None or not rows:
            return False
        for point in rows:
            point.mail_every = days
        messages.touch(recipient_id=person_id)
        by = system(person.site_id)
        audit.record(actor=by, verb="chose_often", record="person", record_id=person_id, purpose=str(days), now=now)
        return True

    def bounced(self, message: Message, *, code: str, hard: bool, now: datetime) -> None:
        """Nothing goes to a bad address until it is verified anew; somebody calls the person instead."""
        found = self.recipient(message)
        person = db.session.get(Person, message.recipient_id)
        if person is None:
            return
        if hard and isinstance(found, Recipient):
            point = db.session.get(ContactPoint, found.contact_id, with_for_update=True)
            if point is not None and point.bad_since is None:
                point.bad_since = now
                by = system(person.site_id)
                audit.record(actor=by, verb="went_bad", record="contact_point", record_id=point.id, now=now)
        messages.touch(recipient_id=message.recipient_id)
        _owe_call(person, cause="bounced", now=now, case_id=message.case_id)


def _why(points: Sequence[Any]) -> str:
    """The most telling reason that no address may be used."""
    newest = points[0]
    if newest.stopped_at is not None:
        return "address_stopped"
    if newest.bad_since is not None:
        return "address_bad"
    if not newest.may_email:
        return "mail_not_allowed"
    if newest.verified_at is not None and newest.consented_at is not None:
        return "only_visits"
    return "not_verified" if newest.verified_at is None else "no_consent"


def _owe_call(person: Person, *, cause: str, now: datetime, case_id: int | None = None) -> None:
    tasks.owe(
        site_id=person.site_id,
        kind="call_about_mail",
        key=f"call_about_mail:{person.id}",
        role=Role.ADMISSIONS,
        due_at=now + timedelta(hours=24),
        cause=cause,
        case_id=case_id,
        params={"person": person.id},
        now=now,
    )


def _same(person_id: int) -> Any:
    """The person, and the one their record was joined with."""
    merged = select(Person.merged_into).where(Person.id == person_id, Person.merged_into.is_not(None))
    return select(Person.id).where(or_(Person.id == person_id, Person.id.in_(merged)))


_PERSON = (
    Person.id,
    Person.used_name,
    Person.locale,
    Person.time_zone,
    Person.died_at,
    Person.merged_into,
)
_POINT = (
    ContactPoint.id,
    ContactPoint.person_id,
    ContactPoint.version,
    ContactPoint.value,
    ContactPoint.may_email,
    ContactPoint.verified_at,
    ContactPoint.consented_at,
    ContactPoint.mail_scope,
    ContactPoint.mail_every,
    ContactPoint.stopped_at,
    ContactPoint.bad_since,
)


def _reach(ids: set[int]) -> dict[int, _Reach]:
    """Persons of a batch by the id asked for; a joined record leads to the one it was joined with."""
    people = {row.id: row for row in db.session.execute(select(*_PERSON).where(among(Person.id, ids)))}
    joined = {row.merged_into for row in people.values() if row.merged_into is not None} - people.keys()
    if joined:
        people |= {row.id: row for row in db.session.execute(select(*_PERSON).where(among(Person.id, joined)))}
    living = {
        i: people[people[i].merged_into] if people[i].merged_into in people else people[i] for i in ids & people.keys()
    }
    found = {row.id: _Reach(row) for row in living.values()}
    points = db.session.execute(
        select(*_POINT)
        .where(among(ContactPoint.person_id, found), ContactPoint.kind == ContactKind.EMAIL)
        .order_by(ContactPoint.created_at.desc(), ContactPoint.id.desc())
    ).all()
    for point in points:
        found[point.person_id].points.append(point)
    crypto.prefetch([*(p.value for p in points), *(r.person.used_name for r in found.values())])
    return {i: found[row.id] for i, row in living.items()}
