"""A visitor and a member of staff as the pages meet them: a cookie jar, forms sent with their token."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from itertools import count
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from intake.accounts.models import Staff, StaffSession
from intake.clock import utcnow
from intake.crypto import token_digest
from intake.db import db, new_id, transaction

_TOKEN = re.compile(r'name="(?:csrf_token" value|csrf" content)="([^"]+)"')
_addresses = count(1)


class Browser:
    """One browser; each has its own network address, so that no test meets another's rate limit."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.address = f"203.0.113.{next(_addresses) % 250}"
        self.token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page, keeping its form token."""
        answer = self.client.get(path, environ_overrides={"REMOTE_ADDR": self.address}, **more)
        found = _TOKEN.search(answer.get_data(as_text=True))
        self.token = html.unescape(found[1]) if found else self.token
        return answer

    def post(self, path: str, form: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form with the newest token."""
        data = {"csrf_token": self.token, **(form or {})}
        return self.client.post(path, data=data, environ_overrides={"REMOTE_ADDR": self.address}, **more)

    def step(self, page: str, /, **form: Any) -> TestResponse:
        """Open one question and answer it."""
        self.get(f"/help/{page}")
        return self.post(f"/help/{page}", form)


def visible(answer: TestResponse) -> str:
    """The words of a page without its markup."""
    text = re.sub(r"<(script|style).*?</\1>", " ", answer.get_data(as_text=True), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


SELF: dict[str, dict[str, Any]] = {
    "now": {"danger": "none"},
    "who": {"who": "self"},
    "you": {"name": "Dana", "age": "42"},
    "use": {"takes": ["prescribed"], "since": "longer"},
    "pain": {"pain": ["more_with_dose", "spread"]},
    "reach": {"phone": "555 014 7734", "voicemail": "no", "text": "yes", "best_time": "evening"},
    "feel": {"feels": ["shaky"], "own_words": "I want to feel better."},
    "pay": {},
}
FAMILY = {
    **SELF,
    "who": {"who": "family"},
    "you": {"inquirer": "Rosa", "name": "K.", "age": "20", "tie": "parent", "knows": "no"},
}


def fill(browser: Browser, answers: dict[str, dict[str, Any]] | None = None) -> None:
    """Answer all eight questions."""
    for name, form in (answers or SELF).items():
        answer = browser.step(name, **form)
        assert answer.status_code == 302, (name, visible(answer))


def send(browser: Browser, answers: dict[str, dict[str, Any]] | None = None) -> TestResponse:
    """Answer everything, agree, send; the answer is the redirect to the confirmation."""
    fill(browser, answers)
    browser.get("/help/check")
    return browser.post("/help/check", {"consent": "yes"})


def signed_in(app: Flask, staff: Staff) -> Browser:
    """A browser in which a member of staff is fully signed in."""
    browser, secret, now = Browser(app), f"{staff.id:064x}", utcnow()
    with app.app_context(), transaction():
        db.session.add(
            StaffSession(
                id=new_id(),
                digest=token_digest(secret),
                staff_id=staff.id,
                created_at=now,
                seen_at=now,
                ends_at=now + timedelta(hours=12),
                second_factor=True,
                browser="",
            )
        )
    with browser.client.session_transaction("/inbox") as cookie:
        cookie["_user_id"], cookie["_fresh"] = secret, True
    return browser
