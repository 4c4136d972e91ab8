"""The pages themselves in Spanish: no word of English left, easy to read, and the language is kept."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import crypto
from intake.checkins.models import CheckIn
from intake.clinical.language import fernandez_huerta, language_hits, words_a_sentence
from intake.clock import utcnow
from intake.db import db, transaction
from intake.guard import make_link
from intake.people.models import Person
from intake.screening import by_link
from tests.checkins.test_checkins import check_in_mail
from tests.inquiries.browser import FAMILY, SELF, Browser, send
from tests.inquiries.test_public_words import PROFESSIONAL, pages_of, text_of
from tests.people import Cast
from tests.tapers import story

SPANISH = {"HTTP_ACCEPT_LANGUAGE": "es-MX,es;q=0.9,en;q=0.4"}
# The same in both languages: names, numbers, and what people typed or say so anyway.
SAME = re.compile(
    r"[\W\d]*|No|Error:|Medicaid|Medicare|Alcohol|JavaScript|English|Español|1 minuto?|Northlight.*"
    r"|Rosa|Dana|K\.|Dr Osei|Mercy|I want to feel better\.|\d+ de \d+|[A-Z]{2}-[A-Z0-9]{4}-[A-Z0-9]{2}|\(?5+\)? .*"
)


class Reader(Browser):
    """A browser that asks for Spanish."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.client.environ_base |= SPANISH


def nodes(page: str) -> set[str]:
    """Every piece of text of a page that a person can see or hear, with the labels of controls."""
    body = re.sub(r"<(script|style|svg).*?</\1>", " ", page.split("<body", 1)[1], flags=re.S)
    texts = re.findall(r">([^<]+)<", body) + re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]+)"', body)
    return {" ".join(html.unescape(t).split()) for t in texts} - {""}


def left(page: str, english: str) -> set[str]:
    """What a Spanish page says exactly as the English one does."""
    return {t for t in nodes(page) & nodes(english) if not SAME.fullmatch(t)}


