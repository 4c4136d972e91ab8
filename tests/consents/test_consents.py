"""Consents (42 CFR 2.31): every element, the words that were signed, the end, and taking it back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from intake import clock
from intake.clinical import language
from intake.clock import utcnow
from intake.consents import queries, scope, service, texts
from intake.consents.models import Consent, ConsentKind, ConsentState
from intake.consents.service import Signature
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.models import ContactKind, ContactPoint
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast
from tests.release.agreeing import CLINIC, agreed, wanted

NEW_YORK = ZoneInfo("America/New_York")
MOST_GRADE = 6.0
LEAST_EASE_ES = 80


def draft(cast: Cast, person_id: int, **more: Any) -> Consent:
    with transaction():
        return service.draft(people.person(person_id), wanted(**more), actor=cast.ada, now=utcnow())


MISSING: list[tuple[str, dict[str, Any]]] = [
    ("discloser", {"discloser": ""}),
    ("recipient", {"recipient": ""}),
    ("parts", {"parts": ()}),
    ("purpose", {"purpose": ""}),
    ("purpose_words", {"purpose": "other"}),
    ("ends_on", {"expires_at": None}),
    ("ends_on", {"expires_at": utcnow() - timedelta(days=1)}),
    ("recipient_kind", {"recipient_kind": "tpo"}),
    ("parts", {"parts": ("notes", "presence")}),
    ("parts", {"parts": ("medicines",), "purpose": "family"}),
]


def test_a_consent_without_one_of_the_elements_of_2_31_is_not_even_written_down(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        for field, without in MISSING:
            with pytest.raises(RuleBroken) as refused:
                draft(cast, case.person_id, **without)
            assert set(refused.value.fields) == {field}, without
        assert db.session.scalars(select(Consent)).all() == []


def test_an_event_may_stand_for_the_day_on_which_it_ends(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, expires_at=None, end_event="my care here ends")
        view = queries.one(cast.ada, consent_id, person_id=case.person_id, zone=NEW_YORK)
        assert view.end == "my care here ends"
        with transaction():
            service.end(consent_id, actor=cast.ada, now=utcnow())
        assert db.session.get_one(Consent, consent_id).state is ConsentState.EXPIRED


def test_a_draft_counts_for_nothing_until_somebody_signs_with_name_way_and_day(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        row = draft(cast, case.person_id)
        assert why(row.id, case.person_id) == "unsigned"
        for bad in (Signature("", "Theo", utcnow()), Signature("paper", "", utcnow())):
            with pytest.raises(RuleBroken), transaction():
                service.sign(row.id, bad, actor=cast.ada, now=utcnow())
        tomorrow = Signature("paper", "Theo", utcnow() + timedelta(days=1))
        with pytest.raises(RuleBroken, match="not complete"), transaction():
            service.sign(row.id, tomorrow, actor=cast.ada, now=utcnow())
        with transaction():
            service.sign(row.id, Signature("paper", "Theo Lane", utcnow()), actor=cast.ada, now=utcnow())
        assert why(row.id, case.person_id) == ""


def why(
    consent_id: int,
    person_id: int,
    *,
    parts: tuple[str, ...] = ("presence",),
    purpose: str = "treatment",
    recipient: str = "",
) -> str:
    with transaction():
        found, _row = service.why_not(
            consent_id, person_ids=(person_id,), parts=parts, purpose=purpose, recipient=recipient
        )
    return found


def test_the_words_signed_can_be_shown_again_and_name_every_element(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, guardian="Ana Lane, mother")
        view = queries.one(cast.ada, consent_id, person_id=case.person_id, zone=NEW_YORK)
        for words in ("Northlight", CLINIC, str(scope.PARTS["presence"]), str(scope.PURPOSES["treatment"]), view.end):
            assert words in view.text
        assert "take this back at any time" in view.text
        assert (view.signed_name, view.guardian, view.signed_how) == ("Theo Lane", "Ana Lane, mother", "paper")
        assert view.words_unchanged


def test_a_form_keeps_its_words_as_long_as_it_keeps_its_version() -> None:
    assert {key: texts.digest(*key).hex()[:12] for key in texts.TEXTS} == {
        ("disclosure", "1"): "d17ee2d763c5",
        ("tpo", "1"): "1bc521bcf29d",
        ("court", "1"): "2c9ba9b093da",
        ("court", "1-es"): "feab377bb26b",
        ("treatment", "1"): "7dde85bdefc3",
        ("telehealth", "1"): "ac8765e5dbdb",
        ("messages", "1"): "a40003f78633",
        ("disclosure", "1-es"): "38e2e12fdba6",
        ("tpo", "1-es"): "67070fefcba0",
        ("treatment", "1-es"): "2e7f3a07c014",
        ("telehealth", "1-es"): "cab39fbab5b8",
        ("messages", "1-es"): "418a87c3c93e",
    }


def test_names_on_a_consent_are_sealed(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        row = db.session.get_one(Consent, agreed(cast, case))
        assert row.recipient is not None
        assert row.signed_name is not None
        assert b"Ruiz" not in row.recipient
        assert b"Theo" not in row.signed_name


def test_the_database_refuses_to_change_what_was_signed(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        for column, value in {
            "description": ["notes"], "purpose": "legal", "recipient": b"x", "expires_at": utcnow(),
            "signed_at": utcnow(), "text_version": "2",
        }.items():  # fmt: skip
            with pytest.raises(DBAPIError, match="can no longer change"), transaction():
                db.session.execute(update(Consent).where(Consent.id == consent_id).values({column: value}))


def test_a_consent_taken_back_never_counts_again_not_even_by_hand(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        with transaction():
            service.revoke(consent_id, how="spoken", actor=cast.cleo, now=utcnow())
        assert why(consent_id, case.person_id) == "revoked"
        with pytest.raises(AlreadyDone), transaction():
            service.revoke(consent_id, how="spoken", actor=cast.cleo, now=utcnow())
        with pytest.raises(DBAPIError, match="illegal move"), transaction():
            db.session.execute(text("UPDATE consent SET state = 'active'"))


def test_a_consent_past_its_day_counts_for_nothing_before_any_job_has_run(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, expires_at=utcnow() + timedelta(hours=2))
        assert why(consent_id, case.person_id) == ""
        clock.set_offset(timedelta(hours=2, minutes=1))
        assert db.session.get_one(Consent, consent_id).state is ConsentState.ACTIVE
        assert why(consent_id, case.person_id) == "expired"
        with transaction():
            assert service.expire(now=utcnow()) == 1
        with transaction():
            assert service.expire(now=utcnow()) == 0
        assert db.session.get_one(Consent, consent_id).state is ConsentState.EXPIRED


def test_p06_a_consent_carries_no_more_than_it_names(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        assert why(consent_id, case.person_id, parts=("presence", "plan")) == "wider"
        assert why(consent_id, case.person_id, parts=()) == "wider"
        assert why(consent_id, case.person_id, purpose="legal") == "other_purpose"
        assert why(consent_id, case.person_id) == ""


def test_the_consent_of_one_person_carries_nothing_about_another(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        other, _ = waiting(cast, name="Ruth")
        assert why(agreed(cast, case), other.person_id) == "no_consent"


def test_one_consent_for_all_future_care_names_a_class_and_the_copy_names_who_gets_it(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, recipient="", recipient_kind="tpo", purpose="tpo")
        view = queries.one(cast.ada, consent_id, person_id=case.person_id, zone=NEW_YORK)
        assert "third-party payers" in view.text
        assert "HIPAA" in view.text
        assert why(consent_id, case.person_id, purpose="tpo") == "no_recipient"
        assert why(consent_id, case.person_id, purpose="tpo", recipient="Lakeside Clinic") == ""


def test_a_new_consent_to_treatment_takes_the_place_of_the_one_before(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        first = agreed(cast, case, kind=ConsentKind.TREATMENT)
        second = agreed(cast, case, kind=ConsentKind.TREATMENT)
        assert db.session.get_one(Consent, first).state is ConsentState.SUPERSEDED
        assert db.session.get_one(Consent, second).state is ConsentState.ACTIVE


def test_p05_taking_back_the_consent_to_emails_withdraws_every_address_in_the_same_commit(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, kind=ConsentKind.MESSAGES)
        with transaction():
            people_service.add_contact(
                people.person(case.person_id), kind=ContactKind.EMAIL, value="theo@mail.example", may_email=True,
                verified_how="said_by_person", consent=True, actor=cast.ada, now=utcnow(),
            )  # fmt: skip
        with transaction():
            service.revoke(consent_id, how="written", actor=cast.ada, now=utcnow())
        point = db.session.scalars(select(ContactPoint)).one()
        assert (point.may_email, point.consented_at) == (False, None)


def test_a_draft_can_be_thrown_away_and_a_signed_consent_cannot(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        row, signed = draft(cast, case.person_id), agreed(cast, case)
        with transaction():
            service.discard(row.id, actor=cast.ada, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            service.discard(signed, actor=cast.ada, now=utcnow())
        assert [c.id for c in db.session.scalars(select(Consent))] == [signed]


def test_another_center_finds_no_such_consent_and_administrators_have_no_part_in_them(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        with pytest.raises(Missing), transaction():
            service.revoke(consent_id, how="spoken", actor=cast.cora, now=utcnow())
        with pytest.raises(NotPermitted), transaction():
            service.revoke(consent_id, how="spoken", actor=cast.alex, now=utcnow())


@pytest.mark.parametrize("key", sorted(texts.TEXTS))
def test_a_person_can_read_what_they_sign(key: tuple[str, str]) -> None:
    filled = texts.TEXTS[key].format(
        discloser="Northlight", recipient="Dr. Ruiz", description="visits", purpose="care", end="May 1", free="April 1"
    )
    if texts.language_of(key[1]) == "es":
        assert language.fernandez_huerta(filled.replace("\n", " ")) >= LEAST_EASE_ES
        assert language.language_hits(filled, "es") == ()
    else:
        assert language.grade(filled.replace("\n", " ")) <= MOST_GRADE


def test_a_consent_on_spanish_words_names_every_element_in_spanish_and_is_printed_so(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            person = people.person(case.person_id)
            asked = replace(wanted(), language="es")
            row_id = service.draft(person, asked, actor=cast.ada, now=utcnow()).id
        view = queries.one(cast.ada, row_id, person_id=case.person_id, zone=NEW_YORK)
        assert view.language == "es"
        assert "Puedo quitar este permiso" in view.text
        assert "Que la persona está o estuvo aquí" in view.text
        assert str(scope.PARTS["presence"]) not in view.text
        assert view.words_unchanged
        at = f"/cases/{id_text(case.id)}/consents/{id_text(row_id)}/print"
        db.session.remove()
    paper = browser(app_sqlite, cast, "ada").get(at).text
    assert 'lang="es"' in paper
    assert "Nombre de la persona:" in paper


@pytest.mark.parametrize("spoken", ["en", "es"])
def test_the_notice_of_patients_rights_is_a_sheet_with_every_part_the_rule_asks_for(
    app_sqlite: Flask, spoken: str
) -> None:
    with center(app_sqlite):
        pass
    page = app_sqlite.test_client().get(f"/help/notice/{spoken}")
    assert page.status_code == 200
    sheet = html_words(page.text.split("<main", 1)[1].split("</main>")[0])
    parts = {
        "en": ("HIPAA", "emergency", "a child", "judge", "limit", "last three years", "on paper", "gifts", "Take back",
               "by mistake", "may change", "Health and Human Services", "hold it against you", "February 16, 2026"),
        "es": ("HIPAA", "urgencia", "un niño", "juez", "menos", "tres años", "en papel", "regalos", "Quite",
               "por error", "Podemos cambiar", "oficina de salud", "en su contra", "16 de febrero de 2026"),
    }  # fmt: skip
    assert [words for words in parts[spoken] if words not in sheet] == []
    if spoken == "en":
        assert language.grade(sheet) <= MOST_GRADE
    else:
        assert language.fernandez_huerta(sheet) >= LEAST_EASE_ES
    assert language.language_hits(sheet, spoken) == ()


def html_words(markup: str) -> str:
    """What a page says, each paragraph a sentence or more of its own."""
    plain = re.sub(r"</(?:h1|h2|li|p|b)>", ". ", markup)
    return re.sub(r"\.\s*\.", ".", unescape(re.sub(r"<[^>]+>", " ", plain)))
