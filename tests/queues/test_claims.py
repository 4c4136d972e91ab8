"""Claims: exactly one winner, a lease that comes back, and words that say who was first."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.actor import Actor
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.queues import service as queues
from intake.queues.models import EntryState, Queue, QueueEntry
from tests.cases.folk import center, waiting

RACERS = 50


def test_d03_of_fifty_people_who_claim_at_once_exactly_one_gets_the_case(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast)
        entry_id, site_id = entry.id, cast.site.id
        racers = [Actor(id=1000 + n, site_id=site_id, role=cast.cleo.role, name=f"Racer {n}") for n in range(RACERS)]
        db.session.remove()
    won: list[int] = []
    told: list[str] = []
    start = threading.Barrier(RACERS)

    def race(actor: Actor) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    queues.claim(entry_id, actor=actor, now=utcnow())
                won.append(actor.id)
            except AlreadyDone as late:
                told.append(late.message)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=race, args=(actor,)) for actor in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    winner = f"Racer {won[0] - 1000} claimed this"
    assert len(told) == RACERS - 1
    assert all(words.startswith(winner) and words.endswith(" s ago.") for words in told)
    with app.app_context():
        row = db.session.get_one(QueueEntry, entry_id)
        assert (row.claimed_by, row.state) == (won[0], EntryState.CLAIMED)
        count = queues.counts(site_id)[Queue.DETOX]
        assert (count.waiting, count.claimed) == (0, 1)


def test_the_second_person_is_told_who_claimed_and_how_long_ago(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
        now = utcnow()
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=now)
        with pytest.raises(AlreadyDone, match=r"^Cleo Park claimed this 2 s ago\.$"), transaction():
            queues.claim(entry.id, actor=cast.cyrus, now=now + timedelta(seconds=2))


def test_claiming_ones_own_case_again_renews_the_lease(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast)
        now = utcnow()
        with transaction():
            first = queues.claim(entry.id, actor=cast.cleo, now=now).lease_until
        with transaction():
            again = queues.claim(entry.id, actor=cast.cleo, now=now + timedelta(minutes=5))
        assert first is not None
        assert again.lease_until == first + timedelta(minutes=5)
        assert again.claimed_at == now


def test_a_case_of_another_site_reads_as_missing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
        with pytest.raises(Missing) as foreign, transaction():
            queues.claim(entry.id, actor=cast.cora, now=utcnow())
        with pytest.raises(Missing) as unknown, transaction():
            queues.claim(17, actor=cast.cora, now=utcnow())
        assert foreign.value.message == unknown.value.message


def test_administrators_and_privacy_officers_hold_no_claims(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
        for actor in (cast.alex, cast.drew):
            with pytest.raises(NotPermitted), transaction():
                queues.claim(entry.id, actor=actor, now=utcnow())


def test_giving_back_keeps_wait_priority_and_place(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast)
        before = (entry.waiting_since, entry.entered_at, entry.target_at, entry.rank)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        with transaction():
            row = queues.release(entry.id, actor=cast.cleo, now=utcnow())
        assert row.state is EntryState.WAITING
        assert row.claimed_by is None
        assert (row.waiting_since, row.entered_at, row.target_at, row.rank) == before
        assert queues.counts(cast.site.id)[Queue.DETOX].waiting == 1


def test_only_the_holder_or_a_supervisor_gives_a_case_back(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        with pytest.raises(NotPermitted), transaction():
            queues.release(entry.id, actor=cast.cyrus, now=utcnow())
        with transaction():
            queues.release(entry.id, actor=cast.sol, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            queues.release(entry.id, actor=cast.sol, now=utcnow())


def test_an_idle_claim_returns_after_its_lease_and_not_before(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(minutes=29))
        with transaction():
            assert queues.return_idle(now=utcnow()) == 0
        clock.set_offset(timedelta(minutes=31))
        with transaction():
            assert queues.return_idle(now=utcnow()) == 1
        row = db.session.scalars(select(QueueEntry).execution_options(populate_existing=True)).one()
        assert (row.state, row.claimed_by, row.lease_until) == (EntryState.WAITING, None, None)
        assert queues.counts(cast.site.id)[Queue.DETOX].waiting == 1


def test_work_on_the_case_keeps_the_claim_alive(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(minutes=20))
        with transaction():
            queues.active(case.id, actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(minutes=45))
        with transaction():
            assert queues.return_idle(now=utcnow()) == 0


def test_a_colleague_takes_over_when_the_lease_is_over_even_before_upkeep_ran(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(minutes=31))
        with transaction():
            row = queues.claim(entry.id, actor=cast.cyrus, now=utcnow())
        assert row.claimed_by == cast.cyrus.id
        count = queues.counts(cast.site.id)[Queue.DETOX]
        assert (count.waiting, count.claimed) == (0, 1)


def test_a_parked_case_comes_back_at_its_time_with_its_wait(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast)
        entered = entry.entered_at
        now = utcnow()
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=now)
        with transaction():
            queues.park(entry.id, until=now + timedelta(hours=2), reason="Waits for labs", actor=cast.cleo, now=now)
        assert queues.counts(cast.site.id)[Queue.DETOX].waiting == 1
        with transaction():
            assert queues.unpark_due(now=utcnow()) == 0
        clock.set_offset(timedelta(hours=2, minutes=1))
        with transaction():
            assert queues.unpark_due(now=utcnow()) == 1
        row = db.session.scalars(select(QueueEntry).execution_options(populate_existing=True)).one()
        assert (row.state, row.entered_at, row.parked_reason) == (EntryState.WAITING, entered, "")


@pytest.mark.parametrize("minutes", [-1, 0, 60 * 24 * 31])
def test_parking_needs_a_reason_and_a_time_within_thirty_days(app_sqlite: Flask, minutes: int) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
        now = utcnow()
        with pytest.raises(RuleBroken), transaction():
            queues.park(entry.id, until=now + timedelta(minutes=minutes), reason="x", actor=cast.cleo, now=now)
        with pytest.raises(RuleBroken), transaction():
            queues.park(entry.id, until=now + timedelta(hours=1), reason="  ", actor=cast.cleo, now=now)


def test_assigning_hands_a_case_to_a_colleague_of_the_same_site_only(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
        with transaction():
            row = queues.assign(entry.id, staff_id=cast.cyrus.id, actor=cast.cleo, now=utcnow())
        assert row.claimed_name == "Cyrus Bell"
        with pytest.raises(AlreadyDone), transaction():
            queues.assign(entry.id, staff_id=cast.cleo.id, actor=cast.cleo, now=utcnow())
        with transaction():
            queues.assign(entry.id, staff_id=cast.petra.id, actor=cast.sol, now=utcnow())
        with pytest.raises(Missing), transaction():
            queues.assign(entry.id, staff_id=cast.cora.id, actor=cast.sol, now=utcnow())
        with pytest.raises(NotPermitted), transaction():
            queues.assign(entry.id, staff_id=cast.alex.id, actor=cast.sol, now=utcnow())
