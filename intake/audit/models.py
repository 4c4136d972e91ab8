"""Tables of the audit: entries that nothing may change, the heads of their chains, and the timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Sealed, ref


class AuditChain(Base):
    """The head of one chain: a case's, or a site's for events that belong to no case."""

    __tablename__ = "audit_chain"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    site_id: Mapped[int] = mapped_column(BigInteger, index=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[bytes]


class AuditEntry(Base):
    """One thing that was done, read or refused; holds keyed digests of values, never the values."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("chain_id", "seq"),
        Index("audit_entry_newest", "site_id", "at", "id"),
        Index("audit_entry_looked", "actor_id", "case_id", "verb", "at"),
    )

    id: Mapped[Id]
    chain_id: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    site_id: Mapped[int] = mapped_column(BigInteger)
    case_id: Mapped[int | None] = mapped_column(BigInteger)
    actor_id: Mapped[int] = mapped_column(BigInteger)
    verb: Mapped[str]
    record: Mapped[str]
    record_id: Mapped[int | None] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(default="")
    changed: Mapped[list[Any]] = mapped_column(default=list)
    digest: Mapped[bytes]
    request_id: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditCheck(Base):
    """When the chains were last walked from end to end, and what was found."""

    __tablename__ = "audit_check"

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(index=True)
    entries: Mapped[int] = mapped_column(BigInteger)
    chains: Mapped[int]
    faults: Mapped[int]
    first: Mapped[str] = mapped_column(default="")
    anchored_at: Mapped[datetime | None]


class TimelineEntry(Base):
    """One line of a case's story, fed by events; `params` are codes and numbers, free text is sealed."""

    __tablename__ = "timeline_entry"
    __table_args__ = (Index("timeline_entry_case", "case_id", "at", "id"),)

    id: Mapped[Id]
    site_id: Mapped[int] = mapped_column(BigInteger)
    case_id: Mapped[int | None] = ref("care_case.id", index=False)
    inquiry_id: Mapped[int | None] = ref("inquiry.id")
    at: Mapped[datetime]
    actor_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    words: Mapped[Sealed | None]
