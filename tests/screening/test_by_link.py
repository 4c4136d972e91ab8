"""A person answers the questions alone: the link staff send, its birth date, what is kept, and what comes of it."""

from __future__ import annotations

import email
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from intake import clock, crypto
from intake.actor import Actor
from intake.audit.models import AuditEntry, TimelineEntry
from intake.cases import service as cases
from intake.cases.models import Case, CaseAlert
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import RuleBroken
from intake.guard import SignedLink
from intake.inquiries.models import Inquiry, InquiryState
from intake.messages import kinds as mails
from intake.messages import queries as messages
from intake.messages import service as outbox
from intake.messages.kinds import Recipient
from intake.messages.models import Message
from intake.ops import rounds
from intake.people import born
from intake.people import service as people
from intake.people.models import ContactKind, Person
from intake.queues.models import Queue, QueueEntry
from intake.screening import by_link, queries, service, told_alone
from intake.screening.models import Placement, PlacementState, Screening, ScreeningLink, ScreeningState
from intake.tasks.models import Task
from tests.cases.folk import inquiry_of
from tests.inquiries.browser import Browser, visible
from tests.messages.outbox import NOON, Outbox
from tests.people import Cast, make_cast
from tests.screening import sitting
from tests.servers.mailsink import MailSink

BORN = "July 3, 1984"
ALONE = told_alone.NOBODY_MEASURED
CALM: dict[str, dict[str, object]] = {
    "now": {"danger": "none"},
    "use": {"takes": ["prescribed", "benzo"], "since": "longer"},
    "pain": {"pain": ["more_with_dose", "touch"]},
    "feel": {"feels": ["shaky"], "own_words": "I want to sleep."},
}


@dataclass
class Asked:
    """A request taken by phone, from somebody who agreed to email, and the link that Ada sent them."""

    app: Flask
    cast: Cast
    inquiry_id: int
    person_id: int
    link_id: int
    token: str

    def phone(self) -> Browser:
        """The person's phone, past the birth date."""
        browser = Browser(self.app)
        browser.get(f"/help/questions/{self.token}")
        browser.get("/help/questions/")
        assert browser.post("/help/questions/", {"born_on": BORN}).status_code == 302
        return browser

    def answer(self, browser: Browser, **changed: dict[str, object]) -> None:
        """Answer all four questions."""
        for name, form in {**CALM, **changed}.items():
            browser.get(f"/help/questions/step/{name}")
            assert browser.post(f"/help/questions/step/{name}", form).status_code == 302

    def send(self, browser: Browser) -> None:
        """Press the last button."""
        browser.get("/help/questions/check")
        assert browser.post("/help/questions/check").status_code == 302


def person_of(inquiry: Inquiry, cast: Cast) -> Person:
    """The person of a request, with a birth date and an address that is theirs."""
    now = utcnow()
    person = db.session.get_one(Person, inquiry.person_id)
    people.rename(person.id, born_on=date(1984, 7, 3), actor=cast.ada, now=now)
    people.add_contact(
        person, kind=ContactKind.EMAIL, value="theo@example.org", may_email=True, verified_how="said by phone",
        consent=True, actor=cast.ada, now=now,
    )  # fmt: skip
    return person


def ask(app: Flask) -> Asked:
    """The link is on its way."""
    with app.app_context():
        with transaction():
            cast = make_cast()
        db.session.expunge_all()
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada)
            person = person_of(inquiry, cast)
        with transaction():
            row = by_link.send(inquiry.id, actor=cast.ada, now=utcnow())
        return Asked(app, cast, inquiry.id, person.id, row.id, crypto.link_token("questions", row.id))


@pytest.fixture
def asked(app_sqlite: Flask) -> Asked:
    """The link is on its way, from a house on SQLite."""
    return ask(app_sqlite)


@pytest.fixture
def inside(asked: Asked) -> Iterator[Asked]:
    """The same, in the application's context: for tests without a browser."""
    with asked.app.app_context():
        yield asked


def screening_of(asked: Asked) -> Screening:
    """The screening the answers became."""
    return db.session.scalars(select(Screening).where(Screening.inquiry_id == asked.inquiry_id)).one()


def placement_of(asked: Asked) -> Placement:
    """What was proposed from it."""
    return db.session.scalars(select(Placement).where(Placement.inquiry_id == asked.inquiry_id)).one()


