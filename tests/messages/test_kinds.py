"""Every kind has its templates in both languages, passes the filter, and says nothing hard to read."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app

from intake.clinical.language import fernandez_huerta, grade, language_hits, words_a_sentence
from intake.clinical.wording import check_email, check_html
from intake.db import db
from intake.messages import delivery, kinds
from intake.messages.kinds import Kind, UnknownKind
from intake.messages.render import Center

ROOT = Path(__file__).resolve().parents[2]
TO_PEOPLE = ("reminder", "plan_changed", "visit_reminder", "visit_changed", "screening_link", "inquiry_acknowledgement")
POLICIES = {
    "reminder": ("resend_same_id", timedelta(hours=12), True),
    "plan_changed": ("resend_same_id", timedelta(hours=12), True),
    "visit_reminder": ("resend_same_id", timedelta(hours=12), True),
    "visit_changed": ("resend_same_id", timedelta(hours=12), True),
    "screening_link": ("resend_same_id", timedelta(hours=12), True),
    "inquiry_acknowledgement": ("resend_same_id", timedelta(hours=24), False),
    "staff_alert": ("hold_for_human", timedelta(hours=1), False),
    "task_alert": ("hold_for_human", timedelta(hours=1), False),
    "invitation": ("hold_for_human", timedelta(hours=1), False),
    "password_reset": ("hold_for_human", timedelta(hours=1), False),
}
STOPPABLE = TO_PEOPLE[:-1]
LINK = "https://example.org/"
FACTS: dict[str, dict[str, Any]] = {
    "reminder": {"check_in_url": f"{LINK}c/0", "link_until": "Friday"},
    "plan_changed": {},
    "visit_reminder": {},
    "visit_changed": {},
    "screening_link": {"questions_url": f"{LINK}help/questions/0"},
    "inquiry_acknowledgement": {"reference": "NL-4H7K-22", "path": "/help/sent/0"},
    "staff_alert": {},
    "task_alert": {},
    "invitation": {"url": f"{LINK}i/0"},
    "password_reset": {"url": f"{LINK}r/0"},
}
VISIT = {"at": "Thursday, March 5, 3:30 PM", "place": "A"}
VARIANTS: tuple[dict[str, Any], ...] = (
    {"asks": True, "visits": [], "off": False},
    {"asks": False, "visits": [VISIT], "off": False},
    {"asks": True, "visits": [VISIT, VISIT], "off": True},
    {"asks": False, "visits": [], "off": True},
)


def said(kind: str, locale: str, variant: dict[str, Any], *, first_name: str = "Dana") -> dict[str, str]:
    """The three parts of a kind in one language."""
    center = Center("Northlight", "(555) 014-2200", "tel:5550142200", "hello@n.example", (), True, 3)
    facts = {
        "center": center,
        "first_name": first_name,
        "lang": locale,
        "public_url": LINK.rstrip("/"),
        "stop_url": f"{LINK}u/0" if kind in STOPPABLE else "",
        "preferences_url": f"{LINK}p/0",
        "subject": "A message",
        **FACTS[kind],
        **variant,
    }
    env = current_app.jinja_env
    return {
        name: env.select_template([f"email/{kind}/{stem}.{locale}.{end}", f"email/{kind}/{stem}.{end}"]).render(facts)
        for name, stem, end in (("subject", "subject", "txt"), ("text", "body", "txt"), ("html", "body", "html"))
    }


def test_the_registered_kinds_keep_to_the_table_of_policies(app_sqlite: Flask) -> None:
    assert app_sqlite.name == "intake"
    for name, (policy, latest, quiet) in POLICIES.items():
        kind = kinds.get(name)
        assert not isinstance(kind, UnknownKind), name
        assert (kind.policy, kind.latest, kind.quiet_hours) == (policy, latest, quiet), name
    assert Kind.policy == "hold_for_human", "a kind without an entry waits for a person"


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("kind", list(POLICIES))
def test_p02_every_template_passes_the_filter_in_both_parts(app_sqlite: Flask, kind: str, locale: str) -> None:
    with app_sqlite.app_context():
        for variant in VARIANTS:
            parts = said(kind, locale, variant)
            assert check_email(parts["subject"], parts["text"], ["Northlight Detox Center"], locale=locale).hits == ()
            assert check_html(parts["subject"], parts["html"], ["Northlight Detox Center"], locale=locale).hits == ()


@pytest.mark.parametrize("kind", list(POLICIES))
def test_the_twins_agree_and_nothing_is_fetched(app_sqlite: Flask, kind: str) -> None:
    with app_sqlite.app_context():
        for variant in VARIANTS:
            parts = said(kind, "en", variant)
            links = set(re.findall(r'href="(https[^"]+)"', parts["html"]))
            assert links <= set(re.findall(r"https\S+", parts["text"])), "every link of the one stands in the other"
            assert not re.search(r"<img|src=|@import|url\(|<script|<style|<link|http:", parts["html"])
            assert len(parts["html"].encode()) <= 3 * 1024 + 200
            assert "911" in parts["text"] or kind not in TO_PEOPLE


@pytest.mark.parametrize("kind", TO_PEOPLE)
def test_mails_to_people_are_easy_to_read_in_both_languages(app_sqlite: Flask, kind: str) -> None:
    with app_sqlite.app_context():
        for variant in VARIANTS:
            english, spanish = said(kind, "en", variant)["text"], said(kind, "es", variant)["text"]
            assert grade(english) <= 6.0, english
            assert words_a_sentence(english) <= 14
            assert fernandez_huerta(spanish) >= 80, spanish
            assert language_hits(english) == ()
            assert language_hits(spanish, "es") == ()


@pytest.mark.parametrize("payload", ["{{7*7}}", "${7*7}", "#{7*7}", "<script>alert(1)</script>", '"><img src=x>'])
def test_i02_a_typed_name_is_printed_and_never_run(app_sqlite: Flask, payload: str) -> None:
    with app_sqlite.app_context():
        parts = said("reminder", "en", VARIANTS[0], first_name=payload)

    assert payload in parts["text"]
    assert "<script>" not in parts["html"]
    assert "<img" not in parts["html"]
    assert "49" not in parts["text"].replace("(555) 014-2200", "")


@pytest.mark.parametrize("kind", list(POLICIES))
def test_the_gate_of_every_kind_compiles_on_both_databases(app: Flask, kind: str) -> None:
    with app.app_context():
        names = delivery._gate(kinds.get(kind)).compile(dialect=db.engine.dialect).params
        assert {"gate_id", "token", "digest", "seen_version", "open_from", "open_until"} <= names.keys()


def test_no_subject_depends_on_what_somebody_typed() -> None:
    for path in (ROOT / "templates" / "email").glob("*/subject*.txt"):
        used = set(re.findall(r"\{\{\s*(\w+)", path.read_text()))
        assert used == set(), path
