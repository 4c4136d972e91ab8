"""A browser of a member of the cast, with a session row like any other."""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from intake.accounts.models import StaffSession
from intake.clock import utcnow
from intake.crypto import token_digest
from intake.db import db, new_id, transaction
from tests.people import Cast


def browser(app: Flask, cast: Cast, who: str) -> FlaskClient:
    """Signed in as `who`; forms need no token, since what they prove here is not the token."""
    app.config["WTF_CSRF_ENABLED"] = False
    secret, now = secrets.token_hex(32), utcnow()
    # No context may stay open around a client: `g` would be shared and the second person stay the first.
    with app.app_context(), transaction():
        db.session.add(
            StaffSession(
                id=new_id(), digest=token_digest(secret), staff_id=cast.staff[who].id, created_at=now, seen_at=now,
                ends_at=now + timedelta(hours=8), second_factor=True, step_up_at=now, browser="test",
            )
        )  # fmt: skip
    client = app.test_client()
    with client.session_transaction("/inbox") as session:
        session["_user_id"] = secret
        session["_fresh"] = True
    return client
