"""When a part fails, the person sees a sentence, keeps what was typed, and can send it again."""

from __future__ import annotations

import re
import sqlite3

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from config import Config
from intake.db import db, transaction
from intake.inquiries.models import InquiryDraft
from tests.people import make_cast


def token(client: FlaskClient, path: str) -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_d12_a_locked_database_answers_with_a_retry_page_that_keeps_the_answers(app_sqlite: Flask) -> None:
    with app_sqlite.app_context(), transaction():
        make_cast()
    client = app_sqlite.test_client()
    data = {"csrf_token": token(client, "/sign-in"), "email": "somebody@northlight.example", "password": "not kept"}
    config: Config = app_sqlite.extensions["intake.config"]
    other = sqlite3.connect(config.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        answer = client.post("/sign-in", data=data, headers={"Origin": "http://localhost"})
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "somebody@northlight.example" in answer.text
    assert "not kept" not in answer.text
    assert "Send it again" in answer.text


def test_answers_are_not_offered_again_to_a_page_of_somebody_else(app_sqlite: Flask) -> None:
    with app_sqlite.app_context(), transaction():
        make_cast()
    answer = app_sqlite.test_client().post(
        "/help/now", data={"danger": "none"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 419
    assert "<form" not in answer.text.split("<main", 1)[1].split("</main>", 1)[0]


def test_a_form_that_was_open_too_long_is_sent_again_by_one_press(app_sqlite: Flask) -> None:
    with app_sqlite.app_context(), transaction():
        make_cast()
    client = app_sqlite.test_client()
    answer = client.post("/help/now", data={"danger": "none"}, headers={"Origin": "http://localhost"})
    assert answer.status_code == 419
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
    assert fields["danger"] == "none"
    again = client.post("/help/now", data=fields)
    assert again.status_code == 302
    with app_sqlite.app_context():
        assert db.session.scalars(select(InquiryDraft.id)).all()


@pytest.mark.parametrize("path", ["/c/", "/p/", "/u/", "/help/sent"])
def test_a_link_that_has_ended_says_so_and_what_to_do(app_sqlite: Flask, path: str) -> None:
    answer = app_sqlite.test_client().get(path)
    assert answer.status_code == 410
    assert "<h1>This link has ended</h1>" in answer.text
    assert "You can start again, or call us." in answer.text


@pytest.mark.parametrize(
    "path", ["/nowhere", "/cases/zzzzzzzzzzzzz", "/static/nothing.css", "/healthz", "/sign-in", "/help/"]
)
def test_every_answer_carries_the_security_headers(app_sqlite: Flask, path: str) -> None:
    answer = app_sqlite.test_client().get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert policy.startswith("default-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_x06_a_fault_says_nothing_of_the_inside(app_sqlite: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    app_sqlite.testing = False
    app_sqlite.config["PROPAGATE_EXCEPTIONS"] = False
    with app_sqlite.app_context(), transaction():
        make_cast()

    @app_sqlite.template_filter("broken")
    def broken(_value: str) -> str:
        raise ValueError("Dana 555-0142")

    app_sqlite.jinja_env.get_template("system/404.html")
    app_sqlite.jinja_env.globals["get_flashed_messages"] = lambda **_kw: broken("x")
    answer = app_sqlite.test_client().get("/sign-in")
    said = capfd.readouterr()
    assert answer.status_code == 500
    assert "Dana" not in answer.text
    assert "Traceback" not in answer.text
    assert "Dana" not in said.out + said.err
