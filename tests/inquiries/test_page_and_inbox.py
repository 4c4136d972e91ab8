"""The page of one request, and the rows the inbox shows (screens.md 4.3)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from intake.audit.models import AuditEntry
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import Missing
from intake.inquiries import listed, queries
from intake.inquiries.listed import InboxFilter
from intake.inquiries.models import Attempt, Inquiry, InquiryState
from intake.people import finding
from tests.inquiries.browser import FAMILY, SELF, Browser, send, signed_in, visible
from tests.people import Cast


def path_of(app: Flask) -> str:
    with app.app_context():
        return f"/inquiries/{id_text(db.session.scalars(select(Inquiry.id)).one())}"


def test_the_page_shows_their_words_the_contact_rules_and_where_they_stand(
    app_sqlite: Flask, visitor: Browser, ada: Browser
) -> None:
    send(visitor)
    page = visible(ada.get(path_of(app_sqlite)))
    for words in ("I want to feel better.", "(555) 014-7734", "no voice message", "text OK", "After 5 pm",
                  "say only “Northlight”", "Possible OIH", "N01", "Callback", "of 60 min",
                  "Request received"):  # fmt: skip
        assert words in page
    assert "NL-" in ada.get(path_of(app_sqlite)).get_data(as_text=True).split("</title>")[0]
    assert "Dana" not in ada.get(path_of(app_sqlite)).get_data(as_text=True).split("</title>")[0]


def test_a_family_request_reminds_staff_to_neither_confirm_nor_deny(
    app_sqlite: Flask, visitor: Browser, ada: Browser
) -> None:
    send(visitor, FAMILY)
    page = visible(ada.get(path_of(app_sqlite)))
    assert "Neither confirm nor deny." in page
    assert "Third party: no consent yet" in page


def test_each_look_is_written_down_once_in_five_minutes(app_sqlite: Flask, visitor: Browser, ada: Browser) -> None:
    send(visitor)
    for _ in range(3):
        ada.get(path_of(app_sqlite))
    with app_sqlite.app_context():
        looks = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "looked")).all()
        assert [(e.record, e.purpose) for e in looks] == [("inquiry", "inquiry")]


def test_the_whole_follow_up_works_by_plain_forms(app_sqlite: Flask, visitor: Browser, ada: Browser) -> None:
    send(visitor)
    path = path_of(app_sqlite)
    ada.get(path)

    def done(verb: str, **form: Any) -> str:
        answer = ada.post(f"{path}/{verb}", form)
        assert answer.status_code == 302, visible(answer)
        return visible(ada.get(path))

    assert "Ada Lane" in done("claim")
    assert "Call: No answer" in done("attempts", channel="phone", outcome="no_answer", words="rang out")
    assert "Jan 5, 17:00" in done("promises", kind="callback", due_at="2099-01-05T17:00")
    assert "Closed: Not reached" in done("close", state="unreachable", reason="No luck", next_contact="They may call")
    assert "Reopened" in done("reopen", reopen_reason="They called")
    assert "reached" in done("attempts", channel="phone", outcome="reached")
    assert "nobody yet" in done("give-back")


@pytest.mark.parametrize(
    ("verb", "form", "sentence"),
    [
        ("attempts", {"channel": "phone"}, "Pick what came of it."),
        ("attempts", {"channel": "pigeon", "outcome": "reached"}, "Pick one of the answers on the page."),
        ("promises", {"kind": "callback", "due_at": "soon"}, "Enter a date and time"),
        ("promises", {"kind": "callback", "due_at": "2001-01-01T00:00"}, "still to come"),
        ("promises", {"kind": "callback", "due_at": "9999-99-99"}, "Enter a date and time"),
        ("close", {"state": "unreachable", "reason": "", "next_contact": ""}, "Say why it ends."),
        ("close", {"state": "unreachable", "reason": "x", "next_contact": "x"}, "Try to reach them first"),
        ("reopen", {"reopen_reason": ""}, "Say why it opens again."),
        ("reopen", {"reopen_reason": "x"}, "This request is open"),
        ("hand-over", {"hand_over": ""}, "Pick who took over."),
        ("hand-over", {"hand_over": "safe_now"}, "No emergency sign"),
        ("agreed", {"how": "by phone"}, "known already"),
    ],
)
def test_a_refused_verb_says_why_and_keeps_the_page(
    app_sqlite: Flask, visitor: Browser, ada: Browser, verb: str, form: dict[str, str], sentence: str
) -> None:
    send(visitor)
    path = path_of(app_sqlite)
    ada.get(path)
    answer = ada.post(f"{path}/{verb}", form)
    assert answer.status_code in {409, 422}
    assert sentence in visible(answer)
    assert "I want to feel better." in visible(answer)


def test_another_sites_request_reads_like_one_that_never_was(
    app_sqlite: Flask, cast_sqlite: Cast, visitor: Browser
) -> None:
    send(visitor)
    cora = signed_in(app_sqlite, cast_sqlite.staff["cora"])
    foreign, missing = cora.get(path_of(app_sqlite)), cora.get(f"/inquiries/{id_text(12345)}")
    assert foreign.status_code == missing.status_code == 404
    # Only the number of the request differs, which every page has.
    assert visible(foreign).rsplit(" ", 2)[0] == visible(missing).rsplit(" ", 2)[0]
    cora.get("/calls/new", follow_redirects=True)
    assert cora.post(f"{path_of(app_sqlite)}/attempts", {"channel": "phone", "outcome": "reached"}).status_code == 404
    with app_sqlite.app_context():
        assert db.session.scalars(select(Attempt)).all() == []


def test_the_request_of_a_restricted_case_is_away_for_all_but_owner_and_supervisor(app: Flask, cast: Cast) -> None:
    send(Browser(app), {**SELF, "now": {"danger": ["seizure_24h"]}})
    with app.app_context():
        with transaction():
            db.session.scalars(select(Case)).one().restricted = True
        row = db.session.scalars(select(Inquiry)).one()
        now, site = utcnow(), cast.site.id
        for who, shown in ((cast.ada, 0), (cast.cleo, 0), (cast.sol, 1)):
            assert len(listed.inbox_rows(who, InboxFilter(), now=now)) == shown
            assert len(finding.find("Dana", site, actor=who)) == shown
            assert len(finding.likely_same(site_id=site, name="Dana", phone="+15550147734", actor=who)) == shown
        assert queries.readable(cast.sol, row.id).id == row.id
        with pytest.raises(Missing):
            queries.readable(cast.ada, row.id)
    ada = signed_in(app, cast.staff["ada"])
    assert ada.get(path_of(app)).status_code == 404
    ada.get("/calls/new", follow_redirects=True)
    assert ada.post(f"{path_of(app)}/claim").status_code == 404


def test_somebody_who_comes_back_is_joined_with_one_press_and_apart_again_with_another(
    app_sqlite: Flask, visitor: Browser, ada: Browser
) -> None:
    send(visitor)
    first = path_of(app_sqlite)
    send(Browser(app_sqlite))
    with app_sqlite.app_context():
        ids = [id_text(i) for i in db.session.scalars(select(Inquiry.id).order_by(Inquiry.received_at))]
        known = db.session.scalars(select(Inquiry.person_id).order_by(Inquiry.received_at)).first()
        assert known is not None
    path = f"/inquiries/{ids[1]}"
    assert "same phone" in visible(ada.get(path))
    assert ada.post(f"{path}/join", {"person": id_text(known)}).status_code == 302
    page = ada.get(path)
    assert "Earlier request" in visible(page)
    assert first in page.get_data(as_text=True)
    found = re.search(r'name="merge" value="(\w{13})"', page.get_data(as_text=True))
    assert found is not None
    assert ada.post(f"{path}/unjoin", {"merge": found[1]}).status_code == 302
    assert "Earlier request" not in visible(ada.get(path))
    for verb, form in (("join", {"person": "x"}), ("join", {"person": id_text(7)}), ("unjoin", {"merge": ""})):
        assert ada.post(f"{path}/{verb}", form).status_code == 404


def test_rows_are_ordered_by_acuity_then_points_then_arrival(app: Flask, cast: Cast) -> None:
    send(Browser(app), SELF)
    send(Browser(app), {**SELF, "now": {"danger": ["overdose_24h"]}})
    send(Browser(app), {**SELF, "use": {"takes": ["fentanyl"]}})
    with app.app_context():
        rows = listed.inbox_rows(cast.ada, InboxFilter(), now=utcnow())
        assert [(r.acuity, r.priority) for r in rows] == [(1, 30), (2, 10), (2, 0)]
        assert rows[0].danger == ("overdose_24h",)
        assert rows[0].queue == "emergency"
        assert rows[2].signals == ("possible_oih", "no_voicemail")
        assert rows[1].incomplete


def test_rows_say_late_once_the_target_has_passed(app: Flask, cast: Cast) -> None:
    send(Browser(app))
    with app.app_context():
        later = utcnow() + timedelta(minutes=64)
        row = listed.inbox_rows(cast.ada, InboxFilter(late=True), now=later)[0]
        assert (row.waited_minutes, row.target_minutes, row.is_late) == (64, 60, True)
        assert not listed.inbox_rows(cast.ada, InboxFilter(late=True), now=utcnow())


def test_filters_by_stage_source_owner_and_queue(app: Flask, cast: Cast) -> None:
    send(Browser(app))
    with app.app_context():
        now = utcnow()

        def found(**wanted: Any) -> int:
            return len(listed.inbox_rows(cast.ada, InboxFilter(**wanted), now=now))

        assert found(stage="new") == found(source="web") == found(queue="callback") == 1
        assert found(stage="closed") == found(source="phone") == found(owner_id=7) == found(queue="detox") == 0
        assert listed.stage_counts(cast.ada)["new"] == 1
        assert not listed.inbox_rows(cast.cora, InboxFilter(), now=now)


def test_the_inbox_needs_the_same_few_statements_for_two_rows_and_for_twelve(app: Flask, cast: Cast) -> None:
    def statements() -> int:
        seen: list[str] = []
        with app.app_context():
            listen = (db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
            event.listen(*listen)
            listed.inbox_rows(cast.ada, InboxFilter(), now=utcnow())
            event.remove(*listen)
        return len(seen)

    for _ in range(2):
        send(Browser(app))
    few = statements()
    for _ in range(10):
        send(Browser(app))
    assert statements() == few <= 8


def test_a_reference_is_found_however_it_is_typed(app: Flask, cast: Cast) -> None:
    send(Browser(app))
    with app.app_context():
        row = db.session.scalars(select(Inquiry)).one()
        for typed in (row.reference, row.reference.lower(), row.reference.replace("-", " ")):
            found = queries.by_reference(cast.site.id, typed)
            assert found is not None
            assert found.id == row.id
        assert queries.by_reference(cast.other_site.id, row.reference) is None
        assert queries.by_reference(cast.site.id, "NL") is None
        assert row.state is InquiryState.NEW
