"""The one mail of this room: a link to questions that the person answers alone. It says nothing about what they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import Table, and_, exists
from sqlalchemy.sql.elements import ColumnElement

from intake.actor import Actor
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clock import db_now
from intake.db import db
from intake.inquiries import moving
from intake.inquiries.models import Inquiry
from intake.messages.kinds import Policy, Refusal
from intake.messages.models import Message, MessageState
from intake.messages.render import link
from intake.people.kinds import PersonMail
from intake.people.queries import shown_to
from intake.screening import by_link
from intake.screening.models import ScreeningLink


class ScreeningMail(PersonMail):
    """Goes to a verified address of the person themselves, never to whoever asked for them."""

    name: ClassVar[str] = by_link.KIND
    template: ClassVar[str] = by_link.KIND
    policy: ClassVar[Policy] = "resend_same_id"
    latest: ClassVar[timedelta] = timedelta(hours=12)
    stoppable: ClassVar[bool] = True
    about_plan: ClassVar[bool] = True
    alone: ClassVar[tuple[str, ...]] = ("questions_url",)

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The link still waits for its answers, its request goes on, and the address is the one rendered for."""
        waits = (
            exists()
            .where(
                ScreeningLink.id == table.c.subject_id,
                ScreeningLink.ended_at.is_(None),
                ScreeningLink.expires_at > db_now(),
                Inquiry.id == ScreeningLink.inquiry_id,
                # One by one: the gate is made ready once, and a list would be a parameter of its own.
                *(Inquiry.state != ended for ended in moving.REOPENABLE),
            )
            .correlate(table)
        )
        return and_(super().still_true(table), waits)

    def why_not(self, message: Message) -> Refusal:
        """A link that was answered or replaced, or a request that ended, ends the mail; the rest is the person's."""
        found = super().why_not(message)
        return (
            Refusal(MessageState.CANCELLED, "no_longer_true") if found.reason == "changed" and _over(message) else found
        )

    def context(self, message: Message) -> Mapping[str, Any]:
        """The address of the questions."""
        return {"questions_url": link("/help/questions", by_link.PURPOSE, message.subject_id)}

    def readable(self, actor: Actor, table: Table) -> ColumnElement[bool]:
        """Whoever may read the case and come across the person, also when the case came after the mail."""
        kept = exists().where(Case.id == table.c.case_id, ~cases.visible(actor)).correlate(table)
        hidden = exists().where(ScreeningLink.id == table.c.subject_id, ~shown_to(actor, ScreeningLink.person_id))
        return and_(table.c.site_id == actor.site_id, ~kept, ~hidden.correlate(table))


def _over(message: Message) -> bool:
    row = by_link.find(message.subject_id)
    if row is None or row.ended_at is not None:
        return True
    return db.session.get_one(Inquiry, row.inquiry_id).state in moving.REOPENABLE
