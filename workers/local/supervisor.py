"""Start everything in order, keep it running, and stop it on one path."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from workers.local import commands
from workers.local.banner import banner, sign_ins
from workers.local.broker import Broker, find_binary
from workers.local.children import Child
from workers.local.folder import Folder, Unusable, is_current
from workers.local.processes import MARK, die_with_parent, free_port, kill_all, kill_group, marked

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ROOT / "migrations" / "versions"
PAUSE = 0.05
PORT_SECONDS = 5.0
WEB_SECONDS = 60.0
WORKER_SECONDS = 90.0
STOP_SECONDS = 10.0  # a mail in flight may finish; everything is gone within 15 s
BROKER_STOP_SECONDS = 2.0
SILENT_SECONDS = 90.0


class Stopped(Exception):
    """Somebody asked to stop."""


class Failed(Exception):
    """The product cannot start; the message says why."""


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    port: int
    data: Path
    fresh: bool
    demo: bool


class Supervisor:
    """The parent of all processes of `manage.py run`."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.asked = 0
        self.began = float(os.environ.get("INTAKE_STARTED_AT", "0")) or time.time()
        self.children: list[Child] = []
        self.address = f"http://localhost:{wish.port}"
        self.without = ""
        self.reaped = False
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(wanted, self._ask)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})

    def _ask(self, *_: object) -> None:
        self.asked += 1

    def say(self, words: str) -> None:
        """Print progress at once; a closed terminal is no reason to stop."""
        try:
            print(words, flush=True)
        except OSError:
            self.asked = self.asked or 1

    def pause(self) -> None:
        """Wait a moment.

        Raises:
            Stopped: a signal came.
        """
        if self.asked:
            raise Stopped
        time.sleep(PAUSE)

    def since(self) -> float:
        """Seconds since the command was typed."""
        return time.time() - self.began

    def run(self) -> int:
        """Serve until a signal; the exit status of the command."""
        os.umask(0o077)
        os.chdir(ROOT)
        try:
            folder = Folder(self.wish.data)
        except Unusable as error:
            self.say(str(error))
            return 1
        return self._stop(folder, self._serve(folder))

    def _serve(self, folder: Folder) -> int:
        try:
            self._reap(folder.path)
            if self.wish.fresh or folder.unfinished.exists():
                folder.empty()
            self._start(folder)
            self._watch()
        except Stopped:
            return 0
        except (Failed, Unusable) as error:
            self.say(f"Cannot start: {error}")
            return 1

    def _reap(self, data: Path) -> None:
        left = marked(data)
        self.reaped = bool(left)
        if left:
            self.say(f"Ending {len(left)} processes of a run that was killed ...")
            kill_all(left)
            while marked(data):
                self.pause()

    # starting

    def _start(self, folder: Folder) -> None:
        self._check_port()
        demo = folder.settle(demo=self.wish.demo) and self.wish.demo
        environment = self._environment(folder)
        self._start_broker(folder, environment)
        mailbox = self._start_mailbox(folder, environment)
        self._migrate(folder, environment)
        web = self._child("web", commands.web(self.wish.port), folder, environment)
        self._wait_for_web(web)
        web_ready = self.since()
        self.say(f"  web answers at {self.address} after {web_ready:.1f} s")
        worker = self._start_workers(folder, environment)
        if demo and not folder.sign_ins.exists():
            self._fill(folder, environment)
        worker_ready = self._wait_for_worker(worker) if worker else None
        shown = sign_ins(folder.sign_ins) if demo else []
        self.say(
            banner(
                address=self.address,
                demo=shown,
                mailbox=mailbox,
                web=web_ready,
                worker=worker_ready,
                without=self.without,
            )
        )

    def _fill(self, folder: Folder, environment: dict[str, str]) -> None:
        folder.unfinished.touch()
        try:
            self._finish("demo data", commands.flask("intake", "demo"), folder, environment)
        except Failed as error:
            # The product works without it, and the next start tries again on an empty folder.
            self.say(f"  no demo data: {error}")
        else:
            folder.unfinished.unlink()

    def _environment(self, folder: Folder) -> dict[str, str]:
        given = {name: value for name, value in os.environ.items() if name not in {"INTAKE_STARTED_AT", MARK}}
        if given.get("INTAKE_ENV") == "production":
            raise Failed("`run` is for trying the product. In production start the processes of the Procfile.")
        given.setdefault("PUBLIC_URL", self.address)
        return given | {"INTAKE_DATA": str(folder.path), MARK: str(folder.path), "PYTHONUNBUFFERED": "1"}

    def _check_port(self) -> None:
        until = time.monotonic() + PORT_SECONDS
        while (why := self._port_refused()) is not None:
            if not self.reaped or time.monotonic() > until:
                raise Failed(f"port {self.wish.port} cannot be used ({why}); try --port.")
            # A killed server of the earlier run may still be closing its socket.
            self.pause()

    def _port_refused(self) -> str | None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.wish.port))
            except OSError as error:
                return error.strerror
        return None

    def _child(self, name: str, command: list[str], folder: Folder, environment: dict[str, str]) -> Child:
        child = Child(name, command, environment, folder)
        folder.log(name).write_text("")
        self.children.append(child)
        child.start()
        return child

    def _start_broker(self, folder: Folder, environment: dict[str, str]) -> None:
        if environment.get("REDIS_URL"):
            return
        binary = find_binary()
        if binary is None:
            self.without = "no Redis or Valkey on this machine: the web process sends mail itself"
            return
        self.say("  broker ...")
        broker = Broker(binary, folder.path / "broker")
        environment["REDIS_URL"] = broker.url
        self._child("broker", broker.prepare(), folder, environment)

    def _start_mailbox(self, folder: Folder, environment: dict[str, str]) -> bool:
        if environment.get("SMTP_URL"):
            return False
        self.say("  mail catcher ...")
        port = free_port()
        environment |= {"SMTP_URL": f"smtp://127.0.0.1:{port}", "SMTP_STARTTLS": "off"}
        self._child("mail", commands.mail(port, folder.path / "mail"), folder, environment)
        return True

    def _migrate(self, folder: Folder, environment: dict[str, str]) -> None:
        external = environment.get("DATABASE_URL")
        if not external and is_current(folder.database, VERSIONS):
            return
        self._finish("database", commands.flask("db", "upgrade"), folder, environment)

    def _finish(self, what: str, command: list[str], folder: Folder, environment: dict[str, str]) -> None:
        self.say(f"  {what} ...")
        log = folder.log("start")
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        try:
            while process.poll() is None:
                self.pause()
        finally:
            kill_group(process.pid)
            process.wait(5)
        if process.returncode:
            raise Failed(f"{what}: exit {process.returncode}\n{log.read_text(errors='replace')[-2000:]}")

    def _start_workers(self, folder: Folder, environment: dict[str, str]) -> Child | None:
        if not environment.get("REDIS_URL"):
            return None
        self.say("  worker and beat ...")
        worker = self._child("worker", commands.worker(), folder, environment)
        worker.silent_after = SILENT_SECONDS
        self._child("beat", commands.beat(), folder, environment)
        return worker

    def _wait_for_web(self, web: Child) -> None:
        until = time.monotonic() + WEB_SECONDS
        while not self._answers():
            self._keep_running()
            if time.monotonic() > until:
                raise Failed(f"the web server does not answer\n{web.last_words(20)}")
            self.pause()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.wish.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _wait_for_worker(self, worker: Child) -> float | None:
        until = time.monotonic() + WORKER_SECONDS
        while not worker.alive_file.exists():
            self._keep_running()
            if time.monotonic() > until:
                self.without = f"the worker is not ready; see {worker.folder.log('worker')}"
                return None
            self.pause()
        return worker.alive_file.stat().st_mtime - self.began

    # keeping

    def _watch(self) -> NoReturn:
        while True:
            self._keep_running()
            for _ in range(4):
                self.pause()

    def _keep_running(self) -> None:
        for child in self.children:
            if child.process is None:
                if time.monotonic() >= child.again_at:
                    child.start()
                continue
            status = child.ended()
            if status is None and not child.silent():
                continue
            why = "did no work for 90 s" if status is None else f"ended with {status}"
            self.say(f"  {child.name} {why} and starts again\n{child.last_words()}".rstrip())
            child.clear()

    # stopping

    def _stop(self, folder: Folder, status: int) -> int:
        self.say("Stopping ...")
        hurry = max(self.asked, 1)  # one more signal means: now
        broker = [child for child in self.children if child.name == "broker"]
        others = [child for child in self.children if child not in broker]
        # The broker goes last: the others still return their wake-ups to it.
        for group, seconds in ((others, STOP_SECONDS), (broker, BROKER_STOP_SECONDS)):
            for child in group:
                child.ask_to_stop()
            until = time.monotonic() + seconds
            while any(child.runs() for child in group) and time.monotonic() < until and self.asked <= hurry:
                time.sleep(PAUSE)
            for child in group:
                child.finish()
        kill_all(marked(folder.path))
        self.say("Stopped; nothing is left running.")
        return status
