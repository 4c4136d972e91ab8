"""Education texts: easy own words, drafts until a named reviewer holds them right, only then shown and sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.audit.models import AuditEntry
from intake.clinical import language
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.messages.models import MESSAGE, Message, MessagePart
from intake.settings import education, forms, queries, service
from intake.tapers import kinds
from tests.accounts.door import Door, settle
from tests.people import Cast, make_cast
from tests.screening.sitting import Browser
from tests.tapers import story

TEXTS = [pytest.param(text, id=f"{text.topic}.{text.locale}") for text in education.texts()]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_easy_to_read_names_its_source_and_puts_the_person_first(text: education.Text) -> None:
    if text.locale == "es":
        assert language.fernandez_huerta(text.words) >= 80
    else:
        assert language.grade(text.words) <= 6
    assert language.words_a_sentence(text.words) <= 14
    assert language.language_hits(text.words, text.locale) == ()
    assert text.source
    assert text.version
    assert len(text.paragraphs) >= 4


def test_every_topic_stands_in_both_languages() -> None:
    assert {(t.topic, t.locale) for t in education.texts()} == {
        (t, loc) for t in education.TOPICS for loc in ("en", "es")
    }


def reviewed(cast: Cast, topic: str, *, locale: str = "en", days: int = 30) -> None:
    """Sol holds a text right from today on for some days."""
    today = utcnow().date()
    words = education.text(topic, locale)
    asked = forms.Review(topic, locale, "Sol Reyes", today, today + timedelta(days=days), words.digest.hex())
    with transaction():
        service.review_text(asked, actor=cast.alex, now=utcnow())


def test_a_draft_is_not_sendable_and_a_reviewed_text_is_only_until_its_last_day_is_over(app: Flask) -> None:
    with app.app_context():
        with transaction():
            cast = make_cast()
        site = cast.site.id
        assert queries.education("pain", "en", utcnow(), site_id=site) is None
        reviewed(cast, "pain", days=30)
        found = queries.education("pain", "en-US", utcnow(), site_id=site)
        assert found is not None
        assert found.review.reviewer == "Sol Reyes"
        assert queries.education("pain", "es", utcnow(), site_id=site) is None
        assert queries.education("pain", "en", utcnow(), site_id=cast.other_site.id) is None
        assert queries.education("pain", "en", utcnow() + timedelta(days=29), site_id=site) is not None
        later = utcnow() + timedelta(days=32)
        assert queries.education("pain", "en", later, site_id=site) is None
        states = {(s.text.topic, s.text.locale): s.state for s in queries.shelf(site, later)}
        assert states[("pain", "en")] == "stale"
        assert states[("pain", "es")] == "not_reviewed"
        with transaction():
            service.withdraw_review("pain", "en", actor=cast.alex, now=utcnow())
        assert queries.education("pain", "en", utcnow(), site_id=site) is None


def test_a_changed_text_is_a_draft_again(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        with transaction():
            cast = make_cast()
        reviewed(cast, "pain")
        with transaction():
            row = queries.education("pain", "en", utcnow(), site_id=cast.site.id)
            assert row is not None
            # As after a release with other words: the review names the digest of the old ones.
            row.review.digest = bytes(32)
        assert queries.education("pain", "en", utcnow(), site_id=cast.site.id) is None
        states = {(s.text.topic, s.text.locale): s.state for s in queries.shelf(cast.site.id, utcnow())}
        assert states[("pain", "en")] == "changed"


def _alex(app: Flask) -> Door:
    _, secrets = settle(app)
    door = Door(app)
    door.sign_in("alex", secrets["alex"])
    return door


def test_an_administrator_enters_a_review_with_its_reviewer_and_takes_it_back(app: Flask) -> None:
    door = _alex(app)
    page = "/settings/education"
    with app.app_context():
        today = utcnow().astimezone(queries.zone(queries.the_site())).date()
        seen = education.text("pain", "en").digest.hex()
        db.session.remove()
    form = {"topic": "pain", "locale": "en", "seen": seen, "reviewer": "Dr. Osei", "reviewed_on": today.isoformat()}
    assert "Not reviewed" in door.get(page).text
    answer = door.post(page, page=page, **form, expires_on=(today + timedelta(days=400)).isoformat())
    assert answer.status_code == 302, answer.text
    assert "Dr. Osei" in door.get(page).text
    with app.app_context():
        site = queries.the_site().id
        assert queries.education("pain", "en", utcnow(), site_id=site) is not None
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.purpose == "pain.en")).one()
        assert (entry.verb, entry.record) == ("reviewed", "education_text")
        db.session.remove()
    assert door.post(page, page=page, topic="pain", locale="en", do="withdraw").status_code == 302
    with app.app_context():
        assert queries.education("pain", "en", utcnow(), site_id=site) is None
        db.session.remove()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"reviewer": ""}, "reviewer"),
        ({"reviewed_on": "2999-01-01"}, "reviewed_on"),
        ({"reviewed_on": "1999-01-01"}, "reviewed_on"),
        ({"expires_on": "2020-01-01"}, "expires_on"),
        ({"expires_on": ""}, "expires_on"),
        ({"topic": "weather"}, "topic"),
        ({"locale": "fr"}, "locale"),
    ],
)
def test_a_review_without_a_name_or_with_impossible_days_gets_a_sentence(
    app_sqlite: Flask, changed: dict[str, str], field: str
) -> None:
    door = _alex(app_sqlite)
    with app_sqlite.app_context():
        today = utcnow().date()
        seen = education.text("pain", "en").digest.hex()
    form = {
        "topic": "pain", "locale": "en", "seen": seen, "reviewer": "Dr. Osei",
        "reviewed_on": (today - timedelta(days=2)).isoformat(), "expires_on": (today + timedelta(days=9)).isoformat(),
    }  # fmt: skip
    answer = door.post("/settings/education", page="/settings/education", **{**form, **changed})
    assert answer.status_code == 422
    assert "There is a problem" in answer.text or field in answer.text


def test_a_review_of_words_that_changed_meanwhile_is_refused(app_sqlite: Flask) -> None:
    door = _alex(app_sqlite)
    with app_sqlite.app_context():
        today = utcnow().date() - timedelta(days=1)
    form = {"topic": "pain", "locale": "en", "seen": "0" * 64, "reviewer": "Dr. Osei", "reviewed_on": today.isoformat()}
    late = door.post("/settings/education", page="/settings/education", **form, expires_on="2028-01-01")
    assert late.status_code == 409


def _safety_mail() -> Message:
    mine = select(MessagePart.message_id).where(MessagePart.kind == kinds.LESSON)
    return db.session.scalars(select(Message).where(Message.id.in_(mine)).order_by(Message.due_at).limit(1)).one()


def test_the_safety_mail_of_a_plan_is_never_sent_while_no_text_is_reviewed(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        story.sign(pat, story.draft(pat, starts_in=5))
        kind, message = kinds.Reminder(), _safety_mail()
        parts = {p.kind for p in db.session.scalars(select(MessagePart).where(MessagePart.message_id == message.id))}
        assert parts == {kinds.LESSON}
        assert not isinstance(kind.recipient(message), kinds.Refusal)
        with transaction():
            service.withdraw_review("naloxone", "en", actor=pat.cast.alex, now=utcnow())
        refusal = kind.recipient(_safety_mail())
        assert isinstance(refusal, kinds.Refusal)
        assert refusal.reason == "text_not_reviewed"


def test_a_review_that_ends_between_writing_and_sending_stops_the_mail_at_the_gate(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        story.sign(pat, story.draft(pat, starts_in=5))
        kind, message = kinds.Reminder(), _safety_mail()
        found = kind.recipients([message])[message.id]
        assert not isinstance(found, kinds.Refusal)
        binds = {
            **kind.binds(message, kind.contexts([message])[message.id]),
            "contact_id": found.contact_id, "contact_version": found.contact_version,
        }  # fmt: skip
        ask = select(MESSAGE.c.id).where(MESSAGE.c.id == message.id, kind.still_true(MESSAGE))
        assert db.session.execute(ask, binds).all()
        clock.set_offset(timedelta(days=800))
        assert not db.session.execute(ask, binds).all()


def test_the_patients_sheet_shows_reviewed_texts_only(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat, starts_in=5))
        path = f"/tapers/{id_text(version.plan_id)}/v/1/calendar"
        db.session.remove()
    page = Browser(app_sqlite, "cleo").get(path)
    assert page.status_code == 200
    assert education.text("naloxone", "en").title in page.text
    assert education.text("pain", "en").title not in page.text
