"""`verify leaks [--people 200]`: people with unmistakable names ask, call and are written about; where do they turn up?

The whole product runs (web server, worker, beat, broker, mail server) on each engine. Then logs, everything that was
said to the broker, addresses, titles, figures, mails, temporary files and the database's own files are searched.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import redis
from flask import Flask
from werkzeug.test import Client

from config import Config
from intake import create_app
from tests import figures
from tests.journeys.house import House, running
from tests.people import PASSWORD
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink
from tests.servers.valkey import Valkey
from tests.verify._rig import canaries
from tests.verify._rig.engines import ENGINES, Engines, engines

PEOPLE = 200
TOKEN = "m" * 32
MAIL_SECONDS = 60
# What a browser sends that matters here.
PASSED = ("CONTENT_TYPE", "HTTP_COOKIE", "HTTP_X_FRAGMENT", "HTTP_AUTHORIZATION")


class Wire:
    """Stands in for the application of a test browser, and passes each request on to a running web server."""

    def __init__(self, address: str) -> None:
        self.host = address.removeprefix("http://")

    def test_client(self) -> Client:
        """A browser of its own."""
        return Client(self._pass_on)

    def _pass_on(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        headers = {n.removeprefix("HTTP_").replace("_", "-"): str(environ[n]) for n in PASSED if n in environ}
        # The product counts by address, and believes its proxy.
        headers |= {"Host": self.host, "X-Forwarded-For": str(environ.get("REMOTE_ADDR", "127.0.0.1"))}
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(environ["REQUEST_METHOD"], environ["PATH_INFO"] + query, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        start(f"{answer.status} {answer.reason}", answer.getheaders())
        return [content]


def main(arguments: list[str]) -> int:
    """Print one line a place and engine; the status is 1 when anybody was found anywhere."""
    parser = argparse.ArgumentParser(prog="manage.py verify leaks", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"how many ({PEOPLE})")
    parser.add_argument("--engine", choices=ENGINES, help="one engine only")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    given = parser.parse_args(arguments)
    rows: list[tuple[str, ...]] = []
    print(f"{'engine':12}{'place':28}{'looked at':>12}{'found':>8}")
    with engines() as both:
        for engine in [given.engine] if given.engine else ENGINES:
            rows += one(both, engine, given.people)
    if given.figures:
        text = f"{given.people} people, {len(canaries.Canary(0).secrets)} values each.\n\n"
        figures.write("verify leaks", text + figures.table(("engine", "place", "bytes looked at", "found"), rows))
    return 0 if all(row[3] == "0" for row in rows) else 1


def one(both: Engines, engine: str, count: int) -> list[tuple[str, ...]]:
    """Everything on one engine; prints its lines."""
    people, seen = canaries.flock(count), canaries.Seen()
    environment = both.empty(engine)
    data = Path(environment["INTAKE_DATA"])
    temporary = data / "tmp"
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    sink, valkey = MailSink(), Valkey(data)
    heard = _listen(valkey, seen)
    database = Database(engine, environment["DATABASE_URL"], data)
    more = {"PROXIES": "1", "METRICS_TOKEN": TOKEN, "TMPDIR": str(temporary)}
    try:
        with running(database, valkey.url, sink, **more) as house:
            _everybody(house, people, seen, sink)
            app = create_app(Config.read(environment))
            canaries.broker(valkey.client, seen)
            canaries.database(app, seen)
    finally:
        valkey.kill()
        sink.stop()
        tempfile.tempdir = None
    heard.join(5)
    _files(both, data, app, seen)
    canaries.mails(sink, seen)
    found = seen.hits(people)
    rows = []
    for place, contents in sorted(seen.places.items()):
        rows.append((engine, place, str(sum(map(len, contents))), str(len(found[place]))))
        some = " ".join(sorted(set(found[place]))[:4])
        print(f"{engine:12}{place:28}{rows[-1][2]:>12}{rows[-1][3]:>8}  {some}", flush=True)
    return rows


def _everybody(house: House, people: list[canaries.Canary], seen: canaries.Seen, sink: MailSink) -> None:
    wire = Wire(house.address)
    staff = canaries.Watching(wire, seen)
    staff.get("/sign-in")
    staff.post("/sign-in", {"email": "ada@northlight.example", "password": PASSWORD})
    staff.get("/sign-in/code")
    staff.post("/sign-in/code", {"code": house.code("ada")})
    for person in people:
        canaries.live(canaries.Watching(wire, seen), staff, person)
    until = time.monotonic() + MAIL_SECONDS
    while len(sink.arrived) < len(people) and time.monotonic() < until:
        time.sleep(0.5)
    seen.add("figures", staff.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).get_data())
    assert len(sink.arrived) >= len(people), f"{len(sink.arrived)} mails for {len(people)} people"


def _listen(valkey: Valkey, seen: canaries.Seen) -> threading.Thread:
    """Hear everything that is said to the broker until it goes away."""

    def hear() -> None:
        try:
            with valkey.client.monitor() as monitor:
                for said in monitor.listen():
                    seen.add("broker", str(said["command"]))
        except (OSError, ValueError, redis.RedisError):
            return

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    return thread


def _files(both: Engines, data: Path, app: Flask, seen: canaries.Seen) -> None:
    for file in sorted(data.rglob("*.log")):
        seen.add("logs", file.read_bytes())
    canaries.folder("temporary files", data / "tmp", seen)
    canaries.folder("broker", data / "appendonlydir", seen)
    server = both.server
    if server is not None and not app.extensions["intake.config"].database_url.startswith("sqlite"):
        for part in ("base", "pg_wal"):
            canaries.folder("database files and journal", server.folder / "data" / part, seen)
