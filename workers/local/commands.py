"""The command lines of the processes that `run` starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PYTHON = (sys.executable, "-m")
FLASK = ("flask", "--app", "intake")
THREADS = "32"


def web(port: int) -> list[str]:
    """The web server on loopback; a second process pays only where cores are left for it."""
    workers = "2" if (os.cpu_count() or 1) >= 4 else "1"
    line = [*PYTHON, "granian", "workers.web:app", "--interface", "wsgi", "--host", "127.0.0.1"]
    line += ["--port", str(port), "--workers", workers, "--blocking-threads", THREADS, "--backpressure", "256"]
    return [*line, "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "5", "--log-level", "warning"]


def worker() -> list[str]:
    """The Celery worker; gossip, mingle and heartbeat are talk between workers that nobody here needs."""
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return [*PYTHON, "celery", "--quiet", "-A", "workers", "worker", "--concurrency", "2", *alone, "-l", "WARNING"]


def beat() -> list[str]:
    """Celery's beat; the supervisor keeps the pid."""
    return [*PYTHON, "celery", "--quiet", "-A", "workers", "beat", "--pidfile=", "-l", "WARNING"]


def mail(port: int, folder: Path) -> list[str]:
    """The mail catcher."""
    return [*PYTHON, "workers.local.mailbox", str(port), str(folder)]


def flask(*arguments: str) -> list[str]:
    """The Flask command line."""
    return [*PYTHON, *FLASK, *arguments]
