"""Passkeys in a real browser with an authenticator of its own: made, used as the second step, listed, removed (N05)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect
from sqlalchemy import select
from werkzeug.serving import make_server

from intake.accounts.models import Passkey, StaffSession
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, id_text, new_id, transaction
from tests.accounts.door import EMAIL, Door, later, settle
from tests.people import PASSWORD

ODD = ("", "[]", "null", "{}", '{"rawId": 7}', '{"rawId": "é"}', "{" * 9000, '{"rawId": "AAAA", "id": "AAAA"}', "\x00")


@pytest.fixture
def secrets(app_sqlite: Flask) -> dict[str, str]:
    """Secrets of the authenticator apps, by first name."""
    return settle(app_sqlite)[1]


@pytest.fixture
def tab(app_sqlite: Flask, secrets: dict[str, str], chromium: Chromium) -> Iterator[Page]:
    """A tab with a security key of its own, at the address that the product knows itself by."""
    server = make_server("localhost", 0, app_sqlite, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://localhost:{server.port}"
    app_sqlite.extensions["intake.config"] = replace(app_sqlite.extensions["intake.config"], public_url=address)
    context = chromium.new_context(base_url=address, viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    yield page
    context.close()
    server.shutdown()


def password(tab: Page) -> None:
    """Type email and password."""
    tab.goto("/sign-in")
    tab.fill("#email", EMAIL.format(who="ada"))
    tab.fill("#password", PASSWORD)
    tab.get_by_role("button", name="Continue").click()
    tab.wait_for_url("**/sign-in/code")


@pytest.mark.browser
def test_n05_a_passkey_is_made_proves_the_second_step_and_is_removed(
    app_sqlite: Flask, secrets: dict[str, str], tab: Page
) -> None:
    password(tab)
    expect(tab.get_by_role("button", name="Use a passkey instead")).to_have_count(0)
    tab.fill("#code", pyotp.TOTP(secrets["ada"]).at(utcnow()))
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/inbox")
    tab.goto("/account")
    tab.fill("#name", "Front <desk>")
    tab.get_by_role("button", name="Add a passkey").click()
    tab.get_by_role("button", name="Make the passkey").click()
    expect(tab.get_by_text("Your passkey is ready.")).to_be_visible()
    expect(tab.locator("b", has_text="Front <desk>")).to_be_visible()

    tab.context.clear_cookies()
    password(tab)
    tab.get_by_role("button", name="Use a passkey instead").click()
    tab.wait_for_url("**/inbox")
    with app_sqlite.app_context():
        key = db.session.scalars(select(Passkey)).one()
        assert key.sign_count > 0
        assert key.used_at is not None
        said = db.session.scalars(select(AuditEntry.purpose).where(AuditEntry.verb == "signed_in")).all()
        assert sorted(said) == ["", "passkey"]
        assert db.session.scalars(select(StaffSession.challenge).where(StaffSession.challenge.is_not(None))).all() == []
        db.session.remove()

    tab.goto("/account")
    tab.get_by_role("button", name="Remove").click()
    expect(tab.get_by_text("That passkey is removed.")).to_be_visible()
    expect(tab.get_by_text("None yet.")).to_be_visible()


def own_key(app: Flask, who: str) -> str:
    """A stored passkey that nobody holds; returns its letters."""
    with app.app_context():
        with transaction():
            staff = db.session.scalars(
                select(StaffSession.staff_id).order_by(StaffSession.created_at.desc()).limit(1)
            ).one()
            row = Passkey(
                id=new_id(), staff_id=staff, credential=b"c" * 16, public_key=b"p" * 77, name=who, created_at=utcnow()
            )
            db.session.add(row)
            letters = id_text(row.id)
        db.session.remove()
    return letters


def test_n05_odd_or_made_up_answers_prove_nothing_and_slow_the_next_try(
    app_sqlite: Flask, secrets: dict[str, str]
) -> None:
    door = Door(app_sqlite)
    door.sign_in("ada", secrets["ada"])
    own_key(app_sqlite, "ada")
    door.client.delete_cookie("desk")
    door.password(EMAIL.format(who="ada"))
    later(seconds=30)
    for odd in ODD:
        answer = door.post("/sign-in/passkey", page="/sign-in/code", answer=odd)
        assert answer.status_code == (422 if odd else 200), odd
        assert not door.inside()
    right = pyotp.TOTP(secrets["ada"]).at(utcnow())
    made = door.post("/sign-in/code", page="/sign-in/code", code=right)
    assert made.status_code == 422, "so many failures make the right code wait too"
    later(minutes=16)
    door.password(EMAIL.format(who="ada"))
    assert door.code(secrets["ada"]).status_code == 302


def test_n05_without_half_a_session_or_a_passkey_there_is_nothing_to_use(
    app_sqlite: Flask, secrets: dict[str, str]
) -> None:
    door = Door(app_sqlite)
    assert door.post("/sign-in/passkey").headers["Location"] == "/sign-in"
    door.password(EMAIL.format(who="ada"))
    assert door.post("/sign-in/passkey", page="/sign-in/code").headers["Location"] == "/sign-in/code"
    assert not door.inside()


def test_passkeys_are_ones_own_and_adding_one_asks_for_a_fresh_code(app_sqlite: Flask, secrets: dict[str, str]) -> None:
    ada, cleo = Door(app_sqlite), Door(app_sqlite)
    cleo.sign_in("cleo", secrets["cleo"])
    ada.sign_in("ada", secrets["ada"])
    letters = own_key(app_sqlite, "Ada’s")
    assert "Ada’s" in ada.get("/account").text
    assert "Ada’s" not in cleo.get("/account").text
    assert cleo.post(f"/account/passkeys/{letters}/remove", page="/account").status_code == 404
    for odd in ODD:
        assert ada.post("/account/passkeys", page="/account", answer=odd, name="x").status_code == 302
    later(minutes=11)
    for path in ("/account/passkeys/new", "/account/passkeys", f"/account/passkeys/{letters}/remove"):
        assert "Is it still you?" in ada.post(path, page="/account").text
    with app_sqlite.app_context():
        assert len(db.session.scalars(select(Passkey)).all()) == 1
        db.session.remove()
