"""Append an audit entry by prebuilt statements, for work that records thousands; the same chain, the same hash.

`audit.service.record` stays the way of everybody else. Nothing here looks at pending objects of the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, Select, Table, Update, bindparam, func, insert, select, update

from intake.audit.models import AuditChain, AuditEntry
from intake.audit.service import GENESIS, entry_hash
from intake.db import new_id

_CHAIN = cast(Table, AuditChain.__table__)
_ENTRY = cast(Table, AuditEntry.__table__)
_COLUMNS = tuple(c.name for c in _ENTRY.columns)


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


def head() -> Select[int, bytes]:
    """The locked head of the chain `audit_chain`: its last number and hash."""
    return select(_CHAIN.c.seq, _CHAIN.c.head).where(_CHAIN.c.id == bindparam("audit_chain")).with_for_update(of=_CHAIN)


_HEAD = head()
_FIRST = insert(_CHAIN)
_ADD = insert(_ENTRY)


@cache
def _move(dialect: str) -> Update:
    moved = (
        update(_CHAIN)
        .where(_CHAIN.c.id == bindparam("moved_chain"))
        .values(seq=bindparam("moved_seq"), head=bindparam("moved_head"))
    )
    if dialect == "postgresql":
        entry = insert(_ENTRY).values({name: bindparam(f"e_{name}") for name in _COLUMNS}).returning(_ENTRY.c.id)
        return moved.add_cte(entry.cte("entry"))
    return moved


@cache
def _move_beside(beside: Update) -> Update:
    """The move of the head with another update in the same statement; answers with how many rows that one changed."""
    other = beside.cte("beside")
    return _move("postgresql").add_cte(other).returning(select(func.count()).select_from(other).scalar_subquery())


def append(
    connection: Connection,
    line: Line,
    *,
    known: tuple[int, bytes] | None = None,
    beside: tuple[Update, Mapping[str, Any]] | None = None,
) -> int:
    """Add one line to its chain; `known` is the head when the caller has read and locked it already.

    `beside` is an update (returning something) that may ride along with its parameters, to spare a round trip;
    returns how many rows it changed.
    """
    if known is None:
        found = connection.execute(_HEAD, {"audit_chain": line.chain_id}).one_or_none()
        known = (found.seq, found.head) if found is not None else (0, GENESIS)
        if found is None:
            connection.execute(_FIRST, {"id": line.chain_id, "site_id": line.site_id, "seq": 0, "head": GENESIS})
    line.seq, line.prev_hash = known[0] + 1, known[1]
    line.hash = entry_hash(cast(AuditEntry, line))
    values = {name: getattr(line, name) for name in _COLUMNS}
    moved = {"moved_chain": line.chain_id, "moved_seq": line.seq, "moved_head": line.hash}
    dialect = connection.dialect.name
    if dialect == "postgresql":
        moved |= {f"e_{name}": value for name, value in values.items()}
        if beside is not None:
            return int(connection.execute(_move_beside(beside[0]), {**moved, **beside[1]}).scalar_one())
        connection.execute(_move(dialect), moved)
        return 0
    connection.execute(_ADD, values)
    connection.execute(_move(dialect), moved)
    return 0 if beside is None else len(connection.execute(beside[0], beside[1]).all())
