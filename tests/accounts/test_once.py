"""A form that was sent many times does its work once (D02)."""

from __future__ import annotations

import re
import threading

from flask import Flask
from sqlalchemy import func, select

from intake.accounts import once
from intake.accounts.models import ApiToken, SentForm, Staff
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages.models import Message
from tests.accounts.door import Door, later, settle

TESS = {"email": "tess@northlight.example", "name": "Tess Lin", "role": "clinician"}


def fields(door: Door) -> dict[str, str]:
    """Token and key of the page."""
    text = door.get("/settings/users").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', text)
    key = re.search(r'name="once" value="([0-9a-f]{32})"', text)
    assert token is not None
    assert key is not None
    return {"csrf_token": token[1], "once": key[1]}


def admin(app: Flask) -> Door:
    """Alex, signed in."""
    _, secrets = settle(app)
    door = Door(app)
    door.sign_in("alex", secrets["alex"])
    return door


def test_d02_one_key_sent_by_many_at_once_makes_one_and_all_get_its_answer(app: Flask) -> None:
    door = admin(app)
    sent = {**fields(door), **TESS}
    cookie = door.client.get_cookie("desk")
    assert cookie is not None
    together, answers = threading.Barrier(8), []

    def send() -> None:
        client = app.test_client()
        client.set_cookie("desk", cookie.value)
        together.wait()
        answer = client.post("/settings/users", data=sent)
        answers.append((answer.status_code, answer.headers.get("Location")))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(302, "/settings/users")] * 8
    with app.app_context():
        assert db.session.scalar(select(func.count(Staff.id)).where(Staff.email == TESS["email"])) == 1
        assert db.session.scalar(select(func.count(Message.id))) == 1
        db.session.remove()


def test_d02_the_same_key_with_other_answers_is_refused(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    sent = {**fields(door), **TESS}
    assert door.client.post("/settings/users", data=sent).status_code == 302
    other = door.client.post("/settings/users", data={**sent, "email": "paul@northlight.example"})
    assert other.status_code == 422
    assert "sent before" in other.text


def test_d02_a_refused_form_may_be_corrected_and_sent_again(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    sent = {**fields(door), **TESS}
    assert door.client.post("/settings/users", data={**sent, "name": ""}).status_code == 422
    assert door.client.post("/settings/users", data=sent).status_code == 302


def test_d02_a_header_serves_as_well_and_keys_of_two_people_are_apart(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    sent = {"csrf_token": fields(door)["csrf_token"], **TESS}
    for _ in range(2):
        answer = door.client.post("/settings/users", data=sent, headers={once.HEADER: "k" * 300})
        assert answer.status_code == 302
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(SentForm.digest))) == 1
        assert db.session.scalar(select(func.count(Staff.id)).where(Staff.email == TESS["email"])) == 1


def test_keys_are_kept_for_a_day(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    door.client.post("/settings/users", data={**fields(door), **TESS})
    with app_sqlite.app_context():
        with transaction():
            assert once.sweep(utcnow()) == 0
        later(hours=25)
        with transaction():
            assert once.sweep(utcnow()) == 1


def test_d02_a_secret_that_is_shown_once_is_not_made_twice(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    text = door.get("/settings/systems").text
    keys = {name: re.findall(rf'name="{name}" value="([^"]+)"', text)[0] for name in ("csrf_token", "once")}
    sent = {**keys, "name": "County hospital", "days": "30"}
    assert door.client.post("/settings/systems", data=sent).status_code == 200
    second = door.client.post("/settings/systems", data=sent)
    assert second.status_code == 409
    assert "shown once" in second.text
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(ApiToken.id))) == 1
        db.session.remove()
