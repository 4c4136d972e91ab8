"""Family asks: the answers are the same bytes and cost the same statements whether or not the person is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.inquiries import knowing
from intake.inquiries.models import Inquiry
from intake.messages import render
from intake.messages.models import Message
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.models import ContactKind
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.inquiries.browser import FAMILY, Browser, fill
from tests.people import Cast
from tests.release.agreeing import agreed

# Names of one length, so that even the size of an answer could tell nothing.
KNOWN, UNKNOWN, WARM = "Kim Lane", "Zed Moor", "Oli Park"


def about(name: str) -> dict[str, dict[str, Any]]:
    """What a mother tells of her child of twenty, with the child's own number as what she knows."""
    you = {**FAMILY["you"], "name": name}
    reach = {"phone": "555 014 7734", "voicemail": "no", "text": "no", "email": "rosa@mail.example"}
    return {**FAMILY, "you": you, "reach": reach}


def bare(answer: TestResponse, name: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    """An answer without what differs between any two requests, and without the name that was typed."""
    text = answer.get_data(as_text=True).replace(name, "")
    text = re.sub(r'(name="csrf_token" value|name="csrf" content)="[^"]*"', "", text)
    text = re.sub(r"\b[0-9a-f]{16,64}\b|\b[A-Z]{2,3}-[0-9A-Z]{4}-[0-9A-Z]{2}\b|\b[0-9a-z]{13}\b", "", text)
    headers = [
        (key, re.sub(r"[0-9a-f]{64}", "", value))
        for key, value in answer.headers
        if key not in {"Set-Cookie", "X-Request-Id", "Content-Length", "Date"}
    ]
    return answer.status_code, text.encode(), headers


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements of a block, without their values."""
    said: list[str] = []

    def heard(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(db.engine, "before_cursor_execute", heard)
    yield said
    event.remove(db.engine, "before_cursor_execute", heard)


def ask(app: Flask, name: str) -> tuple[list[tuple[int, bytes, list[tuple[str, str]]]], list[str]]:
    """Everything one mother gets to see, from the first page to the confirmation, and every statement it took."""
    visitor, answers = Browser(app), []
    with app.app_context():
        engine = db.engine
    assert engine is not None
    with app.app_context(), counted() as said:
        for page, form in about(name).items():
            answers.append(visitor.get(f"/help/{page}"))
            answers.append(visitor.post(f"/help/{page}", form))
        answers.append(visitor.get("/help/check"))
        sent = visitor.post("/help/check", {"consent": "yes"})
        answers.append(sent)
        answers.append(visitor.get(sent.headers["Location"]))
        answers.append(visitor.get("/help/sent"))
    return [bare(answer, name) for answer in answers], said


@pytest.fixture
def someone(app: Flask) -> Cast:
    """The center, with Kim Lane in care: known by name, age, phone and email, under a restricted case."""
    with center(app) as cast:
        case, _ = waiting(cast, name=KNOWN)
        with transaction():
            person = people.person(case.person_id)
            for kind, value in ((ContactKind.PHONE, "+15550147734"), (ContactKind.EMAIL, "rosa@mail.example")):
                people_service.add_contact(person, kind=kind, value=value, actor=cast.ada, now=utcnow())
            db.session.get_one(Case, case.id).restricted = True
        return cast


def test_family_gets_the_same_bytes_for_the_same_statements_whether_the_person_is_known_or_not(
    app: Flask, someone: Cast
) -> None:
    ask(app, WARM)
    known, said_known = ask(app, KNOWN)
    unknown, said_unknown = ask(app, UNKNOWN)
    assert len(known) == 20
    assert [k[0] for k in known] == [u[0] for u in unknown]
    for one, other in zip(known, unknown, strict=True):
        assert one == other
    assert len(said_known) == len(said_unknown) > 20
    assert said_known == said_unknown


def test_the_mail_that_answers_family_is_the_same_too(app: Flask, someone: Cast) -> None:
    fill(first := Browser(app), about(KNOWN))
    fill(second := Browser(app), about(UNKNOWN))
    for visitor in (first, second):
        visitor.get("/help/check")
        visitor.post("/help/check", {"consent": "yes"})
    with app.app_context():
        rows = list(db.session.scalars(select(Message).where(Message.kind == "inquiry_acknowledgement")))
        mails = [render.render(words) for words in render.read(rows)]
        db.session.rollback()
    bodies = [_told(mail) for mail in mails if isinstance(mail, render.Rendered)]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def _told(mail: render.Rendered) -> str:
    return re.sub(r"[0-9a-f]{32,64}|NL-[0-9A-Z-]+", "", f"{mail.subject}{mail.text}{mail.html}")


def test_staff_are_told_to_say_nothing_until_a_consent_names_facts_and_then_only_those(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast, name=KNOWN)
    visitor = Browser(app_sqlite)
    fill(visitor, about(KNOWN))
    visitor.get("/help/check")
    visitor.post("/help/check", {"consent": "yes"})
    with app_sqlite.app_context():
        row = db.session.scalars(select(Inquiry).where(Inquiry.id != case.opened_from)).one()
        asked = row.id
    desk = browser(app_sqlite, cast, "sol")
    here = f"/inquiries/{id_text(asked)}"
    assert "Neither confirm nor deny." in desk.get(here).text
    assert "may be told" not in desk.get(here).text
    with app_sqlite.app_context():
        agreed(cast, case, recipient="Rosa, mother", purpose="family", parts=("presence",))
        with transaction():
            knowing.join(asked, person_id=case.person_id, actor=cast.sol, now=utcnow())
    page = desk.get(here).text
    assert "Neither confirm nor deny." in page
    assert "Agreed: Rosa, mother may be told" in page
    assert "That the person is or was in care here, and when. Nothing else." in page
