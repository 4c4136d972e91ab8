"""Restricted records: for all but a few they do not exist, and in an emergency one door opens them for an hour."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.actor import Actor
from intake.audit.models import AuditEntry
from intake.cases import glass
from intake.cases import queries as case_queries
from intake.cases import service as cases
from intake.cases.models import Case, Grant
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.models import ContactKind
from intake.tasks.models import Task, TaskState
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast

REASON = "Found unconscious in the lobby"


def hidden(cast: Cast, name: str = "Theo") -> Case:
    case, _ = waiting(cast, name=name)
    with transaction():
        cases.restrict(case.id, on=True, why="staff", words="Works in the kitchen", actor=cast.sol, now=utcnow())
    return case


def broken(case: Case, actor: Actor) -> Grant:
    with transaction():
        grant = cases.break_glass(case.id, reason=REASON, actor=actor, now=utcnow())
    db.session.expunge(grant)
    return grant


def test_a10_the_door_opens_for_one_hour_with_name_reason_and_a_task_for_the_privacy_officer(app: Flask) -> None:
    with center(app) as cast:
        case = hidden(cast)
        grant = broken(case, cast.cleo)
        assert glass.opened(grant)
        assert case_queries.can_read(cast.cleo, db.session.get_one(Case, case.id))
        assert REASON.encode() not in grant.reason
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "broke_glass")).one()
        assert (entry.actor_id, entry.case_id) == (cast.cleo.id, case.id)
        clock.set_offset(timedelta(minutes=61))
        with pytest.raises(Missing):
            case_queries.readable(cast.cleo, case.id)


@pytest.mark.parametrize("how", ["email", "name"])
def test_a10_nobody_opens_what_looks_like_their_own_record_and_the_try_is_told(app: Flask, how: str) -> None:
    with center(app) as cast:
        case = hidden(cast, name="Cleo Park" if how == "name" else "C.")
        if how == "email":
            with transaction():
                people_service.add_contact(
                    people.person(case.person_id), kind=ContactKind.EMAIL, value="Cleo@northlight.example",
                    actor=cast.ada, now=utcnow(),
                )  # fmt: skip
        grant = broken(case, cast.cleo)
        assert not glass.opened(grant)
        with pytest.raises(Missing):
            case_queries.readable(cast.cleo, case.id)
        assert db.session.scalars(select(Task.cause).where(Task.kind == "emergency_access")).one() == "own_record"
        denied = db.session.scalars(select(AuditEntry.purpose).where(AuditEntry.verb == "denied")).all()
        assert denied == ["own_record"]
        assert glass.opened(broken(case, cast.cyrus)), "a colleague may"


def test_a11_nobody_reviews_their_own_access_and_a_second_person_does(app: Flask) -> None:
    with center(app) as cast:
        case = hidden(cast)
        grant = broken(case, cast.cleo)
        for actor in (cast.cleo, cast.ada):
            with pytest.raises(NotPermitted), transaction():
                cases.review(grant.id, verdict="justified", words="", actor=actor, now=utcnow())
        own = broken(case, cast.sol)
        with pytest.raises(NotPermitted, match="Somebody else"), transaction():
            cases.review(own.id, verdict="justified", words="", actor=cast.sol, now=utcnow())
        with pytest.raises(RuleBroken), transaction():
            cases.review(grant.id, verdict="not_justified", words=" ", actor=cast.drew, now=utcnow())
        with transaction():
            cases.review(grant.id, verdict="not_justified", words="Talk with her.", actor=cast.drew, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            cases.review(grant.id, verdict="justified", words="", actor=cast.drew, now=utcnow())
        task = db.session.scalars(select(Task).where(Task.key == f"emergency_access:{grant.id}")).one()
        assert (task.state, task.outcome) == (TaskState.DONE, "not_justified")


def test_only_supervisors_and_the_privacy_officer_restrict_and_each_change_says_why(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        for actor in (cast.ada, cast.cleo, cast.petra, cast.alex):
            with pytest.raises(NotPermitted), transaction():
                cases.restrict(case.id, on=True, why="asked", actor=actor, now=utcnow())
        with pytest.raises(RuleBroken), transaction():
            cases.restrict(case.id, on=True, why="because", actor=cast.drew, now=utcnow())
        with pytest.raises(Missing), transaction():
            cases.restrict(17, on=True, actor=cast.drew, now=utcnow())
        for on, why in ((True, "asked"), (False, "over")):
            with transaction():
                cases.restrict(case.id, on=on, why=why, actor=cast.drew, now=utcnow())
        found = db.session.execute(
            select(AuditEntry.verb, AuditEntry.purpose)
            .where(AuditEntry.verb.in_(("restricted", "unrestricted")))
            .order_by(AuditEntry.seq)
        ).all()
        assert [tuple(row) for row in found] == [("restricted", "asked"), ("unrestricted", "over")]


def test_a10_the_pages_of_the_door_say_the_same_of_a_restricted_and_of_no_case(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case = hidden(cast)
        number = case_queries.reference(db.session.get_one(Case, case.id))
    door = browser(app_sqlite, cast, "cyrus")
    there, nowhere = f"/cases/{id_text(case.id)}", f"/cases/{id_text(1)}"

    def bare(text: str) -> str:
        return re.sub(r"\b[0-9a-z]{13}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{32}\b|csrf[^>]*", "", text)

    for tail in ("", "/consents", "/contact", "/disclosures/new", "/notes"):
        one, two = door.get(there + tail), door.get(nowhere + tail)
        assert (one.status_code, bare(one.text)) == (two.status_code, bare(two.text)) == (404, bare(two.text)), tail
    assert bare(door.get(there + "/emergency-access").text) == bare(door.get(nowhere + "/emergency-access").text)
    assert door.post("/emergency-access", data={"number": "NL-0000", "reason": REASON}).status_code == 404
    kept = door.post("/emergency-access", data={"number": number, "reason": "now"})
    assert kept.status_code == 422
    assert number in kept.text
    assert door.post("/emergency-access", data={"number": number, "reason": REASON}).location == there
    assert door.get(there).status_code == 200
    with app_sqlite.app_context():
        tries = set(db.session.scalars(select(AuditEntry.purpose).where(AuditEntry.verb == "denied")))
        assert {"no_reason", "cases.emergency_door"} <= tries


def test_the_privacy_desk_shows_each_access_and_takes_the_review(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case = hidden(cast)
        grant = broken(case, cast.cleo)
    desk = browser(app_sqlite, cast, "drew")
    page = desk.get("/privacy")
    assert "Cleo Park" in page.text
    assert REASON in page.text
    assert "Theo" not in page.text, "case numbers only"
    wrong = desk.post(f"/privacy/access/{id_text(grant.id)}", data={"verdict": "unclear"})
    assert wrong.status_code == 422
    assert "Write what follows" in wrong.text
    right = desk.post(f"/privacy/access/{id_text(grant.id)}", data={"verdict": "justified"})
    assert right.status_code == 302
    assert "It was needed, Drew Hale" in desk.get("/privacy").text


def test_the_form_of_the_restriction_asks_why_and_refuses_an_old_version(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
    desk = browser(app_sqlite, cast, "drew")
    here = f"/cases/{id_text(case.id)}/restriction"
    assert "not restricted" in desk.get(here).text
    without = desk.post(here, data={"on": "yes", "words": "Her sister works here"})
    assert without.status_code == 422
    assert "Her sister works here" in without.text
    assert desk.post(here, data={"on": "yes", "why": "asked", "version": "99"}).status_code == 409
    assert desk.post(here, data={"on": "yes", "why": "asked"}).status_code == 302
    assert "restricted now" in desk.get(here).text
    assert browser(app_sqlite, cast, "cleo").get(f"/cases/{id_text(case.id)}").status_code == 404
