"""What became of a mail: results of sending, written as evidence, with audit, timeline and the work they cause.

A 250 is a fact and is written whatever the lease says (I3); a refusal counts only with the token.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import case, select, update

from intake.actor import Role, system
from intake.audit import service as audit
from intake.clock import db_now, from_micros, to_micros, utcnow
from intake.db import db
from intake.messages import kinds, suppression, written
from intake.messages.models import MESSAGE, Message, MessageState
from intake.messages.service import config, owe_look
from intake.settings import queries as settings
from intake.tasks import service as tasks

S = MessageState
BACKOFF_MINUTES = (1, 5, 15, 30, 60)
MOST_ATTEMPTS = 8
MOST_RESENDS = 2
_jitter = random.SystemRandom()


class Outcome(StrEnum):
    """What one attempt came to."""

    ACCEPTED = "accepted"
    REFUSED_TEMPORARY = "refused_temporary"
    REFUSED_PERMANENT = "refused_permanent"
    CONNECT_FAILED = "connect_failed"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one attempt: ids and codes only, so that it may stand in a local journal."""

    attempt_id: int
    message_id: int
    token: int
    attempt: int
    outcome: Outcome
    code: str
    enhanced: str
    digest: bytes
    started_at: datetime
    kind: str
    site_id: int
    case_id: int | None
    # True when the relay named the address itself as the reason.
    at_recipient: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "digest": self.digest.hex(), "started_at": to_micros(self.started_at)}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Result:
        """The result of a journal line.

        Raises:
            ValueError, KeyError, TypeError: the line is cut or none of ours.
        """
        return cls(
            **{
                **stored,
                "outcome": Outcome(stored["outcome"]),
                "digest": bytes.fromhex(stored["digest"]),
                "started_at": from_micros(stored["started_at"]),
            }
        )


def record(result: Result) -> MessageState | None:
    """Write the result of one attempt once, however often it is told; None when nothing moved.

    The transaction also holds the audit entry, the timeline line and the task that the outcome causes.
    """
    if result.outcome is Outcome.ACCEPTED:
        return _accepted(result)
    if not _attempt(result):
        return None
    if result.outcome is Outcome.IN_DOUBT:
        return in_doubt(result.message_id, result.token, code=result.code)
    if result.outcome is Outcome.REFUSED_PERMANENT:
        return _refused_for_good(result)
    return _again(result)


def _attempt(result: Result) -> bool:
    connection = db.session.connection()
    statement = written.attempt(connection.dialect.name)
    return connection.execute(statement, written.attempt_values(result)).one_or_none() is not None


def _row(message_id: int) -> Message:
    return db.session.scalars(
        select(Message).where(Message.id == message_id).execution_options(populate_existing=True)
    ).one()


_SEEN = (
    MESSAGE.c.id,
    MESSAGE.c.site_id,
    MESSAGE.c.case_id,
    MESSAGE.c.kind,
    MESSAGE.c.local_date,
    MESSAGE.c.attempts,
    MESSAGE.c.cancelled_at,
)
_FREE = {"lease_token": None, "lease_until": None, "next_try_at": None}


def _accepted(result: Result) -> MessageState | None:
    wrote = written.accept(db.session.connection(), result)
    if wrote is not None:
        return S.SENT if wrote else None
    late = db.session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id == result.message_id, MESSAGE.c.accepted_at.is_(None))
        .values(accepted_at=db_now(), version=MESSAGE.c.version + 1)
        .returning(*_SEEN)
    ).one_or_none()
    if late is not None:
        tell(late, None, "left_after_all")
    return None


def _mine(result: Result) -> tuple[Any, ...]:
    return (
        MESSAGE.c.id == result.message_id,
        MESSAGE.c.state == S.SENDING.value,
        MESSAGE.c.lease_token == result.token,
    )


def backoff(attempts: int) -> timedelta:
    """How long to wait after the n-th attempt: 1, 5, 15, 30, 60 minutes, each +-20 %."""
    minutes = BACKOFF_MINUTES[min(max(attempts, 1), len(BACKOFF_MINUTES)) - 1]
    return timedelta(minutes=minutes) * _jitter.uniform(0.8, 1.2)


def _again(result: Result) -> MessageState | None:
    """A definite no for now: wait and try again inside the window; the eighth attempt was the last."""
    if result.attempt >= MOST_ATTEMPTS:
        return _refused_for_good(result)
    again = db_now(backoff(result.attempt))
    row = db.session.execute(
        update(MESSAGE)
        .where(*_mine(result))
        .values(
            state=S.SCHEDULED.value,
            lease_token=None,
            lease_until=None,
            next_try_at=case((again < MESSAGE.c.window_end, again), else_=MESSAGE.c.window_end),
            last_code=result.code,
            version=MESSAGE.c.version + 1,
        )
        .returning(*_SEEN)
    ).one_or_none()
    if row is None:
        return None
    if row.cancelled_at is not None:
        return _cancelled_in_flight(row)
    return S.SCHEDULED


def _cancelled_in_flight(row: Any) -> MessageState:
    """A cancel that met the mail in flight takes effect now: the row never goes out again."""
    db.session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id == row.id)
        .values(state=S.CANCELLED.value, version=MESSAGE.c.version + 1, **_FREE)
    )
    tell(row, S.CANCELLED, "cancelled")
    return S.CANCELLED


