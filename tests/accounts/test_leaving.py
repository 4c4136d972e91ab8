"""Changing what somebody may do, and letting them leave: at once, with nothing lost (A06, N03)."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from intake.accounts import leaving
from intake.accounts.models import Staff
from intake.actor import Role
from intake.cases.models import Case
from intake.clock import utcnow
from intake.crypto import DataKey, key_id
from intake.db import db, id_text, transaction
from intake.errors import IntakeError, Missing, NotPermitted, RuleBroken
from intake.queues import service as queues
from intake.queues.models import EntryState, QueueEntry
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.accounts.door import Door, settle
from tests.cases.folk import waiting
from tests.people import Cast


def test_a06_a_switched_off_user_is_out_at_the_next_request(app: Flask) -> None:
    cast, secrets = settle(app)
    cleo, admin = Door(app), Door(app)
    cleo.sign_in("cleo", secrets["cleo"])
    admin.sign_in("alex", secrets["alex"])
    page = f"/settings/users/{id_text(cast.cleo.id)}"
    answer = admin.post(f"{page}/off", page=page)
    assert answer.status_code == 302, answer.text
    assert cleo.get("/account").headers["Location"].startswith("/sign-in")
    assert cleo.password("cleo@northlight.example").status_code == 422, "the same answer as a wrong password"
    assert admin.post(f"{page}/on", page=page).status_code == 302
    assert cleo.password("cleo@northlight.example").status_code == 422, "they start with a fresh invitation"


def test_a06_a_changed_role_holds_from_the_next_request(app: Flask) -> None:
    cast, secrets = settle(app)
    sol, admin = Door(app), Door(app)
    sol.sign_in("sol", secrets["sol"])
    admin.sign_in("alex", secrets["alex"])
    page = f"/settings/users/{id_text(cast.sol.id)}"
    assert admin.post(f"{page}/role", page=page, role="admissions").status_code == 302
    assert not sol.inside(), "a new session at every change of rights"
    sol.sign_in("sol", secrets["sol"])
    assert sol.get("/reports").status_code == 403


def test_claims_tasks_and_cases_of_somebody_who_leaves_go_back_or_over(app: Flask) -> None:
    cast, _ = settle(app)
    with app.app_context():
        case, entry = waiting(cast)
        other, held = waiting(cast, name="Mara")
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
            queues.claim(held.id, actor=cast.cyrus, now=utcnow())
            db.session.get_one(Case, case.id).owner_id = cast.cleo.id
            task = tasks.owe(
                site_id=cast.site.id, kind="call_back", key="k", role=Role.CLINICIAN, due_at=utcnow(), cause="test",
                now=utcnow(), case_id=case.id,
            )  # fmt: skip
            tasks.claim(task.id, actor=cast.cleo, now=utcnow())
        with transaction():
            given = leaving.switch_off(cast.cleo.id, to_id=cast.cyrus.id, actor=cast.alex, now=utcnow())
        assert given == {"tasks": 1, "queues": 1, "cases": 1}
        freed = db.session.get_one(QueueEntry, entry.id)
        assert (freed.state, freed.claimed_by) == (EntryState.WAITING, None)
        assert freed.waiting_since == entry.waiting_since
        assert db.session.get_one(QueueEntry, held.id).claimed_by == cast.cyrus.id
        assert db.session.get_one(Case, case.id).owner_id == cast.cyrus.id
        back = db.session.get_one(Task, task.id)
        assert (back.state, back.owner_id) == (TaskState.OPEN, None)
        assert other.owner_id is None
        db.session.remove()


def test_without_a_successor_a_supervisor_owes_each_case_an_owner(app_sqlite: Flask) -> None:
    cast, _ = settle(app_sqlite)
    with app_sqlite.app_context():
        case, _entry = waiting(cast)
        with transaction():
            db.session.get_one(Case, case.id).owner_id = cast.cleo.id
        with transaction():
            leaving.switch_off(cast.cleo.id, to_id=None, actor=cast.alex, now=utcnow())
        assert db.session.get_one(Case, case.id).owner_id is None
        owed = db.session.scalars(select(Task).where(Task.kind == "new_owner")).one()
        assert (owed.case_id, owed.role) == (case.id, Role.SUPERVISOR)


@pytest.mark.parametrize(("who", "error"), [("alex", NotPermitted), ("cora", Missing)])
def test_nobody_switches_off_themselves_or_somebody_of_another_center(
    app_sqlite: Flask, who: str, error: type[IntakeError]
) -> None:
    cast, _ = settle(app_sqlite)
    with app_sqlite.app_context(), pytest.raises(error), transaction():
        leaving.switch_off(getattr(cast, who).id, to_id=None, actor=cast.alex, now=utcnow())


@pytest.mark.parametrize("who", ["cora", "alex", "drew", "cleo"])
def test_cases_go_only_to_a_colleague_here_who_works_with_cases(app_sqlite: Flask, who: str) -> None:
    cast, _ = settle(app_sqlite)
    with app_sqlite.app_context(), pytest.raises((RuleBroken, Missing)), transaction():
        leaving.switch_off(cast.cleo.id, to_id=getattr(cast, who).id, actor=cast.alex, now=utcnow())
    with app_sqlite.app_context():
        assert db.session.get_one(Staff, cast.cleo.id).is_active


def test_the_last_administrator_stays_even_when_two_switch_each_other_off_at_once(app: Flask) -> None:
    cast, _ = settle(app)
    with app.app_context():
        with transaction():
            leaving.change_role(cast.sol.id, Role.ADMIN, actor=cast.alex, now=utcnow())
        cast = Cast(cast.site, cast.other_site, {k: db.session.get_one(Staff, r.id) for k, r in cast.staff.items()})
        pair = (cast.alex, cast.sol)
        db.session.remove()
    together = threading.Barrier(2)
    refused: list[str] = []

    def attempt(one: int) -> None:
        with app.app_context():
            together.wait()
            try:
                with transaction():
                    leaving.switch_off(pair[1 - one].id, to_id=None, actor=pair[one], now=utcnow())
            except IntakeError as wrong:
                refused.append(wrong.message)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=attempt, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [leaving.ONE_ADMIN]
    with app.app_context():
        left = db.session.scalars(select(Staff).where(Staff.role == Role.ADMIN, Staff.is_active.is_(True))).all()
        assert len(left) == 1
        db.session.remove()


def test_a_task_reason_is_sealed_under_the_person_of_its_case(app: Flask) -> None:
    cast, _ = settle(app)
    with app.app_context():
        case, _entry = waiting(cast)
        with transaction():
            task = tasks.owe(
                site_id=cast.site.id, kind="call_back", key="k", role=Role.CLINICIAN, due_at=utcnow(), cause="test",
                now=utcnow(), case_id=case.id,
            )  # fmt: skip
            tasks.finish(task.id, actor=cast.cleo, outcome="done", reason="Her sister answered.", now=utcnow())
        from_case = db.session.get_one(Task, task.id)
        assert from_case.reason is not None
        assert db.session.get_one(DataKey, key_id(from_case.reason)).owner_id == case.person_id
        assert tasks.reason_of(from_case) == "Her sister answered."
        db.session.remove()
