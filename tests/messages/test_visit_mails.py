"""Mails about visits: three days and one day before, one a day, with a file, never about a visit that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from email.message import EmailMessage
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from icalendar import Calendar
from sqlalchemy import select

from intake import clock
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.messages import kinds
from intake.messages.models import Message, MessagePart, MessageState
from intake.people.models import Person
from intake.tapers import changes, happenings, visiting
from intake.tapers.models import PlanVersion
from intake.visits import service as visits
from intake.visits.models import Appointment
from tests.messages.outbox import NOON, Outbox
from tests.messages.test_gate import claimed, pass_gate
from tests.screening.sitting import Browser
from tests.servers.mailsink import Mail, MailSink
from tests.tapers import story
from workers import engine
from workers.engine import Sender

S = MessageState
ZONE = ZoneInfo("America/New_York")
TODAY = NOON.date()


@dataclass
class Desk:
    """Pat's case, with or without a plan, and a sender."""

    told: story.Story
    sender: Sender
    sink: MailSink

    def book(self, days: int, hour: int = 15) -> int:
        """Book a visit some days ahead; returns its id."""
        case = self.told.case
        with transaction():
            return visits.book(
                site_id=case.site_id, person_id=case.person_id, case_id=case.id, kind="visit",
                starts_at=at(days, hour), actor=self.told.cast.ada, now=utcnow(),
            ).id  # fmt: skip

    def move(self, visit: int, days: int, hour: int = 15) -> None:
        """Put a visit on another day."""
        with transaction():
            visits.move(visit, starts_at=at(days, hour), actor=self.told.cast.ada, now=utcnow())

    def cancel(self, visit: int) -> None:
        """Take a visit back."""
        with transaction():
            visits.cancel(visit, actor=self.told.cast.ada, now=utcnow())

    def plan(self, starts_in: int = 2) -> PlanVersion:
        """Sign a plan: its first step starts some days ahead."""
        version = story.sign(self.told, story.draft(self.told, starts_in=starts_in))
        db.session.expunge_all()
        return version

    def go_to(self, moment: datetime) -> list[Mail]:
        """Let the clock stand at a moment; returns the mails that arrive then."""
        before = len(self.sink.accepted)
        clock.set_offset(moment - clock.real_now())
        engine.tick()
        self.sender.deliver()
        return self.sink.accepted[before:]

    def owed(self, kind: str = "visit_reminder") -> list[tuple[date | None, tuple[str, ...]]]:
        """Open messages of a kind: day and parts."""
        db.session.rollback()
        rows = db.session.scalars(
            select(Message).where(Message.kind == kind, Message.state == S.SCHEDULED).order_by(Message.due_at)
        ).all()
        return [(m.local_date, tuple(sorted(p for p, _ in self.parts(m.id)))) for m in rows]

    @staticmethod
    def parts(message_id: int) -> list[tuple[str, int | None]]:
        """Parts of a message with their visits."""
        rows = db.session.execute(
            select(MessagePart.kind, MessagePart.appointment_id).where(MessagePart.message_id == message_id)
        )
        return [(row.kind, row.appointment_id) for row in rows]


def at(days: int, hour: int = 15, minute: int = 0) -> datetime:
    """A local time some days from today."""
    return datetime.combine(TODAY + timedelta(days=days), time(hour, minute), ZONE)


def calendars(mail: Mail) -> list[Calendar]:
    """The calendar files of a mail."""
    files = [cast(EmailMessage, f) for f in mail.message.iter_attachments()]
    return [Calendar.from_ical(f.get_payload(decode=True)) for f in files if f.get_content_type() == "text/calendar"]


def _desk(app: Flask, sink: MailSink) -> Desk:
    app.extensions["intake.config"] = replace(app.extensions["intake.config"], smtp_url=sink.url)
    clock.set_offset(NOON - clock.real_now())
    return Desk(story.begin(app), Sender(app), sink)


@pytest.fixture
def desk(app_sqlite: Flask, mailsink: MailSink) -> Iterator[Desk]:
    """A case without a plan, on SQLite."""
    with app_sqlite.app_context():
        made = _desk(app_sqlite, mailsink)
        yield made
        made.sender.close()


@pytest.fixture
def desk_each(app: Flask, mailsink: MailSink) -> Iterator[Desk]:
    """The same on each database."""
    with app.app_context():
        made = _desk(app, mailsink)
        yield made
        made.sender.close()


def test_a_visit_is_told_three_days_and_one_day_before_with_a_calendar_file(desk_each: Desk) -> None:
    desk = desk_each
    desk.book(5, 9)

    assert desk.owed() == [(TODAY + timedelta(days=2), ("APPT_3D",)), (TODAY + timedelta(days=4), ("APPT_1D",))]
    assert desk.go_to(at(2, 9, 59)) == []
    first = desk.go_to(at(2, 10, 1))
    second = desk.go_to(at(4, 10, 1))
    # The clocks in New York change on 8 March, the day of the visit.
    assert [m.message["Subject"] for m in (*first, *second)] == ["Appointment reminder"] * 2
    for mail in (*first, *second):
        assert "Sunday, March 8, 9:00 AM, place A" in mail.text
        (file,) = calendars(mail)
        (event,) = file.walk("VEVENT")
        assert event.decoded("dtstart") == datetime.fromisoformat("2026-03-08T13:00:00+00:00")
        assert str(file["method"]) == "REQUEST"


