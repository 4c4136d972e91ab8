"""A transfer: two sides, silence that goes up, and one commit that a killed process cannot tear."""

from __future__ import annotations

import os
import random
import signal
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from intake import clock
from intake.beds import service as beds
from intake.beds.models import Bed, BedUse
from intake.cases import service as cases
from intake.cases.models import Case, CaseState, Transfer, TransferState
from intake.cases.queries import current_level, open_transfers
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.queues import service as queues
from intake.queues.models import QueueEntry
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center
from tests.cases.test_waitlist import accepted, owed, ward
from tests.depth import VARIABLE
from tests.people import Cast
from workers import upkeep

LEVEL = "inpatient_detox"
# Every statement in the long proofs, every third in the command, from another one each time.
DEEP = float(os.environ.get(VARIABLE, "1")) > 1
STRIDE, FIRST = (1, 1) if DEEP else (3, random.randint(1, 3))


def admitted(cast: Cast, bed: Bed | None = None) -> int:
    case_id, now = accepted(cast), utcnow()
    with transaction():
        cases.schedule(
            case_id, starts_at=now + timedelta(hours=1), bed_id=bed.id if bed else None, actor=cast.ada, now=now
        )
    with transaction():
        cases.admit(case_id, level=LEVEL, actor=cast.cleo, now=utcnow())
    return case_id


def slot(cast: Cast) -> Bed:
    now = utcnow()
    with transaction():
        unit = beds.add_unit(
            site_id=cast.site.id, name="Clinic", level="outpatient", kind="slot", actor=cast.sol, now=now
        )
        return beds.add_bed(unit, name="S1", actor=cast.sol, now=now)


def ask(cast: Cast, case_id: int, to_level: str = "outpatient") -> int:
    with transaction():
        return cases.ask_transfer(
            case_id, to_level=to_level, reason="Stable for two days", readiness={"withdrawal": "falling"},
            actor=cast.cleo, now=utcnow(),
        ).id  # fmt: skip


def answer(cast: Cast, case_id: int, word: str, **more: Any) -> Case:
    with transaction():
        return cases.answer_transfer(case_id, answer=word, actor=cast.cyrus, now=utcnow(), **more)


def states(case_id: int) -> list[TransferState]:
    return list(
        db.session.scalars(select(Transfer.state).where(Transfer.case_id == case_id).order_by(Transfer.asked_at))
    )


def test_the_sender_stays_owner_and_nothing_moves_until_the_person_arrives(app: Flask) -> None:
    with center(app) as cast:
        case_id, there = admitted(cast, ward(cast)[0]), slot(cast)
        ask(cast, case_id)
        answer(cast, case_id, "accepted", bed_id=there.id)
        case = db.session.get_one(Case, case_id)
        assert (case.owner_id, current_level(case)) == (cast.cleo.id, LEVEL)
        answer(cast, case_id, "arrived")
        case = db.session.get_one(Case, case_id)
        assert (case.state, case.owner_id, case.admit_level) == (CaseState.ADMITTED, cast.cyrus.id, LEVEL)
        assert current_level(case) == "outpatient"
        assert [u.bed_id for u in beds.live_of(case_id)] == [there.id]
        assert "first_visit" in owed(case_id)


def test_accepting_one_request_cancels_its_siblings_in_the_same_commit(app: Flask) -> None:
    with center(app) as cast:
        case_id = admitted(cast)
        first, second = ask(cast, case_id), ask(cast, case_id, "residential")
        with pytest.raises(AlreadyDone):
            ask(cast, case_id, "residential")
        answer(cast, case_id, "accepted", transfer_id=second)
        assert states(case_id) == [TransferState.CANCELLED, TransferState.ACCEPTED]
        with pytest.raises(AlreadyDone):
            answer(cast, case_id, "accepted", transfer_id=first)
        assert set(owed(case_id)) & {"transfer", "transfer_arrival"} == {"transfer_arrival"}


