"""Who a session belongs to; who works here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from intake.accounts.models import Staff, StaffSession
from intake.actor import Actor, Role
from intake.clock import db_now
from intake.crypto import token_digest
from intake.db import aside, db, glance
from intake.errors import Missing
from intake.settings import queries as settings

SEEN_EVERY = timedelta(seconds=30)
STATES = ("active", "invited", "off")


@dataclass(frozen=True)
class Member:
    """One line of the list of users: no password, no secret."""

    id: int
    name: str
    email: str
    role: Role
    second_step: bool
    last_sign_in_at: datetime | None
    state: str


def session_of(secret: str, *, now: datetime) -> tuple[StaffSession, Staff] | None:
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
                Staff.is_active.is_(True),
            )
        ).one_or_none()
        if row is None or row[0].seen_at <= now - idle_time(row[1].site_id, session):
            return None
        return row[0], row[1]


def idle_time(site_id: int, session: Session | None = None) -> timedelta:
    """How long a session lives without input."""
    return timedelta(minutes=int(settings.value(site_id, "idle_minutes", session=session)))


def seen(row: StaffSession, *, now: datetime) -> None:
    """Prolong a session because its person did something; polling and autosave must not call this."""
    if row.seen_at > now - SEEN_EVERY:
        return
    with aside() as session:
        session.execute(update(StaffSession).where(StaffSession.id == row.id).values(seen_at=now))


def living_sessions(actor: Actor) -> list[StaffSession]:
    """One's own sessions that are still alive, the newest first."""
    rows = db.session.scalars(
        select(StaffSession)
        .where(
            StaffSession.staff_id == actor.id,
            StaffSession.revoked_at.is_(None),
            StaffSession.second_factor.is_(True),
            StaffSession.ends_at > db_now(),
            StaffSession.seen_at > db_now(-idle_time(actor.site_id)),
        )
        .order_by(StaffSession.created_at.desc())
    )
    return list(rows)


def state_of(row: Staff) -> str:
    """Off, invited (no password yet) or active."""
    if not row.is_active:
        return "off"
    return "active" if row.password_hash else "invited"


def members(site_id: int) -> list[Member]:
    """Everybody of a center by name; those switched off last."""
    rows = db.session.scalars(
        select(Staff).where(Staff.site_id == site_id).order_by(Staff.is_active.desc(), Staff.name, Staff.id)
    )
    return [_member(row) for row in rows]


def member(staff_id: int, actor: Actor) -> Member:
    """One user of the actor's own center.

    Raises:
        Missing: none here.
    """
    row = db.session.scalar(select(Staff).where(Staff.id == staff_id, Staff.site_id == actor.site_id))
    if row is None:
        raise Missing("There is no such user.")
    return _member(row)


def _member(row: Staff) -> Member:
    return Member(
        row.id, row.name, row.email, row.role, row.second_factor_at is not None, row.last_sign_in_at, state_of(row)
    )


def successors(staff_id: int, site_id: int, roles: Sequence[Role]) -> list[tuple[int, str]]:
    """Who could take over the cases of somebody: id and name, by name."""
    rows = db.session.execute(
        select(Staff.id, Staff.name)
        .where(
            Staff.site_id == site_id,
            Staff.id != staff_id,
            Staff.is_active.is_(True),
            Staff.password_hash != "",
            Staff.role.in_(roles),
        )
        .order_by(Staff.name)
    )
    return [(row.id, row.name) for row in rows]


def names(ids: Sequence[int]) -> dict[int, str]:
    """Names of members of staff by id; ids of nobody are left out."""
    rows = db.session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))
    return {row.id: row.name for row in rows}
