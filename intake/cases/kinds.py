"""The mail that tells staff to look now. It names nobody: the alert itself stands on the page."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Table, and_, exists, select
from sqlalchemy.sql.elements import ColumnElement

from intake.accounts.kinds import StaffMail
from intake.actor import Actor
from intake.cases.models import Case, CaseAlert
from intake.cases.queries import visible
from intake.db import db
from intake.messages.kinds import Refusal
from intake.messages.models import Message, MessageState

STAFF_ALERT = "staff_alert"


class StaffAlert(StaffMail):
    """One alert (`subject_id`) to one member of staff; not sent once somebody has seen it."""

    name: ClassVar[str] = STAFF_ALERT
    template: ClassVar[str] = STAFF_ALERT

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """Nobody has acknowledged the alert."""
        waiting = exists().where(CaseAlert.id == table.c.subject_id, CaseAlert.acknowledged_at.is_(None))
        return and_(super().still_true(table), waiting.correlate(table))

    def why_not(self, message: Message) -> Refusal:
        """Somebody has seen the alert, or the account changed."""
        seen = db.session.scalar(select(CaseAlert.acknowledged_at).where(CaseAlert.id == message.subject_id))
        return super().why_not(message) if seen is None else Refusal(MessageState.CANCELLED, "alert_seen")

    def readable(self, actor: Actor, table: Table) -> ColumnElement[bool]:
        """Whoever may read the case."""
        return and_(table.c.site_id == actor.site_id, exists().where(Case.id == table.c.case_id, visible(actor)))
