"""Write a backup: one encrypted file of everything but the data keys, and one of the keys.

The keys stand apart because whoever is erased must be gone from old backups too: keep FILE as long as you like, and
FILE.keys thirty days at most.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from intake import crypto
from intake.audit import anchors
from intake.db import db
from intake.ops import coffer, snapshot
from intake.ops.coffer import CHUNK, Refused
from intake.ops.queries import config

FORMAT = 1
KEYS_DAYS = 30
# The tables of snapshot.APART.
BARE = ("DELETE FROM data_key", "DELETE FROM staff_session")


@dataclass(frozen=True)
class Made:
    """What a backup holds: rows, audit entries, bytes of both files."""

    rows: int
    entries: int
    size: int
    keys: int


def keys_beside(target: Path) -> Path:
    """Where the keys of a backup stand."""
    return target.with_name(f"{target.name}.keys")


def passphrases() -> list[str]:
    """What backups of this installation may have been made with, the one for new ones first."""
    found = config()
    masters = (found.master_key, *found.master_keys_old)
    derived = [crypto.keyed_digest(f"backup|{crypto.master_name(key)}", key).hex() for key in masters]
    return [*filter(None, [found.backup_key]), *derived]


def write(target: Path, *, now: datetime) -> Made:
    """Write `target` and `target.keys` from one snapshot, while others work.

    Raises:
        Refused: a file of that name is there, or it cannot be written.
    """
    beside = keys_beside(target)
    if target.exists() or beside.exists():
        raise Refused(f"{target.name} or its file of keys is already there. Give another name.")
    drafts = [path.with_name(f"{path.name}.part") for path in (target, beside)]
    try:
        made = _write(drafts[0], drafts[1], now)
        for draft, path in zip(drafts, (target, beside), strict=True):
            os.replace(draft, path)
    except OSError as error:
        raise Refused(f"The backup cannot be written: {error.strerror}.") from error
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    return made


def _write(target: Path, beside: Path, now: datetime) -> Made:
    # Read before the snapshot, so that no anchor tells of entries that the snapshot does not hold.
    anchored = anchors.path().read_bytes() if anchors.path().is_file() else b""
    with _snapshot() as (connection, members):
        about = {
            "format": FORMAT,
            "engine": connection.dialect.name,
            "revision": snapshot.revision(connection),
            "version": metadata_version(),
            "made_at": now.isoformat(),
        }
        keys = _file(beside, about, [("data_key", _lines(connection))], {})
        found = snapshot.facts(connection)
        more = {**found, "sample": snapshot.sample(connection)}
        rest = [("anchors", iter([anchored])), *members(connection)]
        size = _file(target, about, rest, more)
    return Made(sum(found["counts"].values()), found["entries"], size, keys)


def metadata_version() -> str:
    """The version of the product, as far as it is known."""
    try:
        return metadata.version("intake")
    except metadata.PackageNotFoundError:
        return "0"


def _lines(connection: Connection) -> Iterator[bytes]:
    for row in snapshot.key_rows(connection):
        yield json.dumps(row).encode() + b"\n"


def _file(target: Path, about: dict[str, Any], members: list[tuple[str, Iterator[bytes]]], more: dict[str, Any]) -> int:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        writer = coffer.Writer(file, passphrases()[0])
        writer.member("about", [json.dumps(about).encode()])
        for name, pieces in members:
            writer.member(name, pieces)
        writer.finish({**about, **more})
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


@contextlib.contextmanager
def _snapshot() -> Iterator[tuple[Connection, Any]]:
    """A connection to read one state of the database from, and a function that gives the members which hold it."""
    if db.engine.dialect.name == "sqlite":
        with _sqlite_copy() as path:
            engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
            with engine.connect() as connection:
                yield connection, lambda _: [("database", _bare_file(path))]
        return
    with db.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection, copied_tables


@contextlib.contextmanager
def _sqlite_copy() -> Iterator[Path]:
    """A copy by SQLite's online backup in the data folder, readable by its owner only, gone at the end."""
    config().data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=config().data) as folder:
        path = Path(folder) / "copy.sqlite3"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
            source = db.engine.raw_connection()
            try:
                held: Any = source.driver_connection
                held.backup(copy)
            finally:
                source.close()
            copy.execute("PRAGMA journal_mode=DELETE")
        yield path


def _bare_file(path: Path) -> Iterator[bytes]:
    """The copy without what stands apart; emptied pages are rewritten, so that no key is left in them."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
        copy.execute("PRAGMA secure_delete=ON")
        for statement in BARE:
            copy.execute(statement)
        copy.execute("VACUUM")
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def copied_tables(connection: Connection) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every table of a PostgreSQL database as COPY writes it, member by member."""
    for table in snapshot.tables():
        columns = ", ".join(f'"{c.name}"' for c in table.columns)
        yield f"table {table.name} {columns}", _copy_out(connection, f'COPY "{table.name}" ({columns}) TO STDOUT')


def _copy_out(connection: Connection, statement: str) -> Iterator[bytes]:
    driver: Any = connection.connection.driver_connection
    waiting = bytearray()
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in copy:
            waiting += piece
            if len(waiting) >= CHUNK:
                yield bytes(waiting)
                waiting.clear()
    yield bytes(waiting)
