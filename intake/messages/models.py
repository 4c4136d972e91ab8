"""Tables of the outbox. Columns and states are those of safety.md section 2."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import BigInteger, Index, LargeBinary, Table, text
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, coded, ref


class MessageState(StrEnum):
    """Where a message stands; the last five are final."""

    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    FAILED_PERMANENT = "failed_permanent"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"


_DUE = text("state IN ('scheduled', 'uncertain')")
_LEASED = text("state IN ('claimed', 'sending')")
_OPEN = text("state IN ('scheduled', 'claimed', 'sending', 'uncertain')")
_HELD = text("next_try_at IS NULL AND state IN ('scheduled', 'uncertain')")
_TRIED = text("attempts > 0")
_COUNTED = text("state <> 'cancelled'")


class Message(Base):
    """One email owed. The address is never stored here: it is read when the mail is rendered."""

    __tablename__ = "message"
    __table_args__ = (
        Index("message_dedupe", "dedupe_key", unique=True, postgresql_where=_COUNTED, sqlite_where=_COUNTED),
        Index("message_due", "next_try_at", "id", postgresql_where=_DUE, sqlite_where=_DUE),
        Index("message_leased", "lease_until", postgresql_where=_LEASED, sqlite_where=_LEASED),
        Index("message_in_order", "order_key", "due_at", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("message_held", "window_end", "id", postgresql_where=_HELD, sqlite_where=_HELD),
        Index("message_of_site", "site_id", "due_at", "id"),
        Index("message_named", "message_id", postgresql_where=_TRIED, sqlite_where=_TRIED),
        Index("message_of_plan", "plan_id", "plan_version_id"),
        {"postgresql_with": {"fillfactor": "75", "autovacuum_vacuum_scale_factor": "0.01"}},
    )

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    subject_id: Mapped[int] = mapped_column(BigInteger)
    dedupe_key: Mapped[str]
    case_id: Mapped[int | None] = ref("care_case.id")
    recipient_type: Mapped[str]
    recipient_id: Mapped[int] = mapped_column(BigInteger, index=True)
    order_key: Mapped[int | None] = mapped_column(BigInteger)
    template: Mapped[str]
    template_version: Mapped[int] = mapped_column(default=1)
    locale: Mapped[str] = mapped_column(default="en")
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    due_at: Mapped[datetime]
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    tz: Mapped[str]

    state: Mapped[MessageState] = mapped_column(coded(MessageState), default=MessageState.SCHEDULED)
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[int | None] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(default=0)
    lost_leases: Mapped[int] = mapped_column(default=0)
    last_code: Mapped[str] = mapped_column(default="")
    message_id: Mapped[str]
    accepted_at: Mapped[datetime | None]
    in_doubt_at: Mapped[datetime | None]
    in_doubt_count: Mapped[int] = mapped_column(default=0)
    held_reason: Mapped[str] = mapped_column(default="")
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str] = mapped_column(default="")
    bounced_at: Mapped[datetime | None]
    bounce_code: Mapped[str] = mapped_column(default="")

    plan_id: Mapped[int | None] = ref("taper_plan.id", index=False)
    plan_version_id: Mapped[int | None] = ref("plan_version.id", index=False)
    local_date: Mapped[date | None]
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)


MESSAGE = cast(Table, Message.__table__)


class MessagePart(Base):
    """One reminder kind inside a merged email of one local date."""

    __tablename__ = "message_part"

    id: Mapped[Id]
    message_id: Mapped[int] = ref("message.id", ondelete="CASCADE")
    kind: Mapped[str]
    step_no: Mapped[int | None]
    appointment_id: Mapped[int | None] = ref("appointment.id")


class MessageAttempt(Base):
    """What one attempt to hand a mail over came to; written by record or recovery, never changed."""

    __tablename__ = "message_attempt"
    __table_args__ = (Index("message_attempt_address", "address_digest", "ended_at"),)

    id: Mapped[Id]
    message_id: Mapped[int] = ref("message.id")
    attempt: Mapped[int]
    token: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    outcome: Mapped[str]
    code: Mapped[str] = mapped_column(default="")
    enhanced: Mapped[str] = mapped_column(default="")
    address_digest: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class Heartbeat(Base):
    """The last time a process of a kind did its work (not merely lived)."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Suppression(Base):
    """An address that no mail goes to any more: hard bounce, complaint, or "not me"."""

    __tablename__ = "suppression"

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    address_digest: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    reason: Mapped[str]
    since: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
