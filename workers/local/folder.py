"""The data folder: who may use it now, what kind it is, and whether its database is up to date."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TextIO

DATABASE = "intake.sqlite3"
KIND = "kind"  # holds `demo` or `plain`; also the sign that a folder is ours
REVISION = re.compile(r"^(down_)?revision(?:: [^=]+)? = [\"']([^\"']+)[\"']", re.MULTILINE)


class Unusable(Exception):
    """The folder cannot be used; the message says why and what helps."""


class Folder:
    """One data folder, held by one supervisor at a time."""

    def __init__(self, path: Path) -> None:
        """Make the folder, readable by its owner only, and hold it.

        Raises:
            Unusable: it cannot be made, or another supervisor holds it.
        """
        self.path = path.expanduser().resolve()
        self.run = self.path / "run"
        self.unfinished = self.path / "demo-unfinished"  # demo data was begun; stays if that was cut off
        self.sign_ins = self.path / "demo-sign-ins.json"
        try:
            for folder in (self.path, self.run, self.path / "logs"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self._lock = self._hold()
        except OSError as error:
            raise Unusable(f"The folder {self.path} cannot be used: {error.strerror}.") from None

    def _hold(self) -> TextIO:
        lock = (self.run / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"The product already runs on {self.path}; stop it first or give another --data.") from None
        return lock

    def empty(self) -> None:
        """Remove everything in the folder, except the lock that is being held.

        Raises:
            Unusable: the folder holds files but was not made by this program.
        """
        inside = [entry for entry in self.path.iterdir() if entry.name not in {"run", "logs"}]
        if inside and not (self.path / KIND).exists():
            raise Unusable(f"{self.path} was not made by this program, so --fresh does not empty it.")
        for entry in inside:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def settle(self, *, demo: bool) -> bool:
        """Decide once whether the folder is for demo data; True if it is."""
        kind = self.path / KIND
        if not kind.exists():
            kind.write_text("demo" if demo and not self.database.exists() else "plain")
        return kind.read_text() == "demo"

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.path / DATABASE

    def note(self, name: str, pid: int) -> None:
        """Write a pid file."""
        (self.run / f"{name}.pid").write_text(f"{pid}\n")

    def forget(self, name: str) -> None:
        """Remove a pid file."""
        (self.run / f"{name}.pid").unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        """Where a child's output goes."""
        path = self.path / "logs" / f"{name}.log"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        return path


def is_current(database: Path, versions: Path) -> bool:
    """True if an embedded database stands at the newest migration; asked without loading the product."""
    if not database.exists():
        return False
    with closing(sqlite3.connect(database)) as connection:
        try:
            at = [row[0] for row in connection.execute("SELECT version_num FROM alembic_version")]
        except sqlite3.DatabaseError:
            return False
    return at == heads(versions)


def heads(versions: Path) -> list[str]:
    """The migrations that no other migration follows."""
    made, followed = [], set()
    for path in sorted(versions.glob("*.py")):
        for down, word in REVISION.findall(path.read_text()):
            followed.add(word) if down else made.append(word)
    return [word for word in made if word not in followed]
