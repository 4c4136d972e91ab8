"""A house that is closed for a while says so on every page, keeps the crisis lines, and loses no answer."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event

from intake.actor import system
from intake.clock import utcnow
from intake.db import db, transaction
from intake.guard import make_link
from intake.ops import maintenance
from intake.people import service as people
from intake.people.models import ContactKind, ContactPoint, PersonKind
from intake.settings import queries as settings
from tests.people import make_cast


@pytest.fixture
def closed(app_sqlite: Flask) -> Iterator[Flask]:
    """A center whose operator closed it until half past two, by the command."""
    with app_sqlite.app_context(), transaction():
        make_cast()
    app_sqlite.test_client().get("/help/now")
    said = app_sqlite.test_cli_runner().invoke(args=["intake", "maintenance", "--until", "14:30"])
    assert "Closed." in said.output
    yield app_sqlite
    with app_sqlite.app_context():
        maintenance.end()


@pytest.mark.parametrize("path", ["/", "/help/now", "/inbox", "/sign-in", "/c/"])
def test_every_page_says_until_when_and_whom_to_call(closed: Flask, path: str) -> None:
    answer = closed.test_client().get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")
    assert "We will be back soon" in answer.text
    assert "14:30" in answer.text
    assert "tel:911" in answer.text
    assert "tel:988" in answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_emergency_page_and_the_probes_go_on(closed: Flask) -> None:
    client = closed.test_client()
    numbers = client.get("/help/emergency").text
    assert "Call or text 988" in numbers
    assert "could not save" not in numbers
    assert client.get("/healthz").status_code == 200
    assert client.get("/static/ui.css").status_code == 200


def test_what_was_typed_is_shown_again_and_a_danger_leads_to_the_numbers(app_sqlite: Flask) -> None:
    with app_sqlite.app_context(), transaction():
        make_cast()
    client = app_sqlite.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/help/now").text)
    assert token is not None
    with app_sqlite.app_context():
        maintenance.begin()
    words = client.post("/help/feel", data={"csrf_token": token[1], "words": "I do not sleep"})
    assert words.status_code == 503
    assert "I do not sleep" in words.text
    danger = client.post("/help/now", data={"csrf_token": token[1], "danger": "seizure_24h"})
    assert danger.status_code == 503
    assert "Call 911" in danger.text
    assert "We could not save your answers." in danger.text
    with app_sqlite.app_context():
        assert maintenance.end()
    assert client.get("/help/now").status_code == 200


ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def told_to_write(app: Flask) -> tuple[str, int]:
    """The stop link of somebody who agreed to mail, and the id of their address."""
    with app.app_context():
        site = settings.the_site()
        with transaction():
            by = system(site.id)
            person = people.add_person(site=site, kind=PersonKind.KNOWN, used_name="Theo", actor=by, now=utcnow())
            point = people.add_contact(
                person, kind=ContactKind.EMAIL, value="theo@mail.example", may_email=True, verified_how="test",
                consent=True, actor=by, now=utcnow(),
            )  # fmt: skip
            token = make_link("stop", person.id, person_id=person.id, expires_at=utcnow() + timedelta(days=9))
            return f"/u/{token}", point.id


def may_write(app: Flask, contact_id: int) -> bool:
    """Whether mail may still go to an address."""
    with app.app_context():
        return db.session.get_one(ContactPoint, contact_id).may_email


def test_a_mail_is_stopped_with_one_click_although_the_house_is_closed(closed: Flask) -> None:
    stop, contact_id = told_to_write(closed)
    client = closed.test_client()
    answer = client.post(stop, data=ONE_CLICK)
    assert (answer.status_code, answer.text) == (200, "Stopped.")
    assert not may_write(closed, contact_id)
    assert client.get(stop).status_code == 503, "the page of the link is closed like every other"


def test_while_nothing_can_be_written_the_stop_is_asked_to_come_again(closed: Flask) -> None:
    stop, contact_id = told_to_write(closed)

    def read_only(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    with closed.app_context():
        engine = db.engine
        engine.dispose()
        event.listen(engine, "connect", read_only)
    try:
        answer = closed.test_client().post(stop, data=ONE_CLICK)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        event.remove(engine, "connect", read_only)
        engine.dispose()
    assert may_write(closed, contact_id)


def test_an_open_house_stays_open(app_sqlite: Flask) -> None:
    assert "It was open." in app_sqlite.test_cli_runner().invoke(args=["intake", "maintenance", "--off"]).output
