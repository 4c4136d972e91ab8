"""The audit log screen: filters in the address, pages by key, CSV, and its own reading logged (A07, I05)."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from intake.actor import Role
from intake.audit import queries, service
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, id_text, new_id, transaction
from tests.accounts.door import Door, later, settle
from tests.cases.folk import waiting
from tests.people import Cast


def reader(app: Flask, who: str = "drew") -> tuple[Door, Cast, dict[str, str]]:
    """The privacy officer, signed in, after some work by the others."""
    cast, secrets = settle(app)
    with app.app_context():
        case, _ = waiting(cast, name="Canarybird")
        with transaction():
            service.looked(actor=cast.cleo, case_id=case.id, purpose="overview", now=utcnow())
            service.record(
                actor=cast.sol, verb="broke_glass", record="care_case", record_id=case.id, case_id=case.id, now=utcnow()
            )
        db.session.remove()
    door = Door(app)
    door.sign_in(who, secrets[who])
    return door, cast, secrets


def test_the_log_shows_who_did_what_newest_first_without_names_of_patients(app: Flask) -> None:
    door, _, _ = reader(app)
    page = door.get("/audit")
    assert page.status_code == 200
    assert "Case opened" in page.text
    assert "Cleo Park" in page.text
    assert "Emergency access used" in page.text
    assert "Canarybird" not in page.text
    assert page.text.index("Emergency access used") < page.text.index("Case opened")


def test_reading_the_log_is_itself_logged(app_sqlite: Flask) -> None:
    door, cast, _ = reader(app_sqlite)
    door.get("/audit?what=denied&from=2026-01-01")
    with app_sqlite.app_context():
        rows = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "listed")).all()
        assert [(r.actor_id, r.purpose) for r in rows] == [(cast.drew.id, "audit?from=2026-01-01 what=denied")]


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("what=emergency", "Emergency access used", "Case opened"),
        ("what=looked", "Case opened", "Emergency access used"),
        ("who=cleo", "Case opened", "Emergency access used"),
        ("who=nobody", "No entry matches", "Case opened"),
        ("case=NL-00000000", "No entry matches", "Case opened"),
        ("from=2030-01-01", "No entry matches", "Case opened"),
        ("to=2001-01-01", "No entry matches", "Case opened"),
        ("what=accounts", "Person at work added", "Case opened"),
    ],
)
def test_filters_stand_in_the_address(app_sqlite: Flask, query: str, there: str, gone: str) -> None:
    door, _, _ = reader(app_sqlite)
    text = door.get(f"/audit?{query}").text
    assert there in text
    assert gone not in text


@pytest.mark.parametrize(
    "query", ["from=yesterday", "from=9999-99-99", "who=%00", "case='%20or%201=1", "what=%ff", "to="]
)
def test_an_odd_filter_is_no_fault(app_sqlite: Flask, query: str) -> None:
    door, _, _ = reader(app_sqlite)
    assert door.get(f"/audit?{query}").status_code == 200


def test_pages_go_on_exactly_where_the_last_one_ended_while_entries_arrive(app: Flask) -> None:
    door, cast, _ = reader(app)
    at = utcnow()
    with app.app_context():
        with transaction():
            for n in range(130):
                service.record(
                    actor=cast.ada,
                    verb="owed",
                    record="task",
                    record_id=n,
                    purpose=f"n{n:03}",
                    now=at + timedelta(0, n // 3),
                )
        db.session.remove()
    seen: list[str] = []
    path = "/audit?who=ada&what=changed"
    for turn in range(5):
        text = door.get(path).text
        # As a word of the page: a token may hold the same four signs.
        seen += re.findall(r"(?<=[\s>])n\d{3}(?=[\s<])", text)
        if turn == 0:
            with app.app_context(), transaction():
                service.record(actor=cast.ada, verb="owed", record="task", record_id=1, purpose="new", now=utcnow())
        older = re.search(r'href="([^"]+)" rel="next"', text)
        if older is None:
            break
        path = older[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 130


def test_a_made_up_place_in_the_list_leads_to_its_top(app_sqlite: Flask) -> None:
    door, _, _ = reader(app_sqlite)
    for place in ("x", "1.0000000000001.0000000000000000", "é" * 70):
        assert door.get(f"/audit?before={place}").headers["Location"] == "/audit"


def test_csv_asks_for_a_fresh_code_is_logged_and_holds_the_filter(app_sqlite: Flask) -> None:
    door, cast, secrets = reader(app_sqlite)
    later(minutes=11)
    asked = door.get("/audit.csv?what=emergency")
    assert asked.status_code == 302
    assert asked.headers["Location"].startswith("/sign-in/again?next=/audit.csv")
    code = pyotp.TOTP(secrets["drew"]).at(utcnow())
    onward = door.post(
        "/sign-in/again", page=asked.headers["Location"], fresh_code=code, next="/audit.csv?what=emergency"
    )
    answer = door.get(onward.headers["Location"])
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert [r[2] for r in rows] == ["what", "Emergency access used"]
    with app_sqlite.app_context():
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "exported")).one()
        assert (entry.actor_id, entry.purpose) == (cast.drew.id, "what=emergency")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_i05_no_spreadsheet_takes_a_cell_for_a_formula(text: str) -> None:
    assert queries.cell(text) == f"'{text}"
    assert queries.cell("plain") == "plain"


def test_a07_the_log_of_another_center_is_never_shown(app_sqlite: Flask) -> None:
    door, cast, _ = reader(app_sqlite)
    with app_sqlite.app_context(), transaction():
        service.record(
            actor=cast.cora, verb="looked", record="care_case", record_id=1, purpose="elsewhere", now=utcnow()
        )
    assert "elsewhere" not in door.get("/audit").text
    assert "Cora" not in door.get("/audit?who=cora").text


@pytest.mark.parametrize("who", ["ada", "cleo", "petra", "alex"])
def test_only_privacy_officers_and_supervisors_read_it(app_sqlite: Flask, who: str) -> None:
    door, _, _ = reader(app_sqlite, who)
    assert door.get("/audit").status_code == 403
    assert door.get("/audit.csv").status_code == 403
    assert door.post("/audit/verify", page="/account").status_code == 403


def test_a_refusal_leaves_an_entry_alike_for_a_foreign_and_a_missing_case(app_sqlite: Flask) -> None:
    cast, secrets = settle(app_sqlite)
    with app_sqlite.app_context():
        foreign, _ = waiting(cast, site=cast.other_site, actor=cast.cora)
        word, case_id = id_text(foreign.id), foreign.id
        db.session.remove()
    door = Door(app_sqlite)
    door.sign_in("cleo", secrets["cleo"])
    missing = new_id()
    one, two = door.get(f"/cases/{word}"), door.get(f"/cases/{id_text(missing)}")
    assert one.status_code == two.status_code == 404
    with app_sqlite.app_context():
        rows = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "denied").order_by(AuditEntry.seq)).all()
        assert [r.record_id for r in rows] == [case_id, missing]
        assert len({(r.site_id, r.case_id, r.record, r.purpose, r.actor_id) for r in rows}) == 1


def test_the_chain_can_be_verified_from_the_page(app_sqlite: Flask) -> None:
    door, _, _ = reader(app_sqlite)
    assert "Not verified yet" in door.get("/audit").text
    door.post("/audit/verify", page="/audit")
    assert re.search(r"Chain verified today [0-9:]+, [0-9,]+ entries", door.get("/audit").text)


def test_a_board_filter_enters_the_log_without_what_may_be_a_name(app_sqlite: Flask) -> None:
    cast, _ = settle(app_sqlite)
    with app_sqlite.app_context():
        with transaction():
            service.looked_at_board(
                actor=cast.cleo, board="queues/detox", filter_words="p2 cows>12 theo f=theo stage=new", now=utcnow()
            )
        row = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "listed")).one()
        assert row.purpose == "queues/detox?p2 cows>12 - - stage=new"
        assert Role.CLINICIAN is cast.cleo.role
