"""Emergency contacts: asked at admission, told through the gate alone, and never more than a signed consent names."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from intake import crypto
from intake.cases import erasing, keeping
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.consents.models import Disclosure, DisclosureState
from intake.db import db, id_text, transaction
from intake.people import finding
from intake.people import queries as people
from intake.people.models import EmergencyContact, Person, PersonKind
from intake.release import service as gate
from intake.release.service import Ask
from tests.cases.folk import waiting
from tests.release.agreeing import agreed
from tests.workflows.steps import LEAVING, Center, open_center

NAMED = {
    "name": "Nora Lane", "relation": "sibling", "phone": "(555) 014-9231", "may_call": "yes",
    "may_be_told": "Only that I am all right.",
}  # fmt: skip


@pytest.fixture
def house(app_sqlite: Flask) -> Center:
    """A center with its staff."""
    return open_center(app_sqlite)


def someone(house: Center, name: str = "Theo") -> int:
    """A person whose case waits."""
    with house.app.app_context():
        case, _ = waiting(house.cast, name=name)
        return case.id


def at(case_id: int, tail: str = "") -> str:
    return f"/cases/{id_text(case_id)}/emergency-contact{tail}"


def named(house: Center, case_id: int, **more: Any) -> str:
    """Ada writes down whom the person named; returns the key of the contact."""
    house.post("ada", at(case_id, "/add"), **{**NAMED, **more})
    with house.look() as session:
        row = session.scalars(select(EmergencyContact).order_by(EmergencyContact.created_at.desc())).first()
        assert row is not None
        return id_text(row.id)


def agrees(house: Center, case_id: int, key: str) -> str:
    """The person signs that their contact may hear that they are in care; returns the address of the consent."""
    wrote = house.post("ada", at(case_id, f"/{key}/consent"), parts=["presence"], end_event="my care here ends")
    here = str(wrote.headers["Location"])
    house.post("ada", f"{here}/sign", signed_how="paper", signed_name="Marcus Webb")
    return here


def allowed(house: Center, case_id: int, key: str, who: str = "cleo") -> str:
    """The gate lets somebody tell; returns the address of what came of it."""
    house.post(who, at(case_id, f"/{key}/tell"), parts=["presence"])
    page = house.as_(who).get(at(case_id)).text
    found = re.search(r'action="(/cases/\w+/emergency-contact/\w+/told/\w+)"', page)
    assert found is not None
    return found[1]


def disclosures(house: Center) -> list[tuple[DisclosureState, str]]:
    """What the gate wrote, oldest first."""
    with house.look() as session:
        rows = session.scalars(select(Disclosure).order_by(Disclosure.at, Disclosure.id))
        return [(row.state, row.reason) for row in rows]


def phone_of(house: Center, case_id: int) -> str:
    """The radio of the phone on the page."""
    found = re.search(r'name="how" value="(\d+)"', house.as_("cleo").get(at(case_id)).text)
    assert found is not None
    return found[1]


def test_who_is_admitted_is_asked_for_an_emergency_contact_and_nobody_waits_for_the_answer(house: Center) -> None:
    case_id = house.accepted()
    house.step("ada", case_id, "schedule", starts_at=house.local(hours=1), kind="admission")
    assert "No emergency contact is named yet." in house.page("cleo", f"/cases/{id_text(case_id)}/admit")
    house.step("cleo", case_id, "admit", level="inpatient_detox", contact="later")
    assert house.case(case_id).state is CaseState.ADMITTED
    assert "name_contact" in house.owed(case_id=case_id)
    named(house, case_id)
    assert "name_contact" not in house.owed(case_id=case_id)
    assert "Nora Lane (brother or sister)" in house.page("cleo", f"/cases/{id_text(case_id)}/discharge")


def test_who_wants_nobody_told_owes_nothing_and_it_stands_in_the_story(house: Center) -> None:
    case_id = house.accepted()
    house.step("ada", case_id, "schedule", starts_at=house.local(hours=1), kind="admission")
    house.step("cleo", case_id, "admit", level="inpatient_detox", contact="wants_none")
    assert "name_contact" not in house.owed(case_id=case_id)
    assert "Emergency contact: none wanted" in house.page("ada", f"/cases/{id_text(case_id)}")
    house.post("ada", at(someone(house), "/none"))


def test_a_contact_keeps_what_was_typed_when_something_is_missing_and_is_nobodys_patient(house: Center) -> None:
    case_id = someone(house)
    wrong = house.post("ada", at(case_id, "/add"), status=422, **{**NAMED, "relation": "", "phone": "12"})
    assert 'value="Nora Lane"' in wrong.text
    assert "Say how they are related." in wrong.text
    key = named(house, case_id)
    page = house.page("ada", at(case_id))
    assert "nothing may be told" in page
    assert "Phone: call" in page
    with house.look() as session:
        contact = session.scalars(select(Person).order_by(Person.created_at.desc())).first()
        assert contact is not None
        assert contact.kind is PersonKind.PLACEHOLDER
        assert finding.find("Nora Lane", house.cast.site.id) == []
    # Their phone stands on the page of safe contact, under their name, with the same rules as any.
    assert "Phone, Nora Lane" in house.page("ada", f"/cases/{id_text(case_id)}/contact")
    old = house.as_("ada").get(at(case_id)).text
    house.post("ada", at(case_id, f"/{key}"), relation="friend", may_be_told="That I am safe.", version="1")
    assert "Friend" in house.page("ada", at(case_id))
    assert 'name="version" value="1"' in old
    house.post("ada", at(case_id, f"/{key}"), status=409, relation="friend", may_be_told="", version="1")
    house.post("ada", at(case_id, f"/{key}/end"))
    assert "Nora Lane" not in house.page("ada", at(case_id))


def test_without_consent_nobody_is_told_and_the_refusal_is_written_down(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id)
    answer = house.post("cleo", at(case_id, f"/{key}/tell"), status=422, parts=["presence"])
    assert "Say nothing. The refusal was written down." in answer.text
    assert disclosures(house) == [(DisclosureState.REFUSED, "no_basis")]
    # More than family is ever told is not on the page and not taken from a form.
    house.post("cleo", at(case_id, f"/{key}/tell"), status=422, parts=["presence", "plan"])
    house.post("cleo", at(case_id, f"/{key}/tell"), status=422)


def test_under_a_signed_consent_a_contact_is_told_by_a_safe_phone_and_no_more_than_it_names(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id)
    consent = house.post("ada", at(case_id, f"/{key}/consent"), parts=["presence"], end_event="my care here ends")
    assert "Nora Lane, brother or sister" in house.page("ada", str(consent.headers["Location"]))
    house.post("cleo", at(case_id, f"/{key}/tell"), status=422, parts=["presence"])
    here = str(consent.headers["Location"])
    house.post("ada", f"{here}/sign", signed_how="paper", signed_name="Marcus Webb")
    house.post("cleo", at(case_id, f"/{key}/tell"), status=422, parts=["presence", "visits"])
    said = allowed(house, case_id, key)
    page = house.page("cleo", at(case_id))
    assert "You may tell them now" in page
    assert "That the person is or was in care here, and when" in page
    assert "Only that I am all right." in page
    house.post("cleo", said, status=422, outcome="told", how="17")
    house.post("cyrus", said, status=404, outcome="told", how="in_person")
    house.post("cleo", said, outcome="told", how=phone_of(house, case_id))
    assert disclosures(house) == [
        (DisclosureState.REFUSED, "unsigned"),
        (DisclosureState.REFUSED, "wider"),
        (DisclosureState.DELIVERED, ""),
    ]
    house.post("cleo", said, status=404, outcome="told", how="in_person")
    assert "Emergency contact: told" in house.page("cleo", f"/cases/{id_text(case_id)}")


def test_a_phone_that_is_not_safe_is_no_way_to_tell_them(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id, may_call="")
    agrees(house, case_id, key)
    said = allowed(house, case_id, key)
    assert "No phone of theirs is safe to call now." in house.page("cleo", at(case_id))
    house.post("cleo", said, outcome="not_reached", how="in_person")
    assert disclosures(house)[-1] == (DisclosureState.FAILED, "not_reached")


def test_a_consent_taken_back_holds_from_the_next_request_also_for_what_was_allowed_before(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id)
    consent = agrees(house, case_id, key)
    said = allowed(house, case_id, key)
    house.post("ada", f"{consent}/revoke", revoked_how="spoken")
    late = house.post("cleo", said, status=422, outcome="told", how=phone_of(house, case_id))
    assert "took the consent back" in late.text
    house.post("cleo", at(case_id, f"/{key}/tell"), status=422, parts=["presence"])
    assert disclosures(house) == [(DisclosureState.FAILED, "revoked"), (DisclosureState.REFUSED, "revoked")]


def test_a_legal_ground_needs_its_facts_and_a_role_that_may_use_it_and_is_looked_at(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id)
    ground = {"parts": ["presence"], "ground": "emergency"}
    house.post("cleo", at(case_id, f"/{key}/tell"), status=422, **ground)
    facts = {"facts": "Unconscious; the family is asked for the medicines."}
    house.post("ada", at(case_id, f"/{key}/tell"), status=422, **ground, **facts)
    house.post("cleo", at(case_id, f"/{key}/tell"), **ground, **facts)
    assert disclosures(house) == [(DisclosureState.REFUSED, "role"), (DisclosureState.AUTHORIZED, "")]
    assert "review_disclosure" in house.owed(case_id=case_id)


def test_who_leaves_early_and_asks_us_to_tell_somebody_is_not_forgotten(house: Center) -> None:
    case_id = house.admitted()
    key = named(house, case_id)
    agrees(house, case_id, key)
    house.step("cleo", case_id, "discharge", tell_contact="yes", **LEAVING)
    assert "tell_contact" in house.owed(case_id=case_id)
    said = allowed(house, case_id, key)
    house.post("cleo", said, outcome="told", how="in_person")
    assert "tell_contact" not in house.owed(case_id=case_id)


def test_a_consent_that_the_person_signed_for_family_before_can_be_bound(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id)
    with house.app.app_context():
        signed = agreed(
            house.cast, house.case(case_id), recipient="Nora, sister", purpose="family", parts=("presence",)
        )
    house.post("ada", at(case_id, f"/{key}/consent"), signed=id_text(signed))
    assert "may be told" in house.page("ada", at(case_id))
    house.post("ada", at(case_id, f"/{key}/consent"), status=422, signed="aaaaaaaaaaaaa")


def test_staff_of_the_center_see_emergency_contacts_and_nobody_else(house: Center) -> None:
    case_id = someone(house)
    key = named(house, case_id)
    for who, status in (("drew", 403), ("alex", 403), ("cora", 404), ("sol", 200), ("petra", 200)):
        assert house.as_(who).get(at(case_id)).status_code == status, who
        told = house.as_(who).post(at(case_id, f"/{key}/tell"), data={"parts": ["presence"]})
        assert told.status_code == (422 if status == 200 else status), who


def test_a_contact_of_one_case_is_not_told_about_another(house: Center) -> None:
    first, second = someone(house), someone(house, "Ruth")
    key = named(house, first)
    house.post("cleo", at(second, f"/{key}/tell"), status=404, parts=["presence"])
    house.post("ada", at(second, f"/{key}/end"), status=404)
    house.post("ada", at(second, f"/{key}/consent"), status=404, parts=["presence"], end_event="the end")


def test_whom_somebody_named_is_erased_with_them_and_kept_as_long_as_they_are(house: Center) -> None:
    case_id = someone(house)
    named(house, case_id)
    with house.app.app_context():
        person_id = house.case(case_id).person_id
        contact_id = db.session.scalars(select(EmergencyContact.contact_id)).one()
        assert contact_id not in keeping.due(house.cast.site.id, keeping.INQUIRY, now=utcnow())
        with transaction():
            db.session.get_one(Case, case_id).state = CaseState.CLOSED
        with transaction():
            assert erasing.erase(person_id, actor=house.cast.drew, now=utcnow()) == 2
        assert people.opened(db.session.get_one(Person, contact_id)).used_name == crypto.ERASED
        assert db.session.scalars(select(EmergencyContact.ended_at)).one() is not None


def test_a_spoken_word_takes_no_way_around_the_gate(house: Center) -> None:
    case_id = someone(house)
    with house.app.app_context(), transaction():
        row = gate.authorize(case_id, Ask(("presence",), way="spoken"), actor=house.cast.cleo, now=utcnow())
        assert row.state is DisclosureState.REFUSED
