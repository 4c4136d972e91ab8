"""Bearer tokens of other systems: issued once in the clear, kept as a digest, scoped, ending, withdrawn at once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update

from intake.accounts.models import ApiToken
from intake.actor import Actor
from intake.audit import service as audit
from intake.clock import db_now, utcnow
from intake.crypto import token_digest
from intake.db import aside, db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.guard import Client

SCOPES: dict[str, str] = {"referrals": "Send referrals and read what became of them"}
LONGEST_DAYS = 730
USED_AGAIN = timedelta(minutes=5)


def issue(
    *, name: str, scopes: tuple[str, ...] = ("referrals",), days: int, actor: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """Make a token; returns its row and its secret, which is shown this once and never again.

    Raises:
        RuleBroken: no name, an unknown scope, or a life of no or more than 730 days (by field).
    """
    wrong: dict[str, str] = {}
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        wrong["name"] = "Name the system that will use it, in at most 100 signs."
    if not scopes or set(scopes) - SCOPES.keys():
        wrong["scopes"] = "Pick what it may do."
    if not 1 <= days <= LONGEST_DAYS:
        wrong["days"] = f"Enter a number of days from 1 to {LONGEST_DAYS}."
    if wrong:
        raise RuleBroken("This token cannot be made.", code="API_TOKEN", fields=wrong)
    secret = f"itk_{secrets.token_hex(32)}"
    row = ApiToken(
        id=new_id(), site_id=actor.site_id, name=name, digest=token_digest(secret), scopes=sorted(scopes),
        expires_at=now + timedelta(days=days), created_at=now, created_by=actor.id,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    audit.record(actor=actor, verb="issued", record="api_token", record_id=row.id, purpose=name, now=now)
    return row, secret


def withdraw(token_id: int, *, actor: Actor, now: datetime) -> ApiToken:
    """End a token; the next request with it is refused.

    Raises:
        Missing: none here. AlreadyDone: it was withdrawn before.
    """
    row = db.session.scalar(
        select(ApiToken).where(ApiToken.id == token_id, ApiToken.site_id == actor.site_id).with_for_update()
    )
    if row is None:
        raise Missing("There is no such token.")
    if row.withdrawn_at is not None:
        raise AlreadyDone("This token was already withdrawn.")
    row.withdrawn_at, row.withdrawn_by = now, actor.id
    audit.record(actor=actor, verb="withdrew", record="api_token", record_id=row.id, purpose=row.name, now=now)
    return row


def of_site(site_id: int) -> list[ApiToken]:
    """Every token of a center, newest first."""
    return list(
        db.session.scalars(
            select(ApiToken).where(ApiToken.site_id == site_id).order_by(ApiToken.created_at.desc(), ApiToken.id)
        )
    )


def load(secret: str) -> Client | None:
    """Who holds this secret, if it is alive; registered with the guard. Notes the use, at most every five minutes."""
    row = db.session.scalar(
        select(ApiToken).where(
            ApiToken.digest == token_digest(secret), ApiToken.withdrawn_at.is_(None), ApiToken.expires_at > db_now()
        )
    )
    if row is None:
        return None
    found = Client(row.id, row.site_id, row.name, frozenset(map(str, row.scopes)))
    fresh = row.last_used_at is not None and row.last_used_at > utcnow() - USED_AGAIN
    db.session.rollback()
    if not fresh:
        with aside() as session:
            session.execute(update(ApiToken).where(ApiToken.id == found.id).values(last_used_at=db_now()))
    return found
