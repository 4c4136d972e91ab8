"""Settings: within limits, with an approver, shown before they count, never over somebody else's change."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from intake.audit.models import AuditEntry
from intake.db import db
from intake.settings import queries
from intake.settings.defaults import DEFAULTS
from intake.settings.editable import EDITABLE
from intake.settings.models import Setting, Site
from tests.accounts.door import Door, settle

CENTER = {
    "name": "Northlight House", "discreet_name": "Northlight", "aliases": "Northlight Detox Center\nNL Recovery",
    "phone": "(555) 014-2200", "email_from": "hello@northlight.example", "time_zone": "America/Chicago",
    "leave_url": "https://www.weather.gov/",
}  # fmt: skip


def admin(app: Flask) -> Door:
    """Alex, signed in."""
    _, secrets = settle(app)
    door = Door(app)
    door.sign_in("alex", secrets["alex"])
    return door


def values(door: Door) -> dict[str, str]:
    """The form of the targets as the page shows it."""
    text = door.get("/settings/targets").text
    form = {m[1]: m[2] for m in re.finditer(r'<input class="in[^>]*name="([^"]+)" type="text" value="([^"]*)"', text)}
    form |= {m[1]: "yes" for m in re.finditer(r'<input type="checkbox"[^>]*name="([^"]+)"[^>]*checked', text)}
    seen = re.search(r'name="seen" value="([^"]+)"', text)
    assert seen is not None
    return {**form, "seen": seen[1], "approver": "Sol Reyes"}


@pytest.mark.parametrize("path", ["center", "users", "targets", "rules", "medicines", "fixed", "keys"])
def test_every_page_opens_for_an_administrator_and_only_keys_for_the_others(app_sqlite: Flask, path: str) -> None:
    _, secrets = settle(app_sqlite)
    alex, ada = Door(app_sqlite), Door(app_sqlite)
    alex.sign_in("alex", secrets["alex"])
    ada.sign_in("ada", secrets["ada"])
    assert alex.get(f"/settings/{path}").status_code == 200
    assert ada.get(f"/settings/{path}").status_code == (200 if path == "keys" else 403)
    assert ada.get("/settings/").headers["Location"] == "/settings/keys"


def test_the_center_is_changed_with_an_entry_that_names_the_fields(app: Flask) -> None:
    door = admin(app)
    page = door.get("/settings/center").text
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    answer = door.post("/settings/center", page="/settings/center", version=version[1], **CENTER)
    assert answer.status_code == 302, answer.text
    with app.app_context():
        site = queries.the_site()
        assert (site.name, site.time_zone) == ("Northlight House", "America/Chicago")
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.record == "site", AuditEntry.verb == "changed")
        ).one()
        assert "time_zone" in entry.changed
        db.session.remove()


def test_d01_a_change_over_somebody_elses_is_refused(app: Flask) -> None:
    door = admin(app)
    first = {**CENTER, "name": "First"}
    assert door.post("/settings/center", page="/settings/center", version="1", **first).status_code == 302
    late = door.post("/settings/center", page="/settings/center", version="1", **{**CENTER, "name": "Second"})
    assert late.status_code == 409
    with app.app_context():
        assert queries.the_site().name == "First"
        db.session.remove()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("discreet_name", "Northlight Detox", "detox"),
        ("discreet_name", "Rehab Friends", "rehab"),
        ("email_from", "hello@detox.example", "neutral"),
        ("email_from", "no address", "email address"),
        ("phone", "12", "phone number"),
        ("time_zone", "Mars/Base", "time zone"),
        ("leave_url", "http://weather.gov", "https"),
        ("leave_url", "https://a@b.example", "https"),
        ("leave_url", "javascript:alert(1)", "https"),
        ("name", "", "Enter the name"),
        ("name", "a\x00b", "cannot be stored"),
        ("name", "x" * 101, "too long"),
        ("aliases", "\n".join(["x"] * 21), "At most 20"),
    ],
)
def test_a_center_that_cannot_be_is_refused_with_a_sentence_and_what_was_typed(
    app_sqlite: Flask, field: str, value: str, word: str
) -> None:
    door = admin(app_sqlite)
    answer = door.post("/settings/center", page="/settings/center", version="1", **{**CENTER, field: value})
    assert answer.status_code == 422
    assert word in answer.text
    assert "Northlight House" in answer.text or field == "name"


def test_a_target_is_shown_before_it_counts_and_then_holds_with_its_approver(app: Flask) -> None:
    door = admin(app)
    form = {**values(door), "targets_minutes.1": "10", "contact_attempts": "4"}
    preview = door.post("/settings/targets", page="/settings/targets", **form)
    assert preview.status_code == 200
    assert "15 minutes → 10 minutes" in preview.text
    with app.app_context():
        assert queries.target_minutes(queries.the_site().id, 1) == 15
        db.session.remove()
    assert door.post("/settings/targets", page="/settings/targets", **form, confirm="yes").status_code == 302
    with app.app_context():
        site_id = queries.the_site().id
        assert queries.target_minutes(site_id, 1) == 10
        assert queries.target_minutes(site_id, 4) == 4320, "other parts stay"
        rows = db.session.scalars(select(Setting)).all()
        assert {(r.key, r.approver) for r in rows} == {
            ("targets_minutes", "Sol Reyes"),
            ("contact_attempts", "Sol Reyes"),
        }
        db.session.remove()


def test_d01_settings_changed_meanwhile_are_not_overwritten(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    form = {**values(door), "contact_attempts": "4", "confirm": "yes"}
    assert door.post("/settings/targets", page="/settings/targets", **form).status_code == 302
    late = door.post("/settings/targets", page="/settings/targets", **{**form, "contact_attempts": "5"})
    assert late.status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [("targets_minutes.1", "16"), ("targets_minutes.1", "0"), ("targets_minutes.1", "1e3"), ("targets_minutes.2", "-5"),
     ("targets_minutes.3", ""), ("contact_attempts", "NaN"), ("idle_minutes", "31"), ("approver", ""),
     ("claim_warning_minutes", "30"), ("absolute_hours", "13")],
)  # fmt: skip
def test_no_value_leaves_its_limits(app_sqlite: Flask, field: str, value: str) -> None:
    door = admin(app_sqlite)
    answer = door.post(
        "/settings/targets", page="/settings/targets", **{**values(door), field: value, "confirm": "yes"}
    )
    assert answer.status_code == 422
    with app_sqlite.app_context():
        assert db.session.scalars(select(Setting)).all() == []


def test_more_urgent_never_waits_longer(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    form = {**values(door), "targets_minutes.3": "60", "targets_minutes.2": "120", "confirm": "yes"}
    answer = door.post("/settings/targets", page="/settings/targets", **form)
    assert answer.status_code == 422
    assert "cannot wait longer" in answer.text


def test_a05_fields_that_the_form_does_not_have_change_nothing(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    more = {"id": "1", "slug": "stolen", "is_demo": "true", "created_by": "1", "reference_prefix": "XX"}
    assert door.post("/settings/center", page="/settings/center", version="1", **CENTER, **more).status_code == 302
    with app_sqlite.app_context():
        site = db.session.scalars(select(Site).where(Site.slug == "northlight")).one()
        assert (site.is_demo, site.reference_prefix) == (False, "NL")


def test_the_rules_page_shows_every_rule_with_its_words_and_the_fixed_ones(app_sqlite: Flask) -> None:
    door = admin(app_sqlite)
    text = door.get("/settings/rules").text
    assert "E01" in text
    assert "O99" in text
    assert "not recorded" in text
    fixed = door.get("/settings/fixed").text
    assert "HARD_SUICIDE_RISK" in fixed
    assert "<form" not in fixed.split("<main")[1], "nothing here can be changed"


def test_limits_hold_the_defaults_that_ship() -> None:
    for each in EDITABLE:
        default = DEFAULTS[each.key]
        value = default[each.part] if each.part else default
        assert isinstance(value, bool) if each.is_yes_no else each.low <= value <= each.high, each
