"""Join and take back: equal rows, one winner, tombstones that refuse (product.md 2.3 no. 4; rulings 9)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, IntakeError, Missing, RuleBroken
from intake.inquiries import queries as inquiries
from intake.inquiries import service as inquiry_service
from intake.inquiries.models import Channel, Inquiry, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.people import finding, merging, queries, service
from intake.people.models import ContactKind, MatchKey, Person, PersonKind
from tests.people import Cast, make_cast

NOW = utcnow()


@pytest.fixture
def cast(app: Flask) -> Iterator[Cast]:
    with app.app_context():
        with transaction():
            made = make_cast()
        yield made


def inquiry(cast: Cast, name: str, phone: str, danger: str = "none") -> int:
    said = InquiryValues(
        relation=Relation.SELF, danger=danger_of([danger]), name=name, born_on=date(1984, 7, 3), consent=True,
        reach=Reach(phone=phone), own_words=f"{name} asks",
    )  # fmt: skip
    with transaction():
        row = inquiry_service.receive(said, channel=Channel.WEB, actor=cast.ada, now=NOW, site=cast.site)
        return row.person_id


@pytest.fixture
def pair(cast: Cast) -> tuple[int, int]:
    """Somebody who asked twice, under two spellings: (loser, survivor)."""
    return inquiry(cast, "Dana Kintero", "+15550140001"), inquiry(cast, "Dana Quintero", "+15550147734")


def join(cast: Cast, loser: int, survivor: int) -> int:
    with transaction():
        return merging.merge(loser, survivor, reason="same", actor=cast.ada, now=NOW).id


def every_row() -> dict[str, Any]:
    """All rows that merging may touch; match keys by what they say, since they are written anew."""
    db.session.rollback()
    found: dict[str, Any] = {}
    for name, table, _column in merging._pointers():
        rows = db.session.execute(select(table).order_by(table.c.id))
        found[name.split(".")[0]] = [tuple(r) for r in rows]
    people = Person.__table__
    columns = [c for c in people.columns if c.key != "version"]
    found["person"] = [tuple(r) for r in db.session.execute(select(*columns).order_by(people.c.id))]
    keys = db.session.execute(select(MatchKey.person_id, MatchKey.kind, MatchKey.token))
    found["match_key"] = sorted(tuple(r) for r in keys)
    return found


def test_what_pointed_at_the_loser_points_at_the_survivor(cast: Cast, pair: tuple[int, int]) -> None:
    loser, survivor = pair
    join(cast, loser, survivor)
    rows = db.session.scalars(select(Inquiry)).all()
    assert {r.person_id for r in rows} == {r.inquirer_id for r in rows} == {survivor}
    assert {c.value for c in queries.contact_points(survivor)} == {"+15550140001", "+15550147734"}
    assert {inquiries.own_words(r) for r in rows} == {"Dana Kintero asks", "Dana Quintero asks"}
    gone = db.session.get_one(Person, loser)
    assert (gone.kind, gone.merged_into) == (PersonKind.TOMBSTONE, survivor)


def test_the_survivor_is_found_by_the_names_and_phones_of_both(cast: Cast, pair: tuple[int, int]) -> None:
    join(cast, *pair)
    for typed in ("Kintero", "Quintero", "555 014 0001", "555 014 7734"):
        assert [h.person.id for h in finding.find(typed, cast.site.id)] == [pair[1]], typed


def test_taking_it_back_restores_equal_rows(cast: Cast, pair: tuple[int, int]) -> None:
    before = every_row()
    merge_id = join(cast, *pair)
    assert every_row() != before
    with transaction():
        merging.unmerge(merge_id, theirs={}, reason="mistake", actor=cast.ada, now=NOW)
    after = every_row()
    for table, rows in before.items():
        assert after[table] == rows, table


def test_a_tombstone_refuses_writes_in_the_service_and_in_the_database(cast: Cast, pair: tuple[int, int]) -> None:
    join(cast, *pair)
    with pytest.raises(RuleBroken, match="joined with another"), transaction():
        service.rename(pair[0], used_name="X", actor=cast.ada, now=NOW)
    with pytest.raises(DBAPIError, match="joined with another"), transaction():
        db.session.execute(text("UPDATE person SET sex = 'x' WHERE id = :i"), {"i": pair[0]})


def test_a_join_is_refused_with_the_reason_while_both_have_an_open_case(cast: Cast) -> None:
    one = inquiry(cast, "Dana Kintero", "+15550140001", "seizure_24h")
    other = inquiry(cast, "Dana Quintero", "+15550147734", "seizure_24h")
    assert len(db.session.scalars(select(Case)).all()) == 2
    with pytest.raises(RuleBroken, match="Both records have an open case"), transaction():
        merging.merge(one, other, reason="same", actor=cast.ada, now=NOW)


def test_the_one_open_case_comes_along(cast: Cast) -> None:
    one = inquiry(cast, "Dana Kintero", "+15550140001", "seizure_24h")
    other = inquiry(cast, "Dana Quintero", "+15550147734")
    join(cast, one, other)
    assert db.session.scalars(select(Case)).one().person_id == other


def test_nobody_is_joined_with_themselves_with_a_placeholder_or_across_sites(cast: Cast, pair: tuple[int, int]) -> None:
    with transaction():
        unknown = service.add_person(
            site=cast.site, kind=PersonKind.PLACEHOLDER, used_name="", actor=cast.ada, now=NOW
        ).id
        foreign = service.add_person(
            site=cast.other_site, kind=PersonKind.KNOWN, used_name="D", actor=cast.cora, now=NOW
        ).id
    for loser, survivor, error in ((pair[0], pair[0], RuleBroken), (pair[0], unknown, RuleBroken),
                                   (pair[0], foreign, Missing), (foreign, pair[0], Missing)):  # fmt: skip
        with pytest.raises(error), transaction():
            merging.merge(loser, survivor, reason="x", actor=cast.ada, now=NOW)


def test_a_placeholder_joins_somebody_known(cast: Cast, pair: tuple[int, int]) -> None:
    with transaction():
        unknown = service.add_person(
            site=cast.site, kind=PersonKind.PLACEHOLDER, used_name="D.", actor=cast.ada, now=NOW
        ).id
    merge_id = join(cast, unknown, pair[1])
    with transaction():
        merging.unmerge(merge_id, theirs={}, reason="mistake", actor=cast.ada, now=NOW)
    assert db.session.get_one(Person, unknown).kind is PersonKind.PLACEHOLDER
    assert next(h.person.id for h in finding.find("Dana Quintero", cast.site.id)) == pair[1]


def test_of_two_opposite_joins_one_wins_and_one_is_refused(app: Flask, cast: Cast, pair: tuple[int, int]) -> None:
    db.session.remove()
    ada, start, outcomes = cast.ada, threading.Barrier(2), []

    def run(loser: int, survivor: int) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    merging.merge(loser, survivor, reason="same", actor=ada, now=NOW)
                outcomes.append("joined")
            except IntakeError as refused:
                outcomes.append(type(refused).__name__)

    threads = [threading.Thread(target=run, args=p) for p in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["AlreadyDone", "joined"]


def test_after_new_rows_each_must_be_given_to_somebody(cast: Cast, pair: tuple[int, int]) -> None:
    loser, survivor = pair
    merge_id = join(cast, loser, survivor)
    with transaction():
        person = db.session.get_one(Person, survivor)
        point = service.add_contact(person, kind=ContactKind.PHONE, value="+15550149999", actor=cast.ada, now=NOW).id
    assert merging.new_rows(merge_id, actor=cast.ada) == {"contact_point.person_id": [point]}
    with pytest.raises(RuleBroken, match="Say whose") as refused, transaction():
        merging.unmerge(merge_id, theirs={}, reason="x", actor=cast.ada, now=NOW)
    name = f"contact_point.person_id:{point}"
    assert list(refused.value.fields) == [name]
    with transaction():
        merging.unmerge(merge_id, theirs={name: True}, reason="x", actor=cast.ada, now=NOW)
    assert "+15550149999" in {c.value for c in queries.contact_points(loser)}
    with pytest.raises(AlreadyDone), transaction():
        merging.unmerge(merge_id, theirs={}, reason="x", actor=cast.ada, now=NOW)


def test_a_chain_is_taken_back_from_its_end_and_erased_as_a_whole(cast: Cast, pair: tuple[int, int]) -> None:
    third = inquiry(cast, "Dana Q.", "+15550140003")
    first = join(cast, *pair)
    second = join(cast, pair[1], third)
    assert merging.living(pair[0]) == third
    assert merging.all_of(third) == sorted((*pair, third))
    with pytest.raises(AlreadyDone, match="Take that back first"), transaction():
        merging.unmerge(first, theirs={}, reason="x", actor=cast.ada, now=NOW)
    for merge_id in (second, first):
        with transaction():
            merging.unmerge(merge_id, theirs={}, reason="x", actor=cast.ada, now=NOW)
    assert [r.person_id for r in db.session.scalars(select(Inquiry).order_by(Inquiry.received_at, Inquiry.id))]
    assert {r.person_id for r in db.session.scalars(select(Inquiry))} == {*pair, third}
