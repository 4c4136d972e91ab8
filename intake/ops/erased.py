"""The list of the erased, kept outside the database: a restore of an older backup must not bring anybody back."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from intake.crypto import DataKey
from intake.db import db
from intake.ops.queries import config


def path() -> Path:
    """Where this installation keeps the list."""
    return config().data / "erased" / "owners.jsonl"


def read(source: Path) -> dict[int, str]:
    """Owners of destroyed keys and when, from a list; a last line that a crash cut short is left out."""
    found: dict[int, str] = {}
    if source.is_file():
        for line in source.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            found[int(row["owner"])] = str(row["at"])
    return found


def note(*, now: datetime) -> int:
    """Add everybody whose keys are destroyed and who is not on the list yet; returns how many (an upkeep job).

    Reads committed rows only, so a person whose erasure was rolled back never gets on it.
    """
    rows = db.session.execute(
        select(DataKey.owner_id, DataKey.destroyed_at).where(DataKey.destroyed_at.is_not(None)).distinct()
    ).all()
    known = read(path())
    fresh = [(row.owner_id, row.destroyed_at or now) for row in rows if row.owner_id not in known]
    if fresh:
        append(path(), fresh)
    return len(fresh)


def append(target: Path, owners: list[tuple[int, datetime]]) -> None:
    """Write owners at the end of a list and wait until they are on the disk."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.seek(whole)
        for owner, at in owners:
            file.write(json.dumps({"owner": owner, "at": at.isoformat()}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
