"""A consent that is a condition of a criminal case is not taken back before its day or its event (42 CFR 2.35)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from intake import clock
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.consents import binding, queries, service
from intake.consents.models import Consent, ConsentState
from intake.consents.service import Signature
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.people import queries as people
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast
from tests.release.agreeing import agreed, wanted

ZONE = ZoneInfo("America/New_York")
COURT: dict[str, Any] = {"purpose": "legal", "recipient": "County probation office", "bound": True}
PROBATION = "my probation ends"


def take_back(consent_id: int, cast: Cast) -> None:
    """The person says so; Cleo writes it down."""
    with transaction():
        service.revoke(consent_id, how="spoken", actor=cast.cleo, now=utcnow())


def state(consent_id: int) -> ConsentState:
    """Where a consent stands."""
    return db.session.scalars(select(Consent.state).where(Consent.id == consent_id)).one()


def test_it_cannot_be_taken_back_before_its_day_and_can_from_then_on(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, **COURT, bound_until=utcnow() + timedelta(days=30))
        with pytest.raises(RuleBroken, match="condition of a criminal case") as refused:
            take_back(consent_id, cast)
        assert refused.value.code == "BOUND"
        assert state(consent_id) is ConsentState.ACTIVE
        with pytest.raises(AlreadyDone), transaction():
            # Nothing was named that could happen: its day alone frees it.
            binding.free(service.locked(consent_id, cast.cleo), actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(days=30, minutes=1))
        take_back(consent_id, cast)
        assert state(consent_id) is ConsentState.REVOKED


def test_it_can_be_taken_back_once_its_event_is_written_down(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, **COURT, bound_event=PROBATION)
        with pytest.raises(RuleBroken):
            take_back(consent_id, cast)
        with transaction():
            binding.free(service.locked(consent_id, cast.ada), actor=cast.ada, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            binding.free(service.locked(consent_id, cast.ada), actor=cast.ada, now=utcnow())
        take_back(consent_id, cast)
        assert state(consent_id) is ConsentState.REVOKED
        verbs = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.record_id == consent_id)).all()
        assert verbs[-2:] == ["freed", "revoked"]


def test_the_paper_says_from_when_it_can_be_taken_back_and_not_that_it_can_be_at_any_time(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        for language, at_any_time in (("en", "at any time"), ("es", "a toda hora")):
            consent_id = agreed(cast, case, **COURT, bound_event=PROBATION, language=language)
            view = queries.one(cast.ada, consent_id, person_id=case.person_id, zone=ZONE)
            assert PROBATION in view.text
            assert at_any_time not in view.text
            assert view.words_unchanged


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"bound_event": ""}, "bound_on"),
        ({"purpose": "treatment"}, "bound"),
        ({"purpose": "tpo", "recipient": "", "recipient_kind": "tpo"}, "bound"),
        ({"bound_until": utcnow() + timedelta(days=200)}, "bound_on"),
    ],
)
def test_only_a_consent_for_a_legal_matter_is_bound_and_only_until_a_day_or_event(
    app_sqlite: Flask, changed: dict[str, Any], field: str
) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        asked = wanted(**{**COURT, "bound_event": PROBATION, **changed})
        with pytest.raises(RuleBroken) as refused, transaction():
            service.draft(people.person(case.person_id), asked, actor=cast.ada, now=utcnow())
        assert set(refused.value.fields) == {field}


def test_a_newer_consent_does_not_replace_one_that_is_still_bound(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        bound = agreed(cast, case, **COURT, bound_event=PROBATION)
        free = agreed(cast, case)
        for older in (bound, free):
            agreed(cast, case, replaces=older)
        assert state(bound) is ConsentState.ACTIVE
        assert state(free) is ConsentState.SUPERSEDED


def test_the_database_keeps_what_was_signed_about_it(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case, **COURT, bound_until=utcnow() + timedelta(days=30), bound_event=PROBATION)
        for column in ("bound_until", "bound_event"):
            with pytest.raises(DBAPIError, match="can no longer change"), transaction():
                db.session.execute(update(Consent).where(Consent.id == consent_id).values({column: None}))


def test_staff_write_it_on_the_form_and_its_page_offers_no_way_back_before_the_event(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        base = f"/cases/{id_text(case.id)}/consents"
    ada = browser(app_sqlite, cast, "ada")
    form = {
        "kind": "disclosure", "purpose": "legal", "recipient_kind": "named", "recipient": "County court",
        "parts": ["presence"], "end_event": "my case is over", "bound": "yes",
    }  # fmt: skip
    assert "from when it can be taken back" in ada.post(f"{base}/new", data=form).text
    made = ada.post(f"{base}/new", data={**form, "bound_event": PROBATION}).headers["Location"]
    with app_sqlite.app_context():
        row = db.session.scalars(select(Consent)).one()
        actor = cast.ada
        with transaction():
            service.sign(row.id, Signature("paper", "Theo Lane", utcnow()), actor=actor, now=utcnow())
    page = ada.get(made).text
    assert f"Not before: {PROBATION}" in page
    assert f"{made}/revoke" not in page
    answer = ada.post(f"{made}/revoke", data={"revoked_how": "spoken"})
    assert answer.status_code == 422
    assert "42 CFR 2.35" in answer.text
    assert ada.post(f"{made}/free").status_code == 302
    assert f"{made}/revoke" in ada.get(made).text
