"""The case page, its tabs and its steps: every read is written down, every refusal keeps what was typed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake.actor import Role
from intake.audit.models import AuditEntry
from intake.cases import service as cases
from intake.cases.forms import STEPS
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.queues import service as queues
from intake.queues.models import EntryState, Queue, QueueEntry
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast


def _state(app: Flask, case: Case) -> CaseState:
    with app.app_context():
        return db.session.get_one(Case, case.id).state


def _accepted(app: Flask) -> tuple[Cast, Case, str]:
    with center(app) as cast:
        case, _ = waiting(cast, name="Dana")
        with transaction():
            cases.decide(
                case.id, decision="accept", level="outpatient", told_whom="person", actor=cast.cleo, now=utcnow()
            )
    return cast, case, f"/cases/{id_text(case.id)}"


def test_the_page_names_the_person_and_how_to_reach_them_and_the_title_does_not(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast, name="Dana R.", flags=["OFFER_NALOXONE"], fired=["D01"], cows=15)
    page = browser(app, cast, "cleo").get(f"/cases/{id_text(case.id)}").get_data(as_text=True)
    title = re.search(r"<title>(.*?)</title>", page)
    assert title
    assert "Dana" not in title[1]
    assert entry.reference in title[1]
    assert "Dana R." in page
    assert "No way to reach them known" in page
    assert "Offer naloxone" in page
    assert "Case opened" in page


@pytest.mark.parametrize("tab", ["", "/notes", "/screens", "/messages", "/access", "/decide"])
def test_every_tab_writes_one_read_per_five_minutes(app_sqlite: Flask, tab: str) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
    door = browser(app_sqlite, cast, "cleo")
    for _ in range(2):
        assert door.get(f"/cases/{id_text(case.id)}{tab}").status_code == 200
    with app_sqlite.app_context():
        reads = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "looked")).all()
    assert [(r.case_id, r.actor_id) for r in reads] == [(case.id, cast.cleo.id)]


@pytest.mark.parametrize(
    "tab",
    ["", "/notes", "/screens", "/messages", "/access", *(f"/{s.name}" for s in STEPS if Role.CLINICIAN in s.roles)],
)
def test_foreign_restricted_and_missing_cases_read_the_same(app_sqlite: Flask, tab: str) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        hidden, _ = waiting(cast, name="Hidden")
        with transaction():
            cases.restrict(hidden.id, on=True, actor=cast.sol, now=utcnow())
    cora, cleo = browser(app_sqlite, cast, "cora"), browser(app_sqlite, cast, "cleo")
    answers = [
        cora.get(f"/cases/{id_text(case.id)}{tab}"),
        cleo.get(f"/cases/{id_text(hidden.id)}{tab}"),
        cleo.get(f"/cases/{id_text(17)}{tab}"),
    ]
    assert {a.status_code for a in answers} == {404}
    posts = [
        cora.post(f"/cases/{id_text(case.id)}{tab or '/notes'}"),
        cleo.post(f"/cases/{id_text(17)}{tab or '/notes'}"),
    ]
    assert not {p.status_code for p in posts} & {200, 302, 500}


def test_who_looked_lists_each_reader(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
    here = f"/cases/{id_text(case.id)}"
    browser(app_sqlite, cast, "cyrus").get(here)
    page = browser(app_sqlite, cast, "cleo").get(f"{here}/access").get_data(as_text=True)
    assert "Cyrus Bell" in page
    assert "looked" in page


def test_opening_ones_claimed_case_renews_the_lease(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast)
        long_ago = utcnow() - timedelta(minutes=20)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=long_ago)
    browser(app, cast, "cleo").get(f"/cases/{id_text(case.id)}")
    with app.app_context():
        row = db.session.get_one(QueueEntry, entry.id)
        assert row.lease_until is not None
        assert row.lease_until > utcnow() + timedelta(minutes=29)


def test_a_note_is_kept_while_typed_and_shown_once_written(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
    here = f"/cases/{id_text(case.id)}/notes"
    door = browser(app, cast, "cleo")
    saved = door.post(f"{here}/save", data={"words": "Slept bad", "_field": "words"})
    assert saved.status_code == 204
    assert "Slept bad" in door.get(here).get_data(as_text=True)
    assert "Slept bad" not in browser(app, cast, "cyrus").get(here).get_data(as_text=True)
    assert door.post(here, data={"words": "Slept badly <b>&"}).status_code == 302
    page = door.get(here).get_data(as_text=True)
    assert "Slept badly &lt;b&gt;&amp;" in page
    assert page.count("Slept bad") == 1


@pytest.mark.parametrize("words", ["", "  ", "x" * 10_001, "with\x00zero"])
def test_an_odd_note_is_answered_with_a_sentence_and_kept(app_sqlite: Flask, words: str) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
    answer = browser(app_sqlite, cast, "cleo").post(f"/cases/{id_text(case.id)}/notes", data={"words": words})
    assert answer.status_code == 422
    assert "There is a problem" in answer.get_data(as_text=True)
    assert words.strip("\x00")[:20] in answer.get_data(as_text=True)


def test_deciding_by_form_keeps_typed_words_on_error_and_then_accepts(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
    here = f"/cases/{id_text(case.id)}/decide"
    door = browser(app, cast, "cleo")
    wrong = door.post(here, data={"decision": "accept", "reason": "Fits well"})
    body = wrong.get_data(as_text=True)
    assert wrong.status_code == 422
    assert "Fits well" in body
    assert "Pick the level of care." in body
    assert "Say who was told." in body
    given = {"decision": "accept", "level": "outpatient", "told_whom": "person"}
    assert door.post(here, data=given).location == f"/cases/{id_text(case.id)}"
    assert _state(app, case) is CaseState.ACCEPTED
    late = browser(app, cast, "cyrus").post(here, data=given)
    assert late.status_code == 409
    assert "decided this" in late.get_data(as_text=True)


def test_a_decision_on_an_old_version_gets_409_and_says_what_changed(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
    here = f"/cases/{id_text(case.id)}/decide"
    door = browser(app, cast, "cleo")
    found = re.search(r'name="version" value="(\d+)"', door.get(here).get_data(as_text=True))
    assert found
    with app.app_context(), transaction():
        cases.flag(case.id, code="LEGAL_HOLD", on=True, actor=cast.cyrus, now=utcnow())
    given = {"decision": "accept", "level": "outpatient", "told_whom": "person", "version": found[1]}
    late = door.post(here, data=given)
    assert late.status_code == 409
    assert "changed while you were writing" in late.get_data(as_text=True)
    assert _state(app, case) is CaseState.IN_REVIEW


def test_admissions_may_not_decide_or_discharge(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
    door = browser(app_sqlite, cast, "ada")
    for name in ("decide", "discharge", "offers", "transfer"):
        assert door.get(f"/cases/{id_text(case.id)}/{name}").status_code == 403
        assert door.post(f"/cases/{id_text(case.id)}/{name}").status_code == 403
    page = door.get(f"/cases/{id_text(case.id)}").get_data(as_text=True)
    assert "/decide" not in page


def test_from_acceptance_to_after_care_by_forms_alone(app: Flask) -> None:
    cast, case, here = _accepted(app)
    door = browser(app, cast, "cleo")
    ahead = (utcnow() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert door.post(f"{here}/schedule", data={"starts_at": ahead, "kind": "first_visit"}).status_code == 302
    assert _state(app, case) is CaseState.SCHEDULED
    assert door.post(f"{here}/admit", data={"level": "outpatient"}).status_code == 302
    assert door.post(f"{here}/offers", data={"naloxone": "accepted", "moud": "later"}).status_code == 302
    asked = {"to_level": "residential", "reason": "Needs more"}
    assert door.post(f"{here}/transfer", data=asked).status_code == 422, "the receiver has to know how ready they are"
    asked |= {"withdrawal": "falling", "vitals": "stable", "moud": "declined"}
    assert door.post(f"{here}/transfer", data=asked).status_code == 302
    assert "accepted:" not in door.get(f"{here}/answer-transfer").text, "somebody else answers"
    other = browser(app, cast, "cyrus")
    for word in ("accepted", "arrived"):
        value = re.search(rf'value="({word}:[^"]+)"', other.get(f"{here}/answer-transfer").text)
        assert value is not None
        assert other.post(f"{here}/answer-transfer", data={"answer": value[1]}).status_code == 302
    assert door.post(f"{here}/discharge", data={"type": "completed", "naloxone": "has_it"}).status_code == 302
    assert door.post(f"{here}/after-care").status_code == 302
    assert door.post(f"{here}/visit", data={"starts_at": ahead, "kind": "follow_up"}).status_code == 302
    assert door.post(f"{here}/close", data={"reason": "done"}).status_code == 302
    assert _state(app, case) is CaseState.CLOSED
    page = door.get(here).get_data(as_text=True)
    assert "Closed" in page
    assert door.post(f"{here}/admit", data={"level": "outpatient"}).status_code == 409


@pytest.mark.parametrize(
    "moment",
    ["", "soon", "2026-13-40T10:00", "1999-01-01T10:00", "9999-12-31T23:59", "2020-01-01T10:00", "\x00", "NaN"],
)
def test_an_odd_time_is_answered_with_a_sentence(app_sqlite: Flask, moment: str) -> None:
    cast, _, here = _accepted(app_sqlite)
    answer = browser(app_sqlite, cast, "ada").post(f"{here}/schedule", data={"starts_at": moment, "kind": "admission"})
    assert answer.status_code == 422
    assert "<title>Error: " in answer.get_data(as_text=True)


@pytest.mark.parametrize("version", ["x", "-1", "1e400", "9" * 40])
def test_an_odd_version_is_answered_with_a_sentence(app_sqlite: Flask, version: str) -> None:
    cast, _, here = _accepted(app_sqlite)
    answer = browser(app_sqlite, cast, "ada").post(f"{here}/waitlist", data={"wait_class": "other", "version": version})
    assert answer.status_code == 422


def test_an_emergency_offers_its_outcome_first_and_recording_it_moves_the_case(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast, queue=Queue.EMERGENCY, acuity=1, next_queue="detox")
    here = f"/cases/{id_text(case.id)}"
    door = browser(app, cast, "cleo")
    assert "What came of the emergency" in door.get(here).get_data(as_text=True)
    assert door.post(f"{here}/hand-over", data={"outcome": "flew away"}).status_code == 422
    assert door.post(f"{here}/hand-over", data={"outcome": "safe_now", "words": "With his sister"}).status_code == 302
    with app.app_context():
        assert [e.queue for e in queues.live_of(case.id)] == [Queue.DETOX]
    assert "With his sister" in door.get(here).get_data(as_text=True)


def test_an_alert_is_marked_seen_by_form_and_stays_on_the_timeline(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            alert = cases.raise_alert(case.id, code="SUICIDE_MODERATE", triggers=["q3"], now=utcnow())
            alert_id = alert.id
    here = f"/cases/{id_text(case.id)}"
    door = browser(app, cast, "cleo")
    assert "Open alerts" in door.get(here).get_data(as_text=True)
    assert door.post(f"/alerts/{id_text(alert_id)}/acknowledge", data={"outcome": ""}).status_code == 422
    seen = door.post(f"/alerts/{id_text(alert_id)}/acknowledge", data={"outcome": "Called, safe"})
    assert seen.location == here
    page = door.get(here).get_data(as_text=True)
    assert "Open alerts" not in page
    assert "Alert seen" in page
    assert "Called, safe" in page
    again = browser(app, cast, "cyrus")
    again.post(f"/alerts/{id_text(alert_id)}/acknowledge", data={"outcome": "Me too"})
    assert "Cleo Park saw this alert" in again.get(here).get_data(as_text=True)
    foreign = browser(app, cast, "cora").post(f"/alerts/{id_text(alert_id)}/acknowledge", data={"outcome": "x"})
    assert foreign.status_code == 404


def test_emergency_access_opens_a_restricted_case_and_tells_the_privacy_officer(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.restrict(case.id, on=True, actor=cast.sol, now=utcnow())
    here = f"/cases/{id_text(case.id)}"
    door = browser(app, cast, "cyrus")
    assert door.get(here).status_code == 404
    assert door.post(f"{here}/emergency-access", data={"reason": "now"}).status_code == 422
    assert door.post(f"{here}/emergency-access", data={"reason": "Found unconscious"}).location == here
    assert door.get(here).status_code == 200
    tasks = browser(app, cast, "drew").get("/tasks").get_data(as_text=True)
    assert "Review emergency access" in tasks
    assert here not in tasks


def test_asking_for_more_sets_the_case_aside(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
    door = browser(app_sqlite, cast, "cleo")
    asked = door.post(f"/cases/{id_text(case.id)}/decide", data={"decision": "ask_more", "reason": "Labs"})
    assert asked.status_code == 302
    with app_sqlite.app_context():
        assert queues.live_of(case.id)[0].state is EntryState.PARKED
    assert "Asked for more" in door.get(f"/cases/{id_text(case.id)}").get_data(as_text=True)
