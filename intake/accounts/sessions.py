"""Sessions: opened with a new secret at each sign-in, listed, ended, and proven fresh before what weighs most."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update

from intake.accounts.models import KnownDevice, Staff, StaffSession
from intake.actor import Actor
from intake.audit import service as audit
from intake.crypto import token_digest
from intake.db import db, new_id
from intake.errors import Missing
from intake.settings import queries as settings

HALF_WAY = timedelta(minutes=10)
FRESH = timedelta(minutes=10)
MOST_DEVICES = 20
SESSIONS_KEPT, DEVICES_KEPT = timedelta(days=30), timedelta(days=365)


def open_session(staff: Staff, *, second_factor: bool, browser: str, now: datetime) -> str:
    """Open a session and return its secret; half a session, for ten minutes, when the code is still to come."""
    secret = secrets.token_hex(32)
    hours = int(settings.value(staff.site_id, "absolute_hours"))
    ends = now + (timedelta(hours=hours) if second_factor else HALF_WAY)
    row = StaffSession(
        id=new_id(),
        digest=token_digest(secret),
        staff_id=staff.id,
        created_at=now,
        seen_at=now,
        ends_at=ends,
        second_factor=second_factor,
        step_up_at=now if second_factor else None,
        browser=browser[:120],
    )
    db.session.add(row)
    if second_factor:
        staff.last_sign_in_at = now
    return secret


def half(secret: str, now: datetime) -> tuple[StaffSession, Staff]:
    """The half session of a secret and its member of staff, locked.

    Raises:
        Missing: it ended, was finished before, or the account was switched off.
    """
    row = db.session.scalar(
        select(StaffSession).where(
            StaffSession.digest == token_digest(secret),
            StaffSession.revoked_at.is_(None),
            StaffSession.ends_at > now,
            StaffSession.second_factor.is_(False),
        )
    )
    staff = db.session.get(Staff, row.staff_id, with_for_update=True) if row else None
    if row is None or staff is None or not staff.is_active:
        raise Missing("Your sign-in took too long. Start again.")
    return row, staff


def of(secret: str) -> StaffSession:
    """The living session of a secret.

    Raises:
        Missing: it was ended.
    """
    row = db.session.scalar(
        select(StaffSession).where(StaffSession.digest == token_digest(secret), StaffSession.revoked_at.is_(None))
    )
    if row is None:
        raise Missing("You are signed out. Sign in again.")
    return row


def is_fresh(row: StaffSession, now: datetime) -> bool:
    """True when a code was typed within the last ten minutes: at sign-in, or again since."""
    return max(row.created_at, row.step_up_at or row.created_at) > now - FRESH


def end(secret: str, *, now: datetime) -> None:
    """End the session of one browser."""
    db.session.execute(
        update(StaffSession)
        .where(StaffSession.digest == token_digest(secret), StaffSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def end_all(staff_id: int, *, now: datetime, but: str = "") -> None:
    """End every session of a member of staff at once, except the one of the secret `but`."""
    db.session.execute(
        update(StaffSession)
        .where(
            StaffSession.staff_id == staff_id,
            StaffSession.revoked_at.is_(None),
            StaffSession.digest != token_digest(but),
        )
        .values(revoked_at=now)
    )


def end_own(session_id: int, *, actor: Actor, now: datetime) -> None:
    """End one of one's own sessions.

    Raises:
        Missing: none of one's own.
    """
    row = db.session.scalar(
        select(StaffSession).where(
            StaffSession.id == session_id, StaffSession.staff_id == actor.id, StaffSession.revoked_at.is_(None)
        )
    )
    if row is None:
        raise Missing("There is no such session.")
    row.revoked_at = now
    audit.record(actor=actor, verb="session_ended", record="staff", record_id=actor.id, now=now)


def know_device(staff_id: int, device: str, *, now: datetime) -> str:
    """Remember the browser that just signed in; returns the secret its cookie keeps (the old one when it is known)."""
    known = device_of(staff_id, device)
    if known is not None:
        known.seen_at = now
        return device
    secret = secrets.token_hex(32)
    db.session.add(KnownDevice(id=new_id(), staff_id=staff_id, digest=token_digest(secret), seen_at=now))
    older = db.session.scalars(
        select(KnownDevice)
        .where(KnownDevice.staff_id == staff_id)
        .order_by(KnownDevice.seen_at.desc())
        .offset(MOST_DEVICES)
    )
    for row in list(older):
        db.session.delete(row)
    return secret


def device_of(staff_id: int | None, device: str) -> KnownDevice | None:
    """The known browser of a member of staff, or None."""
    if not device or staff_id is None:
        return None
    return db.session.scalar(
        select(KnownDevice).where(KnownDevice.digest == token_digest(device), KnownDevice.staff_id == staff_id)
    )


def sweep(now: datetime) -> int:
    """Forget sessions that ended a month ago and browsers not seen for a year (an upkeep job); returns how many."""
    gone = [
        db.session.execute(delete(StaffSession).where(StaffSession.ends_at < now - SESSIONS_KEPT)),
        db.session.execute(delete(KnownDevice).where(KnownDevice.seen_at < now - DEVICES_KEPT)),
    ]
    return sum(cast(CursorResult[Any], each).rowcount for each in gone)
