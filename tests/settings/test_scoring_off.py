"""The rules fail their check at start: scoring stops, every staff page says so, intake goes on (clinical.md 7)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from intake import crypto
from intake.cases.models import Case, CaseAlert
from intake.checkins.models import CheckIn
from intake.clinical import selfcheck
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import Unavailable
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues.models import Queue, QueueEntry
from intake.screening import service
from intake.screening.models import Screening, ScreeningState
from intake.settings import scoring
from intake.tapers.models import StepHold
from tests.cases.folk import center, inquiry_of
from tests.checkins.test_checkins import CALM, Link, check_in_mail
from tests.desk.door import browser
from tests.inquiries.browser import Browser
from tests.people import Cast, make_cast
from tests.screening.sitting import sit
from tests.tapers import story

BROKEN = selfcheck.SelfCheck(ok=False, failures=("COWS-03",), cases=89)
WORDS = "Scoring is switched off"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = scoring.check()
    yield
    scoring.keep(before)


@pytest.fixture
def cast(app_sqlite: Flask) -> Cast:
    """Both sites and their staff."""
    with app_sqlite.app_context(), transaction():
        return make_cast()


def test_a_wrong_example_fails_the_check_that_the_start_keeps() -> None:
    wrong = {**selfcheck.shipped()[0], "expect": {"score": -1}}
    scoring.keep(selfcheck.run([wrong]))
    assert scoring.is_off()
    with pytest.raises(Unavailable) as refused:
        scoring.required()
    assert (refused.value.code, refused.value.status) == ("SCORING_OFF", 503)


@pytest.mark.parametrize("path", ["/inbox", "/queues/detox", "/tasks", "/mine", "/find"])
def test_every_staff_page_says_so_and_still_opens(app_sqlite: Flask, cast: Cast, path: str) -> None:
    staff = browser(app_sqlite, cast, "cleo")
    assert WORDS not in staff.get(path).text
    scoring.keep(BROKEN)
    page = staff.get(path)
    assert page.status_code == 200
    assert WORDS in page.text


def test_the_public_form_goes_on_and_a_danger_reaches_emergency_without_any_rule(app_sqlite: Flask, cast: Cast) -> None:
    scoring.keep(BROKEN)
    visitor = Browser(app_sqlite)
    assert WORDS not in visitor.get("/help/").get_data(as_text=True)
    assert visitor.step("now", danger=["seizure_24h"]).headers["Location"] == "/help/emergency"
    with app_sqlite.app_context():
        inquiry = db.session.scalars(select(Inquiry)).one()
        assert inquiry.state is InquiryState.NEW
        assert (inquiry.first_contact_due_at - inquiry.received_at).total_seconds() == 15 * 60
        entry = db.session.scalars(select(QueueEntry)).one()
        assert (entry.queue, entry.acuity) == (Queue.EMERGENCY, 1)


def test_answers_of_a_screening_are_kept_but_not_scored_and_it_cannot_be_completed(app: Flask) -> None:
    scoring.keep(BROKEN)
    with center(app) as cast:
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=46)
        row = sit(inquiry, cast)
        with pytest.raises(Unavailable, match=WORDS), transaction():
            service.complete(row.id, actor=cast.cleo, now=utcnow())
        kept = db.session.get_one(Screening, row.id)
        assert kept.state is ScreeningState.DRAFT
        assert kept.saved_at is not None
        inquiry_id = id_text(inquiry.id)
    page = browser(app, cast, "cleo").get(f"/inquiries/{inquiry_id}/screening/cows")
    assert page.status_code == 200
    assert "so far" not in page.text
    routing = browser(app, cast, "cleo").get(f"/inquiries/{inquiry_id}/routing")
    assert routing.status_code == 503
    assert WORDS in routing.text


def test_no_plan_is_drafted_or_signed(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.draft(pat)
        scoring.keep(BROKEN)
        with pytest.raises(Unavailable):
            story.draft(pat)
        with pytest.raises(Unavailable):
            story.sign(pat, version)


def test_a_check_in_is_kept_and_asks_a_clinician_to_read_it(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        story.sign(pat, story.draft(pat, standing=True))
        message = check_in_mail()
        link = Link(app_sqlite, app_sqlite.test_client(), crypto.link_token("check_in", message.id), message.id)
    scoring.keep(BROKEN)
    link.enter()
    assert link.post("/c/send", CALM).location == "/c/done"
    with app_sqlite.app_context():
        row = db.session.scalars(select(CheckIn)).one()
        assert row.triggers == ["NOT_WEIGHED"]
        assert db.session.scalars(select(StepHold)).one().triggers == ["NOT_WEIGHED"]
        alert = db.session.scalars(select(CaseAlert)).one()
        assert alert.case_id == db.session.scalars(select(Case.id)).one()
