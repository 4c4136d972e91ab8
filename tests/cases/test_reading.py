"""Who may read which case; alerts, notes and emergency access."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.cases import queries
from intake.cases import service as cases
from intake.cases.models import Case, CaseAlert, Note
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.queues import service as queues
from intake.queues.models import Queue, QueueEntry
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, waiting
from tests.people import Cast


def _six_cases(cast: Cast) -> list[int]:
    """Open, restricted, restricted and owned, restricted and granted; one of the other site, restricted and not."""
    made = [waiting(cast, name=f"P{n}")[0].id for n in range(4)]
    made += [waiting(cast, name=f"Q{n}", site=cast.other_site, actor=cast.cora)[0].id for n in range(2)]
    with transaction():
        for case_id in [*made[1:4], made[5]]:
            db.session.get_one(Case, case_id).restricted = True
        db.session.get_one(Case, made[2]).owner_id = cast.cleo.id
    with transaction():
        cases.break_glass(made[3], reason="Found unconscious in the lobby", actor=cast.cleo, now=utcnow())
    return made


def test_a_list_holds_exactly_the_cases_that_can_read_allows(app: Flask) -> None:
    with center(app) as cast:
        _six_cases(cast)
        everything = list(db.session.scalars(select(Case)))
        for name in ("ada", "cleo", "cyrus", "petra", "sol", "drew", "alex", "cora"):
            actor = getattr(cast, name)
            listed = {c.id for c in queries.readable_list(actor)}
            assert listed == {c.id for c in everything if queries.can_read(actor, c)}, name
            for case in everything:
                if case.id in listed:
                    assert queries.readable(actor, case.id).id == case.id
                else:
                    with pytest.raises(Missing):
                        queries.readable(actor, case.id)


def test_a07_a_foreign_a_restricted_and_a_missing_case_read_the_same(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        made = _six_cases(cast)
        words = set()
        for case_id in (made[1], made[4], 17):
            with pytest.raises(Missing) as gone:
                queries.readable(cast.cyrus, case_id)
            words.add((gone.value.message, gone.value.code, gone.value.status))
        assert len(words) == 1


def test_a10_emergency_access_needs_a_reason_ends_after_an_hour_and_tells_the_privacy_officer(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            db.session.get_one(Case, case.id).restricted = True
        with pytest.raises(RuleBroken), transaction():
            cases.break_glass(case.id, reason="  ", actor=cast.cyrus, now=utcnow())
        with pytest.raises(Missing), transaction():
            cases.break_glass(case.id, reason="Found unconscious", actor=cast.cora, now=utcnow())
        with transaction():
            cases.break_glass(case.id, reason="Found unconscious", actor=cast.cyrus, now=utcnow())
        assert queries.readable(cast.cyrus, case.id).id == case.id
        assert db.session.scalars(select(Task.role).where(Task.kind == "emergency_access")).one() == "privacy_officer"
        clock.set_offset(timedelta(minutes=59))
        assert queries.readable(cast.cyrus, case.id).id == case.id
        clock.set_offset(timedelta(hours=1, minutes=1))
        with pytest.raises(Missing):
            queries.readable(cast.cyrus, case.id)


def test_an_alert_is_a_task_and_the_top_of_the_queue_until_a_person_says_what_they_did(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast, acuity=4, priority=0)
        with transaction():
            alert = cases.raise_alert(case.id, code="CHECKIN_THOUGHTS", triggers=["thoughts"], now=utcnow())
        with transaction():
            again = cases.raise_alert(case.id, code="CHECKIN_THOUGHTS", triggers=["used"], now=utcnow())
        assert again.id == alert.id
        assert again.triggers == ["thoughts", "used"]
        task = db.session.scalars(select(Task).where(Task.kind == "alert")).one()
        assert task.due_at == alert.acknowledge_by
        with pytest.raises(RuleBroken), transaction():
            cases.acknowledge(alert.id, outcome=" ", actor=cast.cleo, now=utcnow())
        with transaction():
            cases.acknowledge(alert.id, outcome="Called, safe with her sister", actor=cast.cleo, now=utcnow())
        with pytest.raises(AlreadyDone, match="Cleo Park saw this alert"), transaction():
            cases.acknowledge(alert.id, outcome="Me too", actor=cast.cyrus, now=utcnow())
        assert queries.open_alerts(case.id) == []
        assert len(queries.alerts(case.id)) == 1
        assert db.session.get_one(Task, task.id).state is TaskState.DONE
        assert queues.live_of(case.id)[0].alert == ""


def test_an_alert_nobody_acknowledged_goes_to_the_supervisor_once(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.raise_alert(case.id, code="CHECKIN_THOUGHTS", now=utcnow())
        with transaction():
            assert cases.escalate(now=utcnow()) == 0
        clock.set_offset(timedelta(minutes=11))
        with transaction():
            assert cases.escalate(now=utcnow()) == 1
        with transaction():
            assert cases.escalate(now=utcnow()) == 0
        task = db.session.scalars(select(Task).where(Task.kind == "alert_escalated")).one()
        assert task.role == "supervisor"
        assert db.session.scalars(select(CaseAlert)).one().escalated_at is not None


def test_an_alert_after_the_decision_brings_the_case_back_and_acknowledging_ends_it(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.decide(
                case.id, decision="accept", level="outpatient", told_whom="person", actor=cast.cleo, now=utcnow()
            )
        with transaction():
            alert = cases.raise_alert(case.id, code="CHECKIN_PAIN", now=utcnow())
        assert [e.queue for e in queues.live_of(case.id)] == [Queue.CLINICIAN_NOW]
        with transaction():
            cases.acknowledge(alert.id, outcome="Called", actor=cast.cleo, now=utcnow())
        assert queues.live_of(case.id) == []
        assert queues.counts(cast.site.id)[Queue.CLINICIAN_NOW].total == 0


def test_a_note_is_sealed_and_ends_its_draft(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.save_draft(case.id, words="Slept bad", actor=cast.cleo, now=utcnow())
        with transaction():
            cases.save_draft(case.id, words="Slept badly", actor=cast.cleo, now=utcnow())
        assert queries.draft(case.id, cast.cleo.id)[0] == "Slept badly"
        assert queries.draft(case.id, cast.cyrus.id)[0] == ""
        with transaction():
            note = cases.note(case.id, words="Slept badly, wants to go on.", actor=cast.cleo, now=utcnow())
        assert [(row.id, words) for row, words in queries.notes(case.id)] == [(note.id, "Slept badly, wants to go on.")]
        assert b"Slept" not in db.session.get_one(Note, note.id).words
        assert queries.draft(case.id, cast.cleo.id)[0] == ""


@pytest.mark.parametrize("words", ["", "   ", "x" * 10_001])
def test_an_empty_or_endless_note_is_refused(app_sqlite: Flask, words: str) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with pytest.raises(RuleBroken), transaction():
            cases.note(case.id, words=words, actor=cast.cleo, now=utcnow())


def test_only_a_supervisor_or_the_privacy_officer_restricts_a_case(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with pytest.raises(NotPermitted), transaction():
            cases.restrict(case.id, on=True, actor=cast.cleo, now=utcnow())
        with transaction():
            cases.restrict(case.id, on=True, actor=cast.sol, now=utcnow())
        with pytest.raises(Missing):
            queries.readable(cast.cleo, case.id)
        with transaction():
            cases.restrict(case.id, on=False, why="over", actor=cast.drew, now=utcnow())
        assert queries.readable(cast.cleo, case.id).id == case.id


def test_names_on_a_board_are_sealed(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast, name="Theodora", summary="Fentanyl, last use 15 h")
        row = db.session.get_one(QueueEntry, entry.id)
        assert row.used_name is not None
        assert row.summary is not None
        assert b"Theodora" not in row.used_name
        assert b"Fentanyl" not in row.summary