def test_the_mail_goes_to_the_person_and_ends_when_the_link_does(inside: Asked) -> None:
    asked = inside
    mail = db.session.scalars(select(Message).where(Message.kind == "screening_link")).one()
    kind = mails.get("screening_link")
    found = kind.recipient(mail)
    assert isinstance(found, Recipient)
    assert found.address == "theo@example.org"
    assert kind.context(mail)["questions_url"].endswith(f"/help/questions/{asked.token}")
    assert kind.why_not(mail).reason == "changed"
    with transaction():
        db.session.execute(update(ScreeningLink).values(ended_at=utcnow()))
    db.session.expire_all()
    assert kind.why_not(mail).reason == "no_longer_true"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_the_mail_arrives_and_its_link_leads_to_an_answered_screening(
    app: Flask, mailsink: MailSink
) -> None:
    clock.set_offset(NOON - clock.real_now())
    asked = ask(app)
    with app.app_context():
        assert Outbox.over(app, mailsink.url).run() == 1
    parts = email.message_from_bytes(mailsink.accepted[0].raw).walk()
    text = next(part for part in parts if part.get_content_type() == "text/plain").get_payload(decode=True)
    assert isinstance(text, bytes)
    assert f"/help/questions/{asked.token}\n" in text.decode().replace("\r\n", "\n")
    with app.app_context(), transaction(), db.engine.connect() as other:
        link = db.session.scalars(select(SignedLink).where(SignedLink.purpose == "questions")).one()
        other.execute(update(SignedLink).values(tries=3))
        other.commit()
        assert born.count_wrong(link.id, now=utcnow()) == (1, False), "counted behind the try of another request"
    browser = asked.phone()
    browser.get("/help/questions/step/now")
    browser.post("/help/questions/step/now", {"danger": ["overdose_24h"]})
    with app.app_context(), transaction(), db.engine.connect() as other:
        by_link.keep(asked.link_id, "use", {"takes": ["heroin"]}, now=utcnow())
        # Sending another link locks the request and then the link: here too, or the two would wait for each other.
        with pytest.raises(OperationalError, match="could not obtain lock"):
            other.execute(
                select(Inquiry.id).where(Inquiry.id == asked.inquiry_id).with_for_update(nowait=True)
            )  # fmt: skip
    asked.answer(browser)
    asked.send(browser)
    with app.app_context():
        assert screening_of(asked).state is ScreeningState.COMPLETE
        assert Queue.EMERGENCY in db.session.scalars(select(QueueEntry.queue).where(QueueEntry.left_at.is_(None)))
        with transaction():
            by_link.send(asked.inquiry_id, actor=asked.cast.ada, now=utcnow())
        clock.set_offset(clock.offset() + timedelta(days=15))
        with transaction():
            assert by_link.forget(now=utcnow()) == 1


def test_no_link_is_sent_without_a_birth_date_or_an_address_that_may_be_used(inside: Asked) -> None:
    asked = inside
    with transaction():
        inquiry = inquiry_of(asked.cast.site, asked.cast.ada, name="Una")
    with pytest.raises(RuleBroken, match="birth date first"), transaction():
        by_link.send(inquiry.id, actor=asked.cast.ada, now=utcnow())
    with transaction():
        people.rename(inquiry.person_id, born_on=date(1990, 1, 2), actor=asked.cast.ada, now=utcnow())
    with pytest.raises(RuleBroken, match="There is no email address"), transaction():
        by_link.send(inquiry.id, actor=asked.cast.ada, now=utcnow())


def test_opening_writes_nothing_and_shows_nothing_before_the_birth_date(asked: Asked) -> None:
    with asked.app.app_context():
        before = db.session.scalar(select(func.count(AuditEntry.id)))
    browser = Browser(asked.app)
    for _ in range(2):
        answer = browser.get(f"/help/questions/{asked.token}")
        assert (answer.status_code, answer.location) == (302, "/help/questions/")
        assert "Theo" not in browser.get("/help/questions/").text
        assert browser.get("/help/questions/step/now").location == "/help/questions/"
        assert browser.get("/help/questions/check").location == "/help/questions/"
    with asked.app.app_context():
        assert db.session.scalar(select(func.count(AuditEntry.id))) == before


def test_five_wrong_birth_dates_end_the_link_and_ask_somebody_to_call(asked: Asked) -> None:
    browser = Browser(asked.app)
    browser.get(f"/help/questions/{asked.token}")
    browser.get("/help/questions/")
    answers = [browser.post("/help/questions/", {"born_on": "1 Jan 1990"}).status_code for _ in range(5)]
    assert answers == [422, 422, 422, 422, 403]
    assert browser.get("/help/questions/").status_code == 410
    with asked.app.app_context():
        owed = list(db.session.scalars(select(Task.kind).where(Task.inquiry_id == asked.inquiry_id)))
        assert "birth_date_tries" in owed
        assert by_link.living(asked.inquiry_id) is None