def test_a_visit_booked_late_is_told_at_once_and_one_booked_for_the_same_hour_not(desk: Desk) -> None:
    desk.book(1, 9)
    (mail,) = desk.go_to(NOON + timedelta(minutes=2))
    assert "Wednesday, March 4, 9:00 AM" in mail.text

    desk.book(0, 20)
    assert desk.owed() == []


def test_a_moved_visit_is_told_anew_and_a_person_who_knew_hears_of_it(desk: Desk) -> None:
    visit = desk.book(3)
    (told,) = desk.go_to(NOON + timedelta(minutes=2))
    desk.move(visit, 6, 11)

    assert desk.owed() == [(TODAY + timedelta(days=3), ("APPT_3D",)), (TODAY + timedelta(days=5), ("APPT_1D",))]
    (mail,) = desk.go_to(utcnow() + timedelta(minutes=2))
    assert mail.message["Subject"] == "Your appointment has changed"
    assert "Monday, March 9, 11:00 AM" in mail.text
    (before,), (after,) = calendars(told), calendars(mail)
    assert before.walk("VEVENT")[0]["uid"] == after.walk("VEVENT")[0]["uid"]
    assert [int(c.walk("VEVENT")[0]["sequence"]) for c in (before, after)] == [0, 1]
    assert after.walk("VEVENT")[0].decoded("dtstart") == at(6, 11)


def test_a_cancelled_visit_takes_its_mails_and_its_calendar_entry_back(desk_each: Desk) -> None:
    desk = desk_each
    visit = desk.book(3)
    desk.go_to(NOON + timedelta(minutes=2))
    desk.cancel(visit)

    assert desk.owed() == []
    (mail,) = desk.go_to(utcnow() + timedelta(minutes=2))
    assert "will not take place" in mail.text
    (file,) = calendars(mail)
    assert str(file["method"]) == "CANCEL"
    assert str(file.walk("VEVENT")[0]["status"]) == "CANCELLED"
    assert desk.go_to(at(2, 12)) == []


def test_somebody_who_was_never_told_of_a_visit_hears_nothing_of_its_end(desk: Desk) -> None:
    desk.cancel(desk.book(5))

    assert desk.owed() == []
    assert desk.owed("visit_changed") == []


def test_two_visits_that_are_told_on_one_day_go_in_one_mail_with_two_files(desk: Desk) -> None:
    desk.book(5, 9)
    desk.book(3, 16)
    (mail,) = desk.go_to(at(2, 10, 1))

    assert mail.text.index("Friday, March 6, 4:00 PM") < mail.text.index("Sunday, March 8, 9:00 AM")
    assert len(calendars(mail)) == 2


@pytest.mark.parametrize("act", ["move", "cancel"])
def test_a_visit_changed_between_claim_and_gate_is_not_told_as_it_was(desk_each: Desk, act: str) -> None:
    desk = desk_each
    visit = desk.book(1, 9)
    clock.set_offset(NOON + timedelta(minutes=2) - clock.real_now())
    batch, mail = claimed(cast(Outbox, desk))
    if act == "move":
        desk.move(visit, 2, 9)
    else:
        desk.cancel(visit)

    assert not pass_gate(batch, mail)
    assert db.session.get_one(Message, mail.message.id).state is S.CANCELLED
    assert desk.go_to(utcnow() + timedelta(minutes=1)) == []


def test_a_plan_that_writes_on_that_day_tells_of_the_visit_in_its_own_mail(desk_each: Desk) -> None:
    desk = desk_each
    desk.plan(starts_in=2)
    desk.go_to(NOON + timedelta(minutes=2))
    visit = desk.book(2, 11)

    # The eve of the first step is tomorrow, as is the day before the visit.
    assert desk.owed() == []
    (mail,) = desk.go_to(at(1, 10, 1))
    assert mail.message["Subject"] == "Appointment reminder"
    assert "Thursday, March 5, 11:00 AM" in mail.text
    (file,) = calendars(mail)
    assert file.walk("VEVENT")[0].decoded("dtstart") == at(2, 11)
    assert [p for p in Desk.parts(message_of(visit)) if p[0] == "APPT_1D"] == [("APPT_1D", visit)]


def message_of(visit: int) -> int:
    """The message that tells of a visit."""
    db.session.rollback()
    return db.session.scalars(select(MessagePart.message_id).where(MessagePart.appointment_id == visit)).one()


def test_a_plan_signed_after_the_booking_takes_the_visit_over(desk: Desk) -> None:
    desk.book(2, 11)
    assert desk.owed() == [(TODAY + timedelta(days=1), ("APPT_1D",))]
    desk.plan(starts_in=2)

    assert desk.owed() == []
    assert (TODAY + timedelta(days=1), ("APPT_1D", "STEP_EVE")) in desk.owed("reminder")