@pytest.mark.parametrize("answers", [SELF, FAMILY, PROFESSIONAL], ids=["self", "family", "professional"])
def test_the_whole_public_form_is_walked_in_spanish_without_a_word_of_english(
    app_sqlite: Flask, cast_sqlite: Cast, answers: dict[str, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    english = pages_of(app_sqlite, answers)
    monkeypatch.setattr("tests.inquiries.test_public_words.Browser", Reader)
    for path, page in pages_of(app_sqlite, answers).items():
        assert '<html lang="es"' in page, path
        assert left(page, english[path]) == set(), path
        text = re.sub(r"Dr Osei|Mercy|I want to feel better\.|Northlight|42 CFR Part 2", "", text_of(page))
        assert fernandez_huerta(text) >= 80, (path, round(fernandez_huerta(text), 1))
        assert words_a_sentence(text) <= 14, path
        assert language_hits(text, "es") == (), path


def test_the_language_is_kept_on_the_request_and_comes_back_with_its_link(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    visitor = Browser(app_sqlite)
    answer = visitor.get("/help/language?to=es&at=help/privacy")
    assert answer.headers["Location"] == "/help/privacy"
    link = send(visitor).headers["Location"]
    with app_sqlite.app_context():
        assert db.session.scalars(select(Person.locale)).all() == ["es"]
    another = Browser(app_sqlite)
    assert "Nos llegó lo que pidió" in another.get(link, follow_redirects=True).text


def test_a_choice_wins_over_the_browser_and_no_other_address_is_taken(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    reader = Reader(app_sqlite)
    assert '<html lang="es"' in reader.get("/help/now").text
    for at in ("//evil.example/", "https://evil.example", "inbox", f"c/{'0' * 64}"):
        assert reader.get(f"/help/language?to=en&at={at}").headers["Location"] == "/help/", at
    assert '<html lang="en"' in reader.get("/help/now").text
    assert reader.get("/help/language?to=fr").status_code == 404


def test_staff_pages_stay_english_for_a_spanish_browser(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    assert '<html lang="en"' in Reader(app_sqlite).get("/sign-in").text


def test_system_pages_of_the_public_area_speak_spanish(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    reader, visitor = Reader(app_sqlite), Browser(app_sqlite)
    reader.get("/help/now")
    for path in ("/help/nothing-here", "/c/", "/p/", "/u/"):
        page = reader.get(path).text
        assert '<html lang="es"' in page
        assert left(page, visitor.get(path).text) == set(), path
    expired = reader.client.post("/help/now", data={"danger": "none"})
    assert "Esta página estuvo abierta mucho tiempo" in expired.text


def test_a_check_in_is_walked_in_the_language_of_the_person(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        story.sign(pat, story.draft(pat))
        message = check_in_mail()
        person_id, check_in = message.recipient_id, crypto.link_token("check_in", message.id)
        with transaction():
            tokens = {
                purpose: make_link(purpose, person_id, person_id=person_id, expires_at=utcnow() + timedelta(days=2))
                for purpose in ("preferences", "stop")
            }
            db.session.get_one(Person, person_id).locale = "es"
    spanish = _pages(app_sqlite, check_in, tokens)
    phone = Browser(app_sqlite)
    _answer(phone, check_in)
    spanish["done"] = phone.get("/c/done").text
    with app_sqlite.app_context(), transaction():
        db.session.get_one(Person, person_id).locale = "en"
        db.session.delete(db.session.scalars(select(CheckIn)).one())
    english = _pages(app_sqlite, check_in, tokens)
    _answer(phone, check_in)
    english["done"] = phone.get("/c/done").text
    assert len(spanish) == len(english)
    for path, page in spanish.items():
        assert '<html lang="es"' in page, path
        assert left(page, english[path]) == set(), path
        text = text_of(page)
        assert fernandez_huerta(text) >= 80, (path, round(fernandez_huerta(text), 1))
        assert language_hits(text, "es") == (), path


def test_the_questions_by_link_are_walked_in_the_language_of_the_person(app_sqlite: Flask) -> None:
    found: dict[str, dict[str, str]] = {}
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        inquiry_id, ada = pat.case.opened_from, pat.cast.ada
    for language in ("en", "es"):
        with app_sqlite.app_context(), transaction():
            row = by_link.send(inquiry_id, actor=ada, now=utcnow())
            db.session.get_one(Person, row.person_id).locale = language
            token = crypto.link_token("questions", row.id)
        found[language] = _questions(Browser(app_sqlite), token)
    for name, page in found["es"].items():
        assert '<html lang="es"' in page, name
        assert left(page, found["en"][name]) == set(), name
        text = text_of(page)
        assert fernandez_huerta(text) >= 80, (name, round(fernandez_huerta(text), 1))
        assert language_hits(text, "es") == (), name


def _questions(phone: Browser, token: str) -> dict[str, str]:
    """Every page behind the link of the questions; the second browser is told only that an answer is kept."""
    found = {"birth date": phone.get(f"/help/questions/{token}", follow_redirects=True).text}
    found["wrong date"] = phone.post("/help/questions/", {"born_on": "1 1 1999"}).text
    phone.post("/help/questions/", {"born_on": "July 3, 1984"})
    found["question"] = phone.get("/help/questions/step/now").text
    phone.post("/help/questions/step/now", {"danger": "delirium"})
    found["danger"] = phone.get("/help/questions/danger").text
    phone.get(f"/help/questions/{token}", follow_redirects=True)
    phone.post("/help/questions/", {"born_on": "July 3, 1984"})
    found["check"] = phone.get("/help/questions/check").text
    found["sent"] = phone.post("/help/questions/check", follow_redirects=True).text
    return found


def _answer(phone: Browser, check_in: str) -> None:
    """Give the answers that call for help at once."""
    phone.get(f"/c/{check_in}", follow_redirects=True)
    phone.post("/c/", {"born_on": "7/3/1984"})
    given = {"feelings": "none", "dose": "yes", "pain": "3", "used": "no", "thoughts": "yes"}
    assert phone.post("/c/send", given).headers["Location"] == "/c/done"


def _pages(app: Flask, check_in: str, tokens: dict[str, str]) -> dict[str, str]:
    """Every page behind mailed links, with wrong answers too; the same questions in each language."""
    phone, found = Browser(app), {}
    found["birth date"] = phone.get(f"/c/{check_in}", follow_redirects=True).text
    found["wrong date"] = phone.post("/c/", {"born_on": "1 1 1999"}).text
    phone.post("/c/", {"born_on": "July 3, 1984"})
    found["feelings"] = phone.get("/c/feelings").text
    found["nothing picked"] = phone.post("/c/feelings", {}).text
    found["safety"] = phone.post("/c/feelings", {"feelings": "none", "dose": "yes"}).text
    found["not finished"] = phone.post("/c/send", {"feelings": "none", "dose": "yes"}).text
    for key in ("peg", "sows"):
        found[key] = phone.get(f"/c/more/{key}").text
    mailed = Browser(app)
    for area, purpose in (("p", "preferences"), ("u", "stop")):
        found[purpose] = mailed.get(f"/{area}/{tokens[purpose]}", follow_redirects=True).text
        found[f"{purpose} sent"] = mailed.post(f"/{area}/", {"time": "10:00"}).text
    found["undone"] = mailed.post("/u/", {"undo": "yes"}).text
    return found