def test_a_try_that_was_on_its_way_when_the_fifth_failed_opens_nothing(asked: Asked) -> None:
    browser = Browser(asked.app)
    browser.get(f"/help/questions/{asked.token}")
    browser.get("/help/questions/")
    with asked.app.app_context(), transaction():
        # Past the guard, which looks whether the link was stopped, and behind four others at the lock.
        db.session.execute(update(SignedLink).where(SignedLink.purpose == "questions").values(tries=5))
    assert browser.post("/help/questions/", {"born_on": BORN}).status_code == 403


def test_the_answers_become_a_screening_of_mode_self_that_staff_confirm(asked: Asked) -> None:
    browser = asked.phone()
    asked.answer(browser)
    page = visible(browser.get("/help/questions/check"))
    assert "Pain pills from a doctor" in page
    assert "Theo" not in page
    asked.send(browser)
    assert "We got your answers" in visible(browser.get("/help/questions/"))
    with asked.app.app_context():
        row, placed = screening_of(asked), placement_of(asked)
        assert (row.mode, row.state, row.rater_id) == ("self", ScreeningState.COMPLETE, None)
        given = queries.values(row)
        assert given["suicide_imminent"] == "no"
        assert (given["opioid_use"], given["benzo"], given["s1"], given["inc"], given["s5"]) == (
            "prescribed", "unknown", "yes", "worse", "yes",
        )  # fmt: skip
        assert "s2" not in given, "a sign that was not ticked beside others is unknown"
        assert placed.state is PlacementState.PROPOSED
        assert (
            db.session.scalar(select(Task.kind).where(Task.key == f"placement:{asked.inquiry_id}"))
            == "answer_placement"
        )
        with transaction():
            case = service.accept(placed.id, actor=asked.cast.ada, now=utcnow())
        assert case.opened_from == asked.inquiry_id
        told = db.session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "questions_answered")).one()
        assert "I want to sleep." in crypto.open_(told.words, at="timeline_entry.words", row=told.id)


def test_a_sign_of_danger_shows_the_numbers_and_opens_the_case_before_anything_is_sent(asked: Asked) -> None:
    browser = asked.phone()
    browser.get("/help/questions/step/now")
    answer = browser.post("/help/questions/step/now", {"danger": ["overdose_24h"]})
    assert answer.location == "/help/questions/danger"
    page = browser.get("/help/questions/danger").text
    assert "tel:911" in page
    assert "tel:988" in page
    with asked.app.app_context():
        case = db.session.scalars(select(Case).where(Case.opened_from == asked.inquiry_id)).one()
        entry = db.session.scalars(select(QueueEntry).where(QueueEntry.case_id == case.id)).one()
        assert (entry.queue, entry.acuity) in {(Queue.EMERGENCY, 1), (Queue.CLINICIAN_NOW, 1)}
    asked.answer(browser, now={"danger": "none"})
    asked.send(browser)
    with asked.app.app_context():
        inquiry = db.session.get_one(Inquiry, asked.inquiry_id)
        assert inquiry.danger["overdose_24h"] == "yes", "a yes stays until its outcome is known"
        back = db.session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "danger_taken_back")).one()
        assert back.params["signs"] == ["overdose_24h"]
    story = visible(sitting.Browser(asked.app, "ada").get(f"/cases/{id_text(case.id)}"))
    assert "Says the emergency sign was picked by mistake" in story


def test_the_same_danger_told_again_after_its_outcome_calls_staff_again_once(asked: Asked) -> None:
    browser = asked.phone()

    def tell() -> None:
        browser.get("/help/questions/step/now")
        answer = browser.post("/help/questions/step/now", {"danger": ["overdose_24h"]})
        assert answer.location == "/help/questions/danger"

    def on_top() -> list[tuple[Queue, str]]:
        rows = db.session.execute(select(QueueEntry.queue, QueueEntry.alert).where(QueueEntry.left_at.is_(None)))
        return [(row.queue, row.alert) for row in rows]

    tell()
    tell()
    with asked.app.app_context():
        assert on_top() == [(Queue.EMERGENCY, "")]
        case = db.session.scalars(select(Case)).one()
        with transaction():
            cases.hand_over(case.id, outcome="warm_ed", actor=asked.cast.cleo, now=utcnow())
        assert on_top() == [(Queue.CALLBACK, "")]
    tell()
    tell()
    with asked.app.app_context():
        assert on_top() == [(Queue.CALLBACK, "DANGER")]
        assert db.session.scalars(select(CaseAlert.triggers)).all() == [["overdose_24h"]]


