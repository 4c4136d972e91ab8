"""Who pays: several coverages, each checked by somebody with a result and an end; self-pay and state money too."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from intake.cases import paying
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.people import coverage
from intake.people.models import CheckState, Coverage
from intake.tasks.models import Task
from intake.tasks.service import LIVE
from tests.screening.sitting import Browser
from tests.tapers import story

CARD = {"kind": "private", "payer": "Blue Plan", "policy": "XK 4711", "group": "77", "order": "1"}


def asked(**form: str) -> coverage.Asked:
    return coverage.read(MultiDict({**CARD, **form}))


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"kind": "magic"}, "kind"),
        ({"payer": ""}, "payer"),
        ({"policy": ""}, "policy"),
        ({"policy": "x" * 61}, "policy"),
        ({"kind": "state_funded", "payer": ""}, "payer"),
        ({"kind": "self_pay"}, "agreed"),
        ({"kind": "scholarship"}, "agreed"),
        ({"order": "0"}, "order"),
        ({"holder": "a\x00"}, "holder"),
    ],
)
def test_each_path_asks_for_what_it_needs(form: dict[str, str], field: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        asked(**form)
    assert field in refused.value.fields


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "self_pay", "payer": "", "policy": "", "agreed": "150 a week"},
        {"kind": "scholarship", "payer": "", "policy": "", "agreed": "First month free"},
        {"kind": "state_funded", "payer": "County block grant", "policy": ""},
        {"kind": "medicaid"},
    ],
)
def test_self_pay_scholarship_and_state_money_need_no_card(form: dict[str, str]) -> None:
    assert asked(**form).kind.value == form["kind"]


def test_a_check_moves_only_as_the_table_says(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        ada, person_id = pat.cast.ada, pat.case.person_id
        for start, result in product(CheckState, coverage.RESULTS):
            with transaction():
                row = coverage.add(person_id, asked(), actor=ada, now=utcnow())
                if start is CheckState.EXPIRED:
                    row.state = CheckState.VERIFIED
                    db.session.flush()
                row.state = start
            ask = partial(
                coverage.check, row.id, person_id, result=result.value, words="Said so.", actor=ada, now=utcnow(),
                expires_on=date(2027, 1, 1),
            )  # fmt: skip
            allowed = start is CheckState.PENDING
            if allowed:
                with transaction():
                    ask()
            else:
                with pytest.raises(AlreadyDone), transaction():
                    ask()
            view = coverage.of_person(person_id)[0]
            assert view.row.state is (result if allowed else start)
            assert [(c.row.by_name, c.words) for c in view.checks] == ([("Ada Lane", "Said so.")] if allowed else [])
            with transaction():
                coverage.end(row.id, person_id, actor=ada, now=utcnow())


def test_a_card_is_sealed_and_clinicians_never_see_it(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        with transaction():
            row = coverage.add(pat.case.person_id, asked(), actor=pat.cast.ada, now=utcnow())
        assert b"Blue" not in row.content
        assert coverage.of_person(pat.case.person_id)[0].content["policy"] == "XK 4711"
        with pytest.raises(NotPermitted), transaction():
            coverage.add(pat.case.person_id, asked(), actor=pat.cast.cleo, now=utcnow())
        path = f"/cases/{id_text(pat.case_id)}/coverage"
        db.session.remove()
    assert Browser(app, "cleo").get(path).status_code == 403
    assert "Blue Plan" in Browser(app, "sol").get(path).text
    assert "Blue Plan" not in Browser(app, "cleo").get(path.removesuffix("/coverage")).text


def test_what_ends_soon_is_a_task_and_what_is_over_expires_with_one(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        now = utcnow()
        with transaction():
            row = coverage.add(pat.case.person_id, asked(), actor=pat.cast.ada, now=now)
            coverage.check(
                row.id, pat.case.person_id, result="verified", words="", expires_on=now.date() + timedelta(days=20),
                actor=pat.cast.ada, now=now,
            )  # fmt: skip

        def at(days: int) -> tuple[int, set[str]]:
            with transaction():
                moved = paying.watch(now=now + timedelta(days=days))
            return moved, set(
                db.session.scalars(select(Task.kind).where(Task.kind.like("coverage%"), Task.state.in_(LIVE)))
            )

        assert at(0) == (0, set())
        assert at(8) == (1, {"coverage_ending"})
        assert at(9) == (0, {"coverage_ending"})
        assert at(22) == (1, {"coverage_check"})
        assert at(23) == (0, {"coverage_check"})
        again = db.session.scalars(select(Coverage)).one()
        assert again.state is CheckState.EXPIRED
        with transaction():
            fresh = coverage.ask_anew(again.id, pat.case.person_id, actor=pat.cast.ada, now=now)
        assert (fresh.state, fresh.id != again.id) == (CheckState.PENDING, True)
        assert coverage.of_person(pat.case.person_id)[0].content["payer"] == "Blue Plan"


def test_the_page_adds_checks_and_ends_and_keeps_what_was_typed(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        path = f"/cases/{id_text(pat.case_id)}/coverage"
        db.session.remove()
    ada = Browser(app_sqlite, "ada")
    wrong = ada.post(path, {**CARD, "policy": ""})
    assert wrong.status_code == 422
    assert "Enter the number on the card." in wrong.text
    assert 'value="Blue Plan"' in wrong.text
    assert ada.post(path, CARD).status_code == 302
    with app_sqlite.app_context():
        coverage_id = id_text(db.session.scalars(select(Coverage.id)).one())
        kinds = set(db.session.scalars(select(Task.kind).where(Task.state.in_(LIVE))))
        db.session.remove()
    assert "coverage_check" in kinds
    bare = ada.post(f"{path}/{coverage_id}/check", {"result": "partial", "words": "", "expires_on": ""})
    assert bare.status_code == 422
    until = (utcnow() + timedelta(days=90)).date().isoformat()
    form = {"result": "partial", "words": "Seven days of detox.", "expires_on": until}
    assert ada.post(f"{path}/{coverage_id}/check", form).status_code == 302
    text = ada.get(path).text
    assert "Covered in part" in text
    assert "Seven days of detox." in text
    assert ada.post(f"{path}/{coverage_id}/end", {}).status_code == 302
    assert "Out of use" in ada.get(path).text
    foreign = ada.post(f"{path}/{id_text(5)}/end", {})
    assert foreign.status_code == 404
    with app_sqlite.app_context():
        left = set(db.session.scalars(select(Task.kind).where(Task.state.in_(LIVE))))
        assert "coverage_check" not in left
        db.session.remove()
