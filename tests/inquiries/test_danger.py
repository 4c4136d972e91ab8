"""A danger yes interrupts everything and is stored at once, sent or not (product.md 2.3 no. 6; clinical.md 7)."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, transaction
from intake.inquiries import answers as a
from intake.inquiries import following, queries
from intake.inquiries.models import Inquiry, InquiryState
from intake.people import queries as people
from intake.people.models import PersonKind
from intake.queues.models import Queue, QueueEntry
from tests.inquiries.browser import SELF, Browser, fill, send, visible
from tests.people import Cast


def only_inquiry() -> Inquiry:
    return db.session.scalars(select(Inquiry)).one()


@pytest.mark.parametrize("sign", a.DANGER_CODES)
def test_each_sign_shows_911_and_988_on_the_next_page_and_opens_a_case(
    app_sqlite: Flask, visitor: Browser, sign: str
) -> None:
    answer = visitor.step("now", danger=[sign])
    assert answer.headers["Location"] == "/help/emergency"
    page = visitor.get("/help/emergency").get_data(as_text=True)
    assert 'href="tel:911"' in page
    assert 'href="tel:988"' in page
    with app_sqlite.app_context():
        row = only_inquiry()
        case = db.session.scalars(select(Case)).one()
        entry = db.session.scalars(select(QueueEntry)).one()
        assert case.person_id == row.person_id
        assert (entry.queue, entry.acuity) == (Queue.EMERGENCY, 1)
        assert row.danger[sign] == "yes"
        assert [v for k, v in row.danger.items() if k != sign] == ["unknown"] * 6
        assert people.opened_many({row.person_id})[row.person_id].kind is PersonKind.PLACEHOLDER


def test_a_danger_that_is_never_sent_stays_with_the_center_when_the_person_leaves(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    browser.step("now", danger=["overdose_24h"])
    browser.get("/help/leave")
    with app.app_context():
        row = only_inquiry()
        assert row.state is InquiryState.NEW
        assert row.danger["overdose_24h"] == "yes"
        assert (row.first_contact_due_at - row.received_at).total_seconds() == 15 * 60


def test_what_is_told_after_a_danger_reaches_staff_page_by_page(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    browser.step("now", danger=["seizure_24h"])
    browser.step("who", who="self")
    browser.step("you", name="Dana", age="42")
    browser.step("reach", **SELF["reach"])
    with app.app_context():
        row = only_inquiry()
        page = queries.page(row, now=utcnow())
        assert page.person.name == "Dana"
        assert page.person.kind is PersonKind.KNOWN
        assert [c.value for c in page.contacts] == ["+15550147734"]
        assert page.contacts[0].may_call


def test_sending_the_rest_completes_the_same_request_and_opens_no_second_case(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    assert send(browser, {**SELF, "now": {"danger": ["seizure_24h"]}}).status_code == 302
    with app.app_context():
        row = only_inquiry()
        assert queries.own_words(row) == "I want to feel better."
        assert row.contact_consent_at is not None
        assert db.session.scalar(select(func.count(Case.id))) == 1
        assert db.session.scalar(select(func.count(QueueEntry.id))) == 1


def test_a_danger_taken_back_as_a_mistake_stays_pinned_until_staff_record_an_outcome(
    app_sqlite: Flask, cast_sqlite: Cast, visitor: Browser
) -> None:
    visitor.step("now", danger=["delirium"])
    visitor.get("/help/emergency")
    assert visitor.post("/help/emergency", {"next": "change"}).headers["Location"] == "/help/"
    assert visitor.step("now", danger="none").headers["Location"] == "/help/who"
    with app_sqlite.app_context():
        row = only_inquiry()
        assert row.danger["delirium"] == "yes"
        assert {v for k, v in row.danger.items() if k != "delirium"} == {"no"}
        kinds = [line.kind for line in queries.page(row, now=utcnow()).lines]
        assert "danger_taken_back" in kinds


def test_call_me_back_without_a_number_asks_only_for_the_number_and_then_sends(
    app_sqlite: Flask, visitor: Browser
) -> None:
    visitor.step("now", danger=["suicide_imminent"])
    visitor.get("/help/emergency")
    assert visitor.post("/help/emergency", {"next": "call"}).headers["Location"] == "/help/reach"
    answer = visitor.step("reach", phone="555 014 7734", voicemail="yes")
    assert answer.headers["Location"].startswith("/help/sent/")
    with app_sqlite.app_context():
        row = only_inquiry()
        assert row.contact_consent_at is not None
        assert [c.value for c in people.contact_points(row.inquirer_id)] == ["+15550147734"]


def test_call_me_back_with_a_number_already_given_sends_at_once(app_sqlite: Flask, visitor: Browser) -> None:
    fill(visitor, {**SELF, "now": {"danger": ["suicide_imminent"]}})
    visitor.get("/help/emergency")
    answer = visitor.post("/help/emergency", {"next": "call"})
    assert answer.headers["Location"].startswith("/help/sent/")
    page = visitor.get(answer.headers["Location"], follow_redirects=True)
    assert "In danger now?" in visible(page)


def test_going_on_leads_to_the_next_open_question(visitor: Browser) -> None:
    visitor.step("now", danger=["seizure_24h"])
    visitor.get("/help/emergency")
    assert visitor.post("/help/emergency", {"next": "on"}).headers["Location"] == "/help/who"
    assert visitor.post("/help/emergency", {"next": "fly"}).status_code == 422


def test_the_emergency_page_opens_for_anybody_and_changes_nothing(app_sqlite: Flask, visitor: Browser) -> None:
    assert "Call 911" in visible(visitor.get("/help/emergency"))
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 0


def test_family_told_after_a_danger_gets_their_own_person(app_sqlite: Flask, visitor: Browser) -> None:
    visitor.step("now", danger=["overdose_24h"])
    visitor.step("who", who="family")
    visitor.step("you", inquirer="Rosa", name="K.", age="20")
    with app_sqlite.app_context():
        row = only_inquiry()
        found = people.opened_many({row.person_id, row.inquirer_id})
        assert row.inquirer_id != row.person_id
        assert found[row.inquirer_id].name == "Rosa"
        assert (found[row.person_id].name, found[row.person_id].kind) == ("K.", PersonKind.PLACEHOLDER)


def test_handed_over_is_set_when_the_outcome_is_recorded_and_never_before(app: Flask, cast: Cast) -> None:
    Browser(app).step("now", danger=["overdose_24h"])
    with app.app_context():
        row = only_inquiry()
        assert row.state is not InquiryState.CRISIS_HANDED_OVER
        with transaction():
            following.hand_over(row.id, outcome="services_there", words="Medic 4", actor=cast.ada, now=utcnow())
        row = only_inquiry()
        assert row.state is InquiryState.CRISIS_HANDED_OVER
        assert row.first_contact_at is not None
