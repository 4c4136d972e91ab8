"""Mail to staff: alerts, invitations, password links. An unknown outcome waits for a person, who simply asks again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import Table, and_, exists, false, or_, select
from sqlalchemy.sql.elements import ColumnElement

from intake.accounts.models import Staff
from intake.actor import Actor
from intake.db import db
from intake.messages.kinds import CONTACT_ID, CONTACT_VERSION, Kind, Recipient, Refusal
from intake.messages.models import Message, MessageState
from intake.messages.render import link
from intake.tasks.models import Task, TaskState

INVITATION = "invitation"
RESET = "password_reset"
TASK_ALERT = "task_alert"


class StaffMail(Kind):
    """Base of mails to members of staff, by their id; switched-off accounts get none."""

    latest: ClassVar[timedelta] = timedelta(hours=1)
    null_return_path: ClassVar[bool] = True

    def recipients(self, messages: Sequence[Message]) -> dict[int, Recipient | Refusal]:
        """One statement, whatever the number."""
        columns = (Staff.id, Staff.email, Staff.version, Staff.is_active)
        rows = {
            row.id: row
            for row in db.session.execute(select(*columns).where(Staff.id.in_({m.recipient_id for m in messages})))
        }
        found: dict[int, Recipient | Refusal] = {}
        for message in messages:
            row = rows.get(message.recipient_id)
            if row is None or not row.is_active:
                found[message.id] = Refusal(MessageState.SUPPRESSED, "account_off")
                continue
            found[message.id] = Recipient(
                address=row.email,
                locale=message.locale,
                zone=message.tz,
                contact_id=row.id,
                contact_version=row.version,
            )
        return found

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The account is on and unchanged since the mail was rendered."""
        return (
            exists()
            .where(
                Staff.id == CONTACT_ID,
                Staff.id == table.c.recipient_id,
                Staff.version == CONTACT_VERSION,
                Staff.is_active.is_(True),
            )
            .correlate(table)
        )

    def why_not(self, message: Message) -> Refusal:
        """Switched off, or changed and rendered anew at once."""
        found = self.recipient(message)
        return found if isinstance(found, Refusal) else Refusal(MessageState.SCHEDULED, "changed", timedelta(seconds=1))


class _LinkMail(StaffMail):
    """A mail that is one link; its secret is derived from the message's subject and never stored."""

    path: ClassVar[str] = ""

    def readable(self, actor: Actor, table: Table) -> ColumnElement[bool]:
        """Nobody: its words are a key to somebody's account."""
        return false()

    def context(self, message: Message) -> Mapping[str, Any]:
        """The address to open; the generation grows with each new request for the same person."""
        generation = int(message.params.get("generation", 1))
        return {"url": link(self.path, self.name, message.subject_id, generation)}


class Invitation(_LinkMail):
    """Come and set up your account."""

    name = INVITATION
    template = INVITATION
    path = "/sign-in/invitation"


class PasswordReset(_LinkMail):
    """Choose a new password."""

    name = RESET
    template = RESET
    path = "/sign-in/new-password"


class TaskAlert(StaffMail):
    """One late piece of work (`subject_id`) to one member of staff; not sent once somebody has done it."""

    name = TASK_ALERT
    template = "staff_alert"

    def still_true(self, table: Table) -> ColumnElement[bool]:
        """The task still waits for somebody."""
        alive = or_(Task.state == TaskState.OPEN, Task.state == TaskState.CLAIMED)
        waits = exists().where(Task.id == table.c.subject_id, alive)
        return and_(super().still_true(table), waits.correlate(table))

    def why_not(self, message: Message) -> Refusal:
        """The work was done, or the account changed."""
        state = db.session.scalar(select(Task.state).where(Task.id == message.subject_id))
        if state in (TaskState.OPEN, TaskState.CLAIMED):
            return super().why_not(message)
        return Refusal(MessageState.CANCELLED, "task_ended")
