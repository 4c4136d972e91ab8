"""The golden calendars hold on what is really owed and written: one mail a day, its sentences, its hour, its filter."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.clinical.cadence import KINDS
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.messages import render, service
from intake.messages.models import Message, MessagePart, MessageState
from intake.messages.render import Rendered
from intake.people.models import Person
from intake.tapers import plans, schedule, visiting
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.visits import service as visits
from tests.clinical.vectors import by_id, vectors
from tests.tapers import story

ZONE = ZoneInfo("America/New_York")
CASES = vectors("reminder_vectors")["cases"]
INPUTS = {case["id"]: case["input"] for case in vectors("taper_vectors")["generated_plans"]}
ASKING = {"CHECKIN", "PEG_WEEKLY", "AFTER_1M", "AFTER_3M", "AFTER_6M", "AFTER_12M"}


def signed(told: story.Story, case: dict[str, Any]) -> tuple[PlanVersion, TaperPlan]:
    """The plan of a golden case, active from its day on (inside a transaction)."""
    given = INPUTS[case["plan"]]
    asked = {**plans.Ask(given["product"], (), date.fromisoformat(given["start_date"])).as_json(), **given}
    for name in ("regimen", "rate_pct", "goal"):
        value = asked[name]
        asked[name] = [str(v) for v in value] if isinstance(value, list) else str(value)
    pat = told.case
    plan = TaperPlan(
        id=new_id(), site_id=pat.site_id, case_id=pat.id, person_id=pat.person_id, created_at=utcnow(), created_by=0
    )
    db.session.add(plan)
    db.session.flush()
    request = plans.ask_of(asked).as_json()
    version = PlanVersion(
        id=new_id(), plan_id=plan.id, n=1, change="start", state=PlanState.ACTIVE, product=given["product"],
        request=request, steps=plans.steps_of(plans.compute(plans.ask_of(asked), plans.taper.TaperContext())),
        starts_on=plans.ask_of(asked).start_date, checklist={"refill_days": case["refill_days"]},
        created_at=utcnow(), created_by=0,
    )  # fmt: skip
    db.session.add(version)
    db.session.flush()
    plan.current_version_id = version.id
    return version, plan


def owe(app: Flask, case: dict[str, Any]) -> int:
    """Live through the day of activation: visits are booked, the plan is signed, perhaps it is cut later."""
    day = date.fromisoformat(case["activated"])
    clock.set_offset(datetime.combine(day, time(0, 30), ZONE) - clock.real_now())
    told = story.begin(app)
    with transaction():
        for on in case["appointments"]:
            visits.book(
                site_id=told.case.site_id, person_id=told.case.person_id, case_id=told.case.id, kind="visit",
                starts_at=datetime.combine(date.fromisoformat(on), time(14), ZONE), actor=told.cast.ada, now=utcnow(),
            )  # fmt: skip
    with transaction():
        version, plan = signed(told, case)
        schedule.owe(version, plan, told.case, now=utcnow())
        visiting.settle(told.case, now=utcnow())
        if case["cancelled_from"]:
            cut = date.fromisoformat(case["cancelled_from"])
            service.cancel(reason="cut", now=utcnow(), plan_id=plan.id, local_date_from=cut)
    return told.case.person_id


def owed() -> dict[int, tuple[Message, list[str]]]:
    """Open messages with their parts in merge order."""
    db.session.rollback()
    rows = db.session.scalars(select(Message).where(Message.state == MessageState.SCHEDULED).order_by(Message.due_at))
    found: dict[int, tuple[Message, list[str]]] = {}
    for row in rows:
        parts = db.session.scalars(select(MessagePart.kind).where(MessagePart.message_id == row.id)).all()
        if parts:
            found[row.id] = (row, sorted(set(parts), key=KINDS.index))
    return found


@pytest.mark.parametrize("case", by_id(CASES))
def test_each_golden_calendar_is_one_mail_a_day_that_says_what_it_should(
    app_sqlite: Flask, case: dict[str, Any]
) -> None:
    with app_sqlite.app_context():
        if "expect_error" in case:
            # A plan without a step owes nothing; the calendar itself refuses it by name.
            owe(app_sqlite, case)
            assert owed() == {}
            return
        person = owe(app_sqlite, case)
        found = owed()
        days = [{"date": str(m.local_date), "kinds": parts} for m, parts in found.values()]
        assert days == case["expect"]
        with transaction():
            db.session.get_one(Person, person).locale = "es" if case["id"] in ("R05", "R09") else "en"
        for words in render.read([message for message, _ in found.values()]):
            message, parts = found[words.message.id]
            check(render.render(words), message, set(parts))


def check(made: Rendered | render.Refusal, message: Message, parts: set[str]) -> None:
    """One mail: at ten in the morning, neutral, and with the sentences of its parts."""
    assert isinstance(made, Rendered), (made, parts)
    assert made.hits == ()
    assert message.due_at.astimezone(ZONE).time() == time(10)
    assert message.due_at.astimezone(ZONE).date() == message.local_date
    assert message.window_end <= message.due_at + timedelta(hours=11)
    spanish = made.recipient.locale == "es"
    visit, asks = ("Le vemos el", "Cuéntenos") if spanish else ("We will see you on", "Please tell us")
    assert (visit in made.text) == bool(parts & {"APPT_3D", "APPT_1D"})
    assert (asks in made.text) == bool(parts & ASKING)
    assert "911" in made.text
