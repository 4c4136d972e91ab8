"""Who may be the same human: scored, with reasons, at two limits (product.md 8; issue 6 point 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.people import matching
from intake.people.likeness import Traits, blocks, split, weigh
from tests.bench.duplicates import measure

ROSA = Traits(given="rosa", surname="delgado", born="19840703", phone="+15550147734")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "same name"),
        ({"surname": "delgato"}, "surname sounds alike"),
        ({"given": "delgado", "surname": "rosa"}, "names the other way round"),
        ({"born": "19840307"}, "birth date differs in one part"),
        ({"born": "19840730"}, "birth date differs in one part"),
        ({"born": ""}, "same phone"),
    ],
)
def test_a_slip_of_the_hand_still_finds_the_same_person_and_says_why(change: dict[str, Any], reason: str) -> None:
    verdict = weigh(ROSA, replace(ROSA, **change))
    assert verdict.is_same
    assert reason in verdict.reasons


def test_the_same_name_alone_is_worth_showing_and_never_enough() -> None:
    verdict = weigh(Traits(given="maria", surname="garcia"), Traits(given="maria", surname="garcia"))
    assert verdict.suggests
    assert not verdict.is_same


def test_the_same_phone_with_another_name_is_not_taken_for_the_same() -> None:
    verdict = weigh(ROSA, Traits(given="tom", surname="weber", phone=ROSA.phone))
    assert not verdict.is_same
    assert "another given name" in verdict.reasons


def test_strangers_are_not_shown() -> None:
    assert not weigh(ROSA, Traits(given="tom", surname="weber", born="19700101")).suggests


def test_what_is_not_known_counts_nothing_either_way() -> None:
    assert weigh(ROSA, Traits()).points == 0


TEXT = st.text(max_size=12)
TRAITS = st.builds(
    Traits, given=TEXT, surname=TEXT, born=st.sampled_from(["", "19840703", "x"]), age=st.none() | st.integers(0, 99),
    phone=TEXT, postcode=TEXT, street=TEXT,
)  # fmt: skip


@given(TRAITS, TRAITS)
def test_weighing_is_the_same_from_both_sides_and_stays_between_0_and_100(one: Traits, other: Traits) -> None:
    there, back = weigh(one, other), weigh(other, one)
    assert there.points == back.points
    assert 0 <= there.score <= 100


@given(st.text(max_size=200))
def test_any_name_has_words_a_split_and_keys(name: str) -> None:
    assert len(matching.words(name)) <= 6
    assert all(w == w.casefold() for w in matching.words(name))
    given_name, surname = split(name)
    assert bool(given_name) >= bool(surname)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Müller", "mueller"), ("O’Brien", "obrien"), ("José", "jose"), ("Catherine", "Katherine"), ("Smyth", "Smith")],
)
def test_names_written_in_two_ways_are_alike(one: str, other: str) -> None:
    assert matching.likeness(one, other) >= 0.85


def test_pairs_with_a_slip_share_a_block() -> None:
    assert blocks(ROSA) & blocks(replace(ROSA, given="rose", phone=""))
    assert blocks(ROSA) & blocks(replace(ROSA, born="", phone=""))


def test_the_measurement_counts_what_is_found_and_what_is_right() -> None:
    twin = replace(ROSA, surname="delgato")
    other = Traits(given="tom", surname="weber", born="19700101", phone="+15550140000")
    figures = measure([[("rec-1", ROSA), ("rec-1", twin), ("rec-2", other), ("rec-2", Traits(given="kim"))]])
    assert (figures["pairs"], figures["found"]) == (2, 1)
    assert (figures["recall"], figures["precision"]) == (0.5, 1.0)