def test_a_paused_or_stopped_plan_does_not_silence_the_visit(desk: Desk) -> None:
    version = desk.plan(starts_in=2)
    desk.book(2, 11)
    with transaction():
        paused = changes.pause(
            version.id, reason="person_asked", words="", review_by=TODAY + timedelta(days=7), agreed_by="phone",
            actor=desk.told.cast.cleo, now=utcnow(),
        ).id  # fmt: skip
    assert desk.owed() == [(TODAY + timedelta(days=1), ("APPT_1D",))]
    with transaction():
        changes.stop(paused, reason="person_asked", actor=desk.told.cast.cleo, now=utcnow())
    assert desk.owed() == [(TODAY + timedelta(days=1), ("APPT_1D",))]
    (mail,) = [m for m in desk.go_to(at(1, 10, 1)) if m.message["Subject"] == "Appointment reminder"]
    assert "Thursday, March 5, 11:00 AM" in mail.text


def test_a_visit_taken_back_leaves_the_plans_mail_its_other_words(desk: Desk) -> None:
    desk.plan(starts_in=2)
    visit = desk.book(2, 11)
    desk.cancel(visit)

    assert (TODAY + timedelta(days=1), ("STEP_EVE",)) in desk.owed("reminder")
    assert [m.message["Subject"] for m in desk.go_to(at(1, 10, 1))][-1] == "A message from your care team"


@pytest.mark.parametrize(("ending", "left"), [("died", 0), ("against_advice", 0), ("completed", 2)])
def test_the_end_of_a_case_decides_whether_its_visits_are_told(desk: Desk, ending: str, left: int) -> None:
    desk.book(5)
    with transaction():
        case = desk.told.case
        case.discharge_type = ending
        happenings.case_ended(case, ending, desk.told.cast.cleo, utcnow())

    assert len(desk.owed()) == left


def test_settling_again_and_again_changes_nothing(desk: Desk) -> None:
    desk.book(5)
    desk.book(8)
    before = [m.id for m in db.session.scalars(select(Message).where(Message.kind == "visit_reminder"))]
    for _ in range(3):
        with transaction():
            assert visiting.settle(desk.told.case, now=utcnow()) == 4

    db.session.rollback()
    after = db.session.execute(select(Message.id, Message.state).where(Message.kind == "visit_reminder")).all()
    assert sorted(before) == sorted(row.id for row in after)
    assert {row.state for row in after} == {S.SCHEDULED}


def test_a_person_without_an_address_is_owed_no_mail(desk: Desk) -> None:
    with transaction():
        for point in visiting_points(desk):
            db.session.delete(point)
    desk.book(5)

    assert desk.owed() == []


def visiting_points(desk: Desk) -> list[visiting.ContactPoint]:
    """The email addresses of Pat."""
    found = select(visiting.ContactPoint).where(
        visiting.ContactPoint.person_id == desk.told.case.person_id,
        visiting.ContactPoint.kind == visiting.ContactKind.EMAIL,
    )
    return list(db.session.scalars(found))


def test_another_chosen_hour_also_moves_mails_about_visits(desk: Desk) -> None:
    desk.book(5)
    with transaction():
        kinds.get("reminder").choose_time(desk.told.case.person_id, 18, 30, now=utcnow())
    db.session.rollback()
    dues = db.session.scalars(select(Message.due_at).where(Message.kind == "visit_reminder")).all()

    assert {due.astimezone(ZONE).time() for due in dues} == {time(18, 30)}


@pytest.mark.parametrize("locale", ["en", "es"])
def test_the_mails_pass_the_filter_file_included(desk: Desk, locale: str) -> None:
    with transaction():
        db.session.get_one(Person, desk.told.case.person_id).locale = locale
    visit = desk.book(3)
    desk.go_to(NOON + timedelta(minutes=2))
    desk.cancel(visit)
    mails = [*desk.sink.accepted, *desk.go_to(utcnow() + timedelta(minutes=2))]
    db.session.rollback()
    rows = db.session.scalars(select(Message).where(Message.kind.in_(["visit_reminder", "visit_changed"]))).all()

    assert len(mails) == 2
    word = "Cita" if locale == "es" else "Appointment"
    assert {str(c.walk("VEVENT")[0]["summary"]) for m in mails for c in calendars(m)} == {word}
    assert "content_filter" not in {row.held_reason for row in rows}
    assert db.session.get_one(Appointment, visit).sequence == 1


def test_staff_see_the_file_in_the_preview_as_it_will_go(desk: Desk) -> None:
    desk.book(5)
    db.session.rollback()
    message = db.session.scalars(
        select(Message).where(Message.kind == "visit_reminder").order_by(Message.due_at)
    ).first()
    assert message is not None
    address = f"/reminders/{id_text(message.id)}/preview"
    page = Browser(desk.told.app, "ada").get(address).text

    assert "File: visit.ics" in page
    assert "BEGIN:VEVENT" in page
    assert "Visit" in Browser(desk.told.app, "ada").get("/reminders?state=owed").text
