"""Reminders of a signed plan: the right day's words, only while the plan says so, never what they must not say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.actor import system
from intake.clinical.cadence import KINDS
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.messages import kinds, render, service
from intake.messages.models import Message, MessagePart, MessageState
from intake.messages.render import Rendered
from intake.people.models import Person
from intake.tapers import changes, holds
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tapers.told import VISIT_DAYS
from intake.visits import service as visits
from tests.messages.outbox import NOON
from tests.servers.mailsink import MailSink
from tests.tapers import story
from workers import engine
from workers.engine import Sender

S = MessageState
ZONE = ZoneInfo("America/New_York")


@dataclass
class Plan:
    """Pat's active plan and a sender."""

    told: story.Story
    version: PlanVersion
    sender: Sender

    def of(self, part: str) -> Message:
        """The first message that holds a part."""
        db.session.rollback()
        found = db.session.scalars(
            select(Message)
            .join(MessagePart, MessagePart.message_id == Message.id)
            .where(MessagePart.kind == part)
            .order_by(Message.due_at)
            .execution_options(populate_existing=True)
        ).all()[0]
        db.session.expunge(found)
        return found

    def go_to(self, moment: datetime) -> int:
        """Let the clock stand at a moment and send what is due then."""
        clock.set_offset(moment - clock.real_now())
        engine.tick()
        return self.sender.deliver()

    def state(self, message: Message) -> MessageState:
        """The state of a message now."""
        db.session.rollback()
        found = db.session.scalar(select(Message.state).where(Message.id == message.id))
        assert found is not None
        return found


def begun(app: Flask, relay: str) -> Plan:
    """Sign Pat's plan at NOON; it starts in three days."""
    app.extensions["intake.config"] = replace(app.extensions["intake.config"], smtp_url=relay)
    clock.set_offset(NOON - clock.real_now())
    told = story.begin(app)
    version = story.sign(told, story.draft(told, starts_in=3))
    db.session.expunge_all()
    return Plan(told, version, Sender(app))


@pytest.fixture
def plan(app: Flask, mailsink: MailSink) -> Iterator[Plan]:
    """An active plan on each engine."""
    with app.app_context():
        made = begun(app, mailsink.url)
        yield made
        made.sender.close()


@pytest.fixture
def plan_sqlite(app_sqlite: Flask, mailsink: MailSink) -> Iterator[Plan]:
    """An active plan on SQLite."""
    with app_sqlite.app_context():
        made = begun(app_sqlite, mailsink.url)
        yield made
        made.sender.close()


def test_every_day_of_the_plan_sends_one_mail_at_ten_with_a_link_and_no_health_word(
    plan: Plan, mailsink: MailSink
) -> None:
    owed = db.session.scalars(select(Message).where(Message.kind == "reminder").order_by(Message.due_at)).all()
    first = [(m.id, m.due_at, m.local_date) for m in owed][:8]
    for _, due, _ in first:
        plan.go_to(due + timedelta(seconds=1))

    assert len(mailsink.accepted) == len(first)
    for mail, (_, due, day) in zip(mailsink.accepted, first, strict=True):
        assert due.astimezone(ZONE).date() == day
        assert 8 <= due.astimezone(ZONE).hour < 21
        assert mail.recipients == (story.EMAIL,)
        assert "http://localhost/c/" in mail.text
        assert "http://localhost/u/" in mail.text
        assert "http://localhost/p/" in mail.text
        assert mail.message["Subject"] in {"A quick check-in", "A message from your care team"}


def test_a_pause_takes_back_every_reminder_and_owes_one_neutral_notice(plan: Plan, mailsink: MailSink) -> None:
    eve = plan.of("STEP_EVE")
    plan.go_to(NOON + timedelta(minutes=5))
    mailsink.clear()
    with transaction():
        changes.pause(
            plan.version.id,
            reason="person_asked",
            words="",
            review_by=utcnow().date() + timedelta(days=7),
            agreed_by="phone",
            actor=plan.told.cast.cleo,
            now=utcnow(),
        )
    plan.go_to(utcnow() + timedelta(minutes=3))

    assert [m.message["Subject"] for m in mailsink.accepted] == ["A message from your care team"]
    plan.go_to(eve.due_at + timedelta(minutes=1))
    assert len(mailsink.accepted) == 1
    assert plan.state(eve) is S.CANCELLED


def test_a_held_step_waits_and_goes_once_the_hold_is_cleared(plan: Plan, mailsink: MailSink) -> None:
    plan.go_to(NOON + timedelta(minutes=5))
    mailsink.clear()
    eve = plan.of("STEP_EVE")
    with transaction():
        version = db.session.get_one(PlanVersion, plan.version.id)
        held = holds.hold(
            version, first_step=1, reason="check_in", triggers=["PAIN_UP"], case=plan.told.case, now=utcnow()
        ).id
    plan.go_to(eve.due_at + timedelta(minutes=1))

    assert mailsink.accepted == []
    assert plan.state(eve) is S.SCHEDULED
    with transaction():
        holds.clear_hold(held, reason="Talked on the phone.", actor=plan.told.cast.cleo, now=utcnow())
    plan.go_to(eve.due_at + timedelta(minutes=20))
    assert plan.state(eve) is S.SENT


