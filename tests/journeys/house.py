"""The whole product running for a test: granian, a Celery worker and beat, the broker and an SMTP server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import pyotp
from playwright.sync_api import BrowserContext, Page

from config import Config
from intake import create_app, crypto
from intake.cli.demo.fortnight import demo_zone
from intake.clock import OFFSET_VARIABLE, utcnow
from intake.db import db, transaction
from intake.settings.models import Site
from tests.conftest import process_environment
from tests.people import PASSWORD, make_cast
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink
from workers.local import commands
from workers.local.processes import die_with_parent, free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 40
# A mail whose hour has begun is due at the next full minute; senders whose clock stands ahead need not wait for it.
SENDERS_AHEAD = timedelta(seconds=60)


@dataclass
class House:
    """The running product: its address, who may sign in, and the inbox of the relay."""

    address: str
    sink: MailSink
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    offset: timedelta = timedelta(0)
    # The day at the center, which near midnight is not that of Greenwich.
    today: date = date.min

    def begin(self, name: str, line: list[str], ahead: timedelta = timedelta(0)) -> None:
        """Start one process in a group of its own, its clock moved by the offset and `ahead`."""
        log = Path(self.environment["INTAKE_DATA"]) / f"{name}.log"
        environment = {**self.environment, OFFSET_VARIABLE: str((self.offset + ahead).total_seconds())}
        with log.open("ab") as file:
            self.processes[name] = subprocess.Popen(
                line, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True,
                preexec_fn=die_with_parent(),
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill one process and its children without a word."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes.pop(name).wait()

    def open(self) -> None:
        """Start web, worker and beat, and wait for the web."""
        port = int(self.address.rpartition(":")[2])
        self.begin("web", commands.web(port))
        self.begin("worker", commands.worker(), SENDERS_AHEAD)
        self.begin("beat", commands.beat(), SENDERS_AHEAD)
        self.wait()

    def jump(self, length: timedelta) -> None:
        """Kill everything and start again later on, by the one moveable clock."""
        self.offset += length
        for name in list(self.processes):
            self.kill(name)
        self.open()

    def stop(self) -> None:
        """End everything; what they worked on is thrown away."""
        for name in list(self.processes):
            self.kill(name)

    def wait(self) -> None:
        """Until the web answers."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                with urlopen(f"{self.address}/healthz", timeout=2) as answer:
                    if json.load(answer)["status"] == "ok":
                        return
            except OSError:
                time.sleep(0.1)
        logs = "".join(p.read_text()[-2000:] for p in Path(self.environment["INTAKE_DATA"]).glob("*.log"))
        raise AssertionError(f"the web did not answer: {logs}")

    def code(self, who: str) -> str:
        """The next second-step code of somebody; a code is good once, so the following one may be needed."""
        totp = pyotp.TOTP(self.secrets[who])
        step = int((utcnow() + self.offset).timestamp()) // 30
        if self.used.get(who) == step:
            step += 1
        self.used[who] = step
        return totp.generate_otp(step)

    def sign_in(self, context: BrowserContext, who: str) -> Page:
        """A page signed in with password and code."""
        page = context.new_page()
        page.goto(f"{self.address}/sign-in")
        page.fill("#email", f"{who}@northlight.example")
        page.fill("#password", PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.fill("#code", self.code(who))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/inbox")
        return page


def _settle(house: House) -> datetime:
    """The cast with second factors; the center lives where it is daytime, so that mail may go at any hour."""
    application = create_app(Config.read(house.environment))
    with application.app_context():
        now = utcnow()
        with transaction():
            cast = make_cast()
            site = db.session.get_one(Site, cast.site.id)
            site.time_zone = demo_zone(now)
            for key, row in cast.staff.items():
                house.secrets[key] = pyotp.random_base32()
                row.totp_sealed = crypto.seal(house.secrets[key], key_of=row.id, at="staff.totp", row=row.id)
            zone = ZoneInfo(site.time_zone)
        db.engine.dispose()
    return now.astimezone(zone)


@contextmanager
def running(database: Database, broker: str, sink: MailSink, **more: str) -> Iterator[House]:
    """Everything, on one database."""
    port = free_port()
    address = f"http://localhost:{port}"
    environment = {
        **os.environ,
        **process_environment(
            database,
            PUBLIC_URL=address,
            REDIS_URL=broker,
            SMTP_URL=sink.url,
            MAIL_TICK_SECONDS="1",
            SMTP_STARTTLS="off",
            **more,
        ),
    }
    house = House(address, sink, environment)
    house.today = _settle(house).date()
    try:
        house.open()
        yield house
    finally:
        house.stop()
