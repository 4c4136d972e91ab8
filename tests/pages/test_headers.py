"""Headers, cookies, tokens against forgery and hosts on every answer (X01 to X06)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config import Config, ConfigError
from intake import create_app
from intake.actor import Role
from intake.pages import HEADERS
from tests import world
from tests.accounts.door import Door, settle

ALWAYS = (*HEADERS, "Vary", "X-Request-Id")


@pytest.fixture(scope="module")
def center(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The demo center."""
    return world.application(world.copy(shared_folder, tmp_path_factory.mktemp("headers")))


@pytest.fixture(scope="module")
def desk(center: Flask) -> FlaskClient:
    """A signed-in supervisor."""
    return world.sign_in(center, Role.SUPERVISOR)


def lacking(answer: TestResponse, *, static: bool = False) -> list[str]:
    """What of the fixed headers an answer lacks."""
    names = [n for n in ALWAYS if not (static and n == "Vary")]
    wrong = [n for n in names if n not in answer.headers]
    if "'unsafe" in answer.headers.get("Content-Security-Policy", ""):
        wrong.append("unsafe policy")
    if not static and answer.headers.get("Cache-Control") != "no-store":
        wrong.append(f"Cache-Control {answer.headers.get('Cache-Control')}")
    return wrong


def test_x03_every_page_with_or_without_a_session_has_every_header(center: Flask, desk: FlaskClient) -> None:
    known, wrong = world.ids(center), []
    for rule in center.url_map.iter_rules():
        # The frame of a mail has a policy of its own, tested with the mails.
        if "GET" not in (rule.methods or ()) or rule.endpoint in {"messages.preview_mail", "ops.mail_body"}:
            continue
        for path in list(world.addresses(center, rule, known, most=1)):
            for client in (desk, center.test_client()):
                answer = client.get(path)
                found = lacking(answer, static=rule.endpoint == "static")
                if found:
                    wrong.append((path, answer.status_code, found))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no-such-page", 404), ("PUT", "/sign-in", 405), ("POST", "/sign-in", 419),
     ("GET", "/static/none.css", 404),
     ("GET", "/settings/users", 403), ("POST", "/queues/detox/next", 419)],
)  # fmt: skip
def test_x03_errors_have_them_too(center: Flask, desk: FlaskClient, method: str, path: str, status: int) -> None:
    answer = desk.open(path, method=method)
    assert answer.status_code == status
    static = path.startswith("/static")
    assert lacking(answer, static=static) == []


def test_x03_x06_a_fault_has_them_and_shows_no_trace(center: Flask) -> None:
    broken = create_app(center.extensions["intake.config"])

    def fail(**_kw: object) -> str:
        raise RuntimeError("SELECT * FROM person -- /srv/intake")

    broken.jinja_env.globals["get_flashed_messages"] = fail
    answer = broken.test_client().get("/sign-in/recover")
    assert answer.status_code == 500
    assert lacking(answer) == []
    for word in ("Traceback", "RuntimeError", "SELECT", "/srv", "intake/", "werkzeug", "Python"):
        assert word not in answer.text


def secure(tmp_path: Path) -> Flask:
    """The application as people reach it over https."""
    environment = world.environment(tmp_path, PUBLIC_URL="https://desk.example.org", DATABASE_URL="sqlite://")
    return create_app(Config.read(environment))


def test_x03_over_https_browsers_are_told_to_stay_there(tmp_path: Path) -> None:
    answer = secure(tmp_path).test_client().get("/healthz", base_url="https://desk.example.org")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_x04_cookies_carry_their_flags_and_prefix_over_https(tmp_path: Path) -> None:
    client = secure(tmp_path).test_client()
    answer = client.get("/no-such-page", base_url="https://desk.example.org")
    assert answer.status_code == 404
    app = secure(tmp_path)
    with app.test_request_context("/sign-in", base_url="https://desk.example.org"):
        assert app.session_interface.get_cookie_name(app) == "__Host-desk"
        assert app.session_interface.get_cookie_secure(app)
    with app.test_request_context("/help/", base_url="https://desk.example.org"):
        assert app.session_interface.get_cookie_name(app) == "__Host-visit"
    assert app.session_interface.get_cookie_domain(app) is None


def test_x04_the_two_cookies_are_apart_and_unreadable_for_scripts(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    answer = door.sign_in("ada", secrets["ada"])
    cookies = answer.headers.getlist("Set-Cookie")
    assert {c.split("=")[0] for c in cookies} == {"desk", "device"}
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "Path=/" in cookie
        assert "Domain=" not in cookie
        assert re.search(r"SameSite=(Lax|Strict)", cookie)
    public = door.get("/help/").headers.getlist("Set-Cookie")
    assert all(c.split("=")[0] == "visit" for c in public)


def test_x01_no_form_is_taken_without_its_token_or_with_anothers(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    mine, theirs = Door(app_sqlite), Door(app_sqlite)
    mine.sign_in("ada", secrets["ada"])
    theirs.sign_in("cleo", secrets["cleo"])
    foreign = re.search(r'name="csrf_token" value="([^"]+)"', theirs.get("/account").text)
    assert foreign is not None
    for token in ({}, {"csrf_token": ""}, {"csrf_token": foreign[1]}, {"csrf_token": foreign[1][:-4]}):
        for path in ("/sign-out", "/account/password", "/settings/keys", "/sign-in", "/session/ping"):
            assert mine.client.post(path, data=token).status_code == 419, (path, token)
    assert mine.inside()
    as_json = mine.client.post("/settings/keys", data='{"keys": "off"}', content_type="text/plain")
    assert as_json.status_code == 419


def test_x01_nothing_changes_by_get(center: Flask, desk: FlaskClient) -> None:
    for path in ("/sign-out", "/account/password", "/account/recovery-codes", "/queues/detox/next", "/session/ping"):
        assert desk.get(path).status_code == 405


def test_x02_pages_cannot_be_framed_nor_read_from_elsewhere(center: Flask, desk: FlaskClient) -> None:
    answer = desk.get("/account", headers={"Origin": "https://evil.example"})
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:80", "localhost@evil.example", ""]
)
def test_x05_a_host_that_is_not_ours_gets_a_plain_400(center: Flask, host: str) -> None:
    answer = center.test_client().get("/sign-in", headers={"Host": host})
    if host:
        assert answer.status_code == 400
    assert "evil" not in answer.text


def test_x05_forwarded_headers_count_for_nothing_without_a_configured_proxy(app_sqlite: Flask) -> None:
    settle(app_sqlite)
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.9"}
    answer = app_sqlite.test_client().get("/account", headers=headers)
    assert answer.headers["Location"] == "/sign-in?next=/account"


@pytest.mark.parametrize("key", ["dev", "secret", "changeme", "test", "development"])
def test_n04_a_cookie_signed_with_a_known_key_opens_nothing(center: Flask, key: str) -> None:
    forger = Flask("forger")
    forger.secret_key = key
    signer = SecureCookieSessionInterface().get_signing_serializer(forger)
    assert signer is not None
    client = center.test_client()
    client.set_cookie("desk", signer.dumps({"_user_id": "0" * 64, "_fresh": True}))
    assert client.get("/account").status_code == 302


@pytest.mark.parametrize("key", ["dev", "secret", "changeme", "short"])
def test_n04_a_weak_key_stops_the_start_in_production(tmp_path: Path, key: str) -> None:
    environment = world.environment(tmp_path, INTAKE_ENV="production", SECRET_KEY=key)
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        Config.read(environment)
