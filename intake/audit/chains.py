"""The chains: an entry takes the place behind the last one, under its hash, by statements that are built once.

`add` writes in the session's transaction, `append` on a connection of the sender's own. Entries never wait in the
session: half the writing of a step is its audit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from intake import crypto
from intake.audit.models import AuditChain, AuditEntry
from intake.clock import to_micros
from intake.db import among, db, new_id

_CHAIN = cast(Table, AuditChain.__table__)
_ENTRY = cast(Table, AuditEntry.__table__)
GENESIS = b"\x00" * 32
# The one way an entry is written down before it is hashed.
canonical = json.JSONEncoder(separators=(",", ":")).encode
# Where a session keeps the ends of the chains that its transaction has locked.
_HELD = "audit_chains"
Head = tuple[int, bytes]
COLUMNS = tuple(c.name for c in _ENTRY.columns)


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
    wanted = select(_CHAIN.c.id, _CHAIN.c.seq, _CHAIN.c.head).where(among(_CHAIN.c.id, set(chains)))
    return {row.id: (row.seq, row.head) for row in db.session.execute(wanted)}


def add(line: Line) -> None:
    """Add one line to its chain, in the session's transaction; the chain is locked to the end of it."""
    session = db.session()
    of, locked = session.info.get(_HELD, (None, {}))
    held: dict[int, Head] = locked if of is session.get_transaction() else {}
    head = held.get(line.chain_id)
    if head is None:
        # Asked through the session: what is still to be written goes first, so that all take their locks in one order.
        found = session.execute(_HEAD, {"audit_chain": line.chain_id}).one_or_none()
        head = _begun(session.connection(), line) if found is None else (found.seq, found.head)
    connection = session.connection()
    _store(connection, line, head)
    if not session.in_nested_transaction():
        # The next entry of the transaction need not ask again. A savepoint that is undone gives its locks and its
        # entries back, so what it adds is not remembered.
        session.info[_HELD] = (session.get_transaction(), {**held, line.chain_id: (line.seq, line.hash)})
    else:
        forget_heads()


def append(connection: Connection, line: Line) -> None:
    """Add one line to its chain on a connection; a session on the same connection asks for the end again."""
    found = connection.execute(_HEAD, {"audit_chain": line.chain_id}).one_or_none()
    _store(connection, line, _begun(connection, line) if found is None else (found.seq, found.head))
    forget_heads()


def _begun(connection: Connection, line: Line) -> Head:
    connection.execute(_FIRST, {"id": line.chain_id, "site_id": line.site_id, "seq": 0, "head": GENESIS})
    return 0, GENESIS


def _store(connection: Connection, line: Line, head: Head) -> None:
    line.follow(head)
    connection.execute(_ADD, {name: getattr(line, name) for name in COLUMNS})
    connection.execute(_MOVE, {"moved_chain": line.chain_id, "moved_seq": line.seq, "moved_head": line.hash})


def forget_heads() -> None:
    """Read the ends of chains again: somebody wrote to them past the session."""
    db.session().info.pop(_HELD, None)


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
