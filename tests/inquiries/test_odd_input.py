"""Odd values at every step get a sentence and a 4xx, never a 500; a locked database keeps what was typed."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from intake.db import db
from intake.inquiries import call_forms, forms
from intake.inquiries.models import Inquiry
from tests.inquiries.browser import SELF, Browser, fill, signed_in
from tests.people import Cast

ODD = (
    "", " ", "\x00", "a\x00b", "\x1b[31m", "😀" * 50, "\u202eevil", "é" * 300, "x" * 5000, "0", "-1", "1e400", "NaN",
    "Infinity", "99999999999999999999", "２１", "0x10", "<script>alert(1)</script>", "{{7*7}}", "' OR 1=1 --",
    "2026-02-30", "none", "yes", "\ud7ff", "a\u0301" * 200, "+1 (555) 014-7734 ext 9", "tel:911", "a@b",
    "a@b.co\r\nBcc: x@y.z",
)  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    "now": ("danger",),
    "who": ("who",),
    "you": ("name", "age", "inquirer", "tie", "knows", "organisation"),
    "use": ("takes", "since", "takes_name"),
    "pain": ("pain",),
    "reach": ("phone", "no_phone", "voicemail", "text", "email", "best_time"),
    "feel": ("feels", "own_words"),
    "pay": ("funding",),
}
FINE = {200, 302, 400, 404, 409, 413, 419, 422, 429}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_in_any_field_of_the_form_is_answered_with_a_page(visitor: Browser, odd: str) -> None:
    visitor.step("now", danger="none")
    for step, names in FIELDS.items():
        for name in names:
            answer = visitor.step(step, **{**SELF[step], name: odd})
            assert answer.status_code in {302, 422}, (step, name)
            assert "<script>alert(1)" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_in_any_field_of_a_call_is_answered_with_a_page(ada: Browser, odd: str) -> None:
    path = str(ada.get("/calls/new").headers["Location"])
    ada.get(path)
    for name in sorted(call_forms.FIELDS):
        assert ada.post(f"{path}/save", {"_field": name, name: odd}).status_code == 200, name
    assert ada.post(f"{path}/save", {"_field": odd, odd: odd}).status_code == 200
    assert ada.get(path).status_code == 200
    answer = ada.post(path, dict.fromkeys(call_forms.FIELDS, odd) | {"after": odd})
    assert answer.status_code in {302, 422}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    step=st.sampled_from(forms.STEPS),
    form=st.dictionaries(
        st.sampled_from(sorted({n for names in FIELDS.values() for n in names} | {"change", "_field", "id"})),
        st.lists(st.text(max_size=60), min_size=1, max_size=3),
        max_size=6,
    ),
)
def test_no_form_whatever_breaks_a_step(visitor: Browser, step: str, form: dict[str, Any]) -> None:
    if not visitor.token:
        visitor.step("now", danger="none")
    sent = {k: [v.encode("utf-8", "replace").decode() for v in vs] for k, vs in form.items()}
    answer = visitor.post(f"/help/{step}", sent)
    assert answer.status_code in FINE


def test_i10_a_name_with_every_kind_of_sign_comes_back_as_it_was_written(app_sqlite: Flask, visitor: Browser) -> None:
    name = "Zoë O’Brien-Ñuñez 李 😀 <b>"
    fill(visitor, {**SELF, "you": {"name": name, "age": "42"}})
    page = visitor.get("/help/check").get_data(as_text=True)
    assert "Zoë O’Brien-Ñuñez 李 😀 &lt;b&gt;" in page


def test_a08_other_methods_and_unknown_pages_of_the_form_are_refused(visitor: Browser) -> None:
    assert visitor.client.put("/help/now").status_code in {400, 405, 419}
    assert visitor.get("/help/nothing").status_code == 404
    assert visitor.get("/help/now%00").status_code == 404


def test_i11_a_value_of_a_megabyte_is_too_large_and_not_a_fault(visitor: Browser) -> None:
    visitor.step("now", danger="none")
    assert visitor.post("/help/feel", {"own_words": "x" * (1 << 20)}).status_code == 413


def test_p07_d12_while_the_database_is_locked_the_answers_stay_on_the_page(app_sqlite: Flask, visitor: Browser) -> None:
    visitor.step("now", danger="none")
    with app_sqlite.app_context():
        place = db.engine.url.database
    lock = sqlite3.connect(str(place), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    headers = {"Origin": "http://localhost"}
    answer = visitor.post("/help/you", {"name": "Dana", "age": "42"}, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    page = answer.get_data(as_text=True)
    assert 'name="name" value="Dana"' in page
    assert "911" in page
    lock.execute("ROLLBACK")
    lock.close()
    assert visitor.post("/help/you", {"name": "Dana", "age": "42"}, headers=headers).status_code == 302


def test_a05_mass_assignment_changes_nothing(app_sqlite: Flask, cast_sqlite: Cast, visitor: Browser) -> None:
    extra = {"state": "accepted", "owner_id": "7", "site_id": str(cast_sqlite.other_site.id), "id": "5", "version": "9"}
    fill(visitor)
    visitor.get("/help/check")
    visitor.post("/help/check", {"consent": "yes", **extra})
    with app_sqlite.app_context():
        row = db.session.scalars(select(Inquiry)).one()
        assert (row.state, row.owner_id, row.site_id) == ("new", None, cast_sqlite.site.id)


def test_i02_a_call_page_escapes_what_callers_say(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    ada = signed_in(app_sqlite, cast_sqlite.staff["ada"])
    path = str(ada.get("/calls/new").headers["Location"])
    ada.get(path)
    ada.post(f"{path}/save", {"_field": "own_words", "own_words": "</textarea><script>x</script>"})
    assert "<script>x" not in ada.get(path).get_data(as_text=True)
    assert "&lt;/textarea&gt;&lt;script&gt;x" in ada.get(path).get_data(as_text=True)
