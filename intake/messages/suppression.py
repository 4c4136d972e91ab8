"""Addresses that no mail goes to any more: what a relay or a report named as bad, or what was bad too often."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, func, insert, select

from intake.clock import db_now
from intake.db import db, new_id
from intake.messages.models import MessageAttempt, Suppression

SOFT_WITHIN = timedelta(days=7)
SOFT_MOST = 3
# The outcomes of an attempt that say the address did not take the mail.
_NOT_TAKEN = ("refused_permanent", "bounced")


def soft_failures(digest: bytes) -> int:
    """How many mails to an address were refused in the last seven days."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(MessageAttempt)
            .where(
                MessageAttempt.address_digest == digest,
                MessageAttempt.outcome.in_(_NOT_TAKEN),
                MessageAttempt.ended_at > db_now(-SOFT_WITHIN),
            )
        )
        or 0
    )


def suppress(site_id: int, digest: bytes, *, reason: str) -> None:
    """Stop all mail to an address until somebody lifts it; open messages meet it at their gate."""
    known = db.session.scalar(
        select(
            exists().where(
                Suppression.address_digest == digest, Suppression.site_id == site_id, Suppression.lifted_at.is_(None)
            )
        )
    )
    if not known:
        db.session.execute(
            insert(Suppression).values(
                id=new_id(), site_id=site_id, address_digest=digest, reason=reason, since=db_now()
            )
        )
