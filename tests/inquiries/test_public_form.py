"""The public form: eight questions, answers kept, one request per form (issue 2 point 3; screens.md 4.1)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake import clock, crypto
from intake.crypto import DataKey
from intake.db import db, transaction
from intake.inquiries import drafts, queries
from intake.inquiries.models import Channel, Inquiry, InquiryDraft, InquiryState, Relation
from intake.people import finding
from intake.people import queries as people
from intake.people.models import Person, PersonKind
from intake.tasks.models import Task
from tests.inquiries.browser import FAMILY, SELF, Browser, fill, send, visible
from tests.people import Cast


def only_inquiry() -> Inquiry:
    return db.session.scalars(select(Inquiry)).one()


def count_of(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_the_front_door_leads_to_the_danger_question(visitor: Browser) -> None:
    assert visitor.get("/").headers["Location"] == "/help/"
    page = visible(visitor.get("/help/"))
    assert "Is anyone in danger now?" in page
    assert "Question 1 of 8" in page


def test_every_page_of_the_form_carries_the_crisis_lines_and_says_nobody_watches(visitor: Browser) -> None:
    fill(visitor)
    for path in (*(f"/help/{s}" for s in SELF), "/help/check", "/help/privacy", "/help/accessibility"):
        page = visitor.get(path).get_data(as_text=True)
        assert 'href="tel:911"' in page, path
        assert 'href="tel:988"' in page, path
        assert "Nobody watches these answers live." in page, path


def test_a_sent_form_writes_person_inquiry_task_and_timeline_in_one_go(app: Flask, cast: Cast) -> None:
    assert send(Browser(app)).status_code == 302
    with app.app_context():
        row = only_inquiry()
        person = people.opened_many({row.person_id})[row.person_id]
        phone = people.contact_points(row.person_id)[0]
        task = db.session.scalars(select(Task).where(Task.inquiry_id == row.id)).one()
        page = queries.page(row, now=clock.utcnow())
    assert (person.used_name, person.age, person.kind) == ("Dana", 42, PersonKind.KNOWN)
    assert (phone.value, phone.may_call, phone.may_voicemail, phone.may_text) == ("+15550147734", True, False, True)
    assert not phone.may_name_center
    assert (row.state, row.relation) == (InquiryState.NEW, Relation.SELF)
    assert set(row.danger.values()) == {"no"}
    assert row.reference.startswith("NL-")
    assert task.due_at == row.first_contact_due_at == row.received_at + timedelta(minutes=60)
    assert page.own_words == "I want to feel better."
    assert [line.kind for line in page.lines] == ["inquiry_received"]


def test_d02_a_form_may_be_sent_again_and_again_and_stays_one_request(app_sqlite: Flask, visitor: Browser) -> None:
    first = send(visitor)
    again = visitor.post("/help/check", {"consent": "yes"})
    assert visitor.get(first.headers["Location"]).status_code == 302
    assert again.status_code == 302
    with app_sqlite.app_context():
        assert count_of(Inquiry) == 1


def test_of_parallel_sends_of_one_form_exactly_one_request_comes_and_all_get_the_same_page(
    app: Flask, cast: Cast
) -> None:
    browser = Browser(app)
    fill(browser)
    browser.get("/help/check")
    cookie = browser.client.get_cookie("visit")
    assert cookie is not None
    start, answers = threading.Barrier(4), []

    def post() -> None:
        twin = Browser(app)
        twin.client.set_cookie("visit", cookie.value)
        start.wait()
        answers.append(twin.post("/help/check", {"consent": "yes", "csrf_token": browser.token}))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} == {302}
    assert len({a.headers["Location"] for a in answers} - {"/help/sent"}) == 1
    with app.app_context():
        assert count_of(Inquiry) == 1
        assert count_of(Person) == 1


def test_answers_are_there_when_going_back(visitor: Browser) -> None:
    fill(visitor)
    assert 'value="Dana"' in visitor.get("/help/you").get_data(as_text=True)
    assert "I want to feel better." in visible(visitor.get("/help/feel"))


def test_a_wrong_answer_keeps_what_was_typed_and_says_what_to_do(visitor: Browser) -> None:
    visitor.step("now", danger="none")
    answer = visitor.step("reach", phone="555 014 22", best_time="morning", email="dana@example.org")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "<title>Error: How can we reach you?" in page
    assert 'value="555 014 22"' in page
    assert 'value="dana@example.org"' in page
    assert "Enter a phone number with 10 digits, like 555 014 2200" in page
    assert 'href="#phone"' in page
    assert 'href="#voicemail"' in page
    assert "Tell us if we can leave a voice message" in page


@pytest.mark.parametrize(
    ("step", "form", "sentence"),
    [
        ("now", {"danger": ["none", "delirium"]}, "You picked “None of these” and also a sign."),
        ("now", {}, "If nothing fits, pick “None of these”."),
        ("pain", {"pain": ["no_pain", "touch"]}, "You picked “I have no pain” and also a kind of pain."),
        ("feel", {"feels": ["fine", "sick"]}, "You picked “I feel OK” and also a sign."),
        ("you", {"name": "", "age": "3"}, "Tell us a name to use."),
        ("you", {"name": "D", "age": "-1"}, "Enter a whole number from 0 to 120."),
        ("reach", {"no_phone": "yes", "phone": "555 014 7734", "voicemail": "no"}, "Keep the one that is true."),
        ("who", {"who": "nobody"}, "Pick one of the answers on the page."),
    ],
)
def test_a_contradiction_or_gap_gets_a_sentence(
    visitor: Browser, step: str, form: dict[str, object], sentence: str
) -> None:
    visitor.step("now", danger="none")
    answer = visitor.step(step, **form)
    assert answer.status_code == 422
    assert sentence in visible(answer)


def test_the_check_page_lists_every_answer_with_its_change_link(visitor: Browser) -> None:
    fill(visitor)
    page = visitor.get("/help/check")
    words = visible(page)
    for expected in ("Dana", "42", "(555) 014-7734", "Text is OK. Please do not leave a voice message.",
                     "After 5 pm", "No, none of these", "Pain pills from a doctor", "More than 2 years",
                     "Not provided"):  # fmt: skip
        assert expected in words
    assert 'href="/help/you?change=1"' in page.get_data(as_text=True)
    assert " checked" not in page.get_data(as_text=True)


def test_a_changed_answer_leads_back_to_the_check_page(visitor: Browser) -> None:
    fill(visitor)
    visitor.get("/help/you?change=1")
    answer = visitor.post("/help/you", {"name": "Dee", "age": "43", "change": "1"})
    assert answer.headers["Location"] == "/help/check"
    assert "Dee" in visible(visitor.get("/help/check"))


def test_nothing_is_sent_without_leave_to_call(app_sqlite: Flask, visitor: Browser) -> None:
    fill(visitor)
    visitor.get("/help/check")
    answer = visitor.post("/help/check")
    assert answer.status_code == 422
    assert "Tick the box if we may call you." in visible(answer)
    with app_sqlite.app_context():
        assert count_of(Inquiry) == 0


def test_somebody_without_a_safe_phone_calls_us_and_needs_no_leave(app_sqlite: Flask, visitor: Browser) -> None:
    fill(visitor, {**SELF, "reach": {"no_phone": "yes"}})
    visitor.get("/help/check")
    answer = visitor.post("/help/check")
    assert answer.status_code == 302
    with app_sqlite.app_context():
        row = only_inquiry()
        assert row.will_call_back
        assert row.contact_consent_at is None


def test_a_skipped_page_in_the_address_bar_leads_back_to_what_is_needed(visitor: Browser) -> None:
    assert visitor.get("/help/check").headers["Location"] == "/help/"
    assert visitor.get("/help/reach").headers["Location"] == "/help/"
    visitor.step("now", danger="none")
    assert visitor.get("/help/check").headers["Location"] == "/help/who"


def test_a_family_inquiry_makes_the_asker_known_and_the_other_a_placeholder(
    app_sqlite: Flask, visitor: Browser
) -> None:
    send(visitor, FAMILY)
    with app_sqlite.app_context():
        row = only_inquiry()
        found = people.opened_many({row.person_id, row.inquirer_id})
        asked, asker = found[row.person_id], found[row.inquirer_id]
        page = queries.page(row, now=clock.utcnow())
        hits = finding.find("Rosa", row.site_id)
        assert not finding.find("K.", row.site_id)
    assert (asker.used_name, asker.kind) == ("Rosa", PersonKind.KNOWN)
    assert (asked.used_name, asked.kind, asked.age) == ("K.", PersonKind.PLACEHOLDER, 20)
    assert page.contacts[0].value == "+15550147734"
    assert not page.person_contacts
    assert "third_party" in page.signals
    assert [h.person.id for h in hits] == [row.inquirer_id]


def test_a_professional_gives_where_they_work(app_sqlite: Flask, visitor: Browser) -> None:
    form = {**SELF, "who": {"who": "professional"}, "you": {"inquirer": "Dr Osei", "organisation": "Mercy General"}}
    send(visitor, form)
    with app_sqlite.app_context():
        page = queries.page(only_inquiry(), now=clock.utcnow())
    assert page.organisation == "Mercy General"
    assert page.row.channel is Channel.REFERRAL
    assert page.row.relation is Relation.PROFESSIONAL


def test_family_gets_the_same_bytes_whether_or_not_the_person_is_known(app_sqlite: Flask, visitor: Browser) -> None:
    known = {**FAMILY, "you": {**FAMILY["you"], "name": "Dana Reyes"}}
    unknown = {**FAMILY, "you": {**FAMILY["you"], "name": "Zed Nobody"}}
    send(visitor, {**SELF, "you": {"name": "Dana Reyes", "age": "42"}})

    def confirmation(answers: dict[str, dict[str, object]]) -> str:
        browser = Browser(app_sqlite)
        browser.get(send(browser, answers).headers["Location"])
        return "".join(c for c in visible(browser.get("/help/sent")) if not c.isdigit())

    strip = [w for w in confirmation(known).split() if not w.startswith("NL-")]
    assert strip == [w for w in confirmation(unknown).split() if not w.startswith("NL-")]


def test_the_draft_is_sealed_and_dies_after_two_hours(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    fill(browser)
    with app.app_context():
        draft = db.session.scalars(select(InquiryDraft)).one()
        assert b"Dana" not in draft.answers
        assert drafts.answers(draft)["name"] == "Dana"
    clock.set_offset(timedelta(hours=2, minutes=1))
    assert "Dana" not in visible(browser.get("/help/you", follow_redirects=True))
    with app.app_context():
        keys = count_of(DataKey)
        with transaction():
            assert drafts.purge() == 1
        assert count_of(InquiryDraft) == 0
        assert count_of(DataKey) == keys - 1


def test_leaving_clears_the_draft_with_and_without_script(app_sqlite: Flask, visitor: Browser) -> None:
    fill(visitor)
    away = visitor.get("/help/leave")
    assert away.headers["Location"] == "https://www.weather.gov/"
    assert away.headers["Referrer-Policy"] == "no-referrer"
    with app_sqlite.app_context():
        assert count_of(InquiryDraft) == 0
    fill(visitor)
    assert visitor.post("/help/leave").status_code == 204
    with app_sqlite.app_context():
        assert count_of(InquiryDraft) == 0
    assert visitor.get("/help/you").headers["Location"] == "/help/"


def test_after_sending_the_draft_holds_no_answers_any_more(app_sqlite: Flask, visitor: Browser) -> None:
    send(visitor)
    with app_sqlite.app_context():
        draft = db.session.scalars(select(InquiryDraft)).one()
        assert drafts.answers(draft) == {}
        assert draft.sent_at is not None
    assert visitor.get("/help/you").headers["Location"] == "/help/sent"


def test_a_second_form_in_the_same_browser_is_a_second_request(app_sqlite: Flask, visitor: Browser) -> None:
    send(visitor)
    send(visitor)
    with app_sqlite.app_context():
        assert count_of(Inquiry) == 2


def test_nothing_typed_stands_in_the_clear_in_the_inquiry_row(app: Flask, cast: Cast) -> None:
    send(Browser(app))
    with app.app_context():
        row = only_inquiry()
        for blob in (row.own_words, row.facts):
            assert blob is not None
            assert b"better" not in blob
            assert b"prescribed" not in blob
        assert crypto.key_id(row.own_words or b"") == crypto.key_id(row.facts or b"")


def test_the_language_switch_stays_on_the_page_and_refuses_other_languages(visitor: Browser) -> None:
    visitor.step("now", danger="none")
    assert visitor.get("/help/language?to=es&at=help/who").headers["Location"] == "/help/who"
    assert '<html lang="es"' in visitor.get("/help/who").get_data(as_text=True)
    assert visitor.get("/help/language?to=de").status_code == 404
    assert visitor.get("/help/language?to=en&at=//evil.example").headers["Location"] == "/help/"


def test_a_form_without_its_token_is_refused_and_keeps_the_answers(app_sqlite: Flask, visitor: Browser) -> None:
    visitor.step("now", danger="none")
    answer = visitor.post("/help/you", {"name": "Dana", "csrf_token": "forged"})
    assert answer.status_code == 419
    assert "Dana" in answer.get_data(as_text=True)
