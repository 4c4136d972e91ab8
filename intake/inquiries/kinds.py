"""The one mail of this room: "we got your request". It names nobody and repeats nothing that was typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import Table, exists, select
from sqlalchemy.sql.elements import ColumnElement

from intake.crypto import link_token
from intake.db import db
from intake.inquiries.models import Inquiry, InquiryState
from intake.inquiries.service import ACKNOWLEDGEMENT
from intake.messages.kinds import CONTACT_ID, CONTACT_VERSION, Kind, Policy, Recipient, Refusal
from intake.messages.models import Message, MessageState
from intake.people import queries as people
from intake.people.models import ContactKind, ContactPoint, Person


class InquiryAcknowledgement(Kind):
    """Goes to the address just typed, which nobody has verified (safety.md E11): the one exception to that rule."""

    name: ClassVar[str] = ACKNOWLEDGEMENT
    template: ClassVar[str] = ACKNOWLEDGEMENT
    policy: ClassVar[Policy] = "resend_same_id"
    latest: ClassVar[timedelta] = timedelta(hours=24)
    quiet_hours: ClassVar[bool] = False
    capped: ClassVar[bool] = True
    once_a_day: ClassVar[bool] = True

    def recipient(self, message: Message) -> Recipient | Refusal:
        """The newest working email of who asked; never their name."""
        person = db.session.get(Person, message.recipient_id)
        points = people.contact_points(message.recipient_id) if person else []
        usable = [p for p in points if p.kind is ContactKind.EMAIL and p.usable]
        if person is None or not usable:
            return Refusal(MessageState.SUPPRESSED, "no_address")
        newest = usable[-1]
        return Recipient(
            address=newest.value,
            locale=message.locale,
            zone=person.time_zone,
            contact_id=newest.id,
            contact_version=newest.version,
        )

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The request was not cancelled, and the address is the one rendered for, neither stopped nor bad."""
        wanted = exists(
            select(Inquiry.id).where(Inquiry.id == table.c.subject_id, Inquiry.state != InquiryState.DECLINED_BY_PERSON)
        )
        safe = exists(
            select(ContactPoint.id).where(
                ContactPoint.id == CONTACT_ID,
                ContactPoint.version == CONTACT_VERSION,
                ContactPoint.stopped_at.is_(None),
                ContactPoint.bad_since.is_(None),
            )
        )
        return wanted & safe

    def context(self, message: Message) -> Mapping[str, Any]:
        """The neutral reference number and the path of the confirmation page."""
        row = db.session.get_one(Inquiry, message.subject_id)
        return {"reference": row.reference, "path": f"/help/sent/{link_token('sent', row.id)}"}