def _refused_for_good(result: Result) -> MessageState | None:
    row = db.session.execute(
        update(MESSAGE)
        .where(*_mine(result))
        .values(
            state=S.FAILED_PERMANENT.value,
            last_code=" ".join(filter(None, (result.code, result.enhanced))),
            version=MESSAGE.c.version + 1,
            **_FREE,
        )
        .returning(*_SEEN)
    ).one_or_none()
    if row is None:
        return None
    tell(row, S.FAILED_PERMANENT, result.enhanced or result.code)
    _judge_address(result, row)
    return S.FAILED_PERMANENT


def _judge_address(result: Result, row: Any) -> None:
    """After a bad address no mail goes there; a refusal by policy is the operator's matter (E2)."""
    if result.outcome is not Outcome.REFUSED_PERMANENT:
        return
    if result.enhanced.startswith("5.7"):
        tasks.owe(
            site_id=row.site_id,
            kind="mail_refused_by_policy",
            key="mail_refused_by_policy",
            role=Role.ADMIN,
            due_at=utcnow() + timedelta(hours=4),
            cause=result.enhanced,
            now=utcnow(),
        )
        return
    if not result.at_recipient:
        return
    hard = result.enhanced.startswith("5.1") or not result.enhanced
    if hard or suppression.soft_failures(result.digest) >= suppression.SOFT_MOST:
        suppression.suppress(row.site_id, result.digest, reason="hard_bounce" if hard else "soft_bounces")
        message = _row(result.message_id)
        kinds.get(message.kind).bounced(message, code=result.enhanced or result.code, hard=hard, now=utcnow())


def policy(kind: str, site_id: int) -> str:
    """What a center does with mails of a kind whose outcome is unknown: its own choice, else the kind's."""
    chosen = settings.value(site_id, "mail_policies").get(kind)
    return str(chosen or kinds.get(kind).policy)


def in_doubt(message_id: int, token: int, *, code: str) -> MessageState | None:
    """The mail may or may not have arrived: resend with the same id later, or wait for a person (safety.md 2.4)."""
    known = db.session.execute(select(MESSAGE.c.kind, MESSAGE.c.site_id).where(MESSAGE.c.id == message_id)).one()
    resend = policy(known.kind, known.site_id) == "resend_same_id"
    wait = db_now(timedelta(seconds=config().mail_in_doubt_seconds))
    may_resend = (MESSAGE.c.in_doubt_count < MOST_RESENDS) & MESSAGE.c.cancelled_at.is_(None)
    row = db.session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id == message_id, MESSAGE.c.state == S.SENDING.value, MESSAGE.c.lease_token == token)
        .values(
            state=S.UNCERTAIN.value,
            in_doubt_at=db_now(),
            in_doubt_count=MESSAGE.c.in_doubt_count + 1,
            lease_token=None,
            lease_until=None,
            next_try_at=case((may_resend, wait), else_=None) if resend else None,
            held_reason=case((may_resend, ""), else_="delivery_uncertain") if resend else "delivery_uncertain",
            last_code=code,
            version=MESSAGE.c.version + 1,
        )
        .returning(*_SEEN, MESSAGE.c.next_try_at)
    ).one_or_none()
    if row is None:
        return None
    if row.cancelled_at is not None:
        return _cancelled_in_flight(row)
    tell(row, S.UNCERTAIN, "delivery_uncertain")
    if row.next_try_at is None:
        owe_look(_row(message_id), cause="delivery_uncertain", kind="delivery_uncertain", now=utcnow())
    return S.UNCERTAIN


_VERBS = {
    S.SENT: "sent",
    S.UNCERTAIN: "uncertain",
    S.FAILED_PERMANENT: "not_sent",
    S.CANCELLED: "cancelled",
    S.SUPPRESSED: "suppressed",
    S.EXPIRED: "expired",
}
_NEVER_SILENT = {S.FAILED_PERMANENT, S.SUPPRESSED, S.EXPIRED}


def tell(row: Any, state: MessageState | None, reason: str) -> None:
    """Write the audit entry, the timeline line and, for a mail that will not go, the task of an outcome.

    `row` has at least id, site_id, case_id, kind and local_date.
    """
    now = utcnow()
    by = system(row.site_id)
    verb = _VERBS[state] if state is not None else reason
    audit.record(
        actor=by,
        verb=verb,
        record="message",
        record_id=row.id,
        site_id=row.site_id,
        case_id=row.case_id,
        purpose=row.kind if not reason else f"{row.kind}: {reason}",
        now=now,
    )
    if row.case_id is not None:
        audit.tell(
            kind=f"message_{verb}",
            actor=by,
            now=now,
            case_id=row.case_id,
            params={"message": row.id, "kind": row.kind, "reason": reason},
        )
    if state in _NEVER_SILENT and row.case_id is not None:
        tasks.owe(
            site_id=row.site_id,
            kind="message_not_sent",
            key=f"message_not_sent:{row.case_id}",
            role=Role.ADMISSIONS,
            due_at=now + timedelta(hours=4),
            cause=reason,
            case_id=row.case_id,
            params={"message": row.id, "kind": row.kind},
            now=now,
        )
    if state is S.UNCERTAIN and reason != "delivery_uncertain":
        owe_look(_row(row.id), cause=reason, now=now)
