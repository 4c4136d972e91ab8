"""The chains: an entry takes the place behind the last one, under its hash, by statements that are built once.

`add` writes in the session's transaction, at its end and all at once: half the writing of a step is its audit. `append`
writes at once, on a connection of the sender's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from intake import crypto
from intake.audit.models import AuditChain, AuditEntry
from intake.clock import to_micros
from intake.db import among, at_end, db, new_id, settle

_CHAIN = cast(Table, AuditChain.__table__)
_ENTRY = cast(Table, AuditEntry.__table__)
GENESIS = b"\x00" * 32
# The one way an entry is written down before it is hashed.
canonical = json.JSONEncoder(separators=(",", ":")).encode
Head = tuple[int, bytes]
_COLUMNS = tuple(c.name for c in _ENTRY.columns)
_values = attrgetter(*_COLUMNS)


@dataclass(slots=True)
class Line:
    """One entry before it is stored; the names are those of the table."""

    verb: str
    record: str
    record_id: int | None
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
        self.hash = entry_hash(self)


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
    settle()
    wanted = select(_CHAIN.c.id, _CHAIN.c.seq, _CHAIN.c.head).where(among(_CHAIN.c.id, set(chains)))
    return {row.id: (row.seq, row.head) for row in db.session.execute(wanted)}


def add(line: Line) -> None:
    """Put one line behind the last one of its chain when the session's transaction ends, with the others of it."""
    at_end(_write, line, last=True)


def _write(connection: Connection, lines: list[Line]) -> None:
    firsts = {line.chain_id: line for line in reversed(lines)}
    # One order of locks, so that two transactions cannot wait for each other.
    ends = {chain: _end(connection, firsts[chain]) for chain in sorted(firsts)}
    for line in lines:
        line.follow(ends[line.chain_id])
        ends[line.chain_id] = (line.seq, line.hash)
    _store(connection, lines, ends)


def append(connection: Connection, line: Line) -> None:
    """Add one line to its chain on a connection, behind those that the session's transaction recorded before."""
    settle()
    line.follow(_end(connection, line))
    _store(connection, [line], {line.chain_id: (line.seq, line.hash)})


def _end(connection: Connection, line: Line) -> Head:
    found = connection.execute(_HEAD, {"audit_chain": line.chain_id}).one_or_none()
    if found is not None:
        return found.seq, found.head
    connection.execute(_FIRST, {"id": line.chain_id, "site_id": line.site_id, "seq": 0, "head": GENESIS})
    return 0, GENESIS


def _store(connection: Connection, lines: Sequence[Line], ends: Mapping[int, Head]) -> None:
    connection.execute(_ADD, [dict(zip(_COLUMNS, _values(line), strict=True)) for line in lines])
    moved = [{"moved_chain": chain, "moved_seq": seq, "moved_head": head} for chain, (seq, head) in ends.items()]
    connection.execute(_MOVE, moved)


def entry_hash(entry: AuditEntry | Line) -> bytes:
    """HMAC-SHA256 over the canonical form of an entry and the hash before it."""
    parts = [
        entry.chain_id,
        entry.seq,
        entry.site_id,
        entry.case_id,
        entry.actor_id,
        entry.verb,
        entry.record,
        entry.record_id,
        entry.purpose,
        list(entry.changed),
        entry.digest.hex(),
        entry.request_id,
        to_micros(entry.at),
        entry.prev_hash.hex(),
        entry.id,
    ]
    return crypto.keyed_digest("audit", canonical(parts).encode())
