"""Logs without people: what everybody types turns up nowhere in the clear; `verify leaks` does it with 200 (P01)."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import structlog
from flask import Flask

from config import Config
from intake import create_app
from intake.db import db, transaction
from tests.conftest import process_environment
from tests.inquiries.browser import signed_in
from tests.people import make_cast
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink
from tests.servers.valkey import Valkey
from tests.verify._rig import canaries
from workers import engine

PEOPLE = 2


def test_p01_d06_nobody_is_named_in_logs_broker_addresses_titles_figures_mails_or_files(
    database: Database, valkey: Valkey, mailsink: MailSink, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    more = {"REDIS_URL": valkey.url, "SMTP_URL": mailsink.url, "METRICS_TOKEN": "m" * 32}
    app = create_app(Config.read(process_environment(database, **more)))
    seen, people = canaries.Seen(), canaries.flock(PEOPLE)
    with app.app_context(), transaction():
        cast = make_cast()
    staff = canaries.Watching(app, seen)
    staff.client = signed_in(app, cast.staff["ada"]).client
    with valkey.client.monitor() as heard:
        for person in people:
            canaries.live(canaries.Watching(app, seen), staff, person)
        with app.app_context():
            engine.tick()
            engine.Sender(app).deliver(seconds=10)
            db.session.remove()
        valkey.client.set("the end", "1")
        for said in heard.listen():
            seen.add("broker", str(said["command"]))
            if "the end" in said["command"]:
                break
    canaries.broker(valkey.client, seen)
    seen.add("figures", staff.get("/metrics", headers={"Authorization": f"Bearer {'m' * 32}"}).get_data())
    canaries.database(app, seen)
    canaries.folder("temporary files", temporary, seen)
    canaries.mails(mailsink, seen)
    said = capfd.readouterr()
    seen.add("logs", said.out + said.err)
    with app.app_context():
        db.engine.dispose()
    found = seen.hits(people)
    assert found.pop("addresses") == []
    assert {"broker", "figures", "logs", "mails", "titles"} <= found.keys()
    assert {place: values for place, values in found.items() if values} == {}
    assert len(mailsink.arrived) >= PEOPLE


def test_p01_what_is_looked_for_would_be_found() -> None:
    (person,) = canaries.flock(1)
    for written in (person.word.upper(), person.word.encode().hex(), "q=555%20016%207000", "January 2, 1931"):
        seen = canaries.Seen()
        seen.add("a place", f"before {written} after")
        assert seen.hits([person])["a place"] != [], written


def test_i06_a_line_of_the_log_stays_one_line_whatever_is_in_it(
    app_sqlite: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    odd = 'a\nb\r\x1b[31mred\u2028{"level": "error"}\x00'
    structlog.get_logger("test").warning("odd", value=odd)
    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["value"] == odd
    assert line.isascii()
