"""From answers to findings: what is unknown stays unknown, what is open shows no total, the server does the sums."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.clinical import instruments, routing
from intake.screening.findings import daily_mme, findings, flat, opioid_use, rows, truth
from intake.screening.parts import DANGER, PARTS, SETS
from intake.screening.scores import shown
from tests.depth import examples
from tests.screening.sitting import DANA, SAFETY, USE, cows

ALL = {name: value for part in DANA.values() for name, value in part.items()}


def test_every_name_stands_in_one_part_only() -> None:
    names = [name for part in PARTS for name in part.names()]
    assert len(names) == len(set(names))


def test_every_set_names_parts_that_exist() -> None:
    keys = {part.key for part in PARTS}
    assert all(set(wanted) <= keys for wanted in SETS.values())


def test_no_answer_at_all_leaves_every_fact_unknown() -> None:
    facts = findings({}).facts
    blank = routing.Facts(alcohol="unknown", benzo="unknown", pregnancy="unknown", oih="not_done")
    assert facts == blank


@pytest.mark.parametrize("word", ["unknown", "not_able_to_ask", None])
def test_unknown_and_not_able_to_ask_are_never_no(word: str | None) -> None:
    assert truth(word) is None
    facts = findings({**ALL, **dict.fromkeys(DANGER, word)}).facts
    assert all(getattr(facts, name) is None for name in DANGER)
    assert "N06" in {rule.id for rule in routing.place(facts).fired}


def test_a_pregnancy_that_does_not_apply_is_no_pregnancy() -> None:
    assert findings({**ALL, "pregnancy": "not_applicable"}).facts.pregnancy == "no"


def test_the_person_of_the_pictures_has_the_findings_of_the_pictures() -> None:
    found = findings(ALL)
    assert found.explanation is not None
    assert found.explanation.class_ == "oih_features"
    assert dict(found.explanation.scores) == {"oih": 8, "tolerance": 1, "withdrawal": 4}
    assert found.facts.mme == 135
    placed = routing.place(found.facts)
    assert (placed.queue, placed.acuity, placed.priority) == ("detox", 2, 25)
    assert not placed.incomplete


def test_an_instrument_nobody_started_has_no_score() -> None:
    assert findings({"cows-pulse": "unknown"}).scores == {}


@given(st.data())
@settings(max_examples=examples(200), deadline=None)
def test_every_set_of_cows_answers_shows_its_sum_or_its_range_and_a_band_only_when_it_is_certain(data: Any) -> None:
    cows_items = instruments.get("cows").items
    picked = {i.id: data.draw(st.sampled_from([None, *(o.value for o in i.options)])) for i in cows_items}
    values = {f"cows-{item}": value for item, value in picked.items() if value is not None}
    given_sum = sum(v for v in picked.values() if v is not None)
    open_sum = sum(max(o.value for o in i.options) for i in cows_items if picked[i.id] is None)
    instrument = instruments.get("cows")
    view = shown(instrument, instruments.score("cows", picked), values, None)
    low, high = instrument.band_of(given_sum), instrument.band_of(given_sum + open_sum)
    assert low is not None
    if open_sum:
        assert not view.is_whole
        assert view.left == sum(v is None for v in picked.values())
        assert view.reach.startswith(f"{given_sum} to {given_sum + open_sum}")
    else:
        assert view.is_whole
        assert view.total == str(given_sum)
    assert view.band == (low.label if low == high else "")


def test_ten_of_eleven_cows_answers_show_15_to_20_moderate() -> None:
    values = {k: v for k, v in cows(15).items() if k != "cows-gooseflesh"}
    answers = {k.removeprefix("cows-"): v for k, v in values.items()}
    view = shown(instruments.get("cows"), instruments.score("cows", answers), values, None)
    assert (view.total, view.reach, view.left, view.is_whole) == ("15", "15 to 20, moderate", 1, False)


@pytest.mark.parametrize(
    ("total", "missing", "fact"),
    [
        (15, "gooseflesh", 15),  # 15 to 20: moderate for certain
        (6, "gooseflesh", 6),  # 6 to 11: mild for certain
        (10, "gooseflesh", None),  # 10 to 15: mild or moderate
        (22, "gooseflesh", 22),  # 22 to 27: at least moderate
    ],
)
def test_an_open_cows_counts_for_routing_only_as_far_as_it_is_certain(
    total: int, missing: str, fact: int | None
) -> None:
    answers = cows(total)
    assert answers.pop(f"cows-{missing}") == 0
    assert findings({**SAFETY, **answers}).facts.cows == fact


def test_both_mme_totals_are_kept_and_the_higher_one_decides() -> None:
    line = {
        "opioids-1-drug": "oxycodone",
        "opioids-1-strength": "10",
        "opioids-1-freq": "q4-6h",
        "opioids-1-prn": "yes",
    }
    found = daily_mme({**line, "opioids-1-per_day": "2"})
    assert found is not None
    assert (found.prescribed.total, found.reported.total, found.higher.total) == (90, 30, 90)
    assert found.higher.band == "ge90"


def test_taking_more_than_prescribed_counts_in_full() -> None:
    line = {"opioids-1-drug": "oxycodone", "opioids-1-strength": "10", "opioids-1-freq": "bid"}
    found = daily_mme({**line, "opioids-1-per_day": "9"})
    assert found is not None
    assert found.higher.total == Fraction(135)


def test_a_line_without_strength_makes_the_total_a_lower_bound() -> None:
    found = daily_mme({**USE, "opioids-2-drug": "morphine", "opioids-2-freq": "bid"})
    assert found is not None
    assert found.is_lower_bound
    assert found.higher.total == 135
    assert found.problems == {2: {"strength": "Give the strength of one unit, above 0."}}


def test_street_opioids_are_never_counted_and_make_a_lower_bound() -> None:
    values = {"opioids-1-drug": "street"}
    found = findings(values)
    assert found.mme is not None
    assert found.mme.is_lower_bound
    assert found.facts.mme is None
    assert found.facts.opioid_use == "illicit"


def test_a_liquid_takes_its_strength_per_ml() -> None:
    liquid = {"drug": "methadone", "mg_per_ml": "1", "ml": "40", "freq": "qd"}
    found = daily_mme({f"opioids-1-{k}": v for k, v in liquid.items()})
    assert found is not None
    assert found.higher.total == Fraction("188")


def test_opioid_use_is_read_from_the_lines_when_it_was_not_answered() -> None:
    assert opioid_use({"opioids-1-drug": "oxycodone", "opioids-2-drug": "street"}) == "both"
    assert opioid_use({"opioids-1-drug": "oxycodone", "opioid_use": "unknown"}) == "prescribed"
    assert opioid_use({"opioid_use": "none"}) == "none"
    assert opioid_use({}) is None


def test_the_last_opioid_is_the_most_recent_of_the_lines_when_it_was_not_answered() -> None:
    values = {
        "opioids-1-drug": "oxycodone",
        "opioids-1-last_hours": 36,
        "opioids-2-drug": "street",
        "opioids-2-last_hours": 12,
    }
    assert findings(values).facts.days_since_last_opioid == Fraction(1, 2)


def test_an_empty_row_is_no_row() -> None:
    assert rows("opioids", {"opioids-3-drug": "morphine"}) == {3: {"drug": "morphine"}}


def test_answers_only_carried_over_are_no_answers() -> None:
    assert flat({"carried": {"living": {"part": "level", "value": "stable"}}, "level": {"support": "yes"}}) == {
        "support": "yes"
    }


@given(st.lists(st.sampled_from(sorted(ALL)), unique=True))
@settings(max_examples=examples(100), deadline=None)
def test_findings_come_of_any_part_of_the_answers(gone: list[str]) -> None:
    values = {k: v for k, v in ALL.items() if k not in gone}
    found = findings(values)
    assert routing.place(found.facts).queue in routing.QUEUES
