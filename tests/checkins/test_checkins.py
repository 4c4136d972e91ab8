"""A check-in: opened it writes nothing, answered once it counts, a bad answer calls the team."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from intake import crypto
from intake.audit.models import AuditEntry
from intake.cases.models import CaseAlert
from intake.checkins import service
from intake.checkins.models import CheckIn, CheckInState
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages.models import Message, MessagePart, MessageState
from intake.queues import service as queues
from intake.tapers.models import StepHold
from intake.tasks.models import Task
from tests.tapers import story

CALM = {"feelings": ["none"], "dose": "yes", "pain": "3", "used": "no", "thoughts": "no"}


@dataclass
class Link:
    """Pat's phone with the link of one mail."""

    app: Flask
    client: FlaskClient
    token: str
    message_id: int

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path)

    def post(self, path: str, data: Mapping[str, Any]) -> TestResponse:
        """Send a form with its token."""
        page = self.client.get("/c/").text if path == "/c/" else self.client.get("/help/").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        return self.client.post(path, data={"csrf_token": token[1], **data})

    def enter(self, born: str = "July 3, 1984") -> TestResponse:
        """Follow the link and give the birth date."""
        assert self.get(f"/c/{self.token}").status_code == 302
        return self.post("/c/", {"born_on": born})


def check_in_mail() -> Message:
    """The first message that asks for a check-in."""
    return db.session.scalars(
        select(Message)
        .join(MessagePart, MessagePart.message_id == Message.id)
        .where(MessagePart.kind == "CHECKIN")
        .order_by(Message.due_at)
        .limit(1)
    ).one()


@pytest.fixture
def link(app: Flask) -> Link:
    """A signed plan and the link of its first check-in mail."""
    with app.app_context():
        pat = story.begin(app)
        story.sign(pat, story.draft(pat))
        message = check_in_mail()
        token = crypto.link_token("check_in", message.id)
        found = Link(app, app.test_client(), token, message.id)
    return found


def stored(link: Link) -> CheckIn | None:
    """The check-in of the mail, if there is one."""
    return db.session.scalar(select(CheckIn).where(CheckIn.message_id == link.message_id))


def test_opening_the_link_writes_nothing_however_often(link: Link) -> None:
    with link.app.app_context():
        before = db.session.scalar(select(func.count(AuditEntry.id)))
    for _ in range(3):
        link.client.head(f"/c/{link.token}")
        link.get(f"/c/{link.token}")
        link.get("/c/")
    with link.app.app_context():
        assert stored(link) is None
        assert db.session.scalar(select(func.count(AuditEntry.id))) == before


def test_the_secret_leaves_the_address_bar_at_once(link: Link) -> None:
    answer = link.get(f"/c/{link.token}")
    assert answer.status_code == 302
    assert answer.location == "/c/"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_nothing_is_shown_before_the_birth_date(link: Link) -> None:
    link.get(f"/c/{link.token}")
    page = link.get("/c/").text
    assert "Pat" not in re.sub(r' value="[^"]*"', "", page)
    assert link.get("/c/feelings").location == "/c/"


@pytest.mark.parametrize("typed", ["1984-07-03", "7/3/1984", "3 Jul 1984", "07031984", "July 3, 1984"])
def test_the_birth_date_is_taken_in_any_common_order(link: Link, typed: str) -> None:
    assert link.enter(typed).location == "/c/feelings"


def test_five_wrong_birth_dates_close_the_link_and_ask_somebody_to_call(link: Link) -> None:
    link.get(f"/c/{link.token}")
    answers = [link.post("/c/", {"born_on": "1 Jan 1990"}).status_code for _ in range(4)]
    assert answers == [422] * 4
    assert link.post("/c/", {"born_on": "1 Jan 1990"}).status_code == 403
    assert link.get("/c/").status_code == 410
    with link.app.app_context():
        assert db.session.scalar(select(Task.kind).where(Task.kind == "birth_date_tries")) == "birth_date_tries"


def test_a_calm_answer_is_kept_and_waits_for_a_review(link: Link) -> None:
    link.enter()
    assert link.post("/c/send", CALM).location == "/c/done"
    assert "all done" in link.get("/c/done").text
    with link.app.app_context():
        row = stored(link)
        assert row is not None
        assert (row.state, row.level, row.triggers) == (CheckInState.ANSWERED, "green", [])
        assert b"none" not in (row.answers or b"")
        assert db.session.scalar(select(func.count(StepHold.id))) == 0
        assert db.session.scalar(select(Task.kind).where(Task.kind == "check_in_review")) == "check_in_review"


def test_thoughts_of_not_wanting_to_live_show_numbers_and_put_the_case_on_top(link: Link) -> None:
    link.enter()
    link.post("/c/send", {**CALM, "thoughts": "yes"})
    page = link.get("/c/done").text
    assert "tel:988" in page
    assert "Please talk to someone now" in page
    with link.app.app_context():
        row = stored(link)
        assert row is not None
        assert row.triggers == ["THOUGHTS"]
        alert = db.session.scalars(select(CaseAlert)).one()
        assert alert.acknowledged_at is None
        assert db.session.scalar(select(func.count(StepHold.id))) == 1
        entry = min(queues.live_of(alert.case_id), key=lambda e: e.rank)
        assert entry.acuity == 1


