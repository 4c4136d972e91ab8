"""`manage.py run` as its user and its operating system see it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.databases import SqliteTemplate
from workers.local.folder import Folder, Unusable, heads
from workers.local.processes import free_port, marked

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
STOP_SECONDS = 15
OURS = ("REDIS_URL", "DATABASE_URL", "SMTP_URL", "INTAKE_DATA", "INTAKE_STARTED_AT", "PUBLIC_URL")


def until(holds: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it did not come true in time.
    """
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.05)


@dataclass
class Run:
    """One `run` on an own port and folder."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path

    def said(self) -> str:
        """Everything printed so far."""
        return self.log.read_text()

    def pid(self, name: str) -> int:
        """What a pid file says; 0 if there is none."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.data / "run" / f"{name}.pid").read_text())
        return 0

    def answers(self) -> bool:
        """True when the web server answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        with contextlib.suppress(OSError):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False


Starter = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start the product on a folder of the test; whatever is left is killed at the end."""
    runs: list[Run] = []

    def begin(*options: str, name: str = "data") -> Run:
        data, log, port = tmp_path / name, tmp_path / f"{name}.log", free_port()
        environment = {key: value for key, value in os.environ.items() if key not in OURS}
        line = [sys.executable, "-m", "workers.local", "run", "--port", str(port), "--data", str(data), *options]
        with log.open("wb") as output:
            process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=output, stderr=output)
        runs.append(Run(process, port, data, log))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(5)
        for pid in marked(run.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_killed_worker_comes_back_and_a_signal_stops_everything(start: Starter) -> None:
    run = start("--no-demo")
    until(lambda: "Ready" in run.said() or run.process.poll() is not None)
    assert f"http://localhost:{run.port}" in run.said()
    assert run.answers()
    pids = {name: run.pid(name) for name in ("web", "worker", "beat", "broker", "mail")}
    assert all(pids.values()), pids

    os.kill(pids["worker"], signal.SIGKILL)
    until(lambda: run.pid("worker") not in (0, pids["worker"]), 20)

    asked = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(STOP_SECONDS) == 0
    assert time.monotonic() - asked < STOP_SECONDS
    assert marked(run.data) == []
    assert not any(run.pid(name) for name in pids)


def test_a_signal_while_starting_leaves_nothing_and_exits_with_0(start: Starter) -> None:
    run = start("--no-demo")
    until(lambda: "database ..." in run.said())
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(STOP_SECONDS) == 0
    assert marked(run.data) == []


def test_what_a_killed_run_left_is_ended_by_the_next_start(
    start: Starter, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    sqlite_template.copy(tmp_path / "data")
    killed = start("--no-demo")
    until(lambda: killed.answers() or killed.process.poll() is not None)
    killed.process.kill()
    killed.process.wait(5)

    run = start("--no-demo")
    until(lambda: run.answers() or run.process.poll() is not None)
    assert run.answers()
    assert "database" not in run.said(), "a database that is up to date costs no time"
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(STOP_SECONDS) == 0
    assert marked(run.data) == []


def test_a_taken_port_is_named_and_nothing_starts(start: Starter) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = start("--no-demo", "--port", port)
        assert run.process.wait(STOP_SECONDS) == 1
    assert f"port {port} cannot be used" in run.said()
    assert marked(run.data) == []


def test_run_refuses_to_stand_in_for_production(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTAKE_ENV", "production")
    run = start("--no-demo")
    assert run.process.wait(STOP_SECONDS) == 1
    assert "Procfile" in run.said()


def test_a_folder_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    held = Folder(tmp_path / "data")
    with pytest.raises(Unusable, match="already runs"):
        Folder(held.path)


def test_fresh_empties_only_a_folder_that_the_product_made(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    foreign = Folder(tmp_path)
    with pytest.raises(Unusable, match="not made by this program"):
        foreign.empty()
    assert (tmp_path / "letter.txt").exists()

    own = Folder(tmp_path / "own")
    own.settle(demo=True)
    own.database.touch()
    own.empty()
    assert not own.database.exists()


def test_a_folder_with_a_real_center_never_becomes_a_demo(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.database.touch()
    assert folder.settle(demo=True) is False


def test_the_newest_migration_is_the_one_that_no_other_follows() -> None:
    assert len(heads(ROOT / "migrations" / "versions")) == 1
