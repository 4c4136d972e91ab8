"""What somebody has typed so far: kept on the server, sealed under a key of its own, gone after two hours."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from intake import crypto
from intake.actor import Actor
from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import Missing
from intake.inquiries.models import Channel, InquiryDraft

WEB_LIFE = timedelta(hours=2)
CALL_LIFE = timedelta(hours=24)
_AT = "inquiry_draft.answers"

Answers = dict[str, Any]


def new_secret() -> str:
    """The secret that a browser's session holds; the database keeps only its digest."""
    return secrets.token_hex(32)


def start(*, secret: str, channel: Channel, site_id: int, now: datetime, taken_by: int | None = None) -> InquiryDraft:
    """Begin an empty draft; a web draft lives two hours from its last change, a call's a day."""
    row = InquiryDraft(
        id=new_id(),
        site_id=site_id,
        digest=crypto.token_digest(secret),
        channel=channel,
        taken_by=taken_by,
        created_at=now,
        saved_at=now,
        expires_at=now + _life(channel),
    )
    crypto.make_key(row.id)
    row.answers = crypto.seal("{}", key_of=row.id, at=_AT, row=row.id)
    db.session.add(row)
    db.session.flush()
    return row


def _life(channel: Channel) -> timedelta:
    return WEB_LIFE if channel is Channel.WEB else CALL_LIFE


def of_browser(secret: str) -> InquiryDraft | None:
    """The living web draft of a browser's secret, locked when a transaction is open."""
    if not secret:
        return None
    return db.session.scalar(
        select(InquiryDraft)
        .where(InquiryDraft.digest == crypto.token_digest(secret), InquiryDraft.expires_at > db_now())
        .with_for_update()
    )


def of_call(draft_id: int, *, actor: Actor) -> InquiryDraft:
    """The living draft of a call that this member of staff took.

    Raises:
        Missing: none, ended, or somebody else's.
    """
    row = db.session.scalar(
        select(InquiryDraft)
        .where(
            InquiryDraft.id == draft_id,
            InquiryDraft.site_id == actor.site_id,
            InquiryDraft.taken_by == actor.id,
            InquiryDraft.expires_at > db_now(),
        )
        .with_for_update()
    )
    if row is None:
        raise Missing("There is no such call. Drafts are kept for a day.")
    return row


def untouched_call(*, actor: Actor) -> InquiryDraft | None:
    """A call of this member of staff in which nothing was typed yet, so that opening the page twice makes one."""
    return db.session.scalar(
        select(InquiryDraft)
        .where(
            InquiryDraft.taken_by == actor.id,
            InquiryDraft.site_id == actor.site_id,
            InquiryDraft.sent_at.is_(None),
            InquiryDraft.saved_at == InquiryDraft.created_at,
            InquiryDraft.expires_at > db_now(),
        )
        .order_by(InquiryDraft.created_at.desc())
        .limit(1)
    )


def restart(row: InquiryDraft, *, now: datetime) -> None:
    """Let an untouched call begin now, so that its timer shows this call."""
    row.created_at = row.saved_at = now
    row.expires_at = now + _life(row.channel)


def open_calls(*, actor: Actor) -> list[InquiryDraft]:
    """Calls this member of staff began and has not saved, newest first; at most ten."""
    return list(
        db.session.scalars(
            select(InquiryDraft)
            .where(
                InquiryDraft.taken_by == actor.id,
                InquiryDraft.site_id == actor.site_id,
                InquiryDraft.sent_at.is_(None),
                InquiryDraft.saved_at > InquiryDraft.created_at,
                InquiryDraft.expires_at > db_now(),
            )
            .order_by(InquiryDraft.saved_at.desc())
            .limit(10)
        )
    )


def answers(row: InquiryDraft) -> Answers:
    """The answers of a draft, opened."""
    text = crypto.open_(row.answers, at=_AT, row=row.id)
    found: Answers = json.loads(text) if text and text != crypto.ERASED else {}
    return found


def save(row: InquiryDraft, new: Answers, *, now: datetime) -> None:
    """Keep the answers and start the draft's life anew."""
    row.answers = crypto.seal(json.dumps(new, sort_keys=True), key_of=row.id, at=_AT, row=row.id)
    row.saved_at = now
    row.expires_at = now + _life(row.channel)


def finish(row: InquiryDraft, inquiry_id: int, *, now: datetime) -> None:
    """The draft became an inquiry: its answers go, the row stays so that a repeated send finds the first."""
    save(row, {}, now=now)
    row.inquiry_id, row.sent_at = inquiry_id, now


def discard(row: InquiryDraft) -> None:
    """Delete a draft and its key at once (the person left the site)."""
    db.session.execute(delete(crypto.DataKey).where(crypto.DataKey.owner_id == row.id))
    db.session.execute(delete(InquiryDraft).where(InquiryDraft.id == row.id))


def purge(*, limit: int = 500) -> int:
    """Delete drafts whose time is over, with their keys; returns how many went."""
    ids = list(db.session.scalars(select(InquiryDraft.id).where(InquiryDraft.expires_at <= db_now()).limit(limit)))
    if ids:
        db.session.execute(delete(crypto.DataKey).where(crypto.DataKey.owner_id.in_(ids)))
        db.session.execute(delete(InquiryDraft).where(InquiryDraft.id.in_(ids)))
    return len(ids)
