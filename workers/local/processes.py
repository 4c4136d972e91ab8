"""Start processes that cannot outlive their parent, and find those that did."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

MARK = "INTAKE_SUPERVISED_IN"  # in the environment of every child and grandchild; its value is the data folder
PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """A `preexec_fn` by which Linux kills the child once the thread that started it is gone; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask_kernel


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def marked(data: Path) -> list[int]:
    """Ids of the running processes that were started for the data folder `data`, this one excepted."""
    wanted = f"{MARK}={data}"
    if Path("/proc/self/environ").exists():
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, wanted)]
    else:
        found = _listed_by_ps(wanted)
    return [pid for pid in found if pid != os.getpid()]


def _has(entry: Path, wanted: str) -> bool:
    try:
        return wanted.encode() in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _listed_by_ps(wanted: str) -> list[int]:
    listing = subprocess.run(["/bin/ps", "-axwwE", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    rows = (line.strip().split(" ", 1) for line in listing.stdout.splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and f"{wanted} " in f"{row[1]} "]


def kill_all(pids: list[int]) -> None:
    """Kill processes at once; one that is already gone is no error."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_group(leader: int) -> None:
    """Kill a process and all of its group at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
