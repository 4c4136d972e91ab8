"""ORT-OUD is off until the center has recorded its author's permission (clinical.md 1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import RuleBroken
from intake.inquiries.models import Inquiry
from intake.people.models import Person
from intake.screening import pages, queries, service, subjects
from intake.screening.findings import blank_items
from intake.screening.parts import MORE
from intake.settings import service as settings
from tests.cases.folk import center, inquiry_of
from tests.people import Cast
from tests.screening.sitting import Browser, url

FAMILY = {"ort_oud-fam_alcohol": 1, "ort_oud-own_rx": 1}
REST = ("fam_illegal", "fam_rx", "own_alcohol", "own_illegal", "psych_other", "depression")


@pytest.fixture
def cast(app_sqlite: Flask) -> Iterator[Cast]:
    """The center, in its context."""
    with center(app_sqlite) as found:
        yield found


def _permit(cast: Cast) -> None:
    with transaction():
        settings.change(
            cast.site.id, "ort_oud_permission", True, approver="Dr. Ruiz", actor=cast.alex, now=utcnow() - timedelta(1)
        )


def test_without_permission_the_scale_is_not_on_the_page_and_takes_no_answer(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        with transaction():
            inquiry_id = inquiry_of(cast.site, cast.ada, name="Dana", age_years=40).id
        with transaction():
            row = service.start(db.session.get_one(Inquiry, inquiry_id), mode="full", actor=cast.cleo, now=utcnow())
        with pytest.raises(RuleBroken) as refused, transaction():
            service.answer(row.id, "more", FAMILY, actor=cast.cleo, now=utcnow())
    assert refused.value.code == "SCALE_OFF"
    page = Browser(app_sqlite).get(url(inquiry_id, "more")).text
    assert "Anxiety, past two weeks" in page
    assert "Risk of developing opioid use disorder" not in page


def test_with_permission_it_is_scored_and_the_age_is_worked_out_never_asked(cast: Cast) -> None:
    _permit(cast)
    with transaction():
        inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=40)
        row = service.start(inquiry, mode="full", actor=cast.cleo, now=utcnow())
        answers = {**FAMILY, **{f"ort_oud-{item}": 0 for item in REST}}
        service.answer(row.id, "more", answers, actor=cast.cleo, now=utcnow())
    person = db.session.get_one(Person, inquiry.person_id)
    score = queries.findings_of(row, person).scores["ort_oud"]
    assert (score.score, score.band, score.alerts) == (3, "high", ("ORT_OUD_HIGH",))
    instrument = next(i for i in MORE.instruments() if i.key == "ort_oud")
    assert blank_items(instrument, queries.values(row)) == ()
    sheet = pages.sheet(MORE, subjects.subject(cast.cleo, inquiry_id=inquiry.id), cast.cleo)
    block = next(b for b in sheet.blocks if b.block.key == "ort_oud")
    assert "ort_oud-age_16_45" not in [item.name for item in block.items]


def test_without_an_age_the_total_stays_open_and_nothing_is_asked_for(cast: Cast) -> None:
    _permit(cast)
    with transaction():
        inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=None)
        row = service.start(inquiry, mode="full", actor=cast.cleo, now=utcnow())
        answers = {**FAMILY, **{f"ort_oud-{item}": 0 for item in REST}}
        service.answer(row.id, "more", answers, actor=cast.cleo, now=utcnow())
    score = queries.findings_of(row, db.session.get_one(Person, inquiry.person_id)).scores["ort_oud"]
    assert (score.score, score.low, score.high) == (None, 2, 3)
    assert service.open_points(queries.values(row)) == {}
