"""The states of a task (product.md 2.2): every move in the table is made, every other one is refused with 409."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from flask import Flask

from intake.actor import Actor, Role
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast

S = TaskState
Verb = Callable[[Task, Actor], object]
VERBS: dict[str, Verb] = {
    "claim": lambda row, by: tasks.claim(row.id, actor=by, now=utcnow()),
    "finish": lambda row, by: tasks.finish(row.id, actor=by, outcome="done", now=utcnow()),
    "snooze": lambda row, by: tasks.snooze(
        row.id, until=utcnow() + timedelta(hours=1), reason="later", actor=by, now=utcnow()
    ),
    "cancel": lambda row, by: tasks.cancel(row.key, site_id=row.site_id, reason="gone", actor=by, now=utcnow()),
    "give_back": lambda row, by: tasks.give_back_all(by.id, actor=by, now=utcnow()),
}
TABLE: dict[tuple[TaskState, str], TaskState | None] = {
    (S.OPEN, "claim"): S.CLAIMED,
    (S.OPEN, "finish"): S.DONE,
    (S.OPEN, "snooze"): S.OPEN,
    (S.OPEN, "cancel"): S.CANCELLED,
    (S.OPEN, "give_back"): S.OPEN,
    (S.CLAIMED, "claim"): S.CLAIMED,
    (S.CLAIMED, "finish"): S.DONE,
    (S.CLAIMED, "snooze"): S.CLAIMED,
    (S.CLAIMED, "cancel"): S.CANCELLED,
    (S.CLAIMED, "give_back"): S.OPEN,
}
# These change nothing where nothing is live; the others are refused.
QUIET = {"cancel", "give_back"}


def owed(cast: Cast, *, kind: str = "schedule", case_id: int | None = None) -> Task:
    with transaction():
        return tasks.owe(
            site_id=cast.site.id, kind=kind, key=f"{kind}:{utcnow().timestamp()}", role=Role.CLINICIAN,
            due_at=utcnow(), cause="t", case_id=case_id, now=utcnow(),
        )  # fmt: skip


def test_every_move_of_a_task_is_in_the_table_or_refused(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        for state, (name, verb) in product(TaskState, VERBS.items()):
            row = owed(cast)
            with transaction():
                stored = db.session.get_one(Task, row.id)
                stored.state, stored.owner_id = state, cast.cleo.id if state is S.CLAIMED else None
            wanted = TABLE.get((state, name))
            if wanted is None and name not in QUIET:
                with pytest.raises(AlreadyDone), transaction():
                    verb(row, cast.cleo)
            else:
                with transaction():
                    verb(row, cast.cleo)
            db.session.expire_all()
            assert db.session.get_one(Task, row.id).state is (wanted or state), (state, name)


def test_of_two_who_take_a_task_the_second_reads_that_it_is_taken(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = owed(cast)
        with transaction():
            tasks.claim(row.id, actor=cast.cleo, now=utcnow())
        with pytest.raises(AlreadyDone, match="Somebody else took this task"), transaction():
            tasks.claim(row.id, actor=cast.cyrus, now=utcnow())


@pytest.mark.parametrize(
    ("kind", "length", "status"),
    [("alert", "hour", 422), ("danger", "hour", 422), ("call_24h", "week", 422), ("call_24h", "day", 302),
     ("schedule", "week", 302)],
)  # fmt: skip
def test_what_cannot_wait_is_not_put_off(app_sqlite: Flask, kind: str, length: str, status: int) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        row = owed(cast, kind=kind, case_id=case.id)
    door = browser(app_sqlite, cast, "cleo")
    path = f"/tasks/{id_text(row.id)}/snooze"
    assert door.post(path, data={"length": length, "reason": ""}).status_code == 422, "never without a reason"
    assert door.post(path, data={"length": length, "reason": "Asked to"}).status_code == status
