"""The beds page and the waitlist page: hold, give back, confirm, set up, and who sees what."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from intake.beds import queries as beds
from intake.cases import service as cases
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from tests.cases.folk import center
from tests.cases.test_waitlist import accepted, listed, ward
from tests.desk.door import browser

ASKERS = 10


def test_of_ten_parallel_holds_one_wins_and_nine_read_that_the_bed_is_taken(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        bed_id = ward(cast)[0].id
        case_ids = [accepted(cast, f"Person {n}") for n in range(ASKERS)]
    doors = [browser(app_sqlite, cast, ("ada", "cleo", "cyrus", "petra", "sol")[n % 5]) for n in range(ASKERS)]
    answers: list[tuple[int, str]] = []
    start = threading.Barrier(ASKERS)

    def ask(n: int) -> None:
        start.wait()
        answer = doors[n].post(f"/beds/{id_text(bed_id)}/hold", data={"case": id_text(case_ids[n]), "hours": "24"})
        answers.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [302] + [409] * (ASKERS - 1)
    assert all("Bed D1 is already taken." in text for status, text in answers if status == 409)
    with app_sqlite.app_context():
        assert sum(c.holds for c in beds.counts(cast.site.id)) == 1
        db.session.remove()


def test_the_page_shows_who_is_where_and_the_confirmed_count_beside_the_derived_one(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        one, two = (bed.id for bed in ward(cast, 2))
        unit_id = beds.units(cast.site.id)[0].id
        case_id, hidden = accepted(cast, "Theo"), accepted(cast, "Maria")
        with transaction():
            cases.restrict(hidden, on=True, actor=cast.sol, now=utcnow())
            cases.hold_bed(hidden, two, hours=3, actor=cast.sol, now=utcnow())
    ada, sol = browser(app_sqlite, cast, "ada"), browser(app_sqlite, cast, "sol")
    here = f"/beds/{id_text(one)}"
    assert ada.post(f"{here}/hold", data={"case": id_text(case_id), "hours": "0"}).status_code == 422
    assert ada.post(f"{here}/hold", data={"case": "0" * 13, "hours": "2"}).status_code == 404
    assert ada.post(f"{here}/hold", data={"case": id_text(case_id), "hours": "2"}).status_code == 302
    page = ada.get("/beds").text
    assert "Theo" in page
    assert "Maria" not in page
    assert "Maria" in sol.get("/beds").text
    assert "Nobody has confirmed this count yet." in page
    assert ada.post(f"/beds/units/{id_text(unit_id)}/confirm", data={"in_use": "1"}).status_code == 302
    assert "differs" in ada.get("/beds").text, "counted one, derived none"
    assert ada.post(f"{here}/give-back").status_code == 302
    assert ada.post(f"{here}/give-back").status_code == 404


def test_supervisors_set_up_units_and_beds_and_nobody_closes_one_in_use(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case_id = accepted(cast)
    sol, ada = browser(app_sqlite, cast, "sol"), browser(app_sqlite, cast, "ada")
    assert ada.post("/beds/units", data={"unit_name": "Ward", "level": "residential"}).status_code == 403
    assert sol.post("/beds/units", data={"unit_name": "Ward", "level": "spa"}).status_code == 422
    assert sol.post("/beds/units", data={"unit_name": "Ward", "level": "residential"}).status_code == 302
    with app_sqlite.app_context():
        unit = f"/beds/units/{id_text(beds.units(cast.site.id)[0].id)}"
        db.session.remove()
    assert sol.post(f"{unit}/add", data={"name": "By the window"}).status_code == 302
    assert sol.post(f"{unit}/add", data={"name": "By the window"}).status_code == 422
    with app_sqlite.app_context():
        bed = f"/beds/{id_text(beds.beds(cast.site.id)[0].id)}"
        db.session.remove()
    assert ada.post(f"{bed}/hold", data={"case": id_text(case_id), "hours": "2"}).status_code == 302
    assert sol.post(f"{bed}/close").status_code == 409
    ada.post(f"{bed}/give-back")
    assert sol.post(f"{bed}/close").status_code == 302
    assert "By the window" not in sol.get("/beds").text


def test_the_waitlist_shows_order_and_clocks_and_its_report_has_numbers_and_no_names(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        listed(cast, "other", name="Second")
        listed(cast, "pregnant", name="First")
    ada, sol = browser(app_sqlite, cast, "ada"), browser(app_sqlite, cast, "sol")
    page = ada.get("/waitlist").text
    assert page.index("First") < page.index("Second")
    assert "48 h" in page
    assert ada.get("/waitlist.csv").status_code == 403
    report = sol.get("/waitlist.csv")
    lines = report.text.splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "All others"], ["2", "Pregnant"]]
    assert "First" not in report.text


@pytest.mark.parametrize("path", ["/beds", "/waitlist"])
def test_an_empty_center_has_its_pages_too(app_sqlite: Flask, path: str) -> None:
    with center(app_sqlite) as cast:
        pass
    assert browser(app_sqlite, cast, "cleo").get(path).status_code == 200
