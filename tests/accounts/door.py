"""A browser at the door: it types passwords and codes like a person, and opens mailed links."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from intake import clock, crypto
from intake.accounts.models import Staff
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages import render
from intake.messages.models import Message
from tests.people import PASSWORD, Cast, make_cast

EMAIL = "{who}@northlight.example"


def settle(app: Flask) -> tuple[Cast, dict[str, str]]:
    """Both sites with their staff, each with an authenticator app; returns the cast and the secrets by first name."""
    secrets = {}
    with app.app_context():
        with transaction():
            cast = make_cast()
            for key, row in cast.staff.items():
                secrets[key] = pyotp.random_base32()
                row.totp_sealed = crypto.seal(secrets[key], key_of=row.id, at="staff.totp", row=row.id)
                row.second_factor_at = utcnow()
        db.session.remove()
    return cast, secrets


def later(**length: float) -> None:
    """Move the clock on."""
    clock.set_offset(clock.offset() + timedelta(**length))


class Door:
    """One browser; `address` is where on the network it stands."""

    def __init__(self, app: Flask, address: str = "192.0.2.7") -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.address = address

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path, environ_base={"REMOTE_ADDR": self.address})

    def post(self, path: str, *, page: str = "/sign-in", **data: str) -> TestResponse:
        """Send a form with the token of `page`."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert token is not None
        return self.client.post(path, data={"csrf_token": token[1], **data}, environ_base={"REMOTE_ADDR": self.address})

    def password(self, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
        """Type email and password."""
        return self.post("/sign-in", email=email, password=password, **more)

    def code(self, secret: str, *, path: str = "/sign-in/code") -> TestResponse:
        """Type the newest code, after waiting until it is a fresh one."""
        later(seconds=30)
        return self.post(path, page=path, code=pyotp.TOTP(secret).at(utcnow()))

    def sign_in(self, who: str, secret: str, password: str = PASSWORD) -> TestResponse:
        """Sign in with both steps; returns the answer to the code."""
        answer = self.password(EMAIL.format(who=who), password)
        assert answer.headers["Location"] == "/sign-in/code", answer.text
        return self.code(secret)

    def inside(self) -> bool:
        """True when a page for staff opens."""
        return self.get("/account").status_code == 200


def mailed_link(app: Flask, email: str, kind: str) -> str:
    """The address in the newest mail of a kind to somebody, as it is rendered for sending."""
    with app.app_context():
        staff = db.session.scalars(select(Staff).where(Staff.email == email)).one()
        message = db.session.scalars(
            select(Message)
            .where(Message.kind == kind, Message.recipient_id == staff.id)
            .order_by(Message.created_at.desc())
        ).first()
        assert message is not None
        made = render.render(render.read([message])[0])
        assert isinstance(made, render.Rendered), made
        assert made.hits == ()
        found = re.search(r"https?://\S+/sign-in/\S+", made.text)
        assert found is not None
        db.session.remove()
        return found[0]


def path_of(link: str) -> str:
    """The path of an address of ours."""
    return link.split("localhost", 1)[1]
