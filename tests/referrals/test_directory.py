"""The list of places to send somebody on to: supervisors keep it, the forms offer it, what was named stays named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries import directory, following, referring_out
from intake.inquiries.models import OutsidePlace
from intake.queues import service as queues
from tests.cases.folk import center, inquiry_of, waiting
from tests.desk.door import browser
from tests.people import Cast

LAKE = directory.Told("Lakeside House", "residential", "+15550147001", "Medicaid")
ELM = directory.Told("Elm Street Clinic", "moud", "+15550147004")


def on_the_list(cast: Cast, *told: directory.Told) -> list[int]:
    """Sol puts places on the list; returns their ids."""
    with transaction():
        return [directory.add(each, actor=cast.sol, now=utcnow()).id for each in told]


def test_supervisors_alone_keep_the_list_and_it_stands_in_the_order_of_care(app: Flask) -> None:
    with center(app) as cast:
        lake, _elm = on_the_list(cast, LAKE, ELM)
        on_the_list(cast, directory.Told("Day Detox", "detox", "+15550147009"))
        names = [row.name for row in directory.listed(cast.site.id)]
        assert names == ["Day Detox", "Lakeside House", "Elm Street Clinic"]
        assert directory.listed(cast.other_site.id) == []
        for who in (cast.ada, cast.cleo, cast.alex):
            with pytest.raises(NotPermitted), transaction():
                directory.end(lake, actor=who, now=utcnow())
        with pytest.raises(Missing), transaction():
            directory.end(lake, actor=replace(cast.sol, site_id=cast.other_site.id), now=utcnow())


def test_a_place_stands_once_and_is_not_changed_over_somebody_elses_change(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        lake, elm = on_the_list(cast, LAKE, ELM)
        with pytest.raises(RuleBroken) as twice, transaction():
            directory.add(replace(LAKE, name="LAKESIDE house"), actor=cast.sol, now=utcnow())
        assert set(twice.value.fields) == {"name"}
        with transaction():
            directory.change(elm, replace(ELM, takes="Any payer"), version=1, actor=cast.sol, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            directory.change(elm, ELM, version=1, actor=cast.sol, now=utcnow())
        with transaction():
            directory.end(lake, actor=cast.sol, now=utcnow())
        with pytest.raises(Missing), transaction():
            directory.end(lake, actor=cast.sol, now=utcnow())
        assert [row.takes for row in directory.listed(cast.site.id)] == ["Any payer"]


def test_what_was_named_to_somebody_stays_named_after_the_place_left_the_list(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        lake, elm = on_the_list(cast, LAKE, ELM)
        with transaction():
            inquiry_id = inquiry_of(cast.site, cast.ada).id
            following.attempt(inquiry_id, channel="phone", outcome="reached", actor=cast.ada, now=utcnow())
        picked = [id_text(lake), id_text(elm)]
        with transaction():
            following.close(
                inquiry_id, state="referred_out", reason="Closer to home.", next_contact="They call us",
                places=directory.named(cast.site.id, picked), actor=cast.ada, now=utcnow(),
            )  # fmt: skip
        with transaction():
            directory.end(lake, actor=cast.sol, now=utcnow())
        (sent,) = referring_out.of_inquiry(inquiry_id)
        assert sent.places.splitlines() == [
            "Lakeside House, Residential care, (555) 014-7001 (Medicaid)",
            "Elm Street Clinic, Medication for opioid use disorder, (555) 014-7004",
            "Closer to home.",
        ]


def test_the_page_shows_the_list_to_staff_and_its_forms_to_supervisors(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        pass
    ada, sol = browser(app_sqlite, cast, "ada"), browser(app_sqlite, cast, "sol")
    form = {"name": "Lakeside House", "care": "residential", "phone": "555 014 7001", "takes": "Medicaid"}
    assert ada.post("/settings/places", data=form).status_code == 403
    wrong = sol.post("/settings/places", data={**form, "phone": "12", "care": ""})
    assert wrong.status_code == 422
    assert "Pick what care it gives." in wrong.text
    assert "Lakeside House" in wrong.text, "what was typed stays"
    assert sol.post("/settings/places", data=form).status_code == 302
    with app_sqlite.app_context():
        row = db.session.scalars(select(OutsidePlace)).one()
        here = f"/settings/places/{id_text(row.id)}"
    page = ada.get("/settings/places").text
    assert "(555) 014-7001" in page
    assert here not in page
    assert sol.post(here, data={**form, "name": "Lake House", "version": "1"}).status_code == 302
    assert sol.post(here, data={**form, "version": "1"}).status_code == 409
    assert sol.post(f"{here}/end").status_code == 302
    assert "Lake House" not in ada.get("/settings/places").text
    assert browser(app_sqlite, cast, "alex").get("/settings/places").status_code == 403


def test_a_decision_offers_the_list_and_writes_down_what_was_ticked(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        lake = on_the_list(cast, LAKE)[0]
        case, entry = waiting(cast)
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
        case_id, inquiry_id, picked = case.id, case.opened_from, id_text(lake)
    cleo = browser(app_sqlite, cast, "cleo")
    path = f"/cases/{id_text(case_id)}/decide"
    assert "Lakeside House, Residential care" in cleo.get(path).text
    form = {
        "decision": "decline", "code": "higher_level_needed", "reason": "Needs a bed.", "known_places": [picked],
        "places": "Or any emergency room", "told_whom": "person", "refused": "yes",
    }  # fmt: skip
    answer = cleo.post(path, data=form)
    assert answer.status_code == 302, answer.text
    with app_sqlite.app_context():
        (sent,) = referring_out.of_inquiry(inquiry_id)
        assert sent.places.splitlines() == [
            "Lakeside House, Residential care, (555) 014-7001 (Medicaid)", "Or any emergency room"
        ]  # fmt: skip
