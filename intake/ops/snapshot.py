"""What a backup says about itself, read from one consistent snapshot on either engine, and compared after a restore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import Connection, LargeBinary, Table, func, select, text

from intake import crypto
from intake.accounts.models import StaffSession
from intake.audit import anchors
from intake.audit.models import AuditChain
from intake.crypto import DataKey
from intake.db import Base

KEYS = cast(Table, DataKey.__table__)
CHAINS = cast(Table, AuditChain.__table__)
# Not in a backup: keys stand in a file of their own, and a session must not live again.
APART = frozenset({DataKey.__tablename__, StaffSession.__tablename__})
SAMPLE = 5
# Format, key id, nonce and tag of an empty text.
LEAST_SEALED = 1 + 8 + crypto.NONCE + 16


def tables() -> list[Table]:
    """The tables of a backup, referred ones first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in APART]


def revision(connection: Connection) -> str:
    """The migration a database stands at, "" for one without tables."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def facts(connection: Connection) -> dict[str, Any]:
    """Row counts of all tables, and number, entries and Merkle root of the audit chains."""
    heads = [tuple(row) for row in connection.execute(select(CHAINS.c.id, CHAINS.c.seq, CHAINS.c.head))]
    return {
        "counts": {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables()},
        "chains": len(heads),
        "entries": sum(seq for _, seq, _ in heads),
        "root": anchors.root_of(heads),
    }


def sample(connection: Connection) -> list[list[Any]]:
    """Some sealed fields of every column with a keyed digest of what they say: [table, column, row id, digest]."""
    found: list[list[Any]] = []
    for table in tables():
        sealed = [c for c in table.columns if isinstance(c.type, LargeBinary)] if "id" in table.columns else []
        for column in sealed:
            rows = connection.execute(
                select(table.c.id, column).where(column.is_not(None)).order_by(table.c.id.desc()).limit(SAMPLE)
            )
            for row_id, blob in rows:
                words = digest(table.name, column.name, row_id, bytes(blob))
                if words not in ("", crypto.ERASED):
                    found.append([table.name, column.name, row_id, words])
    return found


def digest(table: str, column: str, row_id: int, blob: bytes) -> str:
    """A keyed digest of one sealed field; "" for bytes that are not sealed, or are bound otherwise than by column."""
    if blob[:1] != crypto.FORMAT or len(blob) < LEAST_SEALED or crypto.key_id(blob) >> 63:
        return ""
    try:
        words = crypto.open_(blob, at=f"{table}.{column}", row=row_id)
    except crypto.SealBroken:
        return ""
    return words if words == crypto.ERASED else crypto.keyed_digest("backup-sample", words.encode()).hex()


def differing(connection: Connection, wanted: list[list[Any]], erased: set[int]) -> list[str]:
    """The sampled fields that do not say what they said; those of erased owners must say nothing."""
    wrong = []
    owners = {row.id: row.owner_id for row in connection.execute(select(KEYS.c.id, KEYS.c.owner_id))} if erased else {}
    for name, column, row_id, said in wanted:
        table = Base.metadata.tables[name]
        blob = connection.execute(select(table.c[column]).where(table.c.id == row_id)).scalar()
        gone = blob is not None and owners.get(crypto.key_id(bytes(blob))) in erased
        if blob is None or digest(name, column, row_id, bytes(blob)) != (crypto.ERASED if gone else said):
            wrong.append(f"{name}.{column}")
    return wrong


def key_rows(connection: Connection) -> Iterator[dict[str, Any]]:
    """All data keys as plain values."""
    for row in connection.execute(select(KEYS).order_by(KEYS.c.id)):
        yield {
            "id": row.id,
            "owner_id": row.owner_id,
            "wrapped": row.wrapped.hex() if row.wrapped else None,
            "master": row.master,
            "created_at": row.created_at.isoformat(),
            "destroyed_at": row.destroyed_at.isoformat() if row.destroyed_at else None,
        }
