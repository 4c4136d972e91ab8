"""People and contact points on both databases: sealed, found with typos, added and stopped (safety.md 6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import LargeBinary, select

from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import Missing, RuleBroken
from intake.people import finding, queries, service
from intake.people.models import ContactKind, ContactPoint, MatchKey, Person, PersonKind
from tests.people import Cast, make_cast

NOW = utcnow()


@pytest.fixture
def cast(app: Flask) -> Iterator[Cast]:
    with app.app_context():
        with transaction():
            made = make_cast()
        yield made


def add(cast: Cast, name: str, phone: str = "", email: str = "", **more: Any) -> int:
    given = {"kind": PersonKind.KNOWN, "site": cast.site, **more}
    with transaction():
        person = service.add_person(used_name=name, actor=cast.ada, now=NOW, **given)
        for kind, value in ((ContactKind.PHONE, phone), (ContactKind.EMAIL, email)):
            if value:
                service.add_contact(person, kind=kind, value=value, actor=cast.ada, now=NOW)
    return person.id


def found(cast: Cast, text: str) -> list[str]:
    return [hit.person.name for hit in finding.find(text, cast.site.id)]


def test_identity_stands_nowhere_in_the_clear(cast: Cast) -> None:
    add(cast, "Dana Quintero", "+15550147734", "dana@mail.example", born_on=date(1984, 7, 3), legal_name="Dana Q. Xu")
    for table in (Person, ContactPoint, MatchKey):
        for row in db.session.scalars(select(table)):
            for column in table.__table__.columns:
                value = str(getattr(row, column.key))
                # An id or a sealed text is random, and two letters or four digits turn up in it by chance.
                for secret in ("Dana", "Quintero", "Q. Xu", "0147734", "mail.example", "1984-07-03"):
                    assert secret not in value, (table, column.key)
    assert isinstance(Person.__table__.c.legal_name.type, LargeBinary)


@pytest.mark.parametrize(
    "typed",
    ["Quintero", "quintero", "Dana Quintero", "Quintero Dana", "Quintera", "Kintero", "Dana Q", "quint", "DANA"],
)
def test_a_name_is_found_with_typos_and_in_any_order(cast: Cast, typed: str) -> None:
    add(cast, "Dana Quintero")
    add(cast, "Theo Barnes")
    assert found(cast, typed)[:1] == ["Dana Quintero"]


def test_a_first_name_of_two_letters_is_found(cast: Cast) -> None:
    add(cast, "Bo")
    assert found(cast, "Bo") == ["Bo"]


@pytest.mark.parametrize("typed", ["5550147734", "(555) 014-7734", "+1 555 014 7734", "014-7734"])
def test_a_phone_is_found_however_it_is_typed(cast: Cast, typed: str) -> None:
    add(cast, "Dana", "+15550147734")
    add(cast, "Theo", "+15550140000")
    assert found(cast, typed) == ["Dana"]


def test_an_email_is_found_without_regard_to_case(cast: Cast) -> None:
    add(cast, "Dana", email="Dana.Q@mail.example")
    assert found(cast, "dana.q@MAIL.example") == ["Dana"]


@pytest.mark.parametrize("typed", ["", " ", "\x00", "😀", "x" * 5000, "%", "' OR 1=1", "李", "12", "@"])
def test_odd_text_finds_nobody_and_breaks_nothing(cast: Cast, typed: str) -> None:
    add(cast, "Dana")
    assert found(cast, typed) == []


def test_a_placeholder_and_another_site_are_never_found(cast: Cast) -> None:
    add(cast, "Dana Quintero", "+15550147734", kind=PersonKind.PLACEHOLDER)
    add(cast, "Dana Quintero", "+15550147734", site=cast.other_site)
    assert found(cast, "Dana Quintero") == found(cast, "5550147734") == []
    assert finding.likely_same(site_id=cast.site.id, name="Dana Quintero", phone="+15550147734") == []


def test_a_placeholder_that_becomes_known_is_found_by_name_and_phone(cast: Cast) -> None:
    i = add(cast, "Dana Quintero", "+15550147734", kind=PersonKind.PLACEHOLDER)
    with transaction():
        service.become_known(i, how="own_contact", actor=cast.ada, now=NOW)
    assert found(cast, "Quintero") == found(cast, "5550147734") == ["Dana Quintero"]


def test_a_new_name_is_found_and_the_old_one_no_more(cast: Cast) -> None:
    i = add(cast, "Dana Quintero")
    with transaction():
        service.rename(i, used_name="Dee Okafor", actor=cast.ada, now=NOW)
    assert found(cast, "Okafor") == ["Dee Okafor"]
    assert found(cast, "Quintero") == []


def test_the_same_person_is_suggested_best_first_with_reasons(cast: Cast) -> None:
    same = add(cast, "Dana Quintero", "+15550147734", born_on=date(1984, 7, 3))
    alike = add(cast, "Dana Kintero", born_on=date(1984, 3, 7))
    add(cast, "Theo Barnes", "+15550140000")
    hits = finding.likely_same(
        site_id=cast.site.id, name="Dana Quintero", born_on=date(1984, 7, 3), phone="+15550147734"
    )
    assert [h.person.id for h in hits] == [same, alike]
    assert hits[0].same
    assert set(hits[0].reasons) == {"same name", "same phone", "same birth date"}
    assert hits[0].score == 100 > hits[1].score
    assert not finding.likely_same(site_id=cast.site.id, name="Dana Quintero", leave_out=[same, alike])


def test_somebody_of_another_name_with_the_same_phone_is_shown_too(cast: Cast) -> None:
    add(cast, "Rosa Quintero", "+15550147734", born_on=date(1955, 1, 1))
    hits = finding.likely_same(site_id=cast.site.id, name="Theo Barnes", born_on=date(1990, 5, 5), phone="+15550147734")
    assert [(h.person.name, h.same) for h in hits] == [("Rosa Quintero", False)]
    assert hits[0].reasons == ("same phone",)


def test_contact_points_are_added_and_stopped_and_never_changed(cast: Cast) -> None:
    i = add(cast, "Dana", "+15550147734")
    point = queries.contact_points(i)[0]
    assert not (point.may_call)
    assert not (point.may_voicemail)
    assert not (point.may_text)
    assert not (point.may_name_center)
    with transaction():
        service.stop_contact(point.id, reason="asked", actor=cast.ada, now=NOW)
    after = queries.contact_points(i)[0]
    assert (after.value, after.usable, after.stopped_at) == ("+15550147734", False, NOW)
    with pytest.raises(RuleBroken, match="was stopped"), transaction():
        service.verify_contact(point.id, how="read_back", actor=cast.ada, now=NOW)


def test_verifying_says_who_made_sure_and_may_carry_the_consent(cast: Cast) -> None:
    i = add(cast, "Dana", email="dana@mail.example")
    point = queries.contact_points(i)[0]
    with transaction():
        service.verify_contact(
            point.id, how="read_back", consent=True, consent_kinds=["reminder"], actor=cast.ada, now=NOW
        )
    after = queries.contact_points(i)[0]
    assert (after.verified_at, after.consented_at, after.may_email) == (NOW, NOW, True)


def test_another_site_cannot_touch_a_person_or_their_contact(cast: Cast) -> None:
    i = add(cast, "Dana", "+15550147734")
    point = queries.contact_points(i)[0]
    with pytest.raises(Missing), transaction():
        service.rename(i, used_name="X", actor=cast.cora, now=NOW)
    with pytest.raises(Missing), transaction():
        service.stop_contact(point.id, reason="x", actor=cast.cora, now=NOW)


@pytest.mark.parametrize(
    ("born", "told", "age"),
    [(date(2000, 2, 29), None, 25), (None, 31, 31), (date(2000, 3, 1), 99, 25), (None, None, None)],
)
def test_age_comes_from_the_birth_date_else_as_told(born: date | None, told: int | None, age: int | None) -> None:
    assert queries.age_on(born, told, date(2025, 3, 1)) == age
