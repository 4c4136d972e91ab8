"""One's own account: sessions, password, a fresh code before what weighs most (N03, N05)."""

from __future__ import annotations

import re

import pyotp
import pytest
from flask import Flask

from intake.accounts import login
from intake.actor import Role
from intake.clock import utcnow
from intake.guard import access_of
from tests.accounts.door import Door, later, settle
from tests.people import PASSWORD

NEW = "plum kettle 9 fence"


def test_n03_a_password_change_ends_the_other_sessions_and_renews_this_one(app: Flask) -> None:
    _, secrets = settle(app)
    here, there = Door(app), Door(app)
    here.sign_in("ada", secrets["ada"])
    there.sign_in("ada", secrets["ada"])
    before = here.client.get_cookie("desk")
    answer = here.post("/account/password", page="/account", now_password=PASSWORD, password=NEW)
    assert answer.status_code == 302
    assert here.inside()
    assert not there.inside()
    assert before is not None
    stolen = Door(app)
    stolen.client.set_cookie("desk", before.value)
    assert not stolen.inside(), "the cookie from before the change"
    assert there.sign_in("ada", secrets["ada"], NEW).status_code == 302


def test_the_present_password_has_to_be_right_and_guessing_it_is_slowed(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    door.sign_in("ada", secrets["ada"])
    codes = []
    for n in range(7):
        answer = door.post("/account/password", page="/account", now_password=f"guess {n} of many", password=NEW)
        codes.append(answer.status_code)
    assert codes[0] == 422
    assert codes[-1] == 429
    later(minutes=1)
    weak = door.post("/account/password", page="/account", now_password=PASSWORD, password="Northlight123")
    assert weak.status_code == 422
    assert "center" in weak.text


def test_own_sessions_are_listed_and_can_be_ended_but_nobody_elses(app: Flask) -> None:
    _, secrets = settle(app)
    here, there, other = Door(app), Door(app), Door(app)
    here.sign_in("ada", secrets["ada"])
    there.sign_in("ada", secrets["ada"])
    other.sign_in("cleo", secrets["cleo"])
    ends = re.findall(r"/account/sessions/(\w{13})/end", here.get("/account").text)
    assert len(ends) == 1
    foreign = other.post(f"/account/sessions/{ends[0]}/end", page="/account")
    missing = other.post("/account/sessions/0000000000005/end", page="/account")
    assert foreign.status_code == missing.status_code == 404
    assert there.inside()
    assert here.post(f"/account/sessions/{ends[0]}/end", page="/account").status_code == 302
    assert not there.inside()
    assert here.inside()


def test_new_recovery_codes_ask_for_a_fresh_code_ten_minutes_after_the_last_one(app: Flask) -> None:
    _, secrets = settle(app)
    door = Door(app)
    door.sign_in("ada", secrets["ada"])
    later(minutes=11)
    asked = door.post("/account/recovery-codes", page="/account")
    assert asked.status_code == 403
    assert "Is it still you?" in asked.text
    wrong = door.post("/account/recovery-codes", page="/account", fresh_code="000000")
    assert wrong.status_code == 422
    right = door.post("/account/recovery-codes", page="/account", fresh_code=pyotp.TOTP(secrets["ada"]).at(utcnow()))
    assert "Keep these recovery codes" in right.text
    later(minutes=9)
    assert "Keep these" in door.post("/account/recovery-codes", page="/account").text, "the proof lasts ten minutes"


def test_what_was_sent_is_carried_over_the_question_for_a_code(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    door.sign_in("ada", secrets["ada"])
    later(minutes=11)
    asked = door.post("/account/recovery-codes", page="/account", note='a "quoted" <word>', password="never kept")
    assert 'name="note" value="a &#34;quoted&#34; &lt;word&gt;"' in asked.text
    assert "never kept" not in asked.text


def test_signing_and_exporting_are_behind_a_fresh_code(app_sqlite: Flask) -> None:
    weighty = ("tapers.sign", "tapers.release", "release.fetch_copy", "desk.audit_csv", "accounts.recovery_codes")
    assert [name for name in weighty if not login.asks_for_code(app_sqlite.view_functions[name])] == []
    declared = access_of(app_sqlite, "tapers.sign")
    assert declared is not None
    assert declared.roles == {Role.PRESCRIBER}


def test_a_page_that_needs_a_fresh_code_comes_back_to_itself(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    door.sign_in("ada", secrets["ada"])
    later(minutes=11)
    again = "/sign-in/again?next=/account"
    page = door.get(again)
    assert page.status_code == 200
    code = pyotp.TOTP(secrets["ada"]).at(utcnow())
    answer = door.post("/sign-in/again", page=again, fresh_code=code, next="/account")
    assert answer.headers["Location"] == "/account"
    replay = door.post("/sign-in/again", page=again, fresh_code=code, next="/account")
    assert replay.status_code == 422, "a code is good once here too"


@pytest.mark.parametrize("target", ["//evil.example", "https:evil", "javascript:alert(1)"])
def test_n07_the_question_for_a_code_goes_on_to_own_paths_only(app_sqlite: Flask, target: str) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    door.sign_in("ada", secrets["ada"])
    later(seconds=30)
    code = pyotp.TOTP(secrets["ada"]).at(utcnow())
    answer = door.post("/sign-in/again", page="/account", fresh_code=code, next=target)
    assert answer.headers["Location"] == "/desk"


def test_keys_can_be_turned_off_and_on_by_everybody(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    door.sign_in("drew", secrets["drew"])
    door.post("/settings/keys", page="/settings/keys", keys="off", next="/settings/keys")
    assert 'data-keys="off"' in door.get("/settings/keys").text
    door.post("/settings/keys", page="/settings/keys", keys="on", next="/settings/keys")
    assert 'data-keys="off"' not in door.get("/settings/keys").text
