"""Consents and copies as the pages do them: without script, with everything typed kept, nothing given by mistake."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from intake.cases import service as cases
from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents.models import Consent, Disclosure
from intake.db import db, id_text, transaction
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast
from tests.release.agreeing import CLINIC, agreed

CONSENT = {
    "kind": "disclosure", "purpose": "treatment", "recipient_kind": "named", "recipient": CLINIC,
    "parts": ["presence", "medicines"], "end_event": "my care here ends",
}  # fmt: skip


@pytest.fixture
def stage(app_sqlite: Flask) -> tuple[Cast, Case]:
    """The center with one case."""
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.note(case.id, words="Slept badly, cried.", actor=cast.cleo, now=utcnow())
        return cast, case


def path(case: Case, tail: str) -> str:
    return f"/cases/{id_text(case.id)}/{tail}"


def allowed(desk: FlaskClient, case: Case, consent_id: int) -> str:
    basis = f"consent-{id_text(consent_id)}"
    answer = desk.post(path(case, "disclosures/new"), data={"basis": basis, "parts": ["presence"]})
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def test_a_consent_is_written_shown_signed_and_taken_back(app_sqlite: Flask, stage: tuple[Cast, Case]) -> None:
    cast, case = stage
    desk = browser(app_sqlite, cast, "ada")
    wrong = desk.post(path(case, "consents/new"), data={**CONSENT, "end_event": "", "recipient": ""})
    assert wrong.status_code == 422
    assert "Say when it ends" in wrong.text
    assert re.search(r'value="medicines" checked', wrong.text)
    made = desk.post(path(case, "consents/new"), data=CONSENT)
    page = desk.get(made.location).text
    assert CLINIC in page
    assert "not signed yet" in page
    unsigned = desk.post(f"{made.location}/sign", data={"signed_name": "Theo Lane"})
    assert unsigned.status_code == 422
    assert 'value="Theo Lane"' in unsigned.text
    assert (
        desk.post(f"{made.location}/sign", data={"signed_how": "paper", "signed_name": "Theo Lane"}).status_code == 302
    )
    assert "Active" in desk.get(path(case, "consents")).text
    paper = desk.get(f"{made.location}/print").text
    assert 'class="paper"' in paper
    assert "Signed by" in paper
    assert desk.post(f"{made.location}/revoke", data={}).status_code == 422
    assert desk.post(f"{made.location}/revoke", data={"revoked_how": "spoken"}).status_code == 302
    assert "Revoked" in desk.get(path(case, "consents")).text
    assert desk.post(f"{made.location}/revoke", data={"revoked_how": "spoken"}).status_code == 409


def test_a04_a_consent_and_a_copy_belong_to_the_case_in_the_address(
    app_sqlite: Flask, stage: tuple[Cast, Case]
) -> None:
    cast, case = stage
    with app_sqlite.app_context():
        other, _ = waiting(cast, name="Ruth")
        consent_id = agreed(cast, case)
    desk = browser(app_sqlite, cast, "sol")
    copy = allowed(desk, case, consent_id)
    elsewhere = copy.replace(id_text(case.id), id_text(other.id))
    assert desk.get(path(other, f"consents/{id_text(consent_id)}")).status_code == 404
    assert (
        desk.post(path(other, f"consents/{id_text(consent_id)}/revoke"), data={"revoked_how": "spoken"}).status_code
        == 404
    )
    assert desk.get(elsewhere).status_code == 404
    assert desk.post(f"{elsewhere}/copy", data={"format": "json"}).status_code == 404


def test_p06_a_copy_is_picked_from_what_the_consent_names_and_holds_nothing_else(
    app_sqlite: Flask, stage: tuple[Cast, Case]
) -> None:
    cast, case = stage
    with app_sqlite.app_context():
        consent_id = agreed(cast, case, parts=("presence", "medicines"))
    desk = browser(app_sqlite, cast, "cleo")
    basis = f"consent-{id_text(consent_id)}"
    page = desk.get(path(case, f"disclosures/new?basis={basis}")).text
    assert re.findall(r'name="parts" value="(\w+)"', page) == ["presence", "medicines"]
    wider = desk.post(path(case, "disclosures/new"), data={"basis": basis, "parts": ["presence", "notes"]})
    assert wider.status_code == 422
    assert "This is more than the consent names. The refusal was written down." in wider.text
    copy = allowed(desk, case, consent_id)
    sheet = desk.post(f"{copy}/copy", data={"format": "print"})
    assert "42 CFR part 2 prohibits unauthorized use or disclosure" in sheet.text
    assert "cried" not in sheet.text
    found = desk.post(f"{copy}/copy", data={"format": "json"})
    assert found.headers["Content-Disposition"].startswith("attachment; filename=copy-")
    assert "Theo" not in found.headers["Content-Disposition"]
    assert found.headers["Cache-Control"] == "no-store"
    assert list(json.loads(found.text)["facts"]) == ["presence"]
    assert desk.post(f"{copy}/copy", data={"format": "csv"}).text.startswith("part,item,value")
    assert desk.post(f"{copy}/copy", data={"format": "pdf"}).status_code == 422
    assert desk.get(f"{copy}/copy").status_code == 405, "no copy leaves by a link"


def test_p05_a_copy_asked_for_before_the_consent_was_taken_back_is_not_given_after(
    app_sqlite: Flask, stage: tuple[Cast, Case]
) -> None:
    cast, case = stage
    with app_sqlite.app_context():
        consent_id = agreed(cast, case)
    desk = browser(app_sqlite, cast, "sol")
    copy = allowed(desk, case, consent_id)
    desk.post(path(case, f"consents/{id_text(consent_id)}/revoke"), data={"revoked_how": "spoken"})
    late = desk.post(f"{copy}/copy", data={"format": "json"})
    assert late.status_code == 403
    assert "took the consent back" in late.text
    assert "facts" not in late.text
    assert "Failed" in desk.get(path(case, "disclosures")).text


def test_a_ground_keeps_what_was_typed_and_asks_for_what_the_law_asks(
    app_sqlite: Flask, stage: tuple[Cast, Case]
) -> None:
    cast, case = stage
    desk = browser(app_sqlite, cast, "cleo")
    page = desk.get(path(case, "disclosures/new")).text
    assert "Medical emergency" in page
    assert "Audit or evaluation" not in page, "not open to her role"
    typed = {"basis": "ground-emergency", "parts": ["medicines"], "recipient": "Dr. Li Wen", "facts": ""}
    wrong = desk.post(path(case, "disclosures/new"), data=typed)
    assert wrong.status_code == 422
    assert "Dr. Li Wen" in wrong.text
    assert "Write down the facts" in wrong.text
    assert re.search(r'value="medicines" checked', wrong.text)
    right = desk.post(
        path(case, "disclosures/new"), data={**typed, "facts": "Found unconscious", "affiliation": "Mercy General"}
    )
    assert right.status_code == 302
    assert browser(app_sqlite, cast, "cyrus").get(right.location).status_code == 404, "not asked for by him"
    assert browser(app_sqlite, cast, "drew").get(right.location).status_code == 200


def test_the_accounting_shows_all_to_the_office_and_prints_what_went_out_for_the_person(
    app_sqlite: Flask, stage: tuple[Cast, Case]
) -> None:
    cast, case = stage
    with app_sqlite.app_context():
        consent_id = agreed(cast, case)
    desk = browser(app_sqlite, cast, "sol")
    copy = allowed(desk, case, consent_id)
    desk.post(f"{copy}/copy", data={"format": "print"})
    desk.post(path(case, "disclosures/new"), data={"basis": f"consent-{id_text(consent_id)}", "parts": ["plan"]})
    office = browser(app_sqlite, cast, "drew")
    page = office.get(path(case, "disclosures")).text
    assert "Delivered" in page
    assert "Refused" in page
    paper = office.get(path(case, "disclosures/print")).text
    assert paper.count(CLINIC) == 1
    assert "Refused" not in paper
    for who in ("ada", "cleo", "petra", "alex"):
        assert browser(app_sqlite, cast, who).get(path(case, "disclosures")).status_code == 403
    assert desk.get(path(case, "access")).text.count("Copy given out") == 1


def test_a_form_sent_twice_writes_one_consent_and_one_disclosure(app_sqlite: Flask, stage: tuple[Cast, Case]) -> None:
    cast, case = stage
    desk = browser(app_sqlite, cast, "ada")
    for _ in range(2):
        assert desk.post(path(case, "consents/new"), data={**CONSENT, "once": "a" * 32}).status_code == 302
    with app_sqlite.app_context():
        assert len(db.session.scalars(select(Consent)).all()) == 1
        consent_id = agreed(cast, case)
    asked = {"basis": f"consent-{id_text(consent_id)}", "parts": ["presence"], "once": "b" * 32}
    assert len({desk.post(path(case, "disclosures/new"), data=asked).location for _ in range(2)}) == 1
    with app_sqlite.app_context():
        assert len(db.session.scalars(select(Disclosure)).all()) == 1


ODD = ["\x00", "x" * 5000, "‮evil", "<script>alert(1)</script>", "{{7000*7000}}"]


def test_i02_i03_i09_odd_words_get_a_sentence_or_are_shown_as_words(
    app_sqlite: Flask, stage: tuple[Cast, Case]
) -> None:
    cast, case = stage
    desk = browser(app_sqlite, cast, "sol")
    for odd in ODD:
        for tail, form in (
            ("consents/new", {**CONSENT, "recipient": odd, "end_event": odd}),
            ("disclosures/new", {"basis": odd, "parts": [odd]}),
            ("disclosures/new", {"basis": "ground-emergency", "recipient": odd, "facts": odd, "parts": ["presence"]}),
            ("contact/add", {"kind": "post", "value": odd, "who_else": odd}),
            ("restriction", {"on": odd, "why": odd, "words": odd, "version": odd}),
        ):
            answer = desk.post(path(case, tail), data=form)
            shown = answer.text if answer.status_code != 302 else desk.get(answer.location).text
            assert answer.status_code in {302, 422}, (tail, answer.status_code)
            assert "<script>alert(1)" not in shown
            assert "49000000" not in shown
