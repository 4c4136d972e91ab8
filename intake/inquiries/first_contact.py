"""The clock from an inquiry to the first conversation: owed as a task, met by a human, never by a mail."""

from __future__ import annotations

from datetime import datetime

from intake.actor import Actor, Role
from intake.inquiries.models import Inquiry, InquiryState
from intake.tasks import service as tasks

KIND = "first_contact"


def task_key(inquiry_id: int) -> str:
    """The key of the first-contact task of an inquiry."""
    return f"{KIND}:{inquiry_id}"


def owe(row: Inquiry, *, actor: Actor, now: datetime) -> None:
    """Owe admissions a conversation by the inquiry's due time, unless one has happened."""
    if row.first_contact_at is None:
        tasks.owe(
            site_id=row.site_id,
            kind=KIND,
            key=task_key(row.id),
            role=Role.ADMISSIONS,
            due_at=row.first_contact_due_at,
            cause="inquiry_received",
            inquiry_id=row.id,
            actor=actor,
            now=now,
        )


def meet(row: Inquiry, *, actor: Actor, now: datetime) -> None:
    """A human spoke with them: the clock stops, the task ends, the inquiry is being worked on."""
    if row.first_contact_at is None:
        row.first_contact_at = now
        keys = (task_key(row.id), f"late_{task_key(row.id)}")
        tasks.cancel(*keys, site_id=row.site_id, reason="reached", now=now, actor=actor)
    if row.owner_id is None:
        row.owner_id = actor.id
    if row.state is InquiryState.NEW:
        row.state = InquiryState.CONTACTING
