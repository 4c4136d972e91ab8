"""One supervised child: its command, its group, its log, and how long it waits before it starts again."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from workers.local.folder import Folder
from workers.local.processes import die_with_parent, kill_group

FIRST_WAIT = 0.5
LONGEST_WAIT = 15.0
STEADY_SECONDS = 30.0  # one that ran this long starts again without a growing wait


@dataclass
class Child:
    """A server or worker in its own process group."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Folder
    silent_after: float = 0  # seconds without a sign of life in `alive_file`; 0: not watched
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)
    wait: float = field(default=FIRST_WAIT, init=False)
    again_at: float = field(default=0.0, init=False)

    @property
    def alive_file(self) -> Path:
        """Touched by the child as it works."""
        return self.folder.run / f"{self.name}.alive"

    def start(self) -> None:
        """Start the child and note its pid."""
        self.alive_file.unlink(missing_ok=True)
        with self.folder.log(self.name).open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment | {"INTAKE_ALIVE_FILE": str(self.alive_file)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        self.started = time.monotonic()
        self.folder.note(self.name, self.process.pid)

    def runs(self) -> bool:
        """True while the child lives."""
        return self.process is not None and self.process.poll() is None

    def ended(self) -> int | None:
        """The exit status if the child is gone, else None."""
        return self.process.poll() if self.process else None

    def silent(self) -> bool:
        """True if the child lives but has done no work for too long."""
        if not self.silent_after or not self.alive_file.exists():
            return False
        return time.time() - self.alive_file.stat().st_mtime > self.silent_after

    def clear(self) -> None:
        """Kill what is left of the group, and plan when to start again."""
        if self.process:
            kill_group(self.process.pid)
            self.process.wait(5)
        now = time.monotonic()
        self.wait = FIRST_WAIT if now - self.started > STEADY_SECONDS else min(self.wait * 2, LONGEST_WAIT)
        self.again_at = now + self.wait
        self.process = None

    def ask_to_stop(self) -> None:
        """Send TERM to the leader only: a worker's children would die of it in the middle of a mail."""
        if self.process and self.runs():
            self.process.send_signal(signal.SIGTERM)

    def finish(self) -> None:
        """Kill what is left of the group and forget the pid."""
        if self.process:
            kill_group(self.process.pid)
            self.process.wait(5)
        self.alive_file.unlink(missing_ok=True)
        self.folder.forget(self.name)

    def last_words(self, lines: int = 4) -> str:
        """The end of the child's log."""
        text = self.folder.log(self.name).read_text(errors="replace")
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
