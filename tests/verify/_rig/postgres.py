"""A PostgreSQL whose every process is killed at once and which comes back with all that was committed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from tests.servers import postgres
from tests.servers.postgres import Server, Unavailable

# A killed server must keep what it committed; only a power cut may take it, and nobody cuts the power here.
KEEPS = {"synchronous_commit": "on", "fsync": "off", "full_page_writes": "on", "autovacuum": "on"}


def children_of(parent: int) -> list[int]:
    """Ids of the direct children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(entry.name))
    return found


class KillablePostgres(Server):
    """As the tests' server, but durable against kill -9."""

    def __init__(self) -> None:
        before = dict(postgres.FAST)
        postgres.FAST.update(KEEPS)
        try:
            super().__init__()
        finally:
            postgres.FAST.clear()
            postgres.FAST.update(before)
        self.command = list(map(str, self.process.args)) if isinstance(self.process.args, list) else []

    def kill(self) -> None:
        """Kill the server and every backend; orphans would keep a restart out."""
        family = [self.process.pid, *children_of(self.process.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def start_again(self) -> None:
        """Come back on the same address, as often tried as it takes.

        Raises:
            Unavailable: it does not come back within 30 seconds.
        """
        until = time.monotonic() + 30
        while time.monotonic() < until:
            self.process = subprocess.Popen(self.command, **self.run)
            while self.process.poll() is None:
                try:
                    psycopg.connect(self.url, connect_timeout=2).close()
                    return
                except psycopg.OperationalError:
                    time.sleep(0.05)
            time.sleep(0.2)
        raise Unavailable("PostgreSQL did not come back")
