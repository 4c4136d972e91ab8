"""Gate and refusal: permission to send is one conditional update, evidence is written whatever the lease says.

safety.md 2.3. Each function runs inside the caller's transaction; nothing here talks to the network.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    Integer,
    LargeBinary,
    Select,
    Update,
    bindparam,
    case,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from intake.audit import chains
from intake.clinical import cadence
from intake.clock import UtcTime, db_now
from intake.db import db
from intake.messages import claims, kinds, onestep, outcomes, written
from intake.messages.kinds import Kind, Refusal
from intake.messages.models import MESSAGE, Message, MessageAttempt, MessageState, Suppression
from intake.messages.ready import NotReady
from intake.messages.render import Rendered

S = MessageState
DAY = timedelta(hours=24)
MOST = 100


@lru_cache(maxsize=64)
def allowed_hours(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """From when until when mail may go to somebody in `zone`: today's open hours, or tomorrow's when now is quiet."""
    local = now.astimezone(cadence.zone_of(zone))
    day = local.date() + timedelta(days=local.hour >= cadence.QUIET_HOUR)
    return (
        cadence.local_instant(day, time(cadence.FIRST_HOUR), zone),
        cadence.local_instant(day, time(cadence.QUIET_HOUR), zone),
    )


# One reading of the database's clock for the whole gate.
_CLOCK = select(db_now().label("now")).subquery("clock")


@cache
def _gate(kind: Kind) -> Update:
    """The one update that names every reason not to send (I2)."""
    digest, now = bindparam("digest", type_=LargeBinary()), _CLOCK.c.now
    return (
        update(MESSAGE)
        .where(
            MESSAGE.c.id == bindparam("gate_id", type_=BigInteger()),
            text("message.state = 'claimed'"),
            MESSAGE.c.lease_token == bindparam("token", type_=BigInteger()),
            MESSAGE.c.lease_until > now,
            # Whoever forbids a mail touches its row: then not even a change that commits meanwhile slips through.
            MESSAGE.c.version == bindparam("seen_version", type_=Integer()),
            MESSAGE.c.cancelled_at.is_(None),
            MESSAGE.c.window_start <= now,
            MESSAGE.c.window_end > now,
            now >= bindparam("open_from", type_=UtcTime()),
            now < bindparam("open_until", type_=UtcTime()),
            *_addressable(kind, digest),
            kind.still_true(MESSAGE),
        )
        .values(state=S.SENDING.value, attempts=MESSAGE.c.attempts + 1, version=MESSAGE.c.version + 1)
        .returning(MESSAGE.c.id)
    )


def _addressable(kind: Kind, digest: Any) -> tuple[ColumnElement[bool], ...]:
    return (~_suppressed(digest), *_rates(kind, digest))


def _suppressed(digest: Any) -> ColumnElement[bool]:
    return exists().where(
        Suppression.address_digest == digest, Suppression.lifted_at.is_(None), Suppression.site_id == MESSAGE.c.site_id
    )


def _accepted_lately(digest: Any) -> Select[int]:
    return (
        select(func.count())
        .select_from(MessageAttempt)
        .where(
            MessageAttempt.address_digest == digest,
            MessageAttempt.outcome == "accepted",
            MessageAttempt.ended_at > db_now(-DAY),
        )
    )


def _rates(kind: Kind, digest: Any) -> list[ColumnElement[bool]]:
    limits: list[ColumnElement[bool]] = []
    if kind.capped:
        limits.append(_accepted_lately(digest).scalar_subquery() < bindparam("most_a_day", type_=Integer()))
    if kind.once_a_day:
        limits.append(_rarely(kind, digest))
    return limits


def _rarely(kind: Kind, digest: Any) -> ColumnElement[bool]:
    other = MESSAGE.alias("other")
    same = _accepted_lately(digest).join(other, other.c.id == MessageAttempt.message_id)
    return same.where(other.c.kind == kind.name).scalar_subquery() == 0


def _values(mail: Rendered, token: int, now: datetime) -> dict[str, Any]:
    kind, message = kinds.get(mail.message.kind), mail.message
    hours = (message.window_start, message.window_end)
    if kind.quiet_hours:
        hours = allowed_hours(now, mail.recipient.zone or message.tz)
    values: dict[str, Any] = {
        "gate_id": message.id,
        "seen_version": message.version,
        "token": token,
        "open_from": hours[0],
        "open_until": hours[1],
        "digest": mail.digest,
        "contact_id": mail.recipient.contact_id,
        "contact_version": mail.recipient.contact_version,
        **mail.binds,
    }
    if kind.capped:
        values["most_a_day"] = mail.most_a_day
    return values


def gate(mail: Rendered, token: int, *, now: datetime) -> bool:
    """Take the permission to send one rendered mail; False when any reason not to send holds.

    `now` only picks the day whose open hours are compared with the database's clock.
    """
    statement, values = question(mail, token, now=now)
    return db.session.connection().execute(statement, values).one_or_none() is not None


def question(mail: Rendered, token: int, *, now: datetime) -> tuple[Update, dict[str, Any]]:
    """The gate of one mail as a statement and its values; it answers with a row when the mail may go."""
    return _gate(kinds.get(mail.message.kind)), _values(mail, token, now)


def gate_after(
    connection: Connection,
    pending: outcomes.Result | None,
    mail: Rendered,
    token: int,
    *,
    now: datetime,
    heads: dict[int, chains.Head],
) -> bool | None:
    """Write the 250 of the mail before, then ask the gate, in as few statements as can be; None: take the long way.

    `heads` says where the audit chains of the batch end, as far as this sender knows, and is kept up to date.
    On None nothing may be kept: the caller rolls its transaction back.
    """
    asked = question(mail, token, now=now)
    if connection.dialect.name == "postgresql":
        try:
            return _in_one_step(connection, pending, mail, asked, heads)
        except NotReady:
            # A kind whose condition cannot be made ready goes the long way, and stops nobody else's mail.
            return None
    if pending is not None and written.accept(connection, pending) is None:
        return None
    return connection.execute(*asked).one_or_none() is not None


def _in_one_step(
    connection: Connection,
    pending: outcomes.Result | None,
    mail: Rendered,
    asked: tuple[Update, dict[str, Any]],
    heads: dict[int, chains.Head],
) -> bool | None:
    if pending is None:
        return onestep.gate(connection, asked)
    # The gate counts the mails an address got, and a statement does not see what it writes itself.
    if pending.digest == mail.digest:
        return None
    chain = pending.case_id or pending.site_id
    for _ in range(2):
        if chain not in heads:
            return None
        step = onestep.both(connection, pending, heads.pop(chain), asked)
        if step.head is not None:
            heads[chain] = step.head
        if step.written:
            return step.passed
    return None


def refuse(mail: Rendered, token: int, *, now: datetime) -> MessageState | None:
    """Find why the gate refused and move the row accordingly; None when it belongs to somebody else by now."""
    kind, message = kinds.get(mail.message.kind), mail.message
    digest = bindparam("digest", mail.digest, type_=LargeBinary())
    limit = bindparam("most_a_day", mail.most_a_day, type_=Integer())
    from_, until = allowed_hours(now, mail.recipient.zone or message.tz)
    row = db.session.execute(
        select(
            MESSAGE.c.state,
            MESSAGE.c.lease_token,
            MESSAGE.c.cancelled_at,
            (MESSAGE.c.window_end <= db_now()).label("over"),
            (MESSAGE.c.window_start > db_now()).label("early"),
            _suppressed(digest).label("suppressed"),
            (_accepted_lately(digest).scalar_subquery() >= limit).label("full"),
            _rarely(kind, digest).label("rare"),
            db_now().label("clock"),
        ).where(MESSAGE.c.id == message.id),
        {"most_a_day": mail.most_a_day},
    ).one()
    if row.state != S.CLAIMED or row.lease_token != token:
        return None
    clock = cast(datetime, row.clock)
    if row.cancelled_at is not None:
        why = Refusal(S.CANCELLED, "cancelled")
    elif row.over:
        why = Refusal(S.EXPIRED, "window_over")
    elif row.early:
        why = Refusal(S.SCHEDULED, "too_early", message.window_start - clock)
    elif kind.quiet_hours and not from_ <= clock < until:
        why = Refusal(S.SCHEDULED, "quiet_hours", max(from_ - clock, timedelta(minutes=1)))
    elif row.suppressed:
        why = Refusal(S.SUPPRESSED, "address_suppressed")
    elif kind.once_a_day and not row.rare:
        why = Refusal(S.SUPPRESSED, "once_a_day")
    elif kind.capped and row.full:
        why = Refusal(S.SCHEDULED, "daily_limit", timedelta(hours=1))
    else:
        why = kind.why_not(message)
    return turn_away(message, token, why)


def turn_away(message: Message, token: int, why: Refusal) -> MessageState | None:
    """Move a claimed row for a reason found before sending; None when it belongs to somebody else by now.

    A row that would be looked at again after its window expires at the window's end.
    """
    if why.state is S.SCHEDULED:
        return S.SCHEDULED if claims.give_back([message.id], token, again_in=why.again_in, code=why.reason) else None
    held = why.state is S.UNCERTAIN
    row = db.session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id == message.id, MESSAGE.c.state == S.CLAIMED.value, MESSAGE.c.lease_token == token)
        .values(
            state=why.state.value,
            lease_token=None,
            lease_until=None,
            next_try_at=None,
            held_reason=why.reason if held else MESSAGE.c.held_reason,
            cancelled_at=func.coalesce(MESSAGE.c.cancelled_at, db_now())
            if why.state is S.CANCELLED
            else MESSAGE.c.cancelled_at,
            cancel_reason=case((MESSAGE.c.cancel_reason == "", why.reason), else_=MESSAGE.c.cancel_reason)
            if why.state is not S.UNCERTAIN
            else MESSAGE.c.cancel_reason,
            last_code=why.reason,
            version=MESSAGE.c.version + 1,
        )
    )
    if cast(CursorResult[Any], row).rowcount != 1:
        return None
    outcomes.tell(message, why.state, why.reason)
    return why.state
