"""The clock to the first conversation: priority, channel, working hours, and what a breach sets off within a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.actor import Role
from intake.clock import utcnow
from intake.db import db, transaction
from intake.inquiries import clocks, following, promises
from intake.inquiries import service as inquiries
from intake.inquiries.models import Channel, Inquiry, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.messages.models import Message
from intake.queues import service as queues
from intake.settings import service as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, waiting
from tests.people import Cast
from workers import upkeep

ZONE = ZoneInfo("America/New_York")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("since", "minutes", "weekends", "due"),
    [
        ("2026-11-23T09:00", 120, True, "2026-11-23T11:00"),
        ("2026-11-23T16:00", 120, True, "2026-11-24T09:00"),
        ("2026-11-23T22:00", 60, True, "2026-11-24T09:00"),
        ("2026-11-23T05:00", 60, True, "2026-11-23T09:00"),
        ("2026-11-27T16:30", 60, False, "2026-11-30T08:30"),
        ("2026-11-27T16:30", 60, True, "2026-11-28T08:30"),
        ("2026-11-28T12:00", 60, False, "2026-11-30T09:00"),
        ("2026-11-23T08:00", 1440, True, "2026-11-25T14:00"),
        ("2026-10-31T16:00", 120, True, "2026-11-01T09:00"),
    ],
)
def test_working_time_passes_only_while_the_center_works(since: str, minutes: int, weekends: bool, due: str) -> None:
    found = clocks.after_working(
        local(since).astimezone(UTC), minutes, zone=ZONE, opens=8, closes=17, weekends=weekends
    )
    assert found.astimezone(ZONE).isoformat()[:16] == due


def test_urgent_requests_never_wait_for_the_morning_and_a_channel_may_be_faster(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        night = local("2026-11-23T22:00").astimezone(UTC)
        with transaction():
            for key, new in (("working_hours", {"from": 8, "to": 17}), ("channel_minutes", {"web": 30, "phone": 0})):
                settings.change(cast.site.id, key, new, approver="Sol", actor=cast.alex, now=utcnow())
        site = cast.site.id
        assert clocks.due(site, acuity=1, channel="phone", since=night) == night + timedelta(minutes=15)
        assert clocks.due(site, acuity=2, channel="phone", since=night) == night + timedelta(minutes=60)
        assert clocks.due(site, acuity=2, channel="web", since=night) == night + timedelta(minutes=30)
        waited = clocks.due(site, acuity=3, channel="web", since=night).astimezone(ZONE)
        assert waited == local("2026-11-24T08:30")


def received(cast: Cast) -> int:
    values = InquiryValues(
        relation=Relation.SELF, danger=danger_of(["none"]), name="Theo", age_years=40,
        reach=Reach(phone="+15550141234"), consent=True,
    )  # fmt: skip
    with transaction():
        return inquiries.receive(values, channel=Channel.WEB, actor=cast.ada, now=utcnow(), site=cast.site).id


def live(kind: str) -> list[Task]:
    return list(db.session.scalars(select(Task).where(Task.kind == kind, Task.state.in_(tasks.LIVE))))


def mails() -> int:
    return len(db.session.scalars(select(Message.id).where(Message.kind == "task_alert")).all())


@pytest.mark.parametrize("channel", ["phone", "text", "in_person", "post"])
def test_a_late_first_contact_is_a_task_and_a_mail_and_an_answer_by_any_channel_ends_it(
    app_sqlite: Flask, channel: str
) -> None:
    with center(app_sqlite) as cast:
        inquiry_id = received(cast)
        due = db.session.get_one(Inquiry, inquiry_id).first_contact_due_at
        clock.set_offset(due - utcnow() + timedelta(seconds=59))
        upkeep.work()
        upkeep.work()
        assert [t.role for t in live("late_first_contact")] == [Role.SUPERVISOR]
        assert mails() == 1
        with transaction():
            following.attempt(inquiry_id, channel=channel, outcome="reached", actor=cast.ada, now=utcnow())
        assert live("late_first_contact") == []
        assert live("first_contact") == []


def test_a_promised_call_goes_up_within_a_minute_and_comes_down_when_it_is_kept(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        inquiry_id = received(cast)
        with transaction():
            following.attempt(inquiry_id, channel="phone", outcome="call_later", actor=cast.ada, now=utcnow())
        at = utcnow() + timedelta(hours=2)
        with transaction():
            promises.promise(inquiry_id, kind="callback", due_at=at, actor=cast.ada, now=utcnow())
        clock.set_offset(timedelta(hours=1, minutes=59))
        upkeep.work()
        assert live("overdue") == []
        clock.set_offset(timedelta(hours=2, seconds=30))
        upkeep.work()
        upkeep.work()
        assert [t.params["kind"] for t in live("overdue")] == ["promised_callback"]
        assert mails() == 1
        with transaction():
            following.attempt(inquiry_id, channel="phone", outcome="reached", actor=cast.ada, now=utcnow())
        assert live("overdue") == []


def test_after_the_centers_number_of_tries_somebody_has_to_decide(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        inquiry_id = received(cast)
        for n in range(3):
            assert not following.needs_decision(inquiry_id), n
            with transaction():
                following.attempt(inquiry_id, channel="phone", outcome="no_answer", actor=cast.ada, now=utcnow())
        assert following.needs_decision(inquiry_id)


def test_a_task_put_off_with_a_reason_is_late_only_after_that_time(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        now = utcnow()
        with transaction():
            owed = tasks.owe(
                site_id=cast.site.id, kind="schedule", key="k", role=Role.ADMISSIONS, due_at=now, cause="t", now=now
            )
            tasks.snooze(owed.id, until=now + timedelta(hours=8), reason="asked to", actor=cast.ada, now=now)
        clock.set_offset(timedelta(hours=1))
        upkeep.work()
        assert live("overdue") == []
        clock.set_offset(timedelta(hours=9))
        upkeep.work()
        assert len(live("overdue")) == 1
        assert mails() == 0, "not urgent: it stands on the list"
        with transaction():
            tasks.finish(owed.id, actor=cast.ada, outcome="done", now=utcnow())
        assert db.session.scalars(select(Task.state).where(Task.kind == "overdue")).all() == [TaskState.CANCELLED]


def test_a_case_past_its_target_goes_up_once_until_it_is_claimed(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast, acuity=2)
        clock.set_offset(timedelta(hours=1, seconds=30))
        upkeep.work()
        upkeep.work()
        assert len(live("late_in_queue")) == 1
        assert mails() == 2, "for the queue and for the first contact"
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        assert live("late_in_queue") == []