def test_a_sign_of_danger_picked_after_the_answers_were_sent_still_calls_staff(asked: Asked) -> None:
    browser = asked.phone()
    asked.answer(browser)
    browser.get("/help/questions/step/now")
    asked.send(browser)
    page = browser.post("/help/questions/step/now", {"danger": ["suicide_imminent"]})
    assert "tel:988" in page.text
    assert "by mistake" not in page.text
    with asked.app.app_context():
        entry = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))).one()
        assert (entry.queue, entry.acuity) == (Queue.EMERGENCY, 1)
    stranger = Browser(asked.app)
    stranger.get(f"/help/questions/{asked.token}")
    stranger.get("/help/now")
    assert stranger.post("/help/questions/step/now", {"danger": ["overdose_24h"]}).location == "/help/questions/"
    with asked.app.app_context():
        assert db.session.get_one(Inquiry, asked.inquiry_id).danger["overdose_24h"] == "no"


def test_somebody_goes_on_where_they_stopped_and_another_browser_shows_no_earlier_answer(asked: Asked) -> None:
    first = asked.phone()
    first.get("/help/questions/step/now")
    first.post("/help/questions/step/now", CALM["now"])
    first.get("/help/questions/step/use")
    first.post("/help/questions/step/use", {"takes": ["heroin"], "takes_name": "brown stuff"})
    assert "brown stuff" in first.get("/help/questions/step/use").text
    second = Browser(asked.app)
    second.get(f"/help/questions/{asked.token}")
    second.get("/help/questions/")
    assert second.post("/help/questions/", {"born_on": BORN}).location == "/help/questions/step/pain"
    assert "brown stuff" not in second.get("/help/questions/step/use").text
    for name in ("pain", "feel"):
        second.get(f"/help/questions/step/{name}")
        second.post(f"/help/questions/step/{name}", CALM[name])
    page = second.get("/help/questions/check").text
    assert "brown stuff" not in page
    assert "You answered this before." in page
    asked.send(second)
    with asked.app.app_context():
        assert queries.values(screening_of(asked))["opioid_use"] == "illicit"


def test_a_used_link_says_so_and_a_replaced_one_is_gone(asked: Asked) -> None:
    browser = asked.phone()
    asked.answer(browser)
    asked.send(browser)
    assert browser.post("/help/questions/check").location == "/help/questions/"
    with asked.app.app_context():
        assert db.session.scalar(select(func.count(Screening.id))) == 1
        with transaction():
            again = by_link.send(asked.inquiry_id, actor=asked.cast.ada, now=utcnow())
            newer = by_link.send(asked.inquiry_id, actor=asked.cast.ada, now=utcnow())
        tokens = [crypto.link_token("questions", row.id) for row in (again, newer)]
        assert again.ended_at is not None
    old, new = Browser(asked.app), Browser(asked.app)
    old.get(f"/help/questions/{tokens[0]}")
    answer = old.get("/help/questions/")
    assert answer.status_code == 410
    assert "(555) 014-2200" in answer.text
    new.get(f"/help/questions/{tokens[1]}")
    assert new.get("/help/questions/").status_code == 200


def test_a_request_that_ended_sends_no_mail_and_opens_again_when_the_person_answers(asked: Asked) -> None:
    browser = asked.phone()
    with asked.app.app_context():
        with transaction():
            db.session.get_one(Inquiry, asked.inquiry_id).state = InquiryState.UNREACHABLE
        mail = db.session.scalars(select(Message).where(Message.kind == "screening_link")).one()
        assert mails.get("screening_link").why_not(mail).reason == "no_longer_true"
    asked.answer(browser)
    asked.send(browser)
    with asked.app.app_context():
        assert db.session.get_one(Inquiry, asked.inquiry_id).state is InquiryState.SCREENING
        assert placement_of(asked).state is PlacementState.PROPOSED


def test_a_case_restricted_later_takes_the_mail_of_its_link_and_of_its_request_away(inside: Asked) -> None:
    asked = inside

    def listed(who: Actor) -> list[str]:
        return sorted(row.kind for row in messages.page(who, which="all")[0])

    with transaction():
        inquiry = db.session.get_one(Inquiry, asked.inquiry_id)
        outbox.schedule(
            "inquiry_acknowledgement", subject_id=inquiry.id, recipient_type="person", recipient_id=asked.person_id,
            due_at=utcnow(), window_start=utcnow(), window_end=utcnow() + timedelta(hours=1), tz="America/New_York",
            dedupe_key="ack", site_id=inquiry.site_id, now=utcnow(),
        )  # fmt: skip
        opened = cases.open(
            inquiry, placement=None, queue=Queue.OUTPATIENT, acuity=3, priority=10, actor=asked.cast.ada, now=utcnow()
        )
    assert listed(asked.cast.ada) == ["inquiry_acknowledgement", "screening_link"]
    with transaction():
        db.session.get_one(Case, opened.id).restricted = True
    assert listed(asked.cast.ada) == []
    assert listed(asked.cast.sol) == ["inquiry_acknowledgement", "screening_link"]


