"""The reports of the way through care count each person once, in the right row, and hide nothing but small counts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask

from intake.beds import service as beds
from intake.beds.models import Bed
from intake.cases import service as cases
from intake.cases.stays import Leaving
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.inquiries import following
from intake.inquiries import service as inquiries
from intake.inquiries.models import Channel, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.people import demographics
from intake.people.models import Person
from intake.reports import care, teds
from intake.settings import queries as settings
from tests.screening.sitting import Browser
from tests.tapers import story

DAY = timedelta(days=1)


def span() -> tuple[datetime, datetime]:
    now = utcnow()
    return now - DAY, now + DAY


def admit(pat: story.Story) -> int:
    """Pat comes into a bed; returns the bed."""
    now = utcnow()
    with transaction():
        unit = beds.add_unit(
            site_id=pat.cast.ada.site_id, name="Ward", level="outpatient", actor=pat.cast.sol, now=now - 10 * DAY
        )
        bed: Bed = beds.add_bed(unit, name="W1", actor=pat.cast.sol, now=now - 10 * DAY)
        beds.add_bed(unit, name="W2", actor=pat.cast.sol, now=now - 10 * DAY)
        bed_id = bed.id
    with transaction():
        cases.schedule(pat.case_id, starts_at=now + timedelta(hours=1), bed_id=bed_id, actor=pat.cast.ada, now=now)
    with transaction():
        cases.admit(pat.case_id, level="outpatient", actor=pat.cast.cleo, now=now)
    return bed_id


def test_each_person_is_lost_at_one_step_on_the_day_they_asked(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        site, now = settings.the_site(), utcnow()
        said = InquiryValues(
            relation=Relation.SELF, danger=danger_of(["none"]), name="Kim", reach=Reach(phone="+15550141999"),
            consent=True,
        )  # fmt: skip
        for spoke in (False, True):
            with transaction():
                row = inquiries.receive(
                    said, channel=Channel.WEB, actor=pat.cast.ada, now=now, site=settings.the_site()
                )
                outcome = "reached" if spoke else "no_answer"
                following.attempt(row.id, channel="phone", outcome=outcome, actor=pat.cast.ada, now=now)
                inquiry_id = row.id
            with transaction():
                following.close(
                    inquiry_id, state="declined_by_person", reason="Chose not to.", next_contact="May call",
                    actor=pat.cast.ada, now=now,
                )  # fmt: skip
        (day,) = care.losses(site.id, *span()).rows
        assert day[1:] == (3, 1, 1, 0, 0, 0, 1)
        admit(pat)
        (day,) = care.losses(site.id, *span()).rows
        assert day[1:] == (3, 1, 1, 0, 0, 1, 0)


def test_beds_are_counted_from_the_stays(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        admit(pat)
        now = utcnow()
        ((name, count, lived, kept, part),) = care.capacity(pat.cast.ada.site_id, now - DAY, now + DAY).rows
        assert (name, count, lived, kept) == ("Ward", 2, 1, 0)
        assert part == pytest.approx(0, abs=1)
        later = care.capacity(pat.cast.ada.site_id, now - timedelta(minutes=2), now + DAY).rows[0]
        assert later[4] <= 50
        assert care.capacity(pat.cast.cora.site_id, now - DAY, now + DAY).rows == ()


def test_the_waitlist_counts_each_number_once(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        now = utcnow()
        with transaction():
            cases.waitlist(pat.case_id, wait_class="injecting", actor=pat.cast.ada, now=now)
        (row,) = care.waitlist(pat.cast.ada.site_id, now - 2 * DAY, now + 2 * DAY).rows
        assert row == ("Injecting", 1, 1, 0, 0, 0, None)
        admit(pat)
        (row,) = care.waitlist(pat.cast.ada.site_id, now - 2 * DAY, now + 2 * DAY).rows
        assert (row[:3], row[4:6]) == (("Injecting", 1, 0), (1, 1))


def test_leaving_early_is_told_by_day_of_the_stay_and_by_reason(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        admit(pat)
        now = utcnow()
        with transaction():
            cases.discharge(
                pat.case_id, type="against_advice", reason="Wants to be home.", naloxone="accepted", warned=True,
                leaving=Leaving("full", "Cleo Park", ("pause",), "home_or_work"), actor=pat.cast.cleo, now=now,
            )  # fmt: skip
        site = pat.cast.ada.site_id
        rows = care.leaving(site, now - 2 * DAY, now + 2 * DAY).rows
        assert rows[0] == ("Day 1", 1, 1, 1, 100.0)
        assert rows[1][1:] == (0, 0, 0, None)
        found = care.reasons(site, now - 2 * DAY, now + 2 * DAY).rows
        assert found == (("Left against advice", 1, 100.0), ("Early: Family, children or work", 1, 100.0))


def test_teds_counts_admissions_only_and_a_blank_or_unknown_is_missing(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        now = utcnow()
        site = pat.cast.ada.site_id
        assert teds.teds(site, now - 2 * DAY, now + 2 * DAY).rows == ()
        admit(pat)
        rows = {row[0]: row for row in teds.teds(site, now - 2 * DAY, now + 2 * DAY).rows}
        assert rows.keys() == teds.FIELDS.keys()
        assert len(teds.MINIMUM) == 22
        assert {k for k, row in rows.items() if row[4]} >= {"SERVICES", "AGE", "SUB1", "FREQ1", "PREG", "LIVARAG"}
        assert {k for k, row in rows.items() if not row[4]} >= {"RACE", "GENDER", "VET", "NOPRIOR"}
        assert all(row[3] == 1 and row[5] in (0.0, 100.0) for row in rows.values())
        db.session.remove()
    days = f"from={(now - 2 * DAY).date()}&to={(now + 2 * DAY).date()}"
    page = Browser(app, "sol").get(f"/reports/teds.csv?{days}")
    assert page.status_code == 200
    assert "SERVICES,Service setting,minimum,<5,<5,100.0" in page.text


def test_what_no_screening_asks_is_asked_on_one_page_and_counts_from_then_on(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        admit(pat)
        case_id, site = id_text(pat.case_id), pat.cast.ada.site_id
        db.session.remove()
    ada, path = Browser(app_sqlite, "ada"), f"/cases/{case_id}/state-items"
    every = {name: choices[0][0] for group in demographics.ITEMS.values() for name, (_, choices) in group.items()}
    given = {**every, "VET": demographics.NOT_KNOWN, "ARRESTS": ""}
    given["version"] = re.findall(r'name="version" value="(\d+)"', ada.get(path).text)[0]
    assert ada.post(path, {**given, "RACE": "77"}, page=path).status_code == 422
    assert ada.post(path, given, page=path).status_code == 302
    older = ada.post(path, {**given, "VET": ""}, page=path)
    assert older.status_code == 409
    assert "Now: Not known" in older.text, "what a colleague chose stands beside what was typed"
    assert "Somebody changed this person" in ada.post(path, given, page=path).text, "said even where nothing differs"
    page = ada.get(path).text
    assert page.count(" selected") >= len(every) - 1
    with app_sqlite.app_context():
        now = utcnow()
        known = {row[0]: row[4] for row in teds.teds(site, now - 2 * DAY, now + 2 * DAY).rows}
        asked = every.keys() & known.keys()
        assert asked == every.keys()
        assert {name for name in asked if not known[name]} == {"VET", "ARRESTS"}
        assert db.session.get_one(Person, pat.case.person_id).sex == "male", "beds and scores read it there"
    assert Browser(app_sqlite, "cora").get(path).status_code == 404
    assert Browser(app_sqlite, "drew").get(path).status_code in (403, 404)
