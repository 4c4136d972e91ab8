"""The day on one screen, the hand-over by case number, and work that flows back when its owner is away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.actor import Role
from intake.cases import service as cases
from intake.cases.models import Case
from intake.cases.queries import reference
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.inquiries.models import Inquiry
from intake.ops import rounds
from intake.queues import service as queues
from intake.queues.models import EntryState
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, waiting
from tests.cases.test_waitlist import accepted, ward
from tests.desk.door import browser
from workers import upkeep

PAGES = ("/today", "/handover", "/handover/sheet")


def test_the_huddle_has_every_part_of_the_day_and_names_nobody(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        bed = ward(cast)[0]
        case_id = accepted(cast, "Theodora")
        with transaction():
            cases.schedule(
                case_id, starts_at=utcnow() + timedelta(minutes=1), bed_id=bed.id, actor=cast.ada, now=utcnow()
            )
        late, _ = waiting(cast, name="Maximiliana")
        with transaction():
            cases.raise_alert(late.id, code="SUICIDE_HIGH", actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(hours=1, minutes=2))
        upkeep.work()
        number = reference(db.session.get_one(Case, late.id))
    door = browser(app_sqlite, cast, "cleo")
    page = door.get("/today").text
    for title in (
        "Arrivals and visits today", "Bed holds that end within a day", "Late clocks", "Emails that failed",
        "Check-ins nobody has read", "Paused plans past their review", "Consents that end within 30 days",
        "Beds by unit",
    ):  # fmt: skip
        assert title in page
    assert "Waits past its target" in page
    for path in PAGES:
        text = door.get(path).text
        assert "Theodora" not in text
        assert "Maximiliana" not in text
    assert number in door.get("/handover").text
    assert "C-SSRS high" in door.get("/handover/sheet").text


def test_restricted_cases_are_on_nobody_elses_screen(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        hidden, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.sol, now=utcnow())
            cases.restrict(hidden.id, on=True, actor=cast.sol, now=utcnow())
            tasks.owe(
                site_id=cast.site.id, kind="call_24h", key="c", role=Role.CLINICIAN, due_at=utcnow(), cause="t",
                case_id=hidden.id, now=utcnow(),
            )  # fmt: skip
        number = reference(db.session.get_one(Case, hidden.id))
    for who, sees in (("cleo", False), ("sol", True)):
        assert (number in browser(app_sqlite, cast, who).get("/handover").text) is sees, who


def test_at_the_end_of_a_shift_everything_goes_back_and_keeps_its_place(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
            owed = tasks.owe(
                site_id=cast.site.id, kind="call_24h", key="c", role=Role.CLINICIAN, due_at=utcnow(), cause="t",
                case_id=case.id, now=utcnow(),
            )  # fmt: skip
            tasks.claim(owed.id, actor=cast.cleo, now=utcnow())
            db.session.get_one(Inquiry, case.opened_from).owner_id = cast.cleo.id
    door = browser(app_sqlite, cast, "cleo")
    assert "3 given back" in door.post("/handover/give-back", follow_redirects=True).text
    with app_sqlite.app_context():
        assert queues.live_of(case.id)[0].state is EntryState.WAITING
        assert db.session.get_one(Task, owed.id).state is TaskState.OPEN
        assert db.session.get_one(Inquiry, case.opened_from).owner_id is None
        db.session.remove()


@pytest.mark.parametrize(("hours", "freed"), [(11, False), (13, True)])
def test_due_work_of_somebody_away_flows_back_to_the_role(app_sqlite: Flask, hours: int, freed: bool) -> None:
    with center(app_sqlite) as cast:
        pass
    door = browser(app_sqlite, cast, "cleo")
    assert door.get("/today").status_code == 200
    with app_sqlite.app_context():
        with transaction():
            owed = tasks.owe(
                site_id=cast.site.id, kind="schedule", key="c", role=Role.CLINICIAN, due_at=utcnow(), cause="t",
                now=utcnow(),
            )  # fmt: skip
            tasks.claim(owed.id, actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(hours=hours))
        for name, job in rounds.JOBS:
            if name in {"work_of_absent", "requests_of_absent"}:
                with transaction():
                    job(utcnow())
        row = db.session.scalars(select(Task).where(Task.id == owed.id)).one()
        assert (row.state, row.owner_id) == ((TaskState.OPEN, None) if freed else (TaskState.CLAIMED, cast.cleo.id))
        db.session.remove()


def test_somebody_who_comes_back_has_their_history_in_one_click_and_no_dose_comes_along(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        old = accepted(cast, "Theo", level="outpatient")
        with transaction():
            cases.schedule(old, starts_at=utcnow() + timedelta(hours=1), actor=cast.ada, now=utcnow())
        with transaction():
            cases.admit(old, level="outpatient", actor=cast.cleo, now=utcnow())
        with transaction():
            cases.discharge(
                old, type="against_advice", reason="Home", naloxone="accepted", warned=True, actor=cast.cleo,
                now=utcnow(),
            )  # fmt: skip
        case, _ = waiting(cast, name="Theo again")
        with transaction():
            row = db.session.get_one(Case, case.id)
            row.person_id = db.session.get_one(Case, old).person_id
            row.flags = ["RETURNING", "TOLERANCE_LOST"]
    door = browser(app_sqlite, cast, "cleo")
    here = f"/cases/{id_text(case.id)}"
    assert f"{here}/history" in door.get(here).text
    page = door.get(f"{here}/history").text
    assert "Against advice" in page
    assert "tolerance lost" in page
    assert "Outpatient" in page