def test_a_stay_that_ended_ends_the_link_with_a_page_that_says_whom_to_call(asked: Asked) -> None:
    browser = asked.phone()
    with asked.app.app_context():
        with transaction():
            inquiry = db.session.get_one(Inquiry, asked.inquiry_id)
            opened = cases.open(
                inquiry, placement=None, queue=Queue.OUTPATIENT, acuity=3, priority=10, actor=asked.cast.ada,
                now=utcnow(),
            )  # fmt: skip
        with transaction():
            cases.close(
                opened.id, reason="Went elsewhere", next_contact="They call us", refused=True, task_reason="Handled",
                actor=asked.cast.cleo,
                now=utcnow(),
            )  # fmt: skip
    answer = browser.get("/help/questions/step/now")
    assert answer.status_code == 410
    assert "(555) 014-2200" in answer.text


def test_wrong_input_is_shown_again_with_a_sentence(asked: Asked) -> None:
    browser = asked.phone()
    browser.get("/help/questions/step/now")
    answer = browser.post("/help/questions/step/now", {"danger": ["none", "delirium"]})
    assert answer.status_code == 422
    assert "Keep the one that is true" in visible(answer)


def test_a_draft_of_staff_stays_apart_and_keeps_its_answers(asked: Asked) -> None:
    with asked.app.app_context():
        inquiry = db.session.get_one(Inquiry, asked.inquiry_id)
        draft_id = sitting.sit(inquiry, asked.cast, {"use": {"opioid_use": "both"}}, by="ada").id
    browser = asked.phone()
    asked.answer(browser)
    asked.send(browser)
    with asked.app.app_context():
        kept = db.session.get_one(Screening, draft_id)
        assert kept.state is ScreeningState.DRAFT
        assert queries.values(kept)["opioid_use"] == "both"


def test_what_was_typed_behind_a_link_that_is_over_goes(asked: Asked) -> None:
    browser = asked.phone()
    browser.get("/help/questions/step/now")
    browser.post("/help/questions/step/now", CALM["now"])
    with asked.app.app_context():
        late = utcnow() - timedelta(minutes=1)
        with transaction():
            db.session.execute(update(ScreeningLink).values(expires_at=late))
            db.session.execute(update(SignedLink).where(SignedLink.purpose == "questions").values(expires_at=late))
        with transaction():
            assert dict(rounds.JOBS)["question_links_over"](utcnow()) == 1
        assert db.session.get_one(ScreeningLink, asked.link_id).answers is None
    assert browser.get("/help/questions/step/use").status_code == 410


def test_staff_send_the_link_from_the_request_and_see_on_the_screening_how_it_stands(asked: Asked) -> None:
    ada = sitting.Browser(asked.app, "ada")
    page = ada.get(sitting.url(asked.inquiry_id)).text
    assert "Send the link again" in page
    assert "/questions" in ada.get(f"/inquiries/{sitting.url(asked.inquiry_id).split('/')[2]}").text
    answer = ada.post(sitting.url(asked.inquiry_id).replace("/screening/safety", "/questions"), {})
    assert answer.status_code == 302
    with asked.app.app_context():
        assert db.session.scalar(select(func.count(ScreeningLink.id))) == 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"takes": ["fentanyl", "prescribed"]}, {"use": {"opioid_use": "both"}}),
        ({"pain": ["no_pain"]}, {}),
        ({"pain": ["same"]}, {"pain": {**dict.fromkeys(("s1", "s2", "s5"), "no"), "no_scale_reason": ALONE}}),
        ({"feels": ["no_fluids"]}, {"level": {"cannot_keep_fluids": "yes"}}),
        ({"feels": ["fine"]}, {"level": {"cannot_keep_fluids": "no"}}),
        ({"danger": ["seizure_24h"]}, {"safety": {"seizure_24h": "yes"}}),
        ({"takes": ["later"]}, {}),
    ],
)  # fmt: skip
def test_a_tick_says_what_it_says_and_nothing_more(told: dict[str, object], expected: dict[str, object]) -> None:
    assert told_alone.parts(told) == expected
