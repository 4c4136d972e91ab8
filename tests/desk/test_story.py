"""The story of a case in words: emails of one outcome are one line that names them, and no line shows a code."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from intake.db import db, id_text, transaction
from intake.desk import audit_words, case_story
from intake.messages import outcomes
from intake.messages.models import Message, MessageState
from tests.screening.sitting import Browser
from tests.tapers import story


def test_emails_whose_time_was_over_are_one_line_that_says_which_and_when_they_were_due(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.sign(pat, story.draft(pat))
        owed = select(Message).where(Message.plan_version_id == version.id).order_by(Message.due_at)
        late = list(db.session.scalars(owed))
        with transaction():
            for row in late[:6]:
                outcomes.tell(row, MessageState.EXPIRED, "window_over")
        lines, _ = case_story.timeline(pat.case, ZoneInfo("UTC"))
        told = [line for line in lines if "email" in line.title.lower()]
        assert [line.title for line in told] == ["6 emails not sent, their time was over"]
        assert f"due {late[5].local_date:%b %-d}" in told[0].words
        assert told[0].words.endswith("and 2 more")
        assert told[0].by == ""


def test_one_email_says_why_it_was_cancelled(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat))
        row = db.session.scalars(select(Message).where(Message.plan_version_id == version.id).limit(1)).one()
        with transaction():
            outcomes.tell(row, MessageState.SUPPRESSED, "no_consent")
        lines, _ = case_story.timeline(pat.case, ZoneInfo("UTC"))
        assert (lines[0].title, "There is no consent to email" in lines[0].words) == ("Email not sent", True)


def test_each_line_of_a_story_is_shown_by_exactly_one_filter(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.sign(pat, story.draft(pat))
        row = db.session.scalars(select(Message).where(Message.plan_version_id == version.id).limit(1)).one()
        with transaction():
            outcomes.tell(row, MessageState.EXPIRED, "window_over")
        whole, _ = case_story.timeline(pat.case, ZoneInfo("UTC"))
        parts = {name: case_story.timeline(pat.case, ZoneInfo("UTC"), shown=name)[0] for name in case_story.SHOWN}
        assert sorted(map(repr, whole)) == sorted(repr(line) for lines in parts.values() for line in lines)
        assert [line.title for line in parts["plan"]] == ["Taper plan signed"]
        assert [line.icon for line in parts["emails"]] == ["mail"]
        assert "Case opened" in [line.title for line in parts["care"]]
        assert parts["contact"][-1].title.startswith("Request received")
        where = f"/cases/{id_text(pat.case_id)}"
    door = Browser(app, "cleo")
    assert "Taper plan signed" not in door.get(f"{where}?show=emails").text
    assert "Taper plan signed" in door.get(f"{where}?show=nonsense").text


def test_the_next_emails_of_a_case_stand_first_and_each_opens(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat))
        owed = select(Message).where(Message.plan_version_id == version.id).order_by(Message.due_at)
        mails = [id_text(row.id) for row in db.session.scalars(owed)]
    where = f"/cases/{id_text(pat.case_id)}/messages"
    page = Browser(app_sqlite, "cleo").get(where).text
    assert "Owed next" in page
    assert [key for key in mails if f"/reminders/{key}/preview" in page] == mails[:10]


@pytest.mark.parametrize(
    ("verb", "record", "words"),
    [
        ("looked", "care_case", "Case opened"),
        ("opened", "care_case", "Case begun"),
        ("listed", "board", "List looked at"),
        ("signed", "plan_version", "Taper plan signed"),
        ("not_sent", "message", "Email not sent"),
        ("denied", "disclosure", "Access refused: copy"),
        ("sign_in_refused", "staff", "Sign-in refused"),
        ("moved_in", "bed_use", "Bed taken"),
        ("never_heard_of", "some_thing", "Some thing never heard of"),
    ],
)
def test_an_entry_is_told_in_words(verb: str, record: str, words: str) -> None:
    assert audit_words.done(verb, record) == words


@pytest.mark.parametrize("purpose", ["taper", "release.consent", "SUICIDE_MODERATE", "no_answer", "print: calendar"])
def test_the_purpose_of_an_entry_holds_no_code_word(purpose: str) -> None:
    assert not re.search(r"[a-z]_[a-z]|\.|[A-Z]{3}", audit_words.details(purpose))
