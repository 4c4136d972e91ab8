"""The confirmation behind its signed link: names only where the form was sent (safety.md E7, E11; rulings 23)."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.db import db
from intake.inquiries.models import Inquiry, InquiryState
from intake.tasks.models import Task, TaskState
from tests.inquiries.browser import SELF, Browser, send, visible


def link_of(visitor: Browser, answers: dict[str, dict[str, object]] | None = None) -> str:
    return str(send(visitor, answers).headers["Location"])


def only_inquiry() -> Inquiry:
    return db.session.scalars(select(Inquiry)).one()


def test_the_secret_leaves_the_address_at_once(visitor: Browser) -> None:
    first = visitor.get(link_of(visitor))
    assert first.headers["Location"] == "/help/sent"
    assert first.headers["Referrer-Policy"] == "no-referrer"


def test_the_browser_that_sent_sees_name_number_and_what_happens_next(visitor: Browser) -> None:
    page = visible(visitor.get(link_of(visitor), follow_redirects=True))
    for words in ("We got your request, Dana", "NL-", "We call you after 5 pm", "(555) 014-7734",
                  "Do not stop your pills all at once.", "Change or cancel my request"):  # fmt: skip
        assert words in page


def test_another_browser_with_the_link_sees_no_name_and_no_phone(app_sqlite: Flask, visitor: Browser) -> None:
    link = link_of(visitor)
    page = visible(Browser(app_sqlite).get(link, follow_redirects=True))
    assert "We got your request" in page
    assert "Dana" not in page
    assert "7734" not in page
    assert "5 pm" not in page


def test_the_link_ends_after_fourteen_days(app_sqlite: Flask, visitor: Browser) -> None:
    link = link_of(visitor)
    clock.set_offset(timedelta(days=14, minutes=1))
    other = Browser(app_sqlite)
    other.get(link)
    assert other.get("/help/sent").status_code == 410


def test_a_guessed_link_opens_nothing(visitor: Browser) -> None:
    visitor.get("/help/sent/" + "ab" * 32)
    assert visitor.get("/help/sent").status_code == 410


def test_cancel_in_the_same_browser_ends_the_request(app_sqlite: Flask, visitor: Browser) -> None:
    visitor.get(link_of(visitor), follow_redirects=True)
    visitor.get("/help/sent/change")
    answer = visitor.post("/help/sent/change", {"what": "cancel", "words": "Found help."}, follow_redirects=True)
    assert "Your request is cancelled" in visible(answer)
    with app_sqlite.app_context():
        assert only_inquiry().state is InquiryState.DECLINED_BY_PERSON
        assert {t.state for t in db.session.scalars(select(Task))} == {TaskState.CANCELLED}


def test_cancel_by_a_mailed_link_only_asks_staff(app_sqlite: Flask, visitor: Browser) -> None:
    link = link_of(visitor)
    other = Browser(app_sqlite)
    other.get(link)
    other.get("/help/sent/change")
    assert other.post("/help/sent/change", {"what": "cancel"}).status_code == 302
    with app_sqlite.app_context():
        assert only_inquiry().state is InquiryState.NEW
        assert "asked_to_cancel" in {t.kind for t in db.session.scalars(select(Task))}


def test_a_request_with_danger_is_never_ended_by_a_link(app_sqlite: Flask, visitor: Browser) -> None:
    visitor.get(link_of(visitor, {**SELF, "now": {"danger": ["seizure_24h"]}}), follow_redirects=True)
    visitor.get("/help/sent/change")
    visitor.post("/help/sent/change", {"what": "cancel"})
    with app_sqlite.app_context():
        assert only_inquiry().ended_at is None


def test_change_needs_a_choice_and_keeps_the_words(visitor: Browser) -> None:
    visitor.get(link_of(visitor), follow_redirects=True)
    visitor.get("/help/sent/change")
    answer = visitor.post("/help/sent/change", {"words": "Another phone, please."})
    assert answer.status_code == 422
    assert "Another phone, please." in visible(answer)
    assert visitor.post("/help/sent/change", {"what": "change", "words": "x" * 2001}).status_code == 422
