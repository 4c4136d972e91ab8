"""Every address that takes a form says what a second sending does, and every page that holds the form keeps to it."""

from __future__ import annotations

import re
from collections import Counter

from flask import Flask
from sqlalchemy import func, select
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from intake.accounts.once import runs_once
from intake.cases.models import Note
from intake.db import db, id_text
from tests.house.twice import ANSWERS, VERSION
from tests.screening.sitting import Browser
from tests.tapers import story

FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
ACTION = re.compile(r'\baction="([^"]*)"')
NAMES = re.compile(r'<(?:input|button)\b[^>]*\bname="([^"]*)"')
# What a page calls the version it was made from.
SEEN = {"version", "seen"}


def posted(app: Flask) -> set[str]:
    """Every endpoint that takes a POST."""
    return {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}


def once(app: Flask) -> set[str]:
    """Those whose view stands below `@once`."""
    return {endpoint for endpoint in posted(app) if runs_once(app.view_functions[endpoint])}


def test_every_address_that_takes_a_form_says_what_a_second_sending_does(app_sqlite: Flask) -> None:
    said = Counter(endpoint for answer in (*ANSWERS, once(app_sqlite)) for endpoint in answer)
    assert set(said) == posted(app_sqlite)
    assert [endpoint for endpoint, times in said.items() if times > 1] == []


def without_key_or_version(app: Flask, path: str, page: str) -> list[str]:
    """Forms of a page that lack the key or the version that their address asks for."""
    addresses = app.url_map.bind("localhost")
    keyed, missing = once(app), []
    for attributes, body in FORM.findall(page):
        if 'method="post"' not in attributes:
            continue
        action = ACTION.search(attributes)
        target = (action[1] if action and action[1] else path).partition("?")[0].partition("#")[0]
        try:
            endpoint, _ = addresses.match(target, method="POST")
        except (HTTPException, RequestRedirect):
            continue
        names = set(NAMES.findall(body))
        if endpoint in keyed and "once" not in names:
            missing.append(f"{path}: the form of {endpoint} carries no key")
        if endpoint in VERSION and not names & SEEN:
            missing.append(f"{path}: the form of {endpoint} carries no version")
    return missing


def test_a_note_sent_twice_is_written_once(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        notes, number = f"/cases/{id_text(pat.case_id)}/notes", pat.case_id
        db.session.remove()
    ada = Browser(app_sqlite, "ada")
    key = re.findall(r'name="once" value="([0-9a-f]+)"', ada.get(notes).text)[0]
    answers = [ada.post(notes, {"words": "Slept better.", "once": key}, page=notes) for _ in range(2)]
    assert [(a.status_code, a.headers.get("Location")) for a in answers] == [(302, answers[0].headers["Location"])] * 2
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Note.id)).where(Note.case_id == number)) == 1
        db.session.remove()
