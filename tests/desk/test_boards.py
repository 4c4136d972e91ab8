"""Queue boards: fixed order, filters, keyset pages, claims by form, live changes, the sheet of the shift."""

from __future__ import annotations

import dataclasses
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from intake import clock
from intake.audit.models import AuditEntry
from intake.cases import service as cases
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.desk.queries import counts
from intake.errors import RuleBroken
from intake.queues import cursor, forms, queries
from intake.queues import service as queues
from intake.queues.models import Queue, QueueEntry
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast

DETOX = (Queue.DETOX,)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement this process sends to the database meanwhile."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def _many(cast: Cast, n: int) -> list[int]:
    start = utcnow() - timedelta(hours=2)
    return [
        waiting(
            cast, name=f"Person {i}", acuity=2 + i % 2, priority=10 * (i % 3), received_at=start + timedelta(seconds=i)
        )[1].id
        for i in range(n)
    ]


def test_a_board_page_takes_three_statements_at_any_depth(app: Flask) -> None:
    with center(app) as cast:
        _many(cast, 12)
        actor, wanted = cast.cleo, forms.read("")
        first = queries.board(actor, DETOX, wanted, now=utcnow(), limit=5)
        db.session.remove()
        with statements() as seen:
            counts(actor, DETOX)
            page = queries.board(actor, DETOX, wanted, now=utcnow(), after=first.after or "", limit=5)
        assert len(page.rows) == 5
        # The center's own row and the bare BEGIN of a read belong to every page.
        own = [s for s in seen if "FROM site" not in s and not s.startswith("BEGIN")]
        assert len(own) <= 3, own
        assert not any("OFFSET 5" in s for s in own)


def test_pages_by_cursor_hold_every_entry_once_in_the_fixed_order(app: Flask) -> None:
    with center(app) as cast:
        made = _many(cast, 23)
        found: list[int] = []
        after = ""
        while True:
            page = queries.board(cast.cleo, DETOX, forms.read(""), now=utcnow(), after=after, limit=5)
            found += [row.id for row in page.rows]
            if page.after is None:
                break
            after = page.after
        whole = queries.board(cast.cleo, DETOX, forms.read(""), now=utcnow(), limit=200)
        assert found == [row.id for row in whole.rows]
        assert sorted(found) == sorted(made)
        keys = [(r.acuity, -r.points, r.waiting_since) for r in whole.rows]
        assert keys == sorted(keys)


def test_act_now_shows_emergency_above_clinician_now_across_pages(app: Flask) -> None:
    with center(app) as cast:
        for n in range(4):
            waiting(cast, queue=Queue.CLINICIAN_NOW, acuity=1, priority=90, name=f"C{n}")
            waiting(cast, queue=Queue.EMERGENCY, acuity=1, priority=0, name=f"E{n}")
        found: list[Queue] = []
        after = ""
        while True:
            page = queries.board(cast.cleo, queries.BOARDS["now"], forms.read(""), now=utcnow(), after=after, limit=3)
            found += [row.queue for row in page.rows]
            if page.after is None:
                break
            after = page.after
        assert found == [Queue.EMERGENCY] * 4 + [Queue.CLINICIAN_NOW] * 4


@pytest.mark.parametrize("change", ["", "x", "a.b.c.d.e", "detox.2080.1.0000000000001.0123456789abcdef", "é" * 10])
def test_a_changed_cursor_is_refused_with_a_sentence(app_sqlite: Flask, change: str) -> None:
    with center(app_sqlite) as cast:
        if not change:
            text = cursor.write(cursor.Place("detox", 2080, utcnow(), 5))
            change = text.replace("2080", "1080")
        with pytest.raises(RuleBroken, match="Start at its top"):
            queries.board(cast.cleo, DETOX, forms.read(""), now=utcnow(), after=change)
    door = browser(app_sqlite, cast, "cleo")
    assert door.get(f"/queues/detox?after={change}").status_code == 422


def test_the_filter_box_reads_its_grammar() -> None:
    found = forms.read("P1 cows>12 mme>=49.99 OIH mine late unclaimed D01 nl-4h7k emergency cows>x zz!")
    assert found.acuities == (1,)
    assert found.sums == (("cows", ">", 12.0), ("mme", ">=", 49.99))
    assert found.states == {"mine", "late", "unclaimed"}
    assert found.signals == ("oih",)
    assert found.rules == ("D01",)
    assert found.references == ("NL-4H7K",)
    assert found.queues == ("emergency",)
    assert found.unknown == ("cows>x", "zz!")
    assert forms.read("a b").toggled("a") == "b"
    assert forms.read("a").toggled("b") == "a b"
    assert len(forms.read("x" * 5000).text) <= 120


