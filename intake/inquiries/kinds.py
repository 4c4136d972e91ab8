"""The one mail of this room: "we got your request". It names nobody and repeats nothing that was typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import Table, and_, exists
from sqlalchemy.sql.elements import ColumnElement

from intake.actor import Actor
from intake.crypto import link_token
from intake.db import db
from intake.inquiries.models import Inquiry, InquiryState
from intake.inquiries.service import ACKNOWLEDGEMENT
from intake.messages.kinds import Policy, Refusal
from intake.messages.models import Message, MessageState
from intake.people.kinds import PersonMail
from intake.people.queries import shown_to


class InquiryAcknowledgement(PersonMail):
    """Goes to the address just typed, which nobody has verified: the one exception of safety.md E11."""

    name: ClassVar[str] = ACKNOWLEDGEMENT
    template: ClassVar[str] = ACKNOWLEDGEMENT
    policy: ClassVar[Policy] = "resend_same_id"
    latest: ClassVar[timedelta] = timedelta(hours=24)
    quiet_hours: ClassVar[bool] = False
    capped: ClassVar[bool] = True
    once_a_day: ClassVar[bool] = True
    needs_verified: ClassVar[bool] = False
    names_person: ClassVar[bool] = False

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The request was not cancelled, and the address is the one rendered for, neither stopped nor bad."""
        wanted = (
            exists()
            .where(Inquiry.id == table.c.subject_id, Inquiry.state != InquiryState.DECLINED_BY_PERSON)
            .correlate(table)
        )
        return super().still_true(table) & wanted

    def why_not(self, message: Message) -> Refusal:
        """A cancelled request ends its mail; the rest is the person's."""
        row = db.session.get(Inquiry, message.subject_id)
        if row is None or row.state is InquiryState.DECLINED_BY_PERSON:
            return Refusal(MessageState.CANCELLED, "request_cancelled")
        return super().why_not(message)

    def context(self, message: Message) -> Mapping[str, Any]:
        """The neutral reference number and the path of the confirmation page."""
        row = db.session.get_one(Inquiry, message.subject_id)
        return {"reference": row.reference, "path": f"/help/sent/{link_token('sent', row.id)}"}

    def readable(self, actor: Actor, table: Table) -> ColumnElement[bool]:
        """Whoever may come across the person that the request is about."""
        kept = exists().where(Inquiry.id == table.c.subject_id, ~shown_to(actor, Inquiry.person_id)).correlate(table)
        return and_(super().readable(actor, table), ~kept)
