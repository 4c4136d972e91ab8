"""A professional refers somebody: acknowledged with what is missing, answered in time, told what is allowed."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from intake import clock, crypto
from intake.accounts import api_tokens
from intake.accounts.models import ApiToken
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import RuleBroken
from intake.inquiries import referrals, referring_out
from intake.inquiries.models import Channel, Inquiry, Referral, Relation
from intake.people.models import Person, PersonKind
from intake.tasks.models import Task
from intake.tasks.service import LIVE
from tests.people import make_cast
from tests.screening.sitting import Browser

WHOLE: dict[str, Any] = {
    "organisation": "Mercy General, ward 4", "referrer_name": "Dr. Lin", "call_back": "555 014 7788",
    "email": "lin@mercy.example", "source": "hospital", "legal_basis": "consent", "patient_name": "Pat Reed",
    "born_on": "1984-07-03", "reason": "Step-down next week.", "medicines": "Oxycodone ER 30 mg three times a day",
    "last_dose": "today 08:00", "vitals": "122/78, 74", "pregnant": "no", "legal_hold": "unknown",
    "target_on": "2026-12-20", "danger": {"overdose_24h": "no"},
}  # fmt: skip
LEAST = {"organisation": "Mercy General", "call_back": "+15550147788", "source": "court", "legal_basis": "court_order"}
PATH = "/api/v1/referrals"


class System:
    """Another system with a token."""

    def __init__(self, app: Flask, secret: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.secret = secret

    def post(self, body: Any, *, key: str = "key-00000001", **headers: str) -> TestResponse:
        """Send a body; text goes as it is."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        named = {"Authorization": f"Bearer {self.secret}", "Idempotency-Key": key, **headers}
        return self.client.post(PATH, data=text, content_type="application/json", headers=named)

    def get(self, referral_id: str) -> TestResponse:
        """Read one referral."""
        return self.client.get(f"{PATH}/{referral_id}", headers={"Authorization": f"Bearer {self.secret}"})


def settled(app: Flask) -> tuple[SimpleNamespace, System]:
    """The cast, and Mercy General's system."""
    with app.app_context():
        with transaction():
            cast = make_cast()
        with transaction():
            _, secret = api_tokens.issue(name="Mercy General", days=30, actor=cast.alex, now=utcnow())
        actors = SimpleNamespace(**{key: getattr(cast, key) for key in cast.staff})
        db.session.remove()
    return actors, System(app, secret)


def future(days: int) -> str:
    return (utcnow() + timedelta(days=days)).date().isoformat()


def test_a_whole_referral_is_received_once_and_acknowledged(app: Flask) -> None:
    _, mercy = settled(app)
    body = {**WHOLE, "target_on": future(20)}
    first = mercy.post(body)
    assert first.status_code == 201, first.text
    told = first.get_json()
    assert (told["state"], told["missing"]) == ("received", [])
    assert first.headers["Location"] == f"{PATH}/{told['id']}"
    assert first.headers["Cache-Control"] == "no-store"
    again = mercy.post(body)
    assert again.status_code == 200
    assert again.get_json() == told
    with app.app_context():
        row = db.session.scalars(select(Inquiry)).one()
        assert (row.channel, row.relation, row.reference) == (
            Channel.REFERRAL,
            Relation.PROFESSIONAL,
            told["reference"],
        )
        assert db.session.get_one(Person, row.person_id).kind is PersonKind.PLACEHOLDER
        found = referrals.of_inquiry(row.id)
        assert found is not None
        assert found.told["medicines"] == WHOLE["medicines"]
        assert b"Oxycodone" not in found.row.content
        owed = db.session.scalars(select(Task.kind).where(Task.inquiry_id == row.id, Task.state.in_(LIVE)))
        assert {"first_contact", referrals.REPLY} <= set(owed)
        db.session.remove()


def test_what_is_missing_is_listed_back_and_unknown_is_no_gap(app_sqlite: Flask) -> None:
    _, mercy = settled(app_sqlite)
    answer = mercy.post(LEAST)
    assert answer.status_code == 201, answer.text
    assert answer.get_json()["missing"] == [
        "patient_name", "born_on", "reason", "medicines", "last_dose", "vitals", "pregnant", "legal_hold", "target_on",
        "danger",
    ]  # fmt: skip
    known = mercy.post({**LEAST, "age": 40, "pregnant": "unknown", "legal_hold": "unknown"}, key="key-00000002")
    assert not {"born_on", "pregnant", "legal_hold"} & set(known.get_json()["missing"])


