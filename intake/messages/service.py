"""Owe a message, take it back, hold it, let it go again: what other rooms and staff do with the outbox.

Every function runs inside the caller's transaction, so that a message is owed exactly when its cause is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, cast

from flask import current_app
from sqlalchemy import ColumnElement, CursorResult, and_, case, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from config import Config
from intake import crypto
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.db import db, id_text, new_id
from intake.guard import SignedLink
from intake.messages import kinds as kinds_
from intake.messages.models import MESSAGE, Message, MessagePart, MessageState
from intake.messages.states import OPEN
from intake.tasks import service as tasks

S = MessageState
STOP = "stop"
PREFERENCES = "preferences"
STOP_DAYS = 365
WAKE = "messages_wake"
Part = tuple[str, int | None, int | None]

_message = MESSAGE
_open = Message.state.in_([s.value for s in OPEN])


def config() -> Config:
    """The settings of this process."""
    found: Config = current_app.extensions["intake.config"]
    return found


def header_id(message_id: int) -> str:
    """The Message-ID of a message, without brackets: the same on every attempt, leading back to nobody."""
    return f"{crypto.keyed_digest('message-id', b'%d' % message_id).hex()[:32]}@{config().mail_domain}"


def schedule(
    kind: str,
    *,
    subject_id: int,
    recipient_type: str,
    recipient_id: int,
    due_at: datetime,
    window_start: datetime,
    window_end: datetime,
    tz: str,
    dedupe_key: str,
    site_id: int,
    now: datetime,
    order_key: int | None = None,
    case_id: int | None = None,
    locale: str = "en",
    plan: int | None = None,
    plan_version: int | None = None,
    local_date: date | None = None,
    parts: Sequence[Part] = (),
    params: Mapping[str, Any] | None = None,
    immediate: bool = False,
) -> Message:
    """Owe one message; an open or final one of the same `dedupe_key` (cancelled ones aside) is returned instead.

    Times are aware. `parts` are (reminder kind, step number, appointment id). `immediate` wakes a sender after commit.
    The returned row is a plain copy: change a message only through this room.

    Raises:
        ValueError: a window that ends before it starts.
    """
    if window_end <= window_start:
        raise ValueError("the window of a message ends before it starts")
    db.session.flush()
    of_kind = kinds_.get(kind)
    values = {
        "id": new_id(),
        "site_id": site_id,
        "kind": kind,
        "subject_id": subject_id,
        "dedupe_key": dedupe_key,
        "case_id": case_id,
        "recipient_type": recipient_type,
        "recipient_id": recipient_id,
        "order_key": order_key,
        "template": of_kind.template or kind,
        "template_version": 1,
        "locale": locale,
        "created_at": now,
        "due_at": due_at,
        "window_start": window_start,
        "window_end": window_end,
        "next_try_at": due_at,
        "tz": tz,
        "state": S.SCHEDULED,
        "plan_id": plan,
        "plan_version_id": plan_version,
        "local_date": local_date,
        "params": dict(params or {}),
    }
    values["message_id"] = header_id(cast(int, values["id"]))
    if not _insert(values):
        return db.session.scalars(
            select(Message).where(Message.dedupe_key == dedupe_key, Message.state != S.CANCELLED)
        ).one()
    if parts:
        db.session.execute(
            insert(MessagePart),
            [
                {"id": new_id(), "message_id": values["id"], "kind": k, "step_no": step, "appointment_id": visit}
                for k, step, visit in parts
            ],
        )
    if of_kind.stoppable:
        _links(recipient_id, now)
    if immediate:
        db.session().info[WAKE] = True
    return Message(**values)


@cache
def _owed(dialect: str) -> Any:
    make = pg_insert if dialect == "postgresql" else sqlite_insert
    return make(MESSAGE).on_conflict_do_nothing().returning(MESSAGE.c.id)


def _insert(values: Mapping[str, Any]) -> bool:
    connection = db.session.connection()
    return connection.execute(_owed(connection.dialect.name), values).one_or_none() is not None


_KEPT = "messages_links_kept"


def _links(person_id: int, now: datetime) -> None:
    """Keep one stop link and one preferences link per person alive for a year from their newest mail."""
    session = db.session()
    # Looked at once per person and transaction: a plan owes a hundred mails at a time.
    work, kept = session.info.get(_KEPT, (None, set()))
    if work is not session.get_transaction():
        kept = set()
        session.info[_KEPT] = (session.get_transaction(), kept)
    if person_id in kept:
        return
    kept.add(person_id)
    ends = now + timedelta(days=STOP_DAYS)
    wanted = {crypto.token_digest(crypto.link_token(purpose, person_id)): purpose for purpose in (STOP, PREFERENCES)}
    for row in db.session.scalars(select(SignedLink).where(SignedLink.digest.in_(wanted))):
        del wanted[row.digest]
        if row.expires_at < ends - timedelta(days=STOP_DAYS // 2):
            row.expires_at = ends
    for digest, purpose in wanted.items():
        db.session.add(
            SignedLink(
                id=new_id(),
                digest=digest,
                purpose=purpose,
                subject_id=person_id,
                person_id=person_id,
                expires_at=ends,
            )
        )
    db.session.flush()


def cancel(
    *,
    reason: str,
    now: datetime,
    plan_id: int | None = None,
    subject_id: int | None = None,
    kind: str | None = None,
    kinds: Sequence[str] = (),
    recipient_id: int | None = None,
    case_id: int | None = None,
    local_date_from: date | None = None,
    except_parts: Sequence[str] = (),
    actor: Actor | None = None,
) -> int:
    """Take back every open message that all given names point at; returns how many.

    Committed before a gate, it beats the mail. A mail in flight is marked and never goes out again. Messages that
    hold one of `except_parts` stay owed, without their other parts.

    Raises:
        ValueError: nothing is named, which would cancel everything.
    """
    named = {
        "plan_id": plan_id,
        "subject_id": subject_id,
        "kind": kind,
        "recipient_id": recipient_id,
        "case_id": case_id,
    }
    wanted = [_message.c[column] == value for column, value in named.items() if value is not None]
    if kinds:
        wanted.append(_message.c.kind.in_(list(kinds)))
    if not wanted:
        raise ValueError("name what is cancelled")
    if local_date_from is not None:
        wanted.append(_message.c.local_date >= local_date_from)
    if except_parts:
        wanted.append(_message.c.id.not_in(_keep_parts(wanted, except_parts)))
    return _cancel_where(and_(*wanted), reason=reason, now=now, actor=actor)


def _keep_parts(wanted: Sequence[ColumnElement[bool]], keep: Sequence[str]) -> list[int]:
    rows = db.session.scalars(
        select(MessagePart.message_id)
        .join(_message, _message.c.id == MessagePart.message_id)
        .where(*wanted, _open, MessagePart.kind.in_(keep))
        .distinct()
    )
    ids = list(rows)
    db.session.execute(
        delete(MessagePart).where(MessagePart.message_id.in_(ids), MessagePart.kind.not_in(keep)),
        execution_options={"synchronize_session": False},
    )
    return ids


def _cancel_where(condition: ColumnElement[bool], *, reason: str, now: datetime, actor: Actor | None) -> int:
    db.session.flush()
    # One statement: a row that is just being refused by the relay must not slip between two of them.
    flying = _message.c.state == S.SENDING.value
    rows = db.session.execute(
        update(_message)
        .where(condition, _open)
        .values(
            state=case((flying, S.SENDING.value), else_=S.CANCELLED.value),
            lease_token=case((flying, _message.c.lease_token), else_=None),
            lease_until=case((flying, _message.c.lease_until), else_=None),
            cancelled_at=now,
            cancel_reason=reason,
            next_try_at=None,
            version=_message.c.version + 1,
        )
        .returning(_message.c.id, _message.c.site_id, _message.c.case_id)
    ).all()
    for site_id, case_id in {(r.site_id, r.case_id) for r in rows}:
        mine = sorted(r.id for r in rows if (r.site_id, r.case_id) == (site_id, case_id))
        audit.record(
            actor=actor or system(site_id),
            verb="cancelled",
            record="message",
            record_id=mine[0] if len(mine) == 1 else None,
            site_id=site_id,
            case_id=case_id,
            purpose=reason[:60],
            # One entry for one command; it names every message it took back.
            changed=() if len(mine) == 1 else tuple(id_text(n) for n in mine),
            after={"messages": mine},
            now=now,
        )
    return len(rows)


def cancel_these(ids: Iterable[int], *, reason: str, now: datetime, actor: Actor | None = None) -> int:
    """Take back the open ones among some messages; returns how many."""
    return _cancel_where(_message.c.id.in_(list(ids)), reason=reason, now=now, actor=actor)


def touch(*, recipient_id: int | None = None, plan_id: int | None = None, case_id: int | None = None) -> int:
    """Make every mail that is just being prepared for these look again before it goes; returns how many.

    Call it in the transaction of whatever forbids or changes a mail without cancelling it: a stopped or changed
    address, withdrawn consent, a held step, a death. The row lock makes the order strict.

    Raises:
        ValueError: nothing is named.
    """
    named = {"recipient_id": recipient_id, "plan_id": plan_id, "case_id": case_id}
    wanted = [_message.c[column] == value for column, value in named.items() if value is not None]
    if not wanted:
        raise ValueError("name whose messages are touched")
    done = db.session.execute(update(_message).where(*wanted, _open).values(version=_message.c.version + 1))
    return cast(CursorResult[Any], done).rowcount


def owe_look(message: Message, *, cause: str, now: datetime, kind: str = "message_held") -> None:
    """Owe a person's look at one message, once."""
    tasks.owe(
        site_id=message.site_id,
        kind=kind,
        key=f"{kind}:{message.id}",
        role=Role.ADMISSIONS,
        due_at=now + timedelta(hours=4),
        cause=cause,
        case_id=message.case_id,
        params={"message": message.id, "kind": message.kind},
        now=now,
    )


def cancel_tasks_of(row: Message, *, reason: str, now: datetime, actor: Actor | None = None) -> None:
    """Take back the tasks that ask a person to look at a message."""
    owed = (f"{kind}:{row.id}" for kind in ("delivery_uncertain", "message_held"))
    tasks.cancel(*owed, site_id=row.site_id, reason=reason, now=now, actor=actor)