def test_of_a_merged_day_the_part_that_is_still_true_goes(plan_sqlite: Plan, mailsink: MailSink) -> None:
    plan = plan_sqlite
    plan.go_to(NOON + timedelta(minutes=5))
    mailsink.clear()
    eve = plan.of("STEP_EVE")
    with transaction():
        db.session.add(MessagePart(id=new_id(), message_id=eve.id, kind="CHECKIN", step_no=1, appointment_id=None))
        version = db.session.get_one(PlanVersion, plan.version.id)
        holds.hold(version, first_step=1, reason="check_in", triggers=[], case=plan.told.case, now=utcnow())
    plan.go_to(eve.due_at + timedelta(minutes=1))

    assert [m.message["Subject"] for m in mailsink.accepted] == ["A quick check-in"]


def test_a_completed_plan_still_asks_but_announces_no_step(plan_sqlite: Plan, mailsink: MailSink) -> None:
    plan = plan_sqlite
    plan.go_to(NOON + timedelta(minutes=5))
    mailsink.clear()
    eve, check = plan.of("STEP_EVE"), plan.of("CHECKIN")
    with transaction():
        db.session.get_one(PlanVersion, plan.version.id).state = PlanState.COMPLETED
    plan.go_to(eve.due_at + timedelta(minutes=1))
    assert plan.state(eve) is S.CANCELLED
    plan.go_to(check.due_at + timedelta(minutes=1))

    assert plan.state(check) is S.SENT


def reminder(plan: Plan, due: datetime, part: str, day: date, visit: int | None = None) -> Message:
    """Owe one more reminder of the plan by hand (inside a transaction)."""
    case = plan.told.case
    return service.schedule(
        "reminder",
        subject_id=plan.version.id,
        recipient_type="person",
        recipient_id=case.person_id,
        due_at=due,
        window_start=due,
        window_end=due + timedelta(hours=12),
        tz="America/New_York",
        dedupe_key=f"extra:{new_id()}",
        site_id=case.site_id,
        now=utcnow(),
        order_key=case.person_id,
        case_id=case.id,
        plan=plan.version.plan_id,
        plan_version=plan.version.id,
        local_date=day,
        parts=[(part, 1, visit)],
    )


def test_after_an_outage_a_person_gets_one_digest_and_not_three_reminders(plan: Plan, mailsink: MailSink) -> None:
    plan.go_to(NOON + timedelta(minutes=5))
    mailsink.clear()
    with transaction():
        owed = [
            reminder(plan, utcnow() + timedelta(minutes=n), part, NOON.date())
            for n, part in enumerate(["CHECKIN", "REFILL", "CHECKIN"])
        ]
    plan.go_to(utcnow() + timedelta(hours=1))

    assert [plan.state(m) for m in owed] == [S.CANCELLED, S.CANCELLED, S.SENT]
    parts = db.session.scalars(select(MessagePart.kind).where(MessagePart.message_id == owed[2].id))
    assert sorted(parts) == ["CHECKIN", "REFILL"]
    assert len(mailsink.accepted) == 1


def test_a_stop_of_the_mails_leaves_the_plan_alone(plan: Plan, mailsink: MailSink) -> None:
    plan.go_to(NOON + timedelta(minutes=5))
    mailsink.clear()
    person = plan.told.case.person_id
    with transaction():
        assert kinds.get("reminder").stop(person, now=utcnow())
    eve = plan.of("STEP_EVE")
    plan.go_to(eve.due_at + timedelta(minutes=1))

    assert mailsink.arrived == []
    assert plan.state(eve) is S.SUPPRESSED
    assert db.session.get_one(PlanVersion, plan.version.id).state is PlanState.ACTIVE


def test_another_chosen_hour_moves_the_reminders_of_coming_days(plan: Plan, mailsink: MailSink) -> None:
    person = plan.told.case.person_id
    with transaction():
        kinds.get("reminder").choose_time(person, 18, 30, now=utcnow())
    eve = plan.of("STEP_EVE")

    assert eve.due_at.astimezone(ZONE).time() == time(18, 30)
    assert plan.go_to(eve.due_at - timedelta(minutes=1)) == 0
    plan.go_to(eve.due_at + timedelta(seconds=1))
    assert plan.state(eve) is S.SENT


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("part", KINDS)
def test_p02_every_kind_of_reminder_passes_the_filter_on_the_rendered_mail(
    plan_sqlite: Plan, part: str, locale: str
) -> None:
    plan = plan_sqlite
    case = plan.told.case
    with transaction():
        db.session.get_one(Person, case.person_id).locale = locale
        day = NOON.date()
        visit = visits.book(
            site_id=case.site_id,
            person_id=case.person_id,
            kind="visit",
            starts_at=datetime.combine(day + timedelta(days=3 if part == "APPT_3D" else 1), time(15), ZONE),
            actor=system(case.site_id),
            now=utcnow(),
            case_id=case.id,
        )
        named = visit.id if part in VISIT_DAYS else None
        message = reminder(plan, utcnow() + timedelta(hours=1), part, day, named)
    (words,) = render.read([db.session.get_one(Message, message.id)])
    made = render.render(words)

    assert isinstance(made, Rendered), made
    assert made.hits == ()
    assert len(made.html.encode()) <= 3 * 1024
    assert made.text.count("http") == 3
    assert db.session.get_one(TaperPlan, plan.version.plan_id).current_version_id == plan.version.id
