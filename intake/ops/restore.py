"""Take a backup into an empty database: all of it or nothing, and no mail leaves before an operator says so."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import flask_migrate
from sqlalchemy import Connection, CursorResult, Table, create_engine, delete, func, insert, select, text, update
from sqlalchemy.pool import NullPool

from intake.accounts.models import StaffSession
from intake.actor import system
from intake.audit import anchors, verify
from intake.audit import service as audit
from intake.cases import erasing
from intake.db import Base, db, transaction
from intake.messages import holding
from intake.messages.models import MESSAGE, MessageState
from intake.ops import backup, erased, snapshot
from intake.ops.coffer import Reader, Refused
from intake.ops.queries import config
from intake.settings.models import Site

SITES = cast(Table, Site.__table__)
SESSIONS = cast(Table, StaffSession.__table__)
KEYS_AT_ONCE = 1000


@dataclass
class Restored:
    """What came back, and what `verify` found."""

    made_at: str
    counts: dict[str, int]
    entries: int
    keys: int
    erased: int
    held: int
    behind: int
    sampled: int = 0
    faults: list[str] = field(default_factory=list)


def take(source: Path, *, keys: Path, gone: Path, verify_it: bool, now: datetime) -> Restored:
    """Fill the configured, empty database from `source` and its `keys`, without the keys of those on the list `gone`.

    Raises:
        Refused: a wrong key, a changed file, another engine or schema, or a database that is not empty; nothing is
            changed then.
    """
    left_out = set(erased.read(gone))
    known = anchors.read(anchors.path()).entries
    with _opened(source) as file, _opened(keys) as key_file:
        reader = Reader(file, backup.passphrases())
        about = _about(reader)
        key_reader = Reader(key_file, backup.passphrases())
        _about(key_reader)
        held = _fill(reader, key_reader, about, left_out, now)
    made = reader.manifest
    done = Restored(
        made_at=str(made["made_at"]),
        counts=made["counts"],
        entries=int(made["entries"]),
        keys=held.keys,
        erased=held.erased,
        held=held.held,
        behind=max(0, known - int(made["entries"])),
    )
    _put_anchors(held.anchors, now)
    if verify_it:
        _verify(done, made, left_out)
    _afterwards(left_out, now)
    erased.note(now=now)
    return done


@dataclass
class _Held:
    keys: int = 0
    erased: int = 0
    held: int = 0
    anchors: bytes = b""


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}.") from error
    with file:
        yield file


def _about(reader: Reader) -> dict[str, Any]:
    name, pieces = next(iter(reader), ("", iter([])))
    about: dict[str, Any] = json.loads(b"".join(pieces)) if name == "about" else {}
    if about.get("format") != backup.FORMAT:
        raise Refused("This backup was made by another version of the product.")
    if about["engine"] != db.engine.dialect.name:
        raise Refused(f"This is a backup of {about['engine']}, and the database here is {db.engine.dialect.name}.")
    return about


def _check_target(wanted: str) -> None:
    """The database is empty and stands at the schema of the backup; one without tables is migrated first."""
    with db.engine.connect() as connection:
        stands = snapshot.revision(connection)
    if not stands:
        flask_migrate.upgrade()
    with db.engine.connect() as connection:
        stands = snapshot.revision(connection)
        if connection.execute(select(func.count()).select_from(SITES)).scalar_one():
            raise Refused("The database is not empty. Restore into an empty one; nothing was changed.")
    if stands != wanted:
        raise Refused(
            f"The backup has schema {wanted}, this version of the product {stands}. "
            "Restore it with the version that made it, and upgrade then."
        )


def _fill(reader: Reader, keys: Reader, about: dict[str, Any], left_out: set[int], now: datetime) -> _Held:
    _check_target(about["revision"])
    if db.engine.dialect.name == "sqlite":
        return _fill_sqlite(reader, keys, left_out, now)
    with transaction() as session:
        connection = session.connection()
        held = _copy_in(connection, reader)
        _settle(connection, reader, keys, left_out, held, now)
    return held


def _fill_sqlite(reader: Reader, keys: Reader, left_out: set[int], now: datetime) -> _Held:
    """Build the database beside, with all mail held, and put it in place in one piece."""
    held = _Held()
    config().data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="restore-", dir=config().data) as folder:
        path = Path(folder) / "copy.sqlite3"
        for name, pieces in reader:
            if name == "anchors":
                held.anchors = b"".join(pieces)
                continue
            with path.open("wb") as file:
                file.writelines(pieces)
        engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
        with engine.begin() as connection:
            _settle(connection, reader, keys, left_out, held, now)
        db.session.remove()
        with contextlib.closing(sqlite3.connect(path)) as copy:
            target = db.engine.raw_connection()
            try:
                copy.backup(cast(Any, target.driver_connection))
            finally:
                target.close()
    # Connections that saw the empty database prepared their statements for it.
    db.engine.dispose()
    return held


def _copy_in(connection: Connection, reader: Reader) -> _Held:
    """Load every table; foreign keys are set aside meanwhile, since some tables refer to each other."""
    held, mine = _Held(), {table.name: table for table in Base.metadata.sorted_tables}
    foreign = connection.execute(
        text(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
        )
    ).all()
    for table, name, _ in foreign:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    connection.exec_driver_sql(f"TRUNCATE {', '.join(sorted(mine))}")
    driver: Any = connection.connection.driver_connection
    for member, pieces in reader:
        if member == "anchors":
            held.anchors = b"".join(pieces)
            continue
        _, name, columns = member.split(" ", 2)
        if name not in mine:
            raise Refused(f"This backup has a table that is not known here: {name}.")
        with driver.cursor() as cursor, cursor.copy(f'COPY "{name}" ({columns}) FROM STDIN') as copy:
            for piece in pieces:
                copy.write(piece)
    for table, name, definition in foreign:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    return held


def _settle(
    connection: Connection, reader: Reader, keys: Reader, left_out: set[int], held: _Held, now: datetime
) -> None:
    """Compare with the manifest, then put the keys in and hold every message, before anybody can see the rows."""
    found = snapshot.facts(connection)
    wrong = [name for name, count in reader.manifest["counts"].items() if found["counts"].get(name) != count]
    if wrong or any(found[each] != reader.manifest[each] for each in ("chains", "entries", "root")):
        raise Refused(f"What came back is not what was saved ({', '.join(wrong) or 'audit chains'}).")
    _put_keys(connection, keys, left_out, held, now)
    connection.execute(delete(SESSIONS))
    sending = update(MESSAGE).where(MESSAGE.c.state == MessageState.SENDING.value)
    # It may have left: what a dead sender had in hand is in doubt, and a person decides.
    connection.execute(
        sending.values(
            state=MessageState.UNCERTAIN.value, in_doubt_at=now, next_try_at=now, lease_token=None, lease_until=None
        )
    )
    held.held = cast(CursorResult[Any], connection.execute(holding.held_back())).rowcount


def _put_keys(connection: Connection, keys: Reader, left_out: set[int], held: _Held, now: datetime) -> None:
    connection.execute(delete(snapshot.KEYS))
    for _, pieces in keys:
        waiting: list[dict[str, Any]] = []
        for line in _lines(pieces):
            waiting.append(_key(json.loads(line), left_out, now))
            if len(waiting) == KEYS_AT_ONCE:
                connection.execute(insert(snapshot.KEYS), waiting)
                waiting.clear()
            held.keys += 1
        if waiting:
            connection.execute(insert(snapshot.KEYS), waiting)
    held.erased = connection.execute(
        select(func.count()).select_from(snapshot.KEYS).where(snapshot.KEYS.c.wrapped.is_(None))
    ).scalar_one()


def _key(row: dict[str, Any], left_out: set[int], now: datetime) -> dict[str, Any]:
    gone = row["owner_id"] in left_out or row["wrapped"] is None
    destroyed = datetime.fromisoformat(row["destroyed_at"]) if row["destroyed_at"] else now
    return {
        **row,
        "wrapped": None if gone else bytes.fromhex(row["wrapped"]),
        "created_at": datetime.fromisoformat(row["created_at"]),
        "destroyed_at": destroyed if gone else None,
    }


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _put_anchors(content: bytes, now: datetime) -> None:
    """The anchors of the backup take the place of those here, which may tell of entries that are lost; both stay."""
    here = anchors.path()
    here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if here.is_file() and here.read_bytes() != content:
        os.replace(here, here.with_name(f"audit-until-{now:%Y%m%dT%H%M%S}.jsonl"))
    descriptor = os.open(here, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _verify(done: Restored, made: dict[str, Any], left_out: set[int]) -> None:
    report = verify.walk()
    done.faults += [str(fault) for fault in report.faults]
    with db.engine.connect() as connection:
        now_there = snapshot.facts(connection)
        done.faults += [
            f"{name}: {now_there['counts'].get(name)} rows, not {count}"
            for name, count in made["counts"].items()
            if now_there["counts"].get(name) != count
        ]
        done.sampled = len(made["sample"])
        done.faults += snapshot.differing(connection, made["sample"], left_out)
        if connection.dialect.name == "sqlite":
            done.faults += [str(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check").all()]
            done.faults += [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check").all() if row[0] != "ok"]


def _afterwards(left_out: set[int], now: datetime) -> None:
    """Forget the erased everywhere else too, and write into every site's chain that a backup was taken."""
    with transaction() as session:
        for site_id in session.scalars(select(Site.id).order_by(Site.id)).all():
            actor = system(site_id)
            erasing.forget_again(sorted(left_out), actor=actor, now=now)
            audit.record(actor=actor, verb="restored", record="site", record_id=site_id, now=now)
