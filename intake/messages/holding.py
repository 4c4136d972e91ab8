"""A person decides about a message: hold it, let it go, say what became of it; or hold everything after a restore."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Update, case, select, update

from intake.actor import Actor
from intake.audit import service as audit
from intake.clock import db_now
from intake.db import db
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.messages.models import MESSAGE, Message, MessageState
from intake.messages.service import WAKE, cancel_tasks_of, owe_look

S = MessageState
RESTORED = "restored"


def _of(message_id: int, actor: Actor) -> Message:
    row = db.session.scalar(
        select(Message)
        .where(Message.id == message_id, Message.site_id == actor.site_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise Missing("There is no such message.")
    return row


def _note(row: Message, verb: str, actor: Actor, now: datetime) -> None:
    row.version += 1
    audit.record(
        actor=actor,
        verb=verb,
        record="message",
        record_id=row.id,
        site_id=row.site_id,
        case_id=row.case_id,
        purpose=row.kind,
        now=now,
    )
    if verb != "held":
        cancel_tasks_of(row, reason=verb, now=now, actor=actor)


def send_again(message_id: int, *, actor: Actor, now: datetime) -> Message:
    """Let a held or waiting message go at once, with the same id and through the full gate.

    Raises:
        Missing: no such message here. AlreadyDone: it is final or in flight. RuleBroken: its window is over.
    """
    row = _of(message_id, actor)
    if row.state not in (S.SCHEDULED, S.UNCERTAIN):
        raise AlreadyDone("This message is already on its way, or it has ended.")
    if row.window_end <= now:
        raise RuleBroken("The time for this message is over. Call the person instead.", code="WINDOW_OVER")
    row.next_try_at, row.held_reason = now, ""
    _note(row, "sent_again", actor, now)
    db.session.flush()
    db.session().info[WAKE] = True
    return row


def hold(message_id: int, *, actor: Actor, now: datetime) -> Message:
    """Keep one message back until somebody lets it go.

    Raises:
        Missing: no such message here. AlreadyDone: it is final or in flight.
    """
    row = _of(message_id, actor)
    if row.state not in (S.SCHEDULED, S.UNCERTAIN):
        raise AlreadyDone("This message is already on its way, or it has ended.")
    row.next_try_at, row.held_reason = None, "held_by_staff"
    _note(row, "held", actor, now)
    if row.state is S.UNCERTAIN:
        # No window ends a mail in doubt that is held: without a task nobody would ever ask about it again.
        owe_look(row, cause="held_by_staff", now=now)
    db.session.flush()
    return row


def leave(message_id: int, *, arrived: bool, actor: Actor, now: datetime) -> Message:
    """End a message of unknown outcome: a person says that it arrived, or that it is to be left as it is.

    Raises:
        Missing: no such message here. AlreadyDone: it is not waiting for a person.
    """
    row = _of(message_id, actor)
    if row.state is not S.UNCERTAIN:
        raise AlreadyDone("This message is not waiting for anybody.")
    row.state = S.SENT if arrived else S.CANCELLED
    row.next_try_at, row.held_reason = None, ""
    if arrived:
        row.accepted_at = now
    else:
        row.cancelled_at, row.cancel_reason = now, "left_by_staff"
    _note(row, "said_arrived" if arrived else "left", actor, now)
    db.session.flush()
    return row


def hold_all(*, now: datetime) -> int:
    """Hold every open message, as after a restore, until `release_all`; returns how many. Claimed ones included."""
    return cast(CursorResult[Any], db.session.execute(held_back())).rowcount


def held_back() -> Update:
    """The statement of `hold_all`, for a restore that fills a database before anybody can see it."""
    return (
        update(MESSAGE)
        .where(MESSAGE.c.state.in_([S.SCHEDULED.value, S.UNCERTAIN.value, S.CLAIMED.value]))
        .where((MESSAGE.c.next_try_at.is_not(None)) | (MESSAGE.c.state == S.CLAIMED.value))
        .values(
            state=case(
                (MESSAGE.c.state != S.CLAIMED.value, MESSAGE.c.state),
                (MESSAGE.c.in_doubt_at.is_not(None), S.UNCERTAIN.value),
                else_=S.SCHEDULED.value,
            ),
            next_try_at=None,
            lease_token=None,
            lease_until=None,
            held_reason=RESTORED,
            version=MESSAGE.c.version + 1,
        )
    )


def release_all(*, now: datetime) -> tuple[int, int]:
    """Let go what `hold_all` held: later ones wait for their time, ones already due stay held as uncertain.

    What was due may have left after the snapshot that was restored, so a person decides about each. Returns how many
    were let go and how many stay held.
    """
    held = (MESSAGE.c.held_reason == RESTORED, MESSAGE.c.next_try_at.is_(None))
    due = db.session.execute(
        update(MESSAGE)
        .where(*held, MESSAGE.c.state.in_([S.SCHEDULED.value, S.UNCERTAIN.value]), MESSAGE.c.due_at <= db_now())
        .values(
            state=S.UNCERTAIN.value,
            held_reason="delivery_uncertain",
            in_doubt_at=db_now(),
            version=MESSAGE.c.version + 1,
        )
        .returning(MESSAGE.c.id)
    ).all()
    for row in due:
        found = db.session.scalars(
            select(Message).where(Message.id == row.id).execution_options(populate_existing=True)
        ).one()
        owe_look(found, cause="restored", kind="delivery_uncertain", now=now)
    later = db.session.execute(
        update(MESSAGE)
        .where(*held, MESSAGE.c.state == S.SCHEDULED.value)
        .values(next_try_at=MESSAGE.c.due_at, held_reason="", version=MESSAGE.c.version + 1)
    )
    return cast(CursorResult[Any], later).rowcount, len(due)
