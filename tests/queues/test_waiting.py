"""Waiting: the fixed order, one entry per person and queue, exact counters, alerts on top."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from intake.actor import Actor
from intake.cases import service as cases
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.people.models import Person
from intake.queues import service as queues
from intake.queues import signals
from intake.queues.models import Cause, EntryState, Queue, QueueCounter, QueueEntry
from intake.queues.order import rank
from tests.cases.folk import center, inquiry_of, waiting
from tests.people import Cast

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "routing_vectors.json").read_text())
EXPECTED = [case["expect"] for case in VECTORS["cases"]]


@given(st.integers(1, 4), st.integers(0, 100), st.integers(1, 4), st.integers(0, 100))
def test_rank_orders_by_acuity_then_by_more_points(a1: int, p1: int, a2: int, p2: int) -> None:
    assert (rank(a1, p1) < rank(a2, p2)) == ((a1, -p1) < (a2, -p2))


@pytest.mark.parametrize(("acuity", "priority"), [(0, 5), (5, 5), (1, -1), (1, 101)])
def test_there_is_no_rank_outside_the_scales(acuity: int, priority: int) -> None:
    with pytest.raises(ValueError, match="no rank"):
        rank(acuity, priority)


def test_the_database_lists_every_routing_vector_by_acuity_points_and_arrival(app: Flask) -> None:
    with center(app) as cast:
        start = utcnow() - timedelta(hours=5)
        shuffled = list(enumerate(EXPECTED))
        random.Random(7).shuffle(shuffled)
        for n, expect in shuffled:
            waiting(
                cast, queue=Queue.OUTPATIENT, acuity=expect["acuity"], priority=expect["priority"],
                received_at=start + timedelta(seconds=n), fired=expect["fired"],
            )  # fmt: skip
        rows = db.session.execute(
            select(QueueEntry.acuity, QueueEntry.priority, QueueEntry.waiting_since).order_by(
                QueueEntry.rank, QueueEntry.waiting_since, QueueEntry.id
            )
        ).all()
        assert len(rows) == len(EXPECTED)
        assert [tuple(r) for r in rows] == [
            tuple(r) for r in sorted(rows, key=lambda r: (r.acuity, -r.priority, r.waiting_since))
        ]


@pytest.mark.parametrize(("acuity", "minutes"), [(1, 15), (2, 60), (3, 1440), (4, 4320)])
def test_the_target_runs_from_the_entry_by_acuity(app_sqlite: Flask, acuity: int, minutes: int) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast, acuity=acuity)
        assert entry.target_at - entry.entered_at == timedelta(minutes=minutes)


def test_a_person_waits_once_in_a_queue_and_the_second_entry_names_the_first(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast)
        with pytest.raises(AlreadyDone, match=f"^{entry.reference} already waits in detox"), transaction():
            queues.enter(
                case=case, person=db.session.get_one(Person, case.person_id), queue=Queue.DETOX, acuity=2, priority=0,
                reference=entry.reference, waiting_since=entry.waiting_since, actor=cast.cleo, now=utcnow(),
            )  # fmt: skip


def test_an_entry_starts_neither_in_the_future_nor_before_the_one_it_follows_ended(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, entry = waiting(cast)
        now = utcnow()

        def enter(at: timedelta) -> None:
            with transaction():
                queues.enter(
                    case=case, person=db.session.get_one(Person, case.person_id), queue=Queue.OUTPATIENT, acuity=3,
                    priority=0, reference=entry.reference, waiting_since=entry.waiting_since, actor=cast.cleo, now=now,
                    entered_at=now + at,
                )  # fmt: skip

        with pytest.raises(RuleBroken, match="future"):
            enter(timedelta(minutes=1))
        with transaction():
            queues.leave(entry.id, outcome="moved", actor=cast.cleo, now=now)
        with pytest.raises(RuleBroken, match="before the one it follows"):
            enter(timedelta(minutes=-1))
        enter(timedelta(0))


def _counted(site_id: int) -> dict[Queue, tuple[int, int]]:
    rows = db.session.execute(
        select(QueueEntry.queue, QueueEntry.state, func.count())
        .where(QueueEntry.site_id == site_id, QueueEntry.left_at.is_(None))
        .group_by(QueueEntry.queue, QueueEntry.state)
    )
    waits: Counter[Queue] = Counter()
    claims: Counter[Queue] = Counter()
    for queue, state, n in rows:
        (claims if state is EntryState.CLAIMED else waits)[queue] += n
    return {q: (waits[q], claims[q]) for q in Queue}


def test_counters_stay_exact_and_versions_grow_through_any_sequence_of_verbs(app: Flask) -> None:
    with center(app) as cast:
        dice = random.Random(11)
        made = [waiting(cast, queue=dice.choice([Queue.DETOX, Queue.OUTPATIENT]), name=f"P{n}") for n in range(8)]
        before = {q: c.moved for q, c in queues.counts(cast.site.id).items()}
        for _ in range(60):
            case, entry = dice.choice(made)
            verb = dice.choice(["claim", "release", "park", "unpark", "alert", "move", "refresh"])
            try:
                with transaction():
                    _do(verb, case.id, entry.id, dice.choice([cast.cleo, cast.cyrus, cast.sol]), cast)
            except (AlreadyDone, RuleBroken, NotPermitted, Missing):
                continue
            counts = queues.counts(cast.site.id)
            assert {q: (c.waiting, c.claimed) for q, c in counts.items()} == _counted(cast.site.id)
        after = {q: c.moved for q, c in queues.counts(cast.site.id).items()}
        assert after[Queue.DETOX] > before[Queue.DETOX]
        assert all(n >= 0 for n in db.session.scalars(select(QueueCounter.waiting)))


def _do(verb: str, case_id: int, entry_id: int, actor: Actor, cast: Cast) -> None:
    now = utcnow()
    if verb == "claim":
        queues.claim(entry_id, actor=actor, now=now)
    elif verb == "release":
        queues.release(entry_id, actor=actor, now=now)
    elif verb == "park":
        queues.park(entry_id, until=now + timedelta(hours=1), reason="Labs", actor=actor, now=now)
    elif verb == "unpark":
        queues.unpark(entry_id, actor=actor, now=now)
    elif verb == "alert":
        queues.raise_alert(case_id, code="CHECKIN_PAIN", now=now)
    elif verb == "refresh":
        queues.refresh(case_id, cows=14, actor=actor, now=now)
    else:
        queues.leave(entry_id, outcome="withdrawn", actor=actor, now=now)


def test_an_alert_puts_a_waiting_case_on_top_of_its_queue(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast, acuity=4, priority=0, name="Grace")
        waiting(cast, acuity=1, priority=100, name="Owen", received_at=utcnow())
        with transaction():
            queues.raise_alert(case.id, code="CHECKIN_THOUGHTS", now=utcnow())
        first = db.session.scalars(
            select(QueueEntry).order_by(QueueEntry.rank, QueueEntry.waiting_since, QueueEntry.id)
        ).first()
        assert first is not None
        assert (first.case_id, first.acuity, first.alert) == (case.id, 1, "CHECKIN_THOUGHTS")


def test_an_alert_on_a_case_that_waits_nowhere_enters_clinician_now_once(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast, signals=["benzo_daily"])
        with transaction():
            queues.leave(entry.id, outcome="accepted", actor=cast.cleo, now=utcnow())
        for _ in range(2):
            with transaction():
                queues.raise_alert(case.id, code="CHECKIN_PAIN", now=utcnow())
        row = db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))).one()
        assert (row.queue, row.acuity, row.cause) == (Queue.CLINICIAN_NOW, 1, Cause.ALERT)
        with transaction():
            queues.calm(case.id, actor=cast.cleo, now=utcnow())
        assert db.session.scalar(select(func.count()).where(QueueEntry.left_at.is_(None))) == 0


def test_a_new_screening_refreshes_the_board_and_keeps_the_score_before(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast, cows=16)
        with transaction():
            queues.refresh(case.id, cows=22, mme="135", signals=["oih"], actor=cast.cleo, now=utcnow())
        row = queues.live_of(case.id)[0]
        assert (row.cows_before, row.cows, row.mme, row.signals) == (16, 22, "135", ["oih"])


def test_a_move_to_another_queue_keeps_the_time_of_first_contact(app: Flask) -> None:
    with center(app) as cast:
        long_ago = utcnow() - timedelta(hours=3)
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, received_at=long_ago)
            case = cases.open(
                inquiry, placement=None, queue=Queue.DETOX, acuity=2, priority=20, actor=cast.ada, now=utcnow()
            )
        with transaction():
            inquiry = db.session.get_one(type(inquiry), inquiry.id)
            cases.open(
                inquiry, placement=None, queue=Queue.OUTPATIENT, acuity=3, priority=20, actor=cast.cleo, now=utcnow()
            )
        rows = queues.live_of(case.id)
        assert [(r.queue, r.waiting_since) for r in rows] == [(Queue.OUTPATIENT, long_ago)]


def test_signals_are_read_from_facts_and_unknown_gives_none() -> None:
    assert signals.read({"benzo": "daily", "living": "homeless", "cows": 22, "oih": "oih_features"}) == [
        "withdrawal_now", "benzo_daily", "no_safe_place", "oih",
    ]  # fmt: skip
    assert signals.read(dict.fromkeys(["benzo", "living", "cows", "pregnancy", "cssrs"])) == []
    assert signals.shown(["pregnant", "something_new"]) == [("Pregnant", "red"), ("Something new", "line")]
