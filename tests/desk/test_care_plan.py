"""The care plan around a taper: its own words, watched medicines, what signing takes over, and the person's sheet."""

from __future__ import annotations

from typing import Any

from flask import Flask

from intake.cases import care_plan
from intake.cases.models import Case
from intake.cases.queries import readable
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.tapers import queries as tapers
from intake.tapers import service
from tests.cases.folk import center
from tests.desk.door import browser
from tests.tapers import story

FORM: dict[str, Any] = {
    "goals": "Walk the dog again.",
    "kind0": "nsaid",
    "drug0": "Ibuprofen",
    "dose0": "400 mg with food",
    "watch0": "stomach",
    "services": ["therapy", "massage"],
    "planned_therapy": "6",
    "attended_therapy": "1",
    "naloxone": "accepted",
    "moud": "declined",
}
WATCHED = {**FORM, "kind1": "ketamine", "drug1": "Ketamine"}


def test_a_care_plan_is_kept_sealed_and_stands_on_the_signed_version_and_the_sheet(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        told = story.begin(app_sqlite, cast=cast)
        case_id = told.case_id
        db.session.remove()
    door = browser(app_sqlite, cast, "cleo")
    here = f"/cases/{id_text(case_id)}/care-plan"
    assert "Care plan is not complete" not in door.get(here).text
    assert "Goals in the person’s words" in door.get(here).text
    assert door.post(here, data=FORM).status_code == 302
    with app_sqlite.app_context():
        case = db.session.get_one(Case, case_id)
        assert case.care_plan is not None
        assert b"dog" not in case.care_plan
        plan = care_plan.of(case)
        assert plan.services[0] == care_plan.Service("therapy", 6, 1)
        assert care_plan.missing(case, plan) == []
        assert (case.naloxone["answer"], case.moud["answer"]) == ("accepted", "declined")
        now = utcnow()
        bare = service.Checklist(pdmp_checked_on=now.date(), agreed=True, risks_discussed=True, follow_up_on=now.date())
        with transaction():
            draft = service.draft(told.case, story.ask(now.date()), bare, actor=told.cast.cleo, now=now)
        signed = story.sign(told, draft)
        goals, others = tapers.opened_words(signed)
        assert goals == "Walk the dog again."
        assert "Ibuprofen, 400 mg with food" in others
        address = f"/tapers/{id_text(signed.plan_id)}/v/{signed.n}/calendar"
        db.session.remove()
    sheet = browser(app_sqlite, cast, "cleo").get(address).text
    assert "Walk the dog again." in sheet
    assert "Massage" in sheet


def test_watched_medicines_are_written_by_clinicians_with_every_point_looked_at(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        told = story.begin(app_sqlite, cast=cast)
        db.session.remove()
    here = f"/cases/{id_text(told.case_id)}/care-plan"
    cleo, sol, ada = (browser(app_sqlite, cast, who) for who in ("cleo", "sol", "ada"))
    assert ada.get(here).status_code == 403
    assert "Ketamine" not in sol.get(here).text
    every = list(care_plan.NMDA_CHECKS)
    assert sol.post(here, data={**WATCHED, "nmda_checks": every}).status_code in {403, 422}
    refused = cleo.post(here, data={**WATCHED, "nmda_checks": every[:-1]})
    assert refused.status_code == 422
    assert "given and watched here" in refused.text
    assert "Walk the dog again." in refused.text, "what was typed is kept"
    assert cleo.post(here, data={**WATCHED, "nmda_checks": every}).status_code == 302
    assert sol.post(here, data={**WATCHED, "nmda_checks": every, "goals": "Sleep"}).status_code == 302
    assert cleo.post(here, data={**FORM, "planned_therapy": "many"}).status_code == 422
    with app_sqlite.app_context():
        assert care_plan.of(readable(told.cast.cleo, told.case_id)).goals == "Sleep"
        db.session.remove()