def test_a_danger_yes_opens_the_case_at_once(app_sqlite: Flask) -> None:
    _, mercy = settled(app_sqlite)
    assert mercy.post({**LEAST, "danger": {"overdose_24h": "yes"}}).status_code == 201
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Case.id))) == 1
        db.session.remove()


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"organisation": ""}, "/organisation"),
        ({"call_back": "12"}, "/call_back"),
        ({"source": "moon"}, "/source"),
        ({"legal_basis": None}, "/legal_basis"),
        ({"born_on": "2999-01-01"}, "/born_on"),
        ({"target_on": "1999-01-01"}, "/target_on"),
        ({"age": "old"}, "/age"),
        ({"age": True}, "/age"),
        ({"reason": "x" * 4001}, "/reason"),
        ({"reason": "a\x00b"}, "/reason"),
        ({"reason": ["a"]}, "/reason"),
        ({"danger": {"moon": "yes"}}, "/danger"),
        ({"danger": "yes"}, "/danger"),
        ({"email": "nobody"}, "/email"),
        ({"colour": "blue"}, "/colour"),
    ],
)
def test_wrong_input_gets_a_problem_that_names_the_place(
    app_sqlite: Flask, changed: dict[str, Any], pointer: str
) -> None:
    _, mercy = settled(app_sqlite)
    answer = mercy.post({**LEAST, **changed})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert pointer in {e["pointer"] for e in answer.get_json()["errors"]}
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 0
        db.session.remove()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"text"', "[" * 50_000, b"\xff\xfe{}"])
def test_what_is_no_json_object_is_refused_with_a_sentence(app_sqlite: Flask, body: str | bytes) -> None:
    _, mercy = settled(app_sqlite)
    answer = mercy.post(body)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


def test_size_type_and_key_are_checked_before_anything_is_read(app_sqlite: Flask) -> None:
    _, mercy = settled(app_sqlite)
    assert mercy.post({**LEAST, "reason": "x" * 70_000}).status_code == 413
    assert mercy.post(LEAST, key="short").status_code == 400
    assert mercy.post(LEAST, key="with space in it").status_code == 400
    named = {"Authorization": f"Bearer {mercy.secret}", "Idempotency-Key": "key-00000001"}
    as_form = mercy.client.post(PATH, data=LEAST, headers=named)
    assert as_form.status_code == 415
    for answer in (as_form, mercy.client.get("/api/v1/nothing")):
        assert answer.mimetype == "application/problem+json"


def test_a_key_with_another_body_is_refused_and_keys_of_two_systems_do_not_meet(app: Flask) -> None:
    cast, mercy = settled(app)
    assert mercy.post(LEAST).status_code == 201
    assert mercy.post({**LEAST, "age": 40}).status_code == 409
    with app.app_context():
        with transaction():
            _, secret = api_tokens.issue(name="County court", days=30, actor=cast.alex, now=utcnow())
        db.session.remove()
    court = System(app, secret)
    assert court.post({**LEAST, "age": 40}).status_code == 201
    with app.app_context():
        assert db.session.scalar(select(func.count(Referral.id))) == 2
        db.session.remove()


def test_only_a_living_token_of_the_scope_opens_the_door(app: Flask) -> None:
    cast, mercy = settled(app)
    for secret in ("", "nonsense", mercy.secret[:-1], mercy.secret.upper()):
        refused = System(app, secret).post(LEAST)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    staff = Browser(app, "sol").client.get(f"{PATH}/{id_text(5)}")
    assert staff.status_code == 401, "a signed-in member of staff is no system"
    clock.set_offset(timedelta(days=31))
    assert mercy.post(LEAST).status_code == 401
    clock.set_offset(timedelta(0))
    with app.app_context():
        row = db.session.scalars(select(ApiToken)).one()
        assert row.digest == crypto.token_digest(mercy.secret)
        row_id = row.id
        with transaction():
            db.session.get_one(ApiToken, row_id).scopes = ["other"]
        db.session.remove()
    assert mercy.post(LEAST).status_code == 403
    with app.app_context():
        with transaction():
            db.session.get_one(ApiToken, row_id).scopes = ["referrals"]
            api_tokens.withdraw(row_id, actor=cast.alex, now=utcnow())
        db.session.remove()
    assert mercy.post(LEAST).status_code == 401


def answer(app: Flask, who: str, inquiry_id: int, **form: str) -> TestResponse:
    browser = Browser(app, who)
    return browser.post(f"/inquiries/{id_text(inquiry_id)}/referral-answer", form, follow_redirects=True)


def test_a_sender_reads_its_own_referrals_and_the_answer_only_where_the_ground_allows(app: Flask) -> None:
    cast, mercy = settled(app)
    told = mercy.post({**WHOLE, "target_on": future(20)}).get_json()
    urgent = mercy.post({**LEAST, "legal_basis": "emergency"}, key="key-00000002").get_json()
    with app.app_context():
        ids = {r.reference: r.id for r in db.session.scalars(select(Inquiry))}
        with transaction():
            _, secret = api_tokens.issue(name="County court", days=30, actor=cast.alex, now=utcnow())
        db.session.remove()
    for one in (told, urgent):
        with app.app_context():
            with transaction():
                referrals.answer(
                    ids[one["reference"]], answer="declined", code="no_place", words="County clinic", actor=cast.cleo,
                    now=utcnow(),
                )  # fmt: skip
            db.session.remove()
    mine = mercy.get(told["id"]).get_json()
    assert (mine["state"], mine["answer"], mine["reason"]) == ("answered", "declined", "no_place")
    quiet = mercy.get(urgent["id"]).get_json()
    assert quiet["state"] == "received"
    assert "answer" not in quiet
    foreign = System(app, secret).get(told["id"])
    assert foreign.status_code == 404
    assert foreign.get_json()["detail"] == System(app, secret).get(id_text(7)).get_json()["detail"]
    assert "Pat" not in mercy.get(told["id"]).text


