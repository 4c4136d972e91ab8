"""Results that could not be written because the database was away: ids and codes in a local file, replayed first.

One file per process, locked while it lives, so that nobody replays what is still being worked on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog

from intake.messages.outcomes import Result

log = structlog.get_logger("workers.journal")


class Journal:
    """The journal of one process in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None
        self._path: Path | None = None

    def keep(self, result: Result) -> None:
        """Write one result to disk before anything else happens."""
        if self._file is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path = self.folder / f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(json.dumps(result.as_json()) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def clear(self) -> None:
        """Everything kept is in the database now."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()
        self._file = self._path = None

    def replay(self, write: Callable[[Result], None]) -> int:
        """Write what processes that are gone left behind, then remove their files; returns how many results."""
        count = 0
        for path in sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for line in file:
                    result = _read(line)
                    if result is not None:
                        write(result)
                        count += 1
                path.unlink(missing_ok=True)
        return count


def _read(line: str) -> Result | None:
    try:
        return Result.of_json(json.loads(line))
    except (ValueError, KeyError, TypeError):
        # A process that was killed while writing leaves half a line.
        log.warning("journal_line_cut")
        return None
