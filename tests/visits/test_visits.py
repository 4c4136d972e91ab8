"""Visits: booked ahead, moved with a growing sequence, kept or missed by a person's word."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask

from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.visits import queries
from intake.visits import service as visits
from intake.visits.models import Appointment, AppointmentState
from tests.cases.folk import center, waiting
from tests.people import Cast


def _book(cast: Cast, starts_at: datetime | None = None, kind: str = "visit") -> Appointment:
    case, _ = waiting(cast)
    now = utcnow()
    with transaction():
        return visits.book(
            site_id=cast.site.id, person_id=case.person_id, case_id=case.id, kind=kind,
            starts_at=starts_at or now + timedelta(days=1), actor=cast.ada, now=now,
        )  # fmt: skip


def test_a_visit_takes_zone_and_place_of_its_site(app: Flask) -> None:
    with center(app) as cast:
        row = _book(cast)
        assert (row.zone, row.place_code, row.state) == ("America/New_York", "A", AppointmentState.BOOKED)
        assert [v.id for v in queries.ahead(now=utcnow(), case_id=row.case_id)] == [row.id]


def test_every_change_raises_the_sequence(app: Flask) -> None:
    with center(app) as cast:
        row = _book(cast)
        with transaction():
            assert (
                visits.move(row.id, starts_at=utcnow() + timedelta(days=2), actor=cast.ada, now=utcnow()).sequence == 1
            )
        with transaction():
            assert visits.cancel(row.id, actor=cast.ada, now=utcnow()).sequence == 2
        with pytest.raises(AlreadyDone, match="already cancelled"), transaction():
            visits.keep(row.id, actor=cast.ada, now=utcnow())


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=-1), timedelta(days=400)])
def test_a_visit_lies_within_the_next_year(app_sqlite: Flask, ahead: timedelta) -> None:
    with center(app_sqlite) as cast, pytest.raises(RuleBroken):
        _book(cast, utcnow() + ahead)


def test_an_unknown_kind_is_refused(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast, pytest.raises(RuleBroken):
        _book(cast, kind="party")


def test_a_visit_is_missed_only_after_its_grace(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = _book(cast)
        with pytest.raises(RuleBroken), transaction():
            visits.miss(row.id, actor=cast.ada, now=row.starts_at + timedelta(minutes=19))
        late = row.starts_at + timedelta(minutes=20)
        assert [v.id for v in queries.overdue(cast.site.id, before=late)] == [row.id]
        with transaction():
            assert visits.miss(row.id, actor=cast.ada, now=late).state is AppointmentState.MISSED


def test_a_visit_of_another_site_reads_as_missing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        row = _book(cast)
        with pytest.raises(Missing), transaction():
            visits.cancel(row.id, actor=cast.cora, now=utcnow())
