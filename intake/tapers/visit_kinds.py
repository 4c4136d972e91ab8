"""Mails about visits alone: the reminder of a day on which no plan writes anyway, and the word that a visit changed.

A reminder of a plan tells of visits in its own mail (`kinds.Reminder`), so that a person gets one mail a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, Table, and_, bindparam, exists
from sqlalchemy.sql.elements import ColumnElement

from intake.db import db
from intake.messages.kinds import Recipient, Refusal
from intake.messages.mime import File
from intake.messages.models import Message, MessageState
from intake.tapers import told
from intake.tapers.kinds import PlanMail
from intake.visits import saying
from intake.visits.models import Appointment, AppointmentState

S = MessageState
GONE = Refusal(S.CANCELLED, "visit_gone")


class VisitReminder(PlanMail):
    """The visits that are three days or one day ahead, on a day without a mail of a plan."""

    name = "visit_reminder"
    template = "visit_reminder"

    def recipients(self, messages: Sequence[Message]) -> dict[int, Recipient | Refusal]:
        """As for any person, unless no visit is left."""
        found, visits = super().recipients(messages), told.visits(messages)
        return {m.id: found[m.id] if visits.get(m.id) else GONE for m in messages}

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The visits are the ones rendered."""
        return and_(super().still_true(table), told.unchanged(table))

    def contexts(self, messages: Sequence[Message]) -> dict[int, Mapping[str, Any]]:
        """When and where, soonest first."""
        visits = told.visits(messages)
        return {m.id: _told(visits.get(m.id, []), m.locale) for m in messages}

    def binds(self, message: Message, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was rendered, so that the gate can compare."""
        return {"visits_seen": told.seen(context["of"])}

    def files(
        self,
        message: Message,
        recipient: Recipient,
        context: Mapping[str, Any],
        *,
        from_name: str,
        from_address: str,
    ) -> tuple[File, ...]:
        """Each visit for the person's calendar."""
        return saying.files(context["of"], message, recipient, from_name=from_name, from_address=from_address)

    def why_not(self, message: Message) -> Refusal:
        """No visit is left, else the address's reason."""
        return super().why_not(message) if told.visits([message]).get(message.id) else GONE


class VisitChanged(PlanMail):
    """A visit that the person was told of (`subject_id`) has moved or is taken back."""

    name = "visit_changed"
    template = "visit_changed"

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The visit is as rendered."""
        same = exists().where(
            Appointment.id == table.c.subject_id,
            Appointment.sequence == bindparam("visit_sequence", type_=Integer()),
        )
        return and_(super().still_true(table), same.correlate(table))

    def context(self, message: Message) -> Mapping[str, Any]:
        """When and where it is now, or that it is off."""
        visit = db.session.get_one(Appointment, message.subject_id)
        return {**_told([visit], message.locale), "off": visit.state is AppointmentState.CANCELLED}

    def binds(self, message: Message, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """The state of the visit that was rendered."""
        return {"visit_sequence": context["of"][0].sequence}

    files = VisitReminder.files


def _told(visits: Sequence[Appointment], locale: str) -> dict[str, Any]:
    return {"of": visits, "visits": told.spoken(visits, locale)}
