"""Tables of the queues; order and cursor are (rank, waiting_since, id), rulings 8."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, Stamped, Versioned, coded, ref


class Queue(StrEnum):
    """The six queues, most urgent first."""

    EMERGENCY = "emergency"
    CLINICIAN_NOW = "clinician_now"
    REFER_OUT = "refer_out"
    DETOX = "detox"
    CALLBACK = "callback"
    OUTPATIENT = "outpatient"


class EntryState(StrEnum):
    """Where one stay in a queue stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    PARKED = "parked"
    DECIDED = "decided"
    CLOSED = "closed"


class Cause(StrEnum):
    """Why a case came into a queue."""

    PLACEMENT = "placement"
    DANGER = "danger"
    ALERT = "alert"
    HAND = "hand"


_HERE = text("left_at IS NULL")
_UNMET = text("left_at IS NULL AND state = 'waiting'")
_LEASED = text("left_at IS NULL AND state = 'claimed'")


class QueueEntry(Base, Stamped, Versioned):
    """One stay of a case in one queue, from entry to decision; carries what a board shows, so it joins nothing."""

    __tablename__ = "queue_entry"
    __table_args__ = (
        Index(
            "queue_entry_waiting",
            "site_id",
            "queue",
            "rank",
            "waiting_since",
            "id",
            postgresql_where=_HERE,
            sqlite_where=_HERE,
        ),
        Index("queue_entry_late", "site_id", "queue", "target_at", postgresql_where=_UNMET, sqlite_where=_UNMET),
        Index("queue_entry_leased", "lease_until", postgresql_where=_LEASED, sqlite_where=_LEASED),
        Index("queue_entry_once", "person_id", "queue", unique=True, postgresql_where=_HERE, sqlite_where=_HERE),
    )

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    case_id: Mapped[int] = ref("care_case.id")
    person_id: Mapped[int] = ref("person.id", index=False)
    placement_id: Mapped[int | None] = ref("placement.id", index=False)
    queue: Mapped[Queue] = mapped_column(coded(Queue))
    next_queue: Mapped[str] = mapped_column(default="")
    acuity: Mapped[int]
    priority: Mapped[int]
    rank: Mapped[int]
    provisional: Mapped[bool] = mapped_column(default=False)
    cause: Mapped[Cause] = mapped_column(coded(Cause), default=Cause.PLACEMENT)
    reference: Mapped[str]
    used_name: Mapped[Sealed | None]
    age_years: Mapped[int | None]
    summary: Mapped[Sealed | None]
    cows: Mapped[int | None]
    cows_before: Mapped[int | None]
    mme: Mapped[str | None]
    signals: Mapped[list[Any]] = mapped_column(default=list)
    fired: Mapped[list[Any]] = mapped_column(default=list)
    alert: Mapped[str] = mapped_column(default="")
    alert_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime]
    entered_at: Mapped[datetime]
    target_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    state: Mapped[EntryState] = mapped_column(coded(EntryState), default=EntryState.WAITING)
    outcome: Mapped[str] = mapped_column(default="")
    claimed_by: Mapped[int | None] = mapped_column(BigInteger, index=True)
    claimed_name: Mapped[str] = mapped_column(default="")
    claimed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    parked_until: Mapped[datetime | None]
    parked_reason: Mapped[str] = mapped_column(default="")
    restricted: Mapped[bool] = mapped_column(default=False)
    escalated_at: Mapped[datetime | None]


class QueueCounter(Base):
    """Per site and queue: a version that moves with every change, and exact counts for headers."""

    __tablename__ = "queue_counter"

    site_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    queue: Mapped[Queue] = mapped_column(coded(Queue), primary_key=True)
    moved: Mapped[int] = mapped_column(BigInteger, default=0)
    waiting: Mapped[int] = mapped_column(default=0)
    claimed: Mapped[int] = mapped_column(default=0)
