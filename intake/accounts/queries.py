"""Who a session belongs to."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from intake.accounts.models import Staff, StaffSession
from intake.crypto import token_digest
from intake.db import aside, glance

SEEN_EVERY = timedelta(seconds=30)


def session_of(secret: str, *, idle: timedelta, now: datetime) -> tuple[StaffSession, Staff] | None:
    """The living, fully signed-in session of a cookie's secret and its member of staff.

    Read in a short session of its own, so that the request's transaction starts fresh (rulings 15).
    """
    with glance() as session:
        row = session.execute(
            select(StaffSession, Staff)
            .join(Staff, Staff.id == StaffSession.staff_id)
            .where(
                StaffSession.digest == token_digest(secret),
                StaffSession.revoked_at.is_(None),
                StaffSession.second_factor.is_(True),
                StaffSession.ends_at > now,
                StaffSession.seen_at > now - idle,
                Staff.is_active.is_(True),
            )
        ).one_or_none()
        return None if row is None else (row[0], row[1])


def seen(row: StaffSession, *, now: datetime) -> None:
    """Prolong a session because its person did something; polling and autosave must not call this."""
    if row.seen_at > now - SEEN_EVERY:
        return
    with aside() as session:
        session.execute(update(StaffSession).where(StaffSession.id == row.id).values(seen_at=now))