def test_an_answer_stops_the_clock_and_a_decline_asks_after_seven_days(app_sqlite: Flask) -> None:
    cast, mercy = settled(app_sqlite)
    mercy.post(LEAST)
    with app_sqlite.app_context():
        row = db.session.scalars(select(Inquiry)).one()
        now = utcnow()
        for code, words in (("", "County clinic"), ("no_place", "")):
            with pytest.raises(RuleBroken), transaction():
                referrals.answer(row.id, answer="declined", code=code, words=words, actor=cast.cleo, now=now)
        with transaction():
            referrals.answer(row.id, answer="need_more", code="", words="The labs.", actor=cast.ada, now=now)
        with transaction():
            referrals.answer(
                row.id, answer="declined", code="no_place", words="County clinic", actor=cast.cleo, now=now
            )
        live = {t.kind: t.due_at for t in db.session.scalars(select(Task).where(Task.state.in_(LIVE)))}
        assert referrals.REPLY not in live
        assert live[referring_out.TASK] == now + timedelta(days=7)
        assert db.session.get_one(Inquiry, row.id).first_contact_at is not None
        db.session.remove()


def test_staff_see_the_referral_on_the_request_and_only_clinicians_decide_it(app_sqlite: Flask) -> None:
    _, mercy = settled(app_sqlite)
    mercy.post(LEAST)
    with app_sqlite.app_context():
        inquiry_id = db.session.scalars(select(Inquiry.id)).one()
        db.session.remove()
    page = Browser(app_sqlite, "ada").get(f"/inquiries/{id_text(inquiry_id)}")
    assert "Court order" in page.text
    assert "Vital signs" in page.text
    assert answer(app_sqlite, "ada", inquiry_id, answer="accepted").status_code == 403
    done = answer(app_sqlite, "cleo", inquiry_id, answer="accepted")
    assert "Written down." in done.text
    assert "Accepted" in done.text


def test_the_page_for_professionals_receives_once_and_lists_what_is_missing(app: Flask) -> None:
    settled(app)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    page = client.get("/referral/")
    assert page.status_code == 200
    wrong = client.post("/referral/", data={"patient_name": "Pat Reed", "call_back": "1"})
    assert wrong.status_code == 422
    assert "Tell us where you work." in wrong.text
    assert 'value="Pat Reed"' in wrong.text
    sent = client.post("/referral/", data={**LEAST, "danger": ["none"]})
    assert sent.headers["Location"] == "/referral/sent"
    shown = client.get("/referral/sent").text
    assert "Please have this ready" in shown
    assert "Medicines with dose" in shown
    assert "The safety signs" not in shown
    assert app.test_client().get("/referral/sent").headers["Location"] == "/referral/"
    with app.app_context():
        assert db.session.scalar(select(func.count(Referral.id))) == 1
        db.session.remove()


def test_a_known_person_gets_the_same_words_as_an_unknown_one(app_sqlite: Flask) -> None:
    _, mercy = settled(app_sqlite)
    first = mercy.post({**WHOLE, "target_on": future(20)}).get_json()
    second = mercy.post({**WHOLE, "target_on": future(20)}, key="key-00000002").get_json()
    for own in ("id", "reference", "received_at", "reply_by"):
        first.pop(own), second.pop(own)
    assert first == second


def test_an_administrator_makes_a_token_sees_it_once_and_withdraws_it(app_sqlite: Flask) -> None:
    settled(app_sqlite)
    alex = Browser(app_sqlite, "alex")
    made = alex.post("/settings/systems", {"name": "County court", "days": "90"})
    assert made.status_code == 200
    assert "itk_" in made.text
    assert "itk_" not in alex.get("/settings/systems").text
    assert alex.post("/settings/systems", {"name": "", "days": "0"}).status_code == 422
    with app_sqlite.app_context():
        token_id = db.session.scalars(select(ApiToken.id).where(ApiToken.name == "County court")).one()
        db.session.remove()
    gone = alex.post(f"/settings/systems/{id_text(token_id)}/withdraw", {})
    assert gone.status_code == 302
    assert Browser(app_sqlite, "sol").get("/settings/systems").status_code == 403


def test_the_command_line_makes_a_token_too(app_sqlite: Flask) -> None:
    _, _ = settled(app_sqlite)
    made = app_sqlite.test_cli_runner().invoke(args=["intake", "api-token", "Ward list", "--days", "7"])
    assert made.exit_code == 0
    assert System(app_sqlite, made.output.strip()).post(LEAST).status_code == 201