@pytest.mark.parametrize(
    ("changed", "trigger"),
    [
        ({"used": "yes"}, "USED_OTHER"),
        ({"pain": "10"}, "PAIN_UP"),
        ({"feelings": ["sweats", "aches", "sleep"]}, "FEELINGS"),
        ({"slow_down": "yes"}, "SLOW_DOWN"),
    ],
)
def test_a_stop_and_look_answer_holds_the_next_step(link: Link, changed: dict[str, Any], trigger: str) -> None:
    link.enter()
    link.post("/c/send", {**CALM, **changed})
    with link.app.app_context():
        row = stored(link)
        assert row is not None
        assert row.triggers == [trigger]
        hold = db.session.scalars(select(StepHold)).one()
        assert hold.first_step == row.step + 1


def test_a_second_send_changes_nothing_and_is_thanked(link: Link) -> None:
    link.enter()
    link.post("/c/send", CALM)
    assert link.post("/c/send", {**CALM, "thoughts": "yes"}).location == "/c/done"
    with link.app.app_context():
        assert db.session.scalar(select(func.count(CheckIn.id))) == 1
        assert db.session.scalar(select(func.count(CaseAlert.id))) == 0
    other = link.app.test_client()
    other.get(f"/c/{link.token}")
    assert "already did this" in other.get("/c/").text


def test_a_changed_plan_sends_the_old_link_to_the_team(link: Link) -> None:
    with link.app.app_context(), transaction():
        message = db.session.get_one(Message, link.message_id)
        version = db.session.get_one(story.PlanVersion, message.plan_version_id)
        version.state = story.PlanVersion.state.type.python_type("superseded")
    link.get(f"/c/{link.token}")
    assert "Your plan has changed" in link.get("/c/").text


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"feelings": ["none", "sweats"]},
        {"pain": "11"},
        {"pain": "-1"},
        {"pain": "1e400"},
        {"pain": "NaN"},
        {"pain": "😀"},
        {"used": "maybe"},
        {"feelings": ["x" * 5000]},
        {"own_words": "a\x00b"},
        {"own_words": "y" * 1001},
    ],
)
def test_what_cannot_be_read_gets_a_sentence_and_loses_nothing(link: Link, bad: dict[str, Any]) -> None:
    link.enter()
    data = {} if not bad else {**CALM, "own_words": "kept words", **bad}
    answer = link.post("/c/send", data)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    if bad and "own_words" not in bad and "feelings" not in bad:
        assert "kept words" in answer.text


def test_the_longer_questions_are_weighed_again(link: Link) -> None:
    link.enter()
    link.post("/c/send", CALM)
    assert "Answer 16 more" in link.get("/c/done").text
    high = {f"s{n:02}": "2" for n in range(1, 17)}
    assert link.post("/c/more/sows", high).location == "/c/done"
    with link.app.app_context():
        row = stored(link)
        assert row is not None
        assert "SOWS" in row.triggers
        assert db.session.scalar(select(func.count(StepHold.id))) == 1


def test_silence_for_two_days_becomes_a_task_and_holds_the_step(link: Link) -> None:
    with link.app.app_context():
        with transaction():
            db.session.execute(Message.__table__.update().where(Message.id == link.message_id).values(state="claimed"))
            db.session.execute(
                Message.__table__.update()
                .where(Message.id == link.message_id)
                .values(state="sent", accepted_at=utcnow() - timedelta(hours=49))
            )
        with transaction():
            assert service.tell_unanswered(now=utcnow()) == 1
        with transaction():
            assert service.tell_unanswered(now=utcnow()) == 0
        assert db.session.scalar(select(Task.kind).where(Task.kind == "check_in_unanswered")) == "check_in_unanswered"
        assert db.session.scalar(select(func.count(StepHold.id))) == 1
    link.enter()
    link.post("/c/send", CALM)
    with link.app.app_context():
        row = stored(link)
        assert row is not None
        assert row.state is CheckInState.ANSWERED
        assert db.session.get_one(Message, link.message_id).state is MessageState.SENT


@pytest.mark.parametrize("part", ["PEG_WEEKLY", "AFTER_1M"])
def test_every_mail_that_asks_opens_the_questions_and_its_silence_becomes_a_task(link: Link, part: str) -> None:
    with link.app.app_context(), transaction():
        db.session.execute(update(MessagePart).where(MessagePart.message_id == link.message_id).values(kind=part))
        for state in ("claimed", "sent"):
            sent = {"state": state, "accepted_at": utcnow() - timedelta(hours=49)}
            db.session.execute(update(Message).where(Message.id == link.message_id).values(**sent))
    with link.app.app_context():
        with transaction():
            assert service.tell_unanswered(now=utcnow()) == 1
        assert db.session.scalar(select(func.count(Task.id)).where(Task.kind == "check_in_unanswered")) == 1
        assert db.session.scalar(select(func.count(StepHold.id))) == 0, "only a check-in after a step holds one"
    assert link.enter().location == "/c/feelings"
    assert "dose" in link.get("/c/feelings").text
    assert link.post("/c/send", CALM).location == "/c/done"


def test_p04_guessing_a_link_finds_nothing(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        story.begin(app_sqlite)
    client = app_sqlite.test_client()
    client.get("/c/" + "0" * 64)
    assert client.get("/c/").status_code == 410
