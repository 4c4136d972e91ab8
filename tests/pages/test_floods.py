"""Too much, too often, at the wrong door: floods of the public form, guessed links, raw and slow requests."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.guard import make_link
from intake.inquiries.models import Inquiry, InquiryDraft
from tests.conftest import process_environment
from tests.inquiries.browser import Browser
from tests.people import make_cast
from tests.servers.databases import SqliteTemplate
from workers.local import commands
from workers.local.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
POSTS = 120
SLOW = 28
LINKS = {"check_in": "/c/", "preferences": "/p/", "sent": "/help/sent/", "invitation": "/sign-in/invitation/"}


def test_p07_a_flood_from_one_address_is_stopped_and_everybody_else_gets_in(app_sqlite: Flask) -> None:
    with app_sqlite.app_context(), transaction():
        make_cast()
    bot, person = Browser(app_sqlite), Browser(app_sqlite)
    bot.get("/help/now")
    answers = [bot.post("/help/now", {"danger": "none"}).status_code for _ in range(POSTS + 20)]
    assert set(answers[:POSTS]) == {302}
    assert set(answers[POSTS:]) == {429}
    refused = bot.post("/help/now", {"danger": "overdose"})
    assert refused.status_code == 429
    assert "911" in refused.text, "whoever is stopped is still told where help is"
    assert person.step("now", danger="none").status_code == 302
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 0
        assert (db.session.scalar(select(func.count(InquiryDraft.id))) or 0) <= 2, "one browser, one draft"
        db.session.remove()


@pytest.mark.parametrize("purpose", LINKS)
def test_p04_a_cut_changed_foreign_or_ended_link_reads_like_a_guess(app_sqlite: Flask, purpose: str) -> None:
    soon = utcnow() + timedelta(days=1)
    with app_sqlite.app_context():
        with transaction():
            make_cast()
            right = make_link(purpose, new_id(), person_id=5, expires_at=soon)
            others = [make_link(each, new_id(), person_id=5, expires_at=soon) for each in LINKS if each != purpose]
            ended = make_link(purpose, new_id(), person_id=5, expires_at=utcnow() - timedelta(seconds=1))
        db.session.remove()

    def read(token: str) -> tuple[int, str]:
        browser = Browser(app_sqlite)
        answer = browser.get(LINKS[purpose] + token, follow_redirects=True)
        return answer.status_code, re.sub(r'value="[^"]{20,}"|[0-9a-f]{16,}', "", answer.text)

    guess = read("0" * 64)
    assert guess[0] == 410
    for wrong in (right[:-1], right + "0", right.upper(), right[::-1], right[:63] + "g", *others):
        assert read(wrong) == guess, wrong
    assert read(ended)[0] == 410


@dataclass(frozen=True)
class Wire:
    """A real web server."""

    port: int

    def say(self, raw: bytes, *, most: float = 5) -> bytes:
        """Send bytes as they are; returns what comes back until the server closes or is silent."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=most)) as line:
            line.sendall(raw)
            said = b""
            try:
                while piece := line.recv(65536):
                    said += piece
                    if b"\r\n\r\n" in said and b"Content-Length: 0" in said:
                        break
            except (TimeoutError, ConnectionResetError):
                pass
            return said


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[Wire]:
    """The product's own server with its usual settings, on an empty center."""
    folder = tmp_path_factory.mktemp("wire")
    database = sqlite_template.copy(folder)
    port = free_port()
    environment = {**process_environment(database, PUBLIC_URL=f"http://localhost:{port}"), "PATH": "/usr/bin:/bin"}
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(commands.web(port), cwd=ROOT, env=environment, stdout=log, stderr=log)
    until = time.monotonic() + 40
    while True:
        try:
            with urlopen(f"http://localhost:{port}/healthz", timeout=2):
                break
        except OSError:
            assert time.monotonic() < until, (folder / "web.log").read_text()[-2000:]
            time.sleep(0.1)
    yield Wire(port)
    server.terminate()
    server.wait(15)


def test_x05_split_and_oversize_requests_are_refused_and_no_second_one_is_let_through(wire: Wire) -> None:
    host = f"Host: localhost:{wire.port}\r\n".encode()
    inner = b"GET /readyz HTTP/1.1\r\n" + host + b"\r\n"
    post, lengths = b"POST /help/now HTTP/1.1\r\n" + host, b"Content-Length: 5\r\n"
    bad = {
        "length and chunks": post + lengths + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        "two lengths": post + lengths + b"Content-Length: 6\r\n\r\nabcde" + inner,
        "odd chunks": post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
        "no host": b"GET /help/now HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /help/now HTTP/1.1\r\n" + host + b"Host: evil.example\r\n\r\n",
        "foreign host": b"GET /help/now HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "a megabyte of headers": b"GET /help/now HTTP/1.1\r\n" + host + b"X-Long: " + b"a" * (1 << 20) + b"\r\n\r\n",
        "no protocol at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    }  # fmt: skip
    for name, raw in bad.items():
        said = wire.say(raw, most=1.5)
        codes = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", said)]
        assert len(codes) <= 1, (name, codes)
        assert not codes or 400 <= codes[0] < 500, (name, said[:300])
        assert b"evil.example" not in said, name
        assert b"Traceback" not in said, name


def test_x05_slow_clients_do_not_keep_others_waiting(wire: Wire) -> None:
    lines = [socket.create_connection(("127.0.0.1", wire.port), timeout=5) for _ in range(SLOW)]
    try:
        head = f"POST /help/now HTTP/1.1\r\nHost: localhost:{wire.port}\r\nContent-Length: 100000\r\n\r\n".encode()
        for line in lines:
            line.sendall(head)

        def drip() -> None:
            for _ in range(3):
                for line in lines:
                    # The server may have answered and hung up, which is as good.
                    with suppress(BrokenPipeError, ConnectionResetError):
                        line.sendall(b"x")
                time.sleep(0.1)

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        with urlopen(f"http://localhost:{wire.port}/healthz", timeout=5) as answer:
            assert answer.status == 200
        # One second on a machine of its own.
        assert time.monotonic() - began < 2
        thread.join()
    finally:
        for line in lines:
            line.close()