def test_filters_find_exactly_what_they_say(app: Flask) -> None:
    with center(app) as cast:
        _, high = waiting(cast, name="High", cows=22, mme="135.0", signals=["oih", "benzo_daily"], fired=["D01", "O04"])
        _, low = waiting(cast, name="Low", acuity=3, cows=5, mme="49.9", signals=["oih_possible"], fired=["D10"])
        _, none = waiting(cast, name="None", acuity=3, signals=["pregnant"])
        with transaction():
            queues.claim(low.id, actor=cast.cleo, now=utcnow())

        def ids(text: str) -> set[int]:
            return {r.id for r in queries.board(cast.cleo, DETOX, forms.read(text), now=utcnow()).rows}

        assert ids("p2") == {high.id}
        assert ids("p2 p3") == {high.id, low.id, none.id}
        assert ids("cows>12") == {high.id}
        assert ids("cows<=5") == {low.id}
        assert ids("mme>=50") == {high.id}
        assert ids("mme<50") == {low.id}
        assert ids("oih") == {high.id, low.id}
        assert ids("pregnant") == {none.id}
        assert ids("d01") == {high.id}
        assert ids("mine") == {low.id}
        assert ids("unclaimed") == {high.id, none.id}
        assert ids("late") == set()
        assert ids(none.reference.lower()) == {none.id}
        assert ids("o_h") == set()
        clock.set_offset(timedelta(minutes=61))
        assert ids("late") == {high.id}


def test_a_board_shows_name_score_change_and_wait_against_target(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast, name="Theo B.", cows=16, signals=["benzo_daily"])
        with transaction():
            queues.refresh(case.id, cows=22, actor=cast.cleo, now=utcnow())
        clock.set_offset(timedelta(minutes=64))
    page = browser(app_sqlite, cast, "cleo").get("/queues/detox").get_data(as_text=True)
    assert "Theo B." in page
    assert re.search(r'score">22<', page)
    assert "64 min" in page
    assert "late" in page
    assert "Benzo daily" in page
    assert "<title>(1) Detox queue" in page
    assert "1 past target" in page


