"""The mail "we got your request": only when an address was given, and it says nothing (safety.md E8, E11)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from intake.crypto import link_token
from intake.db import db, transaction
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessageState
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.models import ContactKind
from tests.inquiries.browser import SELF, Browser, send, visible
from tests.messages.outbox import Outbox, outbox
from tests.servers.mailsink import MailSink

WITH_MAIL = {**SELF, "reach": {**SELF["reach"], "email": "Dana.Reyes@mail.example"}}


@pytest.fixture
def box(app: Flask, mailsink: MailSink) -> Iterator[Outbox]:
    with outbox(app, mailsink.url) as made:
        yield made


def only_message() -> Message:
    db.session.rollback()
    return db.session.scalars(select(Message).execution_options(populate_existing=True)).one()


def test_without_an_address_no_mail_is_owed(box: Outbox) -> None:
    send(Browser(box.app))
    assert db.session.scalars(select(Message)).all() == []


def test_the_mail_names_nobody_and_repeats_nothing_typed(box: Outbox, mailsink: MailSink) -> None:
    send(Browser(box.app), WITH_MAIL)
    assert box.run() == 1
    mail = mailsink.accepted[0]
    text = mail.text + mail.html + str(mail.message["Subject"])
    reference = db.session.scalars(select(Inquiry.reference)).one()
    assert reference in text
    for typed in ("Dana,", "Hi Dana", "7734", "feel better", "shaky", "Northlight Detox"):
        assert typed not in text


def test_its_link_opens_the_confirmation_without_the_name(box: Outbox, mailsink: MailSink) -> None:
    send(Browser(box.app), WITH_MAIL)
    box.run()
    path = f"/help/sent/{link_token('sent', only_message().subject_id)}"
    page = visible(Browser(box.app).get(path, follow_redirects=True))
    assert "We got your request" in page
    assert "Dana" not in page


def test_a_cancelled_request_or_a_stopped_address_gets_no_mail(box: Outbox, mailsink: MailSink) -> None:
    browser = Browser(box.app)
    browser.get(send(browser, WITH_MAIL).headers["Location"], follow_redirects=True)
    browser.get("/help/sent/change")
    browser.post("/help/sent/change", {"what": "cancel"})
    assert box.run() == 0
    assert only_message().state is MessageState.CANCELLED


def test_an_address_that_staff_stopped_gets_no_mail(box: Outbox, mailsink: MailSink) -> None:
    send(Browser(box.app), WITH_MAIL)
    person = db.session.scalars(select(Inquiry.inquirer_id)).one()
    mail = next(p for p in people.contact_points(person) if p.kind is ContactKind.EMAIL)
    with transaction():
        people_service.stop_contact(mail.id, reason="asked", actor=box.cast.ada, now=only_message().due_at)
    assert box.run() == 0
    assert only_message().state is MessageState.SUPPRESSED


def test_sending_the_form_twice_owes_one_mail(box: Outbox) -> None:
    browser = Browser(box.app)
    send(browser, WITH_MAIL)
    browser.post("/help/check", {"consent": "yes"})
    assert only_message().kind == "inquiry_acknowledgement"


def test_a_reference_that_spells_a_word_of_care_is_drawn_again_so_that_its_mail_goes(
    box: Outbox, mailsink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter("PHQWD7DRUG22AMGHK7")
    monkeypatch.setattr(secrets, "choice", lambda _signs: next(drawn))
    send(Browser(box.app), WITH_MAIL)
    assert db.session.scalars(select(Inquiry)).one().reference.endswith("-AMGH-K7")
    assert box.run() == 1
    assert "AMGH-K7" in mailsink.accepted[0].text
