"""A bed hold that holds: one live use per bed, occupancy derived."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
from flask import Flask

from intake import clock
from intake.beds import queries
from intake.beds import service as beds
from intake.beds.models import Bed, UseKind
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from tests.cases.folk import center, waiting
from tests.depth import VARIABLE
from tests.people import Cast

ASKERS = 50 if float(os.environ.get(VARIABLE, "1")) > 1 else 10


def _ward(cast: Cast, beds_in_it: int = 2) -> list[Bed]:
    now = utcnow()
    with transaction():
        unit = beds.add_unit(site_id=cast.site.id, name="Detox", level="inpatient_detox", actor=cast.sol, now=now)
        return [beds.add_bed(unit, name=f"D{n + 1}", actor=cast.sol, now=now) for n in range(beds_in_it)]


def test_of_many_parallel_holds_on_one_bed_one_wins_and_the_others_get_a_sentence(app: Flask) -> None:
    with center(app) as cast:
        bed = _ward(cast)[0]
        case, _ = waiting(cast)
        bed_id, case_id, cleo = bed.id, case.id, cast.cleo
        db.session.remove()
    won: list[int] = []
    refused: list[str] = []
    start = threading.Barrier(ASKERS)

    def ask() -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    won.append(
                        beds.hold(bed_id, case_id, until=utcnow() + timedelta(hours=1), actor=cleo, now=utcnow()).id
                    )
            except AlreadyDone as taken:
                refused.append(f"{taken.code}: {taken.message}")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=ask) for _ in range(ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert refused == ["BED_TAKEN: Bed D1 is already taken."] * (ASKERS - 1)


def test_a_lapsed_hold_blocks_nobody_and_counts_as_free(app: Flask) -> None:
    with center(app) as cast:
        bed = _ward(cast)[0]
        first, _ = waiting(cast, name="First")
        second, _ = waiting(cast, name="Second")
        with transaction():
            beds.hold(bed.id, first.id, until=utcnow() + timedelta(hours=1), actor=cast.ada, now=utcnow())
        assert queries.counts(cast.site.id)[0].holds == 1
        clock.set_offset(timedelta(hours=1, minutes=1))
        assert queries.counts(cast.site.id)[0].free == 2
        with transaction():
            beds.hold(bed.id, second.id, until=utcnow() + timedelta(hours=1), actor=cast.ada, now=utcnow())
        found = queries.of_case(second.id)
        assert found is not None
        assert found[1].name == "D1"
        assert queries.of_case(first.id) is None


def test_upkeep_ends_lapsed_holds_and_says_whose_they_were(app: Flask) -> None:
    with center(app) as cast:
        bed = _ward(cast)[0]
        case, _ = waiting(cast)
        with transaction():
            beds.hold(bed.id, case.id, until=utcnow() + timedelta(hours=1), actor=cast.ada, now=utcnow())
        with transaction():
            assert beds.lapse(now=utcnow()) == []
        clock.set_offset(timedelta(hours=2))
        with transaction():
            assert [use.case_id for use in beds.lapse(now=utcnow())] == [case.id]


def test_a_stay_takes_the_held_bed_and_moving_frees_the_old_one(app: Flask) -> None:
    with center(app) as cast:
        one, two = _ward(cast)
        case, _ = waiting(cast)
        now = utcnow()
        with transaction():
            beds.hold(one.id, case.id, until=now + timedelta(hours=1), actor=cast.ada, now=now)
        with transaction():
            use = beds.stay(case.id, actor=cast.cleo, now=utcnow())
        assert use is not None
        assert (use.bed_id, use.kind) == (one.id, UseKind.STAY)
        with transaction():
            beds.stay(case.id, bed_id=two.id, actor=cast.cleo, now=utcnow())
        assert [(b.name, b.use) for b in queries.beds(cast.site.id)] == [("D1", None), ("D2", UseKind.STAY)]
        with transaction():
            assert beds.release(case.id, outcome="discharged", actor=cast.cleo, now=utcnow()) == 1
        assert queries.counts(cast.site.id)[0].free == 2


def test_without_a_hold_or_a_bed_nothing_is_moved_into(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            assert beds.stay(case.id, actor=cast.cleo, now=utcnow()) is None


def test_a_hold_ends_in_the_future_and_a_foreign_bed_is_missing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        bed = _ward(cast)[0]
        case, _ = waiting(cast)
        with pytest.raises(RuleBroken), transaction():
            beds.hold(bed.id, case.id, until=utcnow(), actor=cast.ada, now=utcnow())
        with pytest.raises(Missing), transaction():
            beds.hold(bed.id, case.id, until=utcnow() + timedelta(hours=1), actor=cast.cora, now=utcnow())
