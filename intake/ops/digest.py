"""One hash of a whole center by what happened in it: without ids, write times, secrets and ciphertext (rulings 20).

A row is its business columns and those of the rows it points at, so a record under the wrong person changes the hash.
Rows are hashed as a set per table: the order in which they were written does not count.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, Table, select

from intake.clock import to_micros
from intake.db import Base, db, end_read

# Random, or only about the machine: keys, sessions, leases, tries, references, and what the database's own clock wrote.
TABLES_LEFT_OUT = frozenset(
    {
        "alembic_version", "data_key", "signed_link", "match_key", "audit_chain", "audit_check", "heartbeat",
        "staff_session", "recovery_code", "known_device", "sign_in_tries", "sent_form", "queue_counter",
        "inquiry_draft",
    }
)  # fmt: skip
COLUMNS_LEFT_OUT = frozenset(
    {
        "id", "reference", "password_hash", "idempotency_key", "message_id", "token", "lease_token", "lease_until",
        "created_at", "saved_at", "version", "request_id", "accepted_at", "next_try_at", "cancelled_at", "started_at",
        "seen_at", "bounced_at", "in_doubt_at",
    }
)  # fmt: skip
ENDED_AT_LEFT_OUT = frozenset({"message_attempt"})
_LONG_NUMBER = re.compile(r"\d{10,}")
_REFERENCE = re.compile(r"\b[A-Z]{2}-[0-9A-Z]{4}-[0-9A-Z]{2}\b")


def center() -> str:
    """The digest, as 64 hexadecimal digits."""
    known: dict[str, dict[int, bytes]] = {}
    whole = hashlib.sha256()
    for table in Base.metadata.sorted_tables:
        if table.name in TABLES_LEFT_OUT:
            continue
        lines = sorted(_rows(table, known))
        whole.update(f"{table.name} {len(lines)}\n".encode())
        for line in lines:
            whole.update(line)
    end_read()
    return whole.hexdigest()


def _rows(table: Table, known: dict[str, dict[int, bytes]]) -> Iterator[bytes]:
    plain = [c for c in table.columns if _counts(table, c)]
    pointers = [(c, next(iter(c.foreign_keys)).column.table.name) for c in table.columns if c.foreign_keys]
    mine: dict[int, bytes] = known.setdefault(table.name, {})
    has_id = "id" in table.c
    for row in db.session.connection().execute(select(table)).mappings():
        values: list[Any] = [_said(row[c]) for c in plain]
        values += [known.get(name, {}).get(row[c], b"").hex() for c, name in pointers]
        digest = hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).digest()
        if has_id:
            mine[row[table.c.id]] = digest
        yield digest


def _counts(table: Table, column: Column[Any]) -> bool:
    """Whether a column tells of the business: no id, no pointer, no ciphertext or digest, no write time."""
    if column.foreign_keys or column.name in COLUMNS_LEFT_OUT:
        return False
    if column.name == "ended_at" and table.name in ENDED_AT_LEFT_OUT:
        return False
    return not isinstance(column.type, LargeBinary | BigInteger) or column.name == "seq"


def _said(value: Any) -> Any:
    """A value without the random numbers and references that may stand inside it."""
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return _REFERENCE.sub("#", _LONG_NUMBER.sub("#", value))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 40 else "#"
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, date | Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _said(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_said(each) for each in value]
    return str(value)
