"""The hour of day at which a person is written to, in the time zone they live in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update

from intake.clinical import cadence
from intake.db import db
from intake.messages.models import MESSAGE, Message, MessageState
from intake.people.models import Person

S = MessageState
RESCHEDULED = ("reminder", "visit_reminder")
_MOVE = (
    update(MESSAGE)
    .where(MESSAGE.c.id == bindparam("moved"), MESSAGE.c.state == S.SCHEDULED.value)
    .values(
        due_at=bindparam("due"),
        next_try_at=bindparam("due"),
        window_start=bindparam("opens"),
        window_end=bindparam("ends"),
        tz=bindparam("zone"),
        version=MESSAGE.c.version + 1,
    )
)


def move_reminders(person: Person, *, now: datetime) -> int:
    """Put the open reminders of coming days on the person's hour in their time zone; returns how many moved."""
    today = now.astimezone(cadence.zone_of(person.time_zone)).date()
    rows = db.session.execute(
        select(Message.id, Message.local_date).where(
            Message.recipient_id == person.id,
            Message.kind.in_(RESCHEDULED),
            Message.state == S.SCHEDULED,
            Message.attempts == 0,
            Message.next_try_at.is_not(None),
            Message.local_date > today,
        )
    ).all()
    moved = []
    for row in rows:
        window = cadence.send_window(row.local_date, person.reminder_hour, person.reminder_minute, person.time_zone)
        moved.append(
            {
                "moved": row.id, "due": window.due_at, "opens": window.start, "ends": window.end,
                "zone": person.time_zone,
            }
        )  # fmt: skip
    if moved:
        db.session.connection().execute(_MOVE, moved)
    return len(moved)
