"""Mail that came back: a report names our Message-ID or the return path of one mail; anything else is refused.

Both hold the keyed id of a message, so a bounce cannot be forged for somebody else's address (safety.md E4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy

from sqlalchemy import insert, select, text

from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import Missing, RuleBroken
from intake.messages import kinds, outcomes, suppression
from intake.messages.models import Message, MessageAttempt, MessageState
from intake.messages.service import cancel_tasks_of, config

_ID = re.compile(rb"(?im)^(?:Message-ID:\s*<|(?:X-)?(?:Original-)?To:.*\+b-)([0-9a-f]{32})@")
_STATUS = re.compile(rb"(?im)^Status:\s*([245]\.\d{1,3}\.\d{1,3})")
_ACTION = re.compile(rb"(?im)^Action:\s*([a-z]+)")
_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
BOUNCED = "bounced"


@dataclass(frozen=True)
class Report:
    """One bounce: the local part of our Message-ID, the enhanced status, whether it is for good."""

    key: str
    code: str
    hard: bool


def read_json(body: object) -> Report:
    """A report in JSON: `message_id` (or the return path as `address`), `code`, `kind` hard or soft.

    Raises:
        RuleBroken: it is none.
    """
    if not isinstance(body, dict):
        raise RuleBroken("A bounce report is a JSON object.", code="BOUNCE")
    named = str(body.get("message_id") or body.get("address") or "")
    found = re.search(r"(?:^<?|\+b-)([0-9a-f]{32})(?:@|$)", named)
    code, kind = str(body.get("code", "")), str(body.get("kind", ""))
    if not found or (code and not _CODE.fullmatch(code)) or kind not in ("hard", "soft", "complaint"):
        raise RuleBroken("The report names no message of ours, no status, or no kind.", code="BOUNCE")
    return Report(found[1], code, hard=kind != "soft")


def read_report(raw: bytes) -> Report:
    """A delivery status notification (RFC 3464) as the mail server received it.

    Raises:
        RuleBroken: it names no message of ours or no status.
    """
    text = raw if b"Status:" in raw else message_from_bytes(raw, policy=policy.default).as_bytes()
    ids, status, action = _ID.findall(text), _STATUS.search(text), _ACTION.search(text)
    if not ids or status is None or (action is not None and action[1].lower() not in (b"failed", b"delayed")):
        raise RuleBroken("This is no report about a message of ours.", code="BOUNCE")
    code = status[1].decode()
    # The last id is that of the returned mail; the first may be the report's own.
    return Report(ids[-1].decode(), code, hard=code.startswith("5"))


def take(report: Report, *, now: datetime) -> Message:
    """Note a bounce on its message; a hard one suppresses the address, and somebody calls the person.

    Raises:
        Missing: the key is none of ours.
    """
    row = db.session.scalar(
        select(Message)
        .where(Message.message_id == f"{report.key}@{config().mail_domain}", text("message.attempts > 0"))
        .with_for_update()
    )
    if row is None:
        raise Missing("There is no such message.")
    digest = db.session.scalar(
        select(MessageAttempt.address_digest)
        .where(MessageAttempt.message_id == row.id, MessageAttempt.address_digest != b"")
        .order_by(MessageAttempt.ended_at.desc())
        .limit(1)
    )
    if row.bounced_at is not None or digest is None:
        return row
    row.bounced_at, row.bounce_code = now, report.code
    row.version += 1
    if row.state is MessageState.UNCERTAIN:
        row.state, row.next_try_at, row.held_reason, row.cancel_reason = (
            MessageState.FAILED_PERMANENT,
            None,
            "",
            BOUNCED,
        )
        cancel_tasks_of(row, reason=BOUNCED, now=now)
    db.session.flush()
    db.session.execute(
        insert(MessageAttempt).values(
            id=new_id(),
            message_id=row.id,
            attempt=row.attempts,
            ended_at=db_now(),
            outcome=BOUNCED,
            code="dsn",
            enhanced=report.code,
            address_digest=digest,
        )
    )
    outcomes.tell(row, None, BOUNCED)
    hard = report.hard or suppression.soft_failures(digest) >= suppression.SOFT_MOST
    if hard:
        suppression.suppress(row.site_id, digest, reason="hard_bounce" if report.hard else "soft_bounces")
    kinds.get(row.kind).bounced(row, code=report.code, hard=hard, now=now)
    return row
