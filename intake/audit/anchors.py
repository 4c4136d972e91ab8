"""Anchors: every five minutes or thousand entries the heads of all chains go to a file outside the database.

The file tells what the database cannot: that a tail was cut off, or a whole chain written anew. Each line carries the
heads that moved since the line before, a Merkle root over all heads, and a keyed digest over itself and its
predecessor. Copy the file to another host; `flask intake audit verify --anchors FILE` checks against any copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from flask import current_app
from sqlalchemy import func, select

from config import Config
from intake import crypto
from intake.audit.chains import canonical
from intake.audit.models import AuditChain
from intake.db import db

EVERY = timedelta(minutes=5)
ENTRIES = 1000
START = "0" * 64


@dataclass
class Anchored:
    """What the lines of an anchor file say: for each chain the hash at some of its entries."""

    points: dict[int, dict[int, str]] = field(default_factory=dict)
    lines: int = 0
    entries: int = 0
    at: datetime | None = None
    last: str = START
    broken: str = ""


def path() -> Path:
    """Where this installation keeps its anchors."""
    config: Config = current_app.extensions["intake.config"]
    return config.data / "anchors" / "audit.jsonl"


def _digest(line: dict[str, Any]) -> str:
    bare = {key: value for key, value in line.items() if key != "mac"}
    return crypto.keyed_digest("audit-anchor", canonical(bare).encode()).hex()


def root_of(heads: Iterable[tuple[int, int, bytes]]) -> str:
    """The Merkle root (SHA-256) over chain, length and head of every chain, in the order of their ids."""
    level = [hashlib.sha256(b"\x00%d|%d|" % (chain, seq) + head).digest() for chain, seq, head in sorted(heads)]
    while len(level) > 1:
        level = [hashlib.sha256(b"\x01" + b"".join(level[n : n + 2])).digest() for n in range(0, len(level), 2)]
    return level[0].hex() if level else START


def read(source: Path) -> Anchored:
    """Read an anchor file and check that its lines belong together; a last line without an end is left out."""
    found = Anchored()
    if not source.is_file():
        return found
    with source.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            if not _take(raw, found):
                found.broken = f"line {found.lines + 1} of the anchor file was changed"
                break
    return found


def _take(raw: bytes, found: Anchored) -> bool:
    try:
        line = json.loads(raw)
        right = hmac.compare_digest(str(line["mac"]), _digest(line)) and line["prev"] == found.last
        at, moved = datetime.fromisoformat(line["at"]), [(int(c), int(s), str(h)) for c, s, h in line["moved"]]
    except (ValueError, KeyError, TypeError):
        return False
    if not right:
        return False
    for chain, seq, head in moved:
        found.points.setdefault(chain, {})[seq] = head
    found.lines, found.entries, found.at = found.lines + 1, int(line["entries"]), at
    found.last = hashlib.sha256(raw).hexdigest()
    return True


@contextlib.contextmanager
def _held() -> Iterator[IO[bytes]]:
    where = path()
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(where, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def drop(*, now: datetime, always: bool = False) -> int:
    """Add a line when five minutes or a thousand entries have passed and something moved; returns 1 if it did.

    Call inside a transaction (an upkeep job does), so that only committed heads are seen and none moves meanwhile.
    """
    total = int(db.session.scalar(select(func.coalesce(func.sum(AuditChain.seq), 0))) or 0)
    with _held() as file:
        known = read(path())
        if known.broken or not _due(known, total, now, always):
            return 0
        heads = [
            (row.id, row.seq, row.head)
            for row in db.session.execute(select(AuditChain.id, AuditChain.seq, AuditChain.head))
        ]
        moved = [(c, s, h.hex()) for c, s, h in heads if known.points.get(c, {}).get(s) != h.hex()]
        line: dict[str, Any] = {
            "n": known.lines + 1,
            "at": now.isoformat(),
            "entries": total,
            "chains": len(heads),
            "moved": moved,
            "root": root_of(heads),
            "prev": known.last,
        }
        line["mac"] = _digest(line)
        _append(file, canonical(line).encode() + b"\n")
    return 1


def _due(known: Anchored, total: int, now: datetime, always: bool) -> bool:
    if total == known.entries:
        return False
    return always or known.at is None or now - known.at >= EVERY or total - known.entries >= ENTRIES


def _append(file: IO[bytes], line: bytes) -> None:
    # A line that a crash cut short is taken away first.
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    file.truncate(whole)
    file.write(line)
    file.flush()
    os.fsync(file.fileno())