def test_an_empty_board_says_what_is_true_and_where_work_is(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        waiting(cast, queue=Queue.DETOX)
        _, gone = waiting(cast, queue=Queue.CALLBACK, name="K.")
        with transaction():
            queues.leave(gone.id, outcome="moved", actor=cast.cleo, now=utcnow())
    page = browser(app_sqlite, cast, "cleo").get("/queues/callback").get_data(as_text=True)
    assert "Nobody is waiting for a call back" in page
    assert gone.reference in page
    assert "Go to detox, 1 waiting" in page


def test_claiming_by_form_works_without_script_and_can_be_undone(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast, name="Theo")
    door = browser(app, cast, "cleo")
    here = f"/queues/detox/{id_text(entry.id)}"
    done = door.post(f"{here}/claim")
    assert (done.status_code, done.location) == (302, "/queues/detox")
    page = door.get("/queues/detox").get_data(as_text=True)
    assert f'action="{here}/release"' in page
    assert "You claimed" in page
    assert "<b>You</b>" in page
    assert door.post(f"{here}/release").status_code == 302
    with app.app_context():
        assert queues.counts(cast.site.id)[Queue.DETOX].waiting == 1


def test_an_idle_claim_is_warned_of_and_kept_by_one_button(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast, name="Theo")
        with transaction():
            queues.claim(entry.id, actor=cast.cleo, now=utcnow())
    clock.set_offset(timedelta(minutes=24))
    assert "returns in" not in browser(app_sqlite, cast, "cleo").get("/queues/detox").text
    clock.set_offset(timedelta(minutes=27))
    door = browser(app_sqlite, cast, "cleo")
    assert re.search(r"returns in [12] min", door.get("/queues/detox").text)
    door.post(f"/queues/detox/{id_text(entry.id)}/claim")
    assert "returns in" not in door.get("/queues/detox").text
    clock.set_offset(timedelta(minutes=32))
    with app_sqlite.app_context(), transaction():
        assert queues.return_idle(now=utcnow()) == 0


def test_the_second_browser_reads_who_was_first_and_sees_the_row_as_it_is(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast, name="Theo")
        here = f"/queues/detox/{id_text(entry.id)}/claim"
    assert browser(app, cast, "cleo").post(here, headers={"X-Fragment": "1"}).status_code == 200
    late = browser(app, cast, "cyrus").post(here, headers={"X-Fragment": "1"})
    assert late.status_code == 409
    body = late.get_data(as_text=True)
    assert re.search(r"data-message>Cleo Park claimed this \d+ s ago\.<", body)
    assert f'data-row="{id_text(entry.id)}"' in body
    plain = browser(app, cast, "cyrus")
    plain.post(here)
    assert "Cleo Park claimed this" in plain.get("/queues/detox").get_data(as_text=True)


def test_claim_and_open_leads_to_the_case_and_claim_next_takes_the_first(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        first, _ = waiting(cast, acuity=2, priority=50, name="First")
        second, entry = waiting(cast, acuity=2, priority=10, name="Second")
    door = browser(app_sqlite, cast, "cleo")
    assert door.post("/queues/detox/next").location == f"/cases/{id_text(first.id)}"
    opened = door.post(f"/queues/detox/{id_text(entry.id)}/claim", data={"then": "open"})
    assert opened.location == f"/cases/{id_text(second.id)}"
    assert door.post("/queues/detox/next").location == "/queues/detox"


def test_live_changes_answer_204_until_something_moved(app: Flask) -> None:
    with center(app) as cast:
        _, entry = waiting(cast, name="Theo")
    door = browser(app, cast, "cleo")
    page = door.get("/queues/detox").get_data(as_text=True)
    found = re.search(r'data-live="(/queues/detox/changes\?since=[^"]+)"', page)
    assert found
    live = found[1].replace("&amp;", "&")
    assert door.get(live).status_code == 204
    with app.app_context(), transaction():
        queues.claim(entry.id, actor=cast.cyrus, now=utcnow())
    moved = door.get(live)
    body = moved.get_data(as_text=True)
    assert moved.status_code == 200
    assert "Cyrus Bell" in body
    assert 'id="nav-n-detox"' in body
    version = re.search(r'data-version="([^"]+)"', body)
    assert version
    assert door.get(f"/queues/detox/changes?since={version[1]}").status_code == 204


def test_asking_for_changes_does_not_keep_a_session_alive(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        waiting(cast)
    door = browser(app_sqlite, cast, "cleo")
    for minute in range(1, 16):
        clock.set_offset(timedelta(minutes=minute))
        door.get("/queues/detox/changes?since=1")
    clock.set_offset(timedelta(minutes=16))
    assert door.get("/queues/detox").status_code == 302


def test_a_colleague_who_looks_is_shown_within_the_next_answer(app_sqlite: Flask, valkey_url: str) -> None:
    config = app_sqlite.extensions["intake.config"]
    app_sqlite.extensions["intake.config"] = dataclasses.replace(config, redis_url=valkey_url)
    with center(app_sqlite) as cast:
        _, entry = waiting(cast, name="Theo")
    cleo, cyrus = browser(app_sqlite, cast, "cleo"), browser(app_sqlite, cast, "cyrus")
    cleo.get(f"/queues/detox/changes?since=x&look={id_text(entry.id)}")
    seen = cyrus.get("/queues/detox/changes?since=x").get_data(as_text=True)
    assert "Cleo Park is looking" in seen
    own = cleo.get("/queues/detox/changes?since=x").get_data(as_text=True)
    assert "is looking" not in own


def test_without_a_broker_there_is_no_presence_and_nothing_breaks(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
    door = browser(app_sqlite, cast, "cleo")
    assert door.get(f"/queues/detox/changes?since=x&look={id_text(entry.id)}").status_code == 200


def test_the_preview_shows_the_case_and_the_read_is_written_down(app: Flask) -> None:
    with center(app) as cast:
        case, entry = waiting(cast, name="Theo B.", fired=["D01"], flags=["OFFER_MOUD"])
    body = browser(app, cast, "cleo").get(f"/queues/detox/{id_text(entry.id)}/preview").get_data(as_text=True)
    assert "Theo B." in body
    assert "COWS 13 or more" in body
    assert "Offer MOUD" in body
    with app.app_context():
        read = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "looked")).one()
    assert (read.case_id, read.actor_id, read.purpose) == (case.id, cast.cleo.id, "preview")


def test_a_preview_of_another_queue_site_or_restricted_case_is_missing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, entry = waiting(cast)
        here = id_text(entry.id)
    assert browser(app_sqlite, cast, "cleo").get(f"/queues/outpatient/{here}/preview").status_code == 404
    assert browser(app_sqlite, cast, "cora").get(f"/queues/detox/{here}/preview").status_code == 404
    with app_sqlite.app_context(), transaction():
        cases.restrict(case.id, on=True, actor=cast.sol, now=utcnow())
    door = browser(app_sqlite, cast, "cleo")
    assert door.get(f"/queues/detox/{here}/preview").status_code == 404
    assert entry.reference not in door.get("/queues/detox").get_data(as_text=True)
    assert entry.reference in browser(app_sqlite, cast, "sol").get("/queues/detox").get_data(as_text=True)


def test_the_hand_off_sheet_prints_case_numbers_and_no_names(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast, name="Theodora", summary="Fentanyl last night")
    sheet = browser(app_sqlite, cast, "cleo").get("/queues/detox/sheet").get_data(as_text=True)
    assert entry.reference in sheet
    assert "Theodora" not in sheet
    assert "Fentanyl" not in sheet
    with app_sqlite.app_context():
        assert db.session.scalars(select(AuditEntry).where(AuditEntry.purpose.startswith("sheet/detox"))).one()


def test_a_board_is_written_down_once_in_fifteen_minutes_with_its_filter(app_sqlite: Flask) -> None:
    with center(app_sqlite) as made:
        cast = made
    door = browser(app_sqlite, cast, "cleo")
    for _ in range(3):
        door.get("/queues/detox")
        door.get("/queues/detox?f=p2 oih")
    with app_sqlite.app_context():
        listed = db.session.scalars(
            select(AuditEntry.purpose).where(AuditEntry.verb == "listed").order_by(AuditEntry.seq)
        ).all()
    # Only codes of the filter stay in the log; a free word may be a name.
    assert listed == ["queues/detox", "queues/detox?p2 -"]


@pytest.mark.parametrize(
    ("verb", "data", "sentence"),
    [
        ("park", {"hours": "7", "reason": "Labs"}, "problem"),
        ("park", {"hours": "4", "reason": ""}, "problem"),
        ("assign", {"staff": "nobody"}, "problem"),
        ("unpark", {}, "not set aside"),
        ("release", {}, "Nobody holds"),
    ],
)
def test_odd_input_to_a_row_gets_a_sentence(app_sqlite: Flask, verb: str, data: dict[str, str], sentence: str) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
    answer = browser(app_sqlite, cast, "cleo").post(
        f"/queues/detox/{id_text(entry.id)}/{verb}", data=data, headers={"X-Fragment": "1"}
    )
    assert answer.status_code in {409, 422}
    assert sentence in answer.get_data(as_text=True)


def test_assigning_and_setting_aside_by_form(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        _, entry = waiting(cast)
    door = browser(app_sqlite, cast, "cleo")
    here = f"/queues/detox/{id_text(entry.id)}"
    assert door.post(f"{here}/assign", data={"staff": id_text(cast.cyrus.id)}).status_code == 302
    with app_sqlite.app_context():
        assert db.session.get_one(QueueEntry, entry.id).claimed_name == "Cyrus Bell"
    browser(app_sqlite, cast, "cyrus").post(f"{here}/park", data={"hours": "4", "reason": "Waits for labs"})
    page = door.get("/queues/detox").get_data(as_text=True)
    assert "Waits for labs" in page
    assert door.post(f"{here}/unpark").status_code == 302


def test_header_counts_are_exact_and_take_one_statement(app: Flask) -> None:
    with center(app) as cast:
        waiting(cast, queue=Queue.DETOX)
        waiting(cast, queue=Queue.EMERGENCY, acuity=1)
        _, mine = waiting(cast, queue=Queue.CLINICIAN_NOW, acuity=1)
        with transaction():
            queues.claim(mine.id, actor=cast.cleo, now=utcnow())
        db.session.remove()
        with statements() as seen:
            found = counts(cast.cleo, queries.BOARDS["now"])
        assert (found.boards["now"], found.boards["detox"], found.boards["outpatient"]) == (2, 1, 0)
        assert (found.mine, found.mine_here, found.waiting) == (1, 1, 1)
        assert len([s for s in seen if "queue_counter" in s]) == 1


def test_sixty_rows_weigh_less_than_a_third_of_the_limit_for_two_hundred(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        for n in range(60):
            waiting(cast, name=f"Person {n}", signals=["oih", "benzo_daily"], fired=["D01", "D05"], cows=n % 40)
    body = browser(app_sqlite, cast, "cleo").get("/queues/detox?n=200").data
    assert body.count(b"data-row=") == 60
    assert len(gzip.compress(body)) < 20_000
