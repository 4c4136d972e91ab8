"""A small center with an outbox: people with addresses, mails owed, and a sender that talks to the mail sink."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from flask import Flask
from sqlalchemy import Table, and_, func, select
from sqlalchemy.sql.elements import ColumnElement

from intake import clock
from intake.accounts import service as accounts
from intake.accounts.models import Staff
from intake.actor import Actor, system
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.messages import kinds, service
from intake.messages.kinds import Policy
from intake.messages.models import Message, MessageAttempt, MessageState
from intake.people import service as people
from intake.people.kinds import PersonMail
from intake.people.models import ContactKind, ContactPoint, PersonKind
from tests.people import Cast, make_cast
from workers import engine
from workers.engine import Sender

ZONE = "America/New_York"
# A Tuesday, two in the afternoon in New York.
NOON = datetime.fromisoformat("2026-03-03T19:00:00+00:00")


class Note(PersonMail):
    """The plainest mail to a person."""

    name = "note"
    template = "plan_changed"
    policy: ClassVar[Policy] = "resend_same_id"
    stoppable = True


class Held(Note):
    """The same, but an unknown outcome waits for a person."""

    name = "held_note"
    policy: ClassVar[Policy] = "hold_for_human"


class Urgent(Note):
    """The same at any hour and as often as it comes."""

    name = "urgent_note"
    quiet_hours = False
    capped = False


class Listed(Urgent):
    """One whose condition holds a list, so that it cannot be made ready."""

    name = "listed_note"

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """As for any person, with a list beside it that is always true."""
        return and_(super().still_true(table), table.c.kind.in_([self.name, "note"]))


class Outbox:
    """Everything a test of the engine needs, inside one application context."""

    def __init__(self, app: Flask, relay: str = "") -> None:
        self.app = app
        kinds.register([Note, Held, Urgent, Listed])
        self.config = replace(app.extensions["intake.config"], smtp_url=relay, smtp_timeout_seconds=3)
        app.extensions["intake.config"] = self.config
        self.stand_at(NOON)
        with transaction():
            self.cast: Cast = make_cast()
        # The engine starts each batch with a fresh session; the cast stays readable.
        db.session.expunge_all()
        self.site = self.cast.site
        self.sender = Sender(app)

    @classmethod
    def over(cls, app: Flask, relay: str) -> Outbox:
        """The outbox of a center that is there already; call inside its context."""
        made = cls.__new__(cls)
        made.app, made.config = app, replace(app.extensions["intake.config"], smtp_url=relay, smtp_timeout_seconds=3)
        app.extensions["intake.config"] = made.config
        made.sender = Sender(app)
        return made

    def settings(self, **changed: Any) -> None:
        """Change settings of the process; the sender starts anew with them."""
        self.config = self.app.extensions["intake.config"] = replace(self.config, **changed)
        self.sender.close()
        self.sender = Sender(self.app)

    def stand_at(self, moment: datetime) -> None:
        """Move both clocks to a moment."""
        clock.set_offset(moment - clock.real_now())

    def later(self, **length: float) -> None:
        """Let time pass."""
        clock.set_offset(clock.offset() + timedelta(**length))

    def person(self, address: str = "pat@mail.example", *, name: str = "Dana", zone: str = ZONE, **more: Any) -> int:
        """Somebody who agreed to mail at a verified address."""
        contact = {"verified_how": "code", "consent": True, "may_email": True, **more}
        with transaction():
            by = system(self.site.id)
            person = people.add_person(
                site=self.site, kind=PersonKind.KNOWN, used_name=name, time_zone=zone, actor=by, now=utcnow()
            )
            people.add_contact(person, kind=ContactKind.EMAIL, value=address, actor=by, now=utcnow(), **contact)
            return person.id

    def contact(self, person_id: int) -> ContactPoint:
        """The email contact point of a person."""
        return db.session.scalars(select(ContactPoint).where(ContactPoint.person_id == person_id)).one()

    @staticmethod
    def contact_of(person_id: int) -> ContactPoint:
        """The email contact point of a person, read anew."""
        db.session.rollback()
        return db.session.scalars(select(ContactPoint).where(ContactPoint.person_id == person_id)).one()

    @staticmethod
    def actor_of(_app: Flask, who: str) -> Actor:
        """A member of staff as an actor, by the name in the address."""
        return accounts.actor_of(db.session.scalars(select(Staff).where(Staff.email.startswith(f"{who}@"))).one())

    @staticmethod
    def set_config(app: Flask, **changed: Any) -> None:
        """Change settings of the process."""
        app.extensions["intake.config"] = replace(app.extensions["intake.config"], **changed)

    def owe(self, person_id: int, kind: str = "note", *, due: datetime | None = None, **more: Any) -> int:
        """Owe one mail, due now unless said otherwise, to be sent within twelve hours."""
        due = due or utcnow()
        given: dict[str, Any] = {
            "window_start": due,
            "window_end": due + timedelta(hours=12),
            "dedupe_key": f"test:{new_id()}",
            "order_key": person_id,
            **more,
        }
        with transaction():
            return service.schedule(
                kind,
                subject_id=person_id,
                recipient_type="person",
                recipient_id=person_id,
                due_at=due,
                tz=ZONE,
                site_id=self.site.id,
                now=utcnow(),
                **given,
            ).id

    def run(self, *, tick: bool = True) -> int:
        """One tick and everything that is due; returns how many mails were accepted."""
        if tick:
            engine.tick()
        return self.sender.deliver(seconds=30)

    def message(self, message_id: int) -> Message:
        """The row as it stands."""
        db.session.rollback()
        return db.session.scalars(
            select(Message).where(Message.id == message_id).execution_options(populate_existing=True)
        ).one()

    def state(self, message_id: int) -> MessageState:
        """The state of a row."""
        return self.message(message_id).state

    def attempts(self, message_id: int) -> list[str]:
        """Outcomes of its attempts, oldest first."""
        db.session.rollback()
        return list(
            db.session.scalars(
                select(MessageAttempt.outcome)
                .where(MessageAttempt.message_id == message_id)
                .order_by(MessageAttempt.attempt, MessageAttempt.ended_at)
            )
        )

    def count(self, model: type[Any], *where: Any) -> int:
        """How many rows there are."""
        db.session.rollback()
        return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


@contextmanager
def outbox(app: Flask, relay: str = "") -> Iterator[Outbox]:
    """An outbox in an application context of its own."""
    with app.app_context():
        made = Outbox(app, relay)
        yield made
        made.sender.close()


def day(offset: int = 0) -> date:
    """A local date near NOON."""
    return NOON.date() + timedelta(days=offset)
