"""The calendar file of a visit, opened in two calendar libraries that know nothing of each other."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import tzical
from flask import Flask
from icalendar import Calendar

from intake.clinical.wording import check_email
from intake.visits import calendar
from intake.visits.calendar import Between
from intake.visits.models import Appointment, AppointmentState

STAMP = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
THEM = Between("Northlight, Front Desk", "hello@n.example", "pat@mail.example")
# Two days before and after the changes of clocks in 2026, and far from them, in zones that change in different ways.
MOMENTS = [
    ("America/New_York", "2026-03-06T15:00"),
    ("America/New_York", "2026-03-09T15:00"),
    ("America/New_York", "2026-10-31T15:00"),
    ("America/New_York", "2026-11-02T15:00"),
    ("America/Phoenix", "2026-03-09T15:00"),
    ("Europe/Dublin", "2026-03-30T09:30"),
    ("Australia/Lord_Howe", "2026-04-06T09:30"),
    ("Africa/Casablanca", "2026-02-16T09:30"),
    ("Asia/Kathmandu", "2026-07-01T08:15"),
    ("America/St_Johns", "2026-11-03T20:45"),
]


def visit(zone: str = "America/New_York", at: str = "2026-03-09T15:00", **more: object) -> Appointment:
    """A booked visit at a local time."""
    given: dict[str, object] = {"state": AppointmentState.BOOKED, "sequence": 0, "id": 77, "place_code": "A", **more}
    starts = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Appointment(zone=zone, starts_at=starts, kind="visit", **given)


@pytest.mark.parametrize(("zone", "at"), MOMENTS)
def test_two_libraries_open_it_at_the_right_instant_on_both_sides_of_a_change_of_clocks(
    app_sqlite: Flask, zone: str, at: str
) -> None:
    with app_sqlite.app_context():
        made = calendar.write(visit(zone, at), domain="n.example", stamp=STAMP, between=THEM)
    (event,) = Calendar.from_ical(made).walk("VEVENT")
    right = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone))

    assert event.decoded("dtstart") == right
    # The other one knows the zone from the file alone.
    told = tzical(io.StringIO(made)).get(zone)
    assert datetime.fromisoformat(at).replace(tzinfo=told).utcoffset() == right.utcoffset()


@pytest.mark.parametrize("letter", ["Africa/", "America/A", "America/M", "Antarctica/", "Asia/", "Europe/", "Pacific/"])
def test_the_zone_in_the_file_changes_when_the_zone_changes(letter: str) -> None:
    for zone in sorted(z for z in available_timezones() if z.startswith(letter))[::4]:
        text = "\r\n".join(["BEGIN:VCALENDAR", *calendar._zone(zone, 2026), "END:VCALENDAR", ""])
        told, place = tzical(io.StringIO(text)).get(zone), ZoneInfo(zone)
        for day in range(0, 365, 3):
            noon = datetime(2026, 1, 1, 12) + timedelta(days=day)
            assert noon.replace(tzinfo=told).utcoffset() == noon.replace(tzinfo=place).utcoffset(), (zone, noon)


def test_a_moved_and_a_cancelled_visit_keep_their_name_and_raise_their_sequence(app_sqlite: Flask) -> None:
    stages = [
        visit(),
        visit(at="2026-03-10T09:00", sequence=1),
        visit(at="2026-03-10T09:00", sequence=2, state=AppointmentState.CANCELLED),
    ]
    with app_sqlite.app_context():
        files = [Calendar.from_ical(calendar.write(v, domain="n.example", stamp=STAMP, between=THEM)) for v in stages]
        other = calendar.uid(visit(id=78), "n.example")
    events = [file.walk("VEVENT")[0] for file in files]

    assert len({str(e["uid"]) for e in events}) == 1
    assert str(events[0]["uid"]) != other
    assert [int(e["sequence"]) for e in events] == [0, 1, 2]
    assert [str(f["method"]) for f in files] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [str(e["status"]) for e in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert str(events[0]["organizer"]) == "mailto:hello@n.example"
    assert str(events[0]["attendee"]) == "mailto:pat@mail.example"


@pytest.mark.parametrize(
    ("locale", "word"), [("en", "Appointment"), ("es", "Cita"), ("es-MX", "Cita"), ("fr", "Appointment")]
)
def test_it_says_when_and_where_and_nothing_of_why(app_sqlite: Flask, locale: str, word: str) -> None:
    with app_sqlite.app_context():
        made = calendar.write(visit(), domain="n.example", stamp=STAMP, locale=locale, between=THEM)
    (event,) = Calendar.from_ical(made).walk("VEVENT")

    assert str(event["summary"]) == word
    assert str(event["location"]) == "A"
    assert "DESCRIPTION" not in event
    assert str(event["class"]) == "PRIVATE"
    assert check_email("", made, ["Northlight Detox Center"], locale=locale).hits == ()


def test_the_same_visit_gives_the_same_bytes_in_lines_that_every_calendar_takes(app_sqlite: Flask) -> None:
    long = Between("Ñ" * 60, "hello@n.example", f"{'a' * 60}@{'b' * 60}.example")
    with app_sqlite.app_context():
        made = [
            calendar.write(visit(place_code="B; 2, left\\right"), domain="n.example", stamp=STAMP, between=long)
            for _ in range(2)
        ]
    (event,) = Calendar.from_ical(made[0]).walk("VEVENT")

    assert made[0] == made[1]
    assert all(len(line.encode()) <= 75 for line in made[0].split("\r\n"))
    assert str(event["location"]) == "B; 2, left\\right"
    assert str(event["attendee"]) == f"mailto:{long.person_address}"
