"""Append an audit entry by prebuilt statements, for work that records thousands; the same chain, the same hash.

`audit.service.record` stays the way of everybody else. Nothing here looks at pending objects of the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from intake.audit.models import AuditChain, AuditEntry
from intake.audit.service import GENESIS, entry_hash, forget_heads
from intake.db import db, new_id

_CHAIN = cast(Table, AuditChain.__table__)
_ENTRY = cast(Table, AuditEntry.__table__)
Head = tuple[int, bytes]
COLUMNS = tuple(c.name for c in _ENTRY.columns)


@dataclass(slots=True)
class Line:
    """One entry before it is stored; the names are those of the table."""

    verb: str
    record: str
    record_id: int
    purpose: str
    site_id: int
    case_id: int | None
    at: datetime
    actor_id: int = 0
    id: int = field(default_factory=new_id)
    seq: int = 0
    digest: bytes = b""
    request_id: str = ""
    prev_hash: bytes = GENESIS
    hash: bytes = b""
    changed: list[Any] = field(default_factory=list)

    @property
    def chain_id(self) -> int:
        """The case's chain, else the site's."""
        return self.case_id or self.site_id

    def follow(self, head: Head) -> None:
        """Take the place behind the entry that ends the chain: its number and hash."""
        self.seq, self.prev_hash = head[0] + 1, head[1]
        self.hash = entry_hash(cast(AuditEntry, self))


_HEAD = select(_CHAIN.c.seq, _CHAIN.c.head).where(_CHAIN.c.id == bindparam("audit_chain")).with_for_update(of=_CHAIN)
_FIRST = insert(_CHAIN)
_ADD = insert(_ENTRY)
_MOVE = (
    update(_CHAIN)
    .where(_CHAIN.c.id == bindparam("moved_chain"))
    .values(seq=bindparam("moved_seq"), head=bindparam("moved_head"))
)


def heads(chains: Iterable[int]) -> dict[int, Head]:
    """Where chains end now, by id, read in one statement and not locked."""
    wanted = select(_CHAIN.c.id, _CHAIN.c.seq, _CHAIN.c.head).where(_CHAIN.c.id.in_(set(chains)))
    return {row.id: (row.seq, row.head) for row in db.session.execute(wanted)}


def append(connection: Connection, line: Line) -> None:
    """Add one line to its chain."""
    found = connection.execute(_HEAD, {"audit_chain": line.chain_id}).one_or_none()
    if found is None:
        connection.execute(_FIRST, {"id": line.chain_id, "site_id": line.site_id, "seq": 0, "head": GENESIS})
    line.follow((found.seq, found.head) if found is not None else (0, GENESIS))
    connection.execute(_ADD, {name: getattr(line, name) for name in COLUMNS})
    connection.execute(_MOVE, {"moved_chain": line.chain_id, "moved_seq": line.seq, "moved_head": line.hash})
    forget_heads()
