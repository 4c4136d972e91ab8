"""My cases, tasks, find, and the inbox."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake.actor import Role
from intake.audit.models import AuditEntry
from intake.cases import service as cases
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.desk import work
from intake.desk.inbox import funnel
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues.models import Queue
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, inquiry_of, waiting
from tests.desk.door import browser
from tests.people import Cast


def _task(cast: Cast, *, role: Role = Role.CLINICIAN, case_id: int | None = None, kind: str = "call_24h") -> int:
    now = utcnow()
    with transaction():
        return tasks.owe(
            site_id=cast.site.id, kind=kind, key=f"{kind}:{case_id}:{role}", role=role, case_id=case_id,
            due_at=now + timedelta(hours=1), cause="no_show", now=now,
        ).id  # fmt: skip


def test_mine_lists_what_i_hold_and_own_and_nothing_of_others(app: Flask) -> None:
    with center(app) as cast:
        held, entry = waiting(cast, name="Held")
        owned, _ = waiting(cast, name="Owned")
        waiting(cast, name="Stranger")
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        with transaction():
            cases.decide(
                owned.id, decision="accept", level="outpatient", told_whom="person", actor=cast.cleo, now=utcnow()
            )
    page = browser(app, cast, "cleo").get("/mine").get_data(as_text=True)
    assert "Held" in page
    assert "Owned" in page
    assert "Stranger" not in page
    assert "<title>(2) My cases" in page
    assert f"/cases/{id_text(held.id)}" in page


def test_refer_out_cases_are_a_filter_of_my_cases(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        waiting(cast, queue=Queue.REFER_OUT, name="Outward")
    page = browser(app_sqlite, cast, "cleo").get("/mine?queue=refer_out").get_data(as_text=True)
    assert "Outward" in page


def test_a_role_sees_its_own_tasks_and_the_privacy_officer_no_names(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast, name="Theo")
        _task(cast, case_id=case.id)
        _task(cast, role=Role.PRIVACY, case_id=case.id, kind="emergency_access")
        now = utcnow()
        assert [r.task.kind for r in work.task_rows(cast.cleo, "open", now=now)] == ["call_24h"]
        assert [r.task.kind for r in work.task_rows(cast.petra, "open", now=now)] == ["call_24h"]
        assert [r.task.kind for r in work.task_rows(cast.drew, "open", now=now)] == ["emergency_access"]
        assert work.task_rows(cast.cora, "all", now=now) == []
    page = browser(app, cast, "drew").get("/tasks").get_data(as_text=True)
    assert "Theo" not in page
    assert "/cases/" not in page


def test_a_task_is_taken_finished_or_put_off_by_form(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        task_id = _task(cast, case_id=case.id)
        other_id = _task(cast, case_id=case.id, kind="call_72h")
    door = browser(app, cast, "cleo")
    assert door.post(f"/tasks/{id_text(task_id)}/claim").status_code == 302
    late = browser(app, cast, "cyrus").post(f"/tasks/{id_text(task_id)}/claim")
    assert late.status_code in {403, 409}
    wrong = door.post(f"/tasks/{id_text(task_id)}/finish", data={"outcome": "not_needed"})
    assert wrong.status_code == 422
    assert "Say why it is not needed." in wrong.get_data(as_text=True)
    assert (
        door.post(f"/tasks/{id_text(task_id)}/finish", data={"outcome": "reached", "reason": "Fine"}).status_code == 302
    )
    assert door.post(f"/tasks/{id_text(task_id)}/finish", data={"outcome": "done"}).status_code == 409
    blank = door.post(f"/tasks/{id_text(other_id)}/snooze", data={"length": "day"})
    assert blank.status_code == 422
    assert (
        door.post(f"/tasks/{id_text(other_id)}/snooze", data={"length": "day", "reason": "At work"}).status_code == 302
    )
    with app.app_context():
        assert db.session.get_one(Task, task_id).state is TaskState.DONE
        assert [r.task.id for r in work.task_rows(cast.cleo, "snoozed", now=utcnow())] == [other_id]
        assert other_id not in [r.task.id for r in work.task_rows(cast.cleo, "open", now=utcnow())]


def test_a_task_of_another_role_or_site_is_refused(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        task_id = _task(cast, role=Role.SUPERVISOR, case_id=case.id)
    for who, status in (("ada", 403), ("cleo", 403), ("cora", 404), ("alex", 403), ("sol", 302)):
        answer = browser(app_sqlite, cast, who).post(f"/tasks/{id_text(task_id)}/finish", data={"outcome": "done"})
        assert answer.status_code in {status, 404 if who == "alex" else status}, who


def test_an_alert_is_not_ended_from_the_task_list(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.raise_alert(case.id, code="SUICIDE_HIGH", now=utcnow())
        task_id = db.session.scalars(select(Task.id).where(Task.kind == "alert")).one()
    answer = browser(app_sqlite, cast, "cleo").post(f"/tasks/{id_text(task_id)}/finish", data={"outcome": "done"})
    assert answer.status_code == 422
    with app_sqlite.app_context():
        assert db.session.get_one(Task, task_id).state is TaskState.OPEN


def test_find_answers_names_with_typos_and_case_numbers_and_keeps_the_words_out_of_the_log(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast, name="Theodora Marsh")
        waiting(cast, name="Somebody Else")
    door = browser(app, cast, "cleo")
    for text in ("theodora marsh", "Teodora Marsh", "marsh"):
        page = door.post("/find", data={"q": text}).get_data(as_text=True)
        assert "Theodora Marsh" in page, text
        assert "Somebody Else" not in page
    assert door.post("/find", data={"q": entry.reference.lower()}).location == f"/cases/{id_text(case.id)}"
    with app.app_context():
        purposes = db.session.scalars(select(AuditEntry.purpose).where(AuditEntry.verb == "listed")).all()
    assert not any("marsh" in p.lower() for p in purposes)


def test_somebody_whose_only_case_is_restricted_is_not_found_at_all(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast, name="Theodora Marsh")
        with transaction():
            cases.restrict(case.id, on=True, actor=cast.sol, now=utcnow())
    unknown = browser(app, cast, "cleo").post("/find", data={"q": "zzyzx qqq"}).get_data(as_text=True)
    hidden = browser(app, cast, "cleo").post("/find", data={"q": "theodora marsh"}).get_data(as_text=True)
    assert "Nobody found" in unknown
    assert "Nobody found" in hidden
    assert "Nobody found" in browser(app, cast, "cleo").post("/find", data={"q": entry.reference}).get_data(
        as_text=True
    )
    assert "Theodora" in browser(app, cast, "sol").post("/find", data={"q": "theodora"}).get_data(as_text=True)
    assert "Nobody found" in browser(app, cast, "cora").post("/find", data={"q": "theodora"}).get_data(as_text=True)


@pytest.mark.parametrize(
    "text", ["", "a", "\x00", "%00", "x" * 5000, "💊💊", "'; drop table person; --", "%", "@", "(((("]
)
def test_odd_words_to_find_get_a_page(app_sqlite: Flask, text: str) -> None:
    with center(app_sqlite) as cast:
        waiting(cast)
    assert browser(app_sqlite, cast, "cleo").post("/find", data={"q": text}).status_code == 200


def test_the_inbox_lists_open_requests_with_stage_counts_and_filters(app: Flask) -> None:
    with center(app) as cast, transaction():
        inquiry_of(cast.site, cast.ada, name="Fresh One")
        inquiry_of(cast.site, cast.ada, name="Called One", state=InquiryState.CONTACTING)
        inquiry_of(cast.site, cast.ada, name="Gone One", state=InquiryState.UNREACHABLE)
        inquiry_of(cast.other_site, cast.cora, name="Foreign One")
    door = browser(app, cast, "ada")
    page = door.get("/inbox").get_data(as_text=True)
    assert "Fresh One" in page
    assert "Called One" in page
    assert "Gone One" not in page
    assert "Foreign One" not in page
    assert "<title>(2) Admissions inbox" in page
    only = door.get("/inbox?stage=closed").get_data(as_text=True)
    assert "Gone One" in only
    assert "Fresh One" not in only
    assert "Fresh One" not in door.get("/inbox?source=web").get_data(as_text=True)
    assert "Nothing here" in door.get("/inbox?owner=me").get_data(as_text=True)
    assert door.get("/inbox?stage=zz&source=zz&owner=zz&queue=zz&late=zz").status_code == 200


def test_the_inbox_answers_204_until_a_request_comes_in(app: Flask) -> None:
    with center(app) as cast, transaction():
        inquiry_of(cast.site, cast.ada, name="Fresh One")
    door = browser(app, cast, "ada")
    found = re.search(r'data-live="([^"]+)"', door.get("/inbox").get_data(as_text=True))
    assert found
    live = found[1].replace("&amp;", "&")
    assert door.get(live).status_code == 204
    with app.app_context(), transaction():
        inquiry_of(cast.site, cast.ada, name="Newer One")
    body = door.get(live).get_data(as_text=True)
    assert "Newer One" in body
    assert 'id="nav-n-inbox"' in body


def test_only_an_admission_day_counts_as_admitted_in_the_pipeline(app: Flask) -> None:
    with center(app) as cast:
        waiting(cast, name="Screened only")
        case, _ = waiting(cast, name="Admitted")
        now = utcnow()
        with transaction():
            cases.decide(case.id, decision="accept", level="outpatient", told_whom="person", actor=cast.cleo, now=now)
        with transaction():
            cases.schedule(case.id, starts_at=now + timedelta(hours=1), actor=cast.ada, now=now)
        with transaction():
            cases.admit(case.id, level="outpatient", actor=cast.cleo, now=utcnow())
            db.session.get_one(Inquiry, case.opened_from).first_contact_at = now + timedelta(minutes=9)
        found = funnel(cast.site.id, since=now - timedelta(days=1), days=1)
        assert (found.inquiries, found.reached, found.admitted, found.routed) == (2, 1, 1, 0)
        assert found.median_minutes == 9
        assert funnel(cast.other_site.id, since=now - timedelta(days=1), days=1).inquiries == 0
    assert browser(app, cast, "ada").get("/inbox/pipeline?days=zz").status_code == 200
