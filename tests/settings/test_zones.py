"""A center, or a person, moves to another time zone: what is owed keeps its moment, what comes is counted there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from intake.actor import Role
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone
from intake.inquiries import clocks
from intake.messages.models import Message
from intake.people import details
from intake.people import queries as people
from intake.people.models import Person
from intake.settings import forms, queries, service
from intake.settings.models import Site
from intake.tasks import service as tasks
from intake.tasks.models import Task
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast
from tests.tapers import story

HONOLULU = "Pacific/Honolulu"


def move(site: Site, cast: Cast, zone: str) -> None:
    """The administrator puts the center into another zone."""
    row = queries.site(site.id)
    asked = forms.Center(
        row.name, row.discreet_name, tuple(row.aliases), row.phone, row.email_from, zone, row.leave_url
    )
    with transaction():
        service.change_site(asked, version=row.version, actor=cast.alex, now=utcnow())


def test_what_is_owed_keeps_its_moment_and_what_comes_is_counted_in_the_new_zone(app: Flask) -> None:
    with center(app) as cast:
        due = utcnow() + timedelta(hours=20)
        with transaction():
            day = {"from": 9, "to": 17}
            service.change(cast.site.id, "working_hours", day, approver="Sol", actor=cast.alex, now=utcnow())
        with transaction():
            task = tasks.owe(
                site_id=cast.site.id, kind="decide_place", key="k", role=Role.ADMISSIONS, due_at=due, cause="test",
                now=utcnow(),
            ).id  # fmt: skip
        night = datetime(2030, 1, 8, 1, 0, tzinfo=UTC)
        before = clocks.due(cast.site.id, acuity=3, channel="web", since=night)
        assert queries.day(cast.site.id, datetime(2030, 1, 8, 6, tzinfo=UTC)).day == 8
        move(cast.site, cast, HONOLULU)
        assert db.session.get_one(Task, task).due_at == due
        assert queries.day(cast.site.id, datetime(2030, 1, 8, 6, tzinfo=UTC)).day == 7
        assert clocks.due(cast.site.id, acuity=3, channel="web", since=night) != before


def test_the_entry_says_from_which_zone_to_which_and_the_people_keep_theirs(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        move(cast.site, cast, HONOLULU)
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.record == "site", AuditEntry.verb == "changed")
        ).one()
        assert (entry.changed, entry.purpose) == (["time_zone"], f"America/New_York to {HONOLULU}")
        assert people.person(case.person_id).time_zone == "America/New_York"


def test_reminders_of_coming_days_move_to_the_same_hour_where_the_person_lives_now(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        story.sign(pat, story.draft(pat))
        case = pat.case
        row = people.person(case.person_id)
        known = details.of(row)
        told = details.Details(**{**vars(known), "time_zone": HONOLULU})
        with transaction():
            details.save(row.id, told, version=row.version, case_id=case.id, actor=pat.cast.ada, now=utcnow())
        here = ZoneInfo(HONOLULU)
        today = utcnow().astimezone(here).date()
        coming = [
            (m.due_at.astimezone(here), m.local_date, m.tz)
            for m in db.session.scalars(select(Message).where(Message.kind == "reminder"))
            if m.local_date is not None and m.local_date > today
        ]
        assert coming
        assert {(at.date() == day, at.hour, zone) for at, day, zone in coming} == {(True, row.reminder_hour, HONOLULU)}
        with pytest.raises(AlreadyDone), transaction():
            details.save(row.id, told, version=row.version - 1, case_id=case.id, actor=pat.cast.ada, now=utcnow())


def test_staff_choose_it_on_the_page_of_the_person_from_a_list(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        path, person_id = f"/cases/{id_text(case.id)}/person", case.person_id
        version = people.person(person_id).version
    ada = browser(app_sqlite, cast, "ada")
    page = ada.get(path).text
    assert "Time zone they live in" in page
    form = {"version": str(version), "used_name": "Theo", "locale": "en"}
    assert ada.post(path, data={**form, "time_zone": "Mars/Base"}).status_code == 422
    assert ada.post(path, data={**form, "time_zone": "America/Denver"}).status_code == 302
    with app_sqlite.app_context():
        assert db.session.get_one(Person, person_id).time_zone == "America/Denver"
        version = people.person(person_id).version
    assert ada.post(path, data={**form, "version": str(version)}).status_code == 302
    with app_sqlite.app_context():
        assert db.session.get_one(Person, person_id).time_zone == "America/Denver", "not sent, not changed"
