"""Fewer mails for who asked for fewer: only the weekly question waits; what keeps somebody safe always goes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from intake import crypto
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.guard import make_link
from intake.messages.models import Message, MessagePart, MessageState
from intake.people.models import ContactKind, ContactPoint
from intake.tapers.sparing import COULD_WAIT
from tests.inquiries.browser import Browser, visible
from tests.messages.test_reminders import Plan, plan_sqlite
from tests.screening import sitting
from tests.servers.mailsink import MailSink
from tests.tapers import story

__all__ = ["plan_sqlite"]


def days(most: int = 12) -> list[tuple[Message, set[str]]]:
    """The first days of the plan and what each holds."""
    found = []
    for m in db.session.scalars(select(Message).where(Message.kind == "reminder").order_by(Message.due_at).limit(most)):
        parts = set(db.session.scalars(select(MessagePart.kind).where(MessagePart.message_id == m.id)))
        found.append((m, parts))
    db.session.expunge_all()
    return found


def choose(every: int) -> None:
    """Pat's address is to be written to that seldom."""
    with transaction():
        db.session.execute(update(ContactPoint).where(ContactPoint.kind == ContactKind.EMAIL).values(mail_every=every))


def live(plan: Plan, every: int) -> tuple[list[date], list[tuple[date, set[str]]]]:
    """Live through the first days; returns the days on which a mail went, and the parts of each that did not."""
    choose(every)
    went, spared = [], []
    for message, parts in days():
        plan.go_to(message.due_at + timedelta(seconds=1))
        assert message.local_date is not None
        if plan.state(message) is MessageState.SENT:
            went.append(message.local_date)
        else:
            spared.append((message.local_date, parts))
    return went, spared


def test_who_chose_nothing_gets_every_mail_as_it_comes(plan_sqlite: Plan, mailsink: MailSink) -> None:
    went, spared = live(plan_sqlite, 0)
    assert spared == []
    assert len(went) == len(mailsink.accepted) == 12


@pytest.mark.parametrize("every", [7, 28])
def test_only_a_mail_that_could_wait_is_spared_and_only_within_the_days_chosen(plan_sqlite: Plan, every: int) -> None:
    went, spared = live(plan_sqlite, every)
    assert spared, "the first weeks hold a weekly question close to another mail"
    for day, parts in spared:
        assert parts <= COULD_WAIT
        before = max(d for d in went if d < day)
        assert (day - before).days < every
    reasons = set(db.session.scalars(select(Message.cancel_reason).where(Message.state == MessageState.CANCELLED)))
    assert reasons == {"often_enough"}


def link_of(app: Flask) -> str:
    """The preferences link of Pat's mails."""
    person_id = db.session.scalars(select(ContactPoint.person_id).where(ContactPoint.kind == ContactKind.EMAIL)).first()
    assert person_id is not None
    with transaction():
        make_link("preferences", person_id, person_id=person_id, expires_at=utcnow() + timedelta(days=9))
    return "/p/" + crypto.link_token("preferences", person_id)


def every_now(app: Flask) -> int:
    """How often Pat wants mail, as stored."""
    with app.app_context():
        return db.session.scalars(select(ContactPoint.mail_every).where(ContactPoint.kind == ContactKind.EMAIL)).one()


def test_the_person_changes_it_by_the_link_of_any_mail_without_giving_a_time(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        story.begin(app_sqlite)
        path = link_of(app_sqlite)
    browser = Browser(app_sqlite)
    browser.get(path)
    assert "How often?" in visible(browser.get("/p/"))
    assert every_now(app_sqlite) == 0, "opening changes nothing"
    assert "as you chose" in visible(browser.post("/p/", {"often": "28"}))
    assert every_now(app_sqlite) == 28
    assert browser.post("/p/", {"often": "3"}).status_code == 422
    assert browser.post("/p/", {}).status_code == 422
    browser.post("/p/", {"time": "12:30", "often": ""})
    assert every_now(app_sqlite) == 28, "a time alone leaves it as it was"
    with app_sqlite.app_context():
        assert db.session.scalar(select(AuditEntry.verb).where(AuditEntry.verb == "chose_often")) == "chose_often"


def test_staff_ask_it_with_the_consent_and_change_it_on_the_contact_page(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        case_id = story.begin(app_sqlite).case.id
        point = db.session.scalars(select(ContactPoint).where(ContactPoint.kind == ContactKind.EMAIL)).one()
        address, version = f"/cases/{id_text(case_id)}/contact/{id_text(point.id)}", point.version
    cleo = sitting.Browser(app_sqlite, "cleo")
    rules = {"may_email": "yes", "hours": "any", "mail_scope": "all", "version": str(version)}
    assert cleo.post(address, {**rules, "mail_every": "7"}).status_code == 302
    assert every_now(app_sqlite) == 7
    agreed = {"how": "said_by_person", "consent": "yes", "mail_every": "28"}
    assert cleo.post(f"{address}/verify", agreed).status_code == 302
    assert every_now(app_sqlite) == 28
    assert cleo.post(address, {**rules, "version": str(version + 2), "mail_every": "9"}).status_code == 422
