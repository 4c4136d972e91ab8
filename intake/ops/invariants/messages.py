"""Invariants of the outbox (safety.md 2)."""

from __future__ import annotations

from sqlalchemy import and_, exists, func, or_, select

from intake.messages.models import Message, MessageAttempt, MessagePart, MessageState
from intake.ops.invariants.rule import Rule, rows
from intake.tapers.models import PlanState, PlanVersion, TaperPlan

S = MessageState
CLAIMED = (S.CLAIMED, S.SENDING)
OPEN = (S.SCHEDULED, S.CLAIMED, S.SENDING)
REMINDER = "reminder"

_accepted = exists().where(MessageAttempt.message_id == Message.id, MessageAttempt.outcome == "accepted")
_true = exists().where(
    TaperPlan.id == Message.plan_id,
    TaperPlan.current_version_id == Message.plan_version_id,
    PlanVersion.id == Message.plan_version_id,
    PlanVersion.state.in_((PlanState.ACTIVE, PlanState.COMPLETED)),
)

RULES: tuple[Rule, ...] = (
    Rule(
        "message_lease",
        "A message in somebody's hands has a lease; any other has none",
        rows(
            "message",
            lambda: select(Message.id).where(
                Message.state.in_(CLAIMED) != and_(Message.lease_token.is_not(None), Message.lease_until.is_not(None))
            ),
        ),
    ),
    Rule(
        "message_sent",
        "A sent message was accepted by the relay, or a person says that it arrived",
        rows(
            "message",
            lambda: select(Message.id).where(
                Message.state == S.SENT, Message.accepted_at.is_(None), Message.in_doubt_count == 0
            ),
        ),
    ),
    Rule(
        "message_evidence",
        "Every accepted message has its attempt, and every accepted attempt its message's time (G1)",
        rows("message", lambda: select(Message.id).where(Message.accepted_at.is_not(None) != _accepted)),
    ),
    Rule(
        "message_cancelled",
        "A cancelled message has its time and reason",
        rows(
            "message",
            lambda: select(Message.id).where(
                Message.state == S.CANCELLED, or_(Message.cancelled_at.is_(None), Message.cancel_reason == "")
            ),
        ),
    ),
    Rule(
        "message_once",
        "No two messages are owed for the same thing (24)",
        rows(
            "message",
            lambda: (
                select(func.min(Message.id))
                .where(Message.state != S.CANCELLED)
                .group_by(Message.dedupe_key)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "message_a_day",
        "A plan version sends at most one reminder per local day (24)",
        rows(
            "message",
            lambda: (
                select(func.min(Message.id))
                .where(Message.kind == REMINDER, Message.state != S.CANCELLED)
                .group_by(Message.plan_version_id, Message.local_date)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "message_true",
        "An open reminder belongs to the current version of a plan that is active or has just ended (23)",
        rows("message", lambda: select(Message.id).where(Message.kind == REMINDER, Message.state.in_(OPEN), ~_true)),
    ),
    Rule(
        "message_parts",
        "A reminder says at least one thing",
        rows(
            "message",
            lambda: select(Message.id).where(
                Message.kind == REMINDER, ~exists().where(MessagePart.message_id == Message.id)
            ),
        ),
    ),
    Rule(
        "message_window",
        "A message's window is not turned round, and an open one is looked at again or held with a reason",
        rows(
            "message",
            lambda: select(Message.id).where(
                or_(
                    Message.window_end <= Message.window_start,
                    and_(Message.state == S.SCHEDULED, Message.next_try_at.is_(None), Message.held_reason == ""),
                )
            ),
        ),
    ),
)
