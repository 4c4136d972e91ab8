"""The person of a case: names, language and daily life are entered, seen by the roles that may, and sealed."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

from intake.cases import circumstances, erasing
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.people import details, finding
from intake.people import queries as people
from intake.people.models import Person
from tests.cases.folk import waiting
from tests.workflows.steps import Center, open_center

TOLD = {
    "used_name": "Theo", "legal_name": "Theodore Lane", "born_on": "1988-02-03", "pronouns": "he/him",
    "gender": "man", "language": "vi", "interpreter": "yes", "locale": "en", "needs": "Large print",
    "allergies": "Penicillin", "county": "Lake", "no_fixed_address": "yes",
}  # fmt: skip


@pytest.fixture
def stage(app_sqlite: Flask) -> tuple[Center, int]:
    """A center with one case that waits."""
    house = open_center(app_sqlite)
    with app_sqlite.app_context():
        return house, waiting(house.cast)[0].id


def version(house: Center, case_id: int, *, person: bool = True) -> str:
    """What the page was made from."""
    with house.look() as session:
        case = session.get_one(Case, case_id)
        return str(session.get_one(Person, case.person_id).version if person else case.version)


def test_what_a_person_tells_about_themselves_is_kept_found_and_shown(stage: tuple[Center, int]) -> None:
    house, case_id = stage
    here = f"/cases/{id_text(case_id)}/person"
    old = version(house, case_id)
    wrong = house.post("ada", here, status=422, **{**TOLD, "born_on": "2999-01-01", "version": old})
    assert 'value="Theodore Lane"' in wrong.text, "what was typed is kept"
    house.post("ada", here, **TOLD, version=old)
    page = house.as_("cleo").get(here).text
    for shown in ("Theodore Lane", "1988-02-03", "Large print", "Penicillin", "Lake", '<option value="vi" selected'):
        assert shown in page, shown
    assert "Allergy: Penicillin" in house.page("cleo", f"/cases/{id_text(case_id)}")
    house.post("sol", here, status=409, **TOLD, version=old)
    # A blank clears a word and leaves the birth date, which links ask for.
    house.post("ada", here, **{**TOLD, "gender": "", "born_on": ""}, version=version(house, case_id))
    with house.look() as session:
        row = session.get_one(Person, session.get_one(Case, case_id).person_id)
        known = details.of(row)
        assert (known.gender, known.born_on, known.interpreter) == ("", date(1988, 2, 3), True)
        assert [f.person.id for f in finding.find("Theodore Lane", house.cast.site.id)] == [row.id]
        for column in details.SEALED:
            assert b"Theodore" not in (getattr(row, column) or b"")


def test_daily_life_is_kept_with_the_case_and_sealed(stage: tuple[Center, int]) -> None:
    house, case_id = stage
    here = f"/cases/{id_text(case_id)}/circumstances"
    life = {"dependants": "Two children, 4 and 7", "pets": "A dog", "transport": "Bus, 40 minutes"}
    old = version(house, case_id, person=False)
    house.post("ada", here, status=422, **{**life, "pets": "x" * 501}, version=old)
    house.post("ada", here, **life, version=old)
    page = house.page("petra", f"/cases/{id_text(case_id)}/person")
    assert "Two children, 4 and 7" in page
    house.post("ada", here, status=409, pets="A cat", version=old)
    assert b"dog" not in (house.case(case_id).circumstances or b"")


def test_legal_details_are_for_clinicians_supervisors_and_the_privacy_officer(stage: tuple[Center, int]) -> None:
    house, case_id = stage
    here = f"/cases/{id_text(case_id)}/legal"
    told = {"probation": "Officer Hale, County", "duty_to_report": "Attendance, monthly"}
    for who in ("ada", "petra", "alex"):
        assert house.as_(who).get(here).status_code == 403, who
        assert house.as_(who).post(here, data=told).status_code == 403, who
    assert house.as_("cora").get(here).status_code == 404
    house.post("cleo", here, **told, version=version(house, case_id, person=False))
    assert "Officer Hale" in house.page("drew", here)
    house.post("drew", here, status=422, **{**told, "order": "a\x00b"}, version="1")
    house.post("drew", here, order="24-CR-118", version=version(house, case_id, person=False))
    assert "Officer Hale" not in house.page("sol", here), "a blank takes an item away"
    assert "24-CR-118" not in house.page("ada", f"/cases/{id_text(case_id)}")


def test_at_admission_what_nobody_asked_yet_is_named_and_stands_in_the_way_of_nothing(
    stage: tuple[Center, int],
) -> None:
    house, case_id = stage
    with house.look() as session:
        person_id = session.get_one(Case, case_id).person_id
        missing = details.missing_for_admission(person_id)
        assert missing == ["legal name", "birth date", "language", "address", "county"]
    house.post("ada", f"/cases/{id_text(case_id)}/person", **TOLD, version=version(house, case_id))
    with house.look():
        assert details.missing_for_admission(person_id) == []


def test_all_of_it_is_gone_with_the_person(stage: tuple[Center, int]) -> None:
    house, case_id = stage
    house.post("ada", f"/cases/{id_text(case_id)}/person", **TOLD, version=version(house, case_id))
    with house.app.app_context():
        with transaction():
            db.session.get_one(Case, case_id).state = CaseState.CLOSED
        case = db.session.get_one(Case, case_id)
        with transaction():
            erasing.erase(case.person_id, actor=house.cast.drew, now=utcnow())
        row = people.person(case.person_id)
        assert (row.county, row.language) == ("", "")
        assert circumstances.of(case, circumstances.LIFE) == {}
        assert details.of(row).gender == "(erased)"