def test_the_asker_does_not_answer_and_a_rejection_says_why_and_leaves_the_level(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = admitted(cast)
        ask(cast, case_id)
        with pytest.raises(NotPermitted), transaction():
            cases.answer_transfer(case_id, answer="accepted", actor=cast.cleo, now=utcnow())
        with pytest.raises(RuleBroken):
            answer(cast, case_id, "rejected")
        case = answer(cast, case_id, "rejected", code="no_place")
        assert (case.state, current_level(case)) == (CaseState.ADMITTED, LEVEL)
        ask(cast, case_id)
        with transaction():
            cases.answer_transfer(case_id, answer="withdrawn", actor=cast.cleo, now=utcnow())
        assert states(case_id) == [TransferState.REJECTED, TransferState.WITHDRAWN]
        assert open_transfers(case_id) == []


def test_a_silent_request_goes_to_the_supervisor_and_an_answer_takes_it_back(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = admitted(cast)
        ask(cast, case_id)
        clock.set_offset(timedelta(hours=4, seconds=30))
        upkeep.work()
        overdue = select(Task).where(Task.kind == tasks.OVERDUE, Task.state == TaskState.OPEN)
        assert "transfer" in {t.params["kind"] for t in db.session.scalars(overdue)}
        answer(cast, case_id, "accepted")
        db.session.expire_all()
        assert "transfer" not in {t.params["kind"] for t in db.session.scalars(overdue)}


def test_every_answer_outside_the_table_is_refused(app_sqlite: Flask) -> None:
    table = {
        TransferState.REQUESTED: {"accepted", "rejected", "withdrawn"},
        TransferState.ACCEPTED: {"arrived", "cancelled"},
    }
    with center(app_sqlite) as cast:
        case_id = admitted(cast)
        for state, allowed in table.items():
            for word in ("accepted", "rejected", "withdrawn", "arrived", "cancelled"):
                here = current_level(db.session.get_one(Case, case_id))
                ask(cast, case_id, "residential" if here == "outpatient" else "outpatient")
                if state is TransferState.ACCEPTED:
                    answer(cast, case_id, "accepted")
                if word in allowed:
                    answer(cast, case_id, word, code="no_place")
                else:
                    with pytest.raises(AlreadyDone):
                        answer(cast, case_id, word, code="no_place")
                for left in open_transfers(case_id):
                    answer(cast, case_id, "withdrawn" if left.state is TransferState.REQUESTED else "cancelled")
                assert db.session.get_one(Case, case_id).state is CaseState.ADMITTED, (state, word)


def picture(case_id: int) -> tuple[Any, ...]:
    """Everything that a transfer moves, as plain values."""
    case = db.session.get_one(Case, case_id)
    uses = db.session.execute(
        select(BedUse.bed_id, BedUse.kind, BedUse.outcome).where(BedUse.case_id == case_id).order_by(BedUse.created_at)
    ).all()
    moves = db.session.execute(select(Transfer.state, Transfer.answered_by).where(Transfer.case_id == case_id)).all()
    work = db.session.execute(select(Task.kind, Task.state).where(Task.case_id == case_id).order_by(Task.id)).all()
    waits = db.session.execute(select(QueueEntry.queue, QueueEntry.left_at).where(QueueEntry.case_id == case_id)).all()
    found = (
        case.state,
        case.owner_id,
        case.last_contact_on,
        sorted(map(str, uses)),
        [tuple(m) for m in moves],
        sorted(str(w) for w in work),
        sorted(str(w) for w in waits),
        len(queues.live_of(case_id)),
    )
    db.session.rollback()
    db.session.expire_all()
    return found


def killed_at(app: Flask, case_id: int, cast: Cast, nth: int) -> bool:
    """Arrive in a child process that is killed before its nth statement; True when it was killed on the way."""
    child = os.fork()
    if child == 0:
        count = 0

        def before(*_: object) -> None:
            nonlocal count
            count += 1
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)

        db.session.remove()
        db.engine.dispose(close=False)
        event.listen(db.engine, "before_cursor_execute", before)
        try:
            answer(cast, case_id, "arrived")
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_a_process_killed_between_any_two_statements_leaves_before_or_after_never_between(app: Flask) -> None:
    with center(app) as cast:
        case_id, there = admitted(cast, ward(cast)[0]), slot(cast)
        ask(cast, case_id)
        answer(cast, case_id, "accepted", bed_id=there.id)
        before = picture(case_id)
        nth = FIRST
        while killed_at(app, case_id, cast, nth):
            assert picture(case_id) == before, f"torn before statement {nth}"
            nth += STRIDE
        after = picture(case_id)
        assert nth > 15, "the arrival is made of many statements"
        assert after != before
        assert after[:2] == (CaseState.ADMITTED, cast.cyrus.id)
