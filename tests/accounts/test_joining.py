"""How accounts begin and come back: set-up, invitations, forgotten passwords (N05, N06, N08)."""

from __future__ import annotations

import threading

import pyotp
import pytest
from flask import Flask
from sqlalchemy import func, select

from intake.accounts import joining, passwords
from intake.accounts.models import Staff
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.guard import SignedLink
from intake.messages.models import Message
from intake.settings.models import Site
from tests.accounts.door import Door, later, mailed_link, path_of, settle
from tests.people import PASSWORD

NEW = "plum kettle 9 fence"
TESS = "tess@northlight.example"
CENTER = joining.Center("Northlight", "Northlight", "(555) 014-2200", "hello@northlight.example", "America/New_York")


def invited(app: Flask, secrets: dict[str, str], role: str = "clinician") -> str:
    """The path in the mail that invites Tess."""
    admin = Door(app)
    admin.sign_in("alex", secrets["alex"])
    answer = admin.post("/settings/users", page="/settings/users", email=TESS.upper(), name="Tess Lin", role=role)
    assert answer.status_code == 302, answer.text
    return path_of(mailed_link(app, TESS, "invitation"))


def set_up_app(door: Door, path: str = "/sign-in/set-up") -> None:
    """Set up the authenticator app that the page offers."""
    with door.client.session_transaction("/sign-in") as session:
        offered = session["offered"]
    page = door.post(path, page=path, code=pyotp.TOTP(offered).at(utcnow()))
    assert "recovery codes" in page.text


def test_an_invitation_leads_through_password_and_app_before_anything_is_seen(app: Flask) -> None:
    _, secrets = settle(app)
    door = Door(app)
    opened = door.get(invited(app, secrets))
    assert opened.headers["Location"] == "/sign-in/invitation"
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert not door.inside()
    answer = door.post("/sign-in/invitation", page="/sign-in/invitation", password=NEW)
    assert answer.headers["Location"] == "/sign-in/set-up"
    assert not door.inside()
    assert door.get("/sign-in/set-up.svg").mimetype == "image/svg+xml"
    set_up_app(door)
    assert door.inside()


def test_an_invitation_is_good_once_and_for_48_hours(app: Flask) -> None:
    _, secrets = settle(app)
    path = invited(app, secrets)
    first, second = Door(app), Door(app)
    first.get(path)
    second.get(path)
    assert first.post("/sign-in/invitation", page="/sign-in/invitation", password=NEW).status_code == 302
    token = second.post("/sign-in/invitation", page="/sign-in", password="another one 7 words")
    assert token.status_code == 410
    admin = Door(app)
    admin.sign_in("alex", secrets["alex"])
    with app.app_context():
        staff = db.session.scalars(select(Staff).where(Staff.email == TESS)).one()
        db.session.remove()
    users = f"/settings/users/{_id(app, staff.id)}"
    assert admin.post(f"{users}/invite", page=users).status_code == 302
    late = path_of(mailed_link(app, TESS, "invitation"))
    assert late != path
    later(hours=48, minutes=1)
    third = Door(app)
    third.get(late)
    assert third.get("/sign-in/invitation").status_code == 410


def _id(app: Flask, value: int) -> str:
    with app.test_request_context():
        return str(app.jinja_env.filters["id"](value))


def test_p03_opening_an_invitation_by_a_scanner_uses_nothing_up(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    path = invited(app_sqlite, secrets)
    for _ in range(5):
        scanner = Door(app_sqlite)
        scanner.client.head(path)
        scanner.get(path)
        scanner.get("/sign-in/invitation")
    door = Door(app_sqlite)
    door.get(path)
    assert door.post("/sign-in/invitation", page="/sign-in/invitation", password=NEW).status_code == 302


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("short", "12 signs"),
        ("password1234", "Many people"),
        ("Summer2026!!", "Many people"),
        ("qwertyuiop123", "Many people"),
        ("111111111111", "Many people"),
        ("Northlight-2026", "center"),
        ("tess.lin.2026", "name"),
        ("x" * 300, "256"),
        ("plum kettle\x00 fence", "typed everywhere"),
    ],
)
def test_a_weak_password_is_refused_and_the_link_stays_alive(app_sqlite: Flask, password: str, word: str) -> None:
    _, secrets = settle(app_sqlite)
    door = Door(app_sqlite)
    door.get(invited(app_sqlite, secrets))
    answer = door.post("/sign-in/invitation", page="/sign-in/invitation", password=password)
    assert answer.status_code == 422
    assert word in answer.text
    assert password not in answer.text
    assert door.post("/sign-in/invitation", page="/sign-in/invitation", password=NEW).status_code == 302


def test_the_bundled_list_is_long_and_long_phrases_pass() -> None:
    assert len(passwords.common()) > 900
    for good in (PASSWORD, NEW, "yellow-otter-fence", "Zq8vLm2pXw4t", "my aunt keeps 3 bees", "8472-hedge-Oslo"):
        passwords.check_new(good)
    with pytest.raises(RuleBroken):
        passwords.check_new("only 14 signs!", least=passwords.LEAST_ALONE)


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "no email"), ("email", ""), ("email", "ada@northlight.example"), ("name", ""), ("name", "a\nb"),
     ("name", "x" * 200), ("role", "god"), ("role", ""), ("name", "N\x00L")],
)  # fmt: skip
def test_an_invitation_that_cannot_be_is_refused_with_what_was_typed(app_sqlite: Flask, field: str, value: str) -> None:
    _, secrets = settle(app_sqlite)
    admin = Door(app_sqlite)
    admin.sign_in("alex", secrets["alex"])
    sent = {"email": TESS, "name": "Tess Lin", "role": "clinician", field: value}
    answer = admin.post("/settings/users", page="/settings/users", **sent)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    kept = {"email": TESS, "name": "Tess Lin"}
    kept.pop(field, None)
    assert all(f'value="{text}"' in answer.text for text in kept.values())


def test_a_forgotten_password_is_chosen_anew_by_a_link_and_the_second_step_is_still_asked(app: Flask) -> None:
    _, secrets = settle(app)
    inside, outside = Door(app), Door(app)
    inside.sign_in("ada", secrets["ada"])
    answer = outside.post("/sign-in/recover", page="/sign-in/recover", email=" ADA@northlight.example ")
    assert "on its way" in answer.text
    outside.get(path_of(mailed_link(app, "ada@northlight.example", "password_reset")))
    done = outside.post("/sign-in/new-password", page="/sign-in/new-password", password=NEW)
    assert done.headers["Location"] == "/sign-in"
    assert not outside.inside(), "a reset signs nobody in"
    assert not inside.inside(), "all sessions end"
    assert outside.password("ada@northlight.example").status_code == 422
    assert outside.sign_in("ada", secrets["ada"], NEW).status_code == 302


def test_n06_a_reset_link_is_good_once_for_30_minutes_and_only_the_newest(app: Flask) -> None:
    settle(app)
    paths = []
    for _ in range(2):
        later(minutes=1)
        Door(app).post("/sign-in/recover", page="/sign-in/recover", email="ada@northlight.example")
        paths.append(path_of(mailed_link(app, "ada@northlight.example", "password_reset")))
    assert paths[0] != paths[1]
    assert Door(app).get(paths[0]).status_code == 302
    older = Door(app)
    older.get(paths[0])
    assert older.get("/sign-in/new-password").status_code == 410
    door = Door(app)
    door.get(paths[1])
    assert door.post("/sign-in/new-password", page="/sign-in/new-password", password=NEW).status_code == 302
    again = Door(app)
    again.get(paths[1])
    assert again.get("/sign-in/new-password").status_code == 410
    later(minutes=1)
    Door(app).post("/sign-in/recover", page="/sign-in/recover", email="ada@northlight.example")
    late = path_of(mailed_link(app, "ada@northlight.example", "password_reset"))
    later(minutes=31)
    door.get(late)
    assert door.get("/sign-in/new-password").status_code == 410


def test_n06_a_link_of_one_purpose_opens_no_other(app_sqlite: Flask) -> None:
    _, secrets = settle(app_sqlite)
    token = invited(app_sqlite, secrets).rsplit("/", 1)[1]
    door = Door(app_sqlite)
    door.get(f"/sign-in/new-password/{token}")
    assert door.get("/sign-in/new-password").status_code == 410
    with app_sqlite.app_context():
        stored = db.session.scalars(select(SignedLink.digest)).all()
        assert not any(token.encode() in digest for digest in stored)


def test_n06_the_link_names_the_configured_host_whatever_the_request_said(app_sqlite: Flask) -> None:
    settle(app_sqlite)
    door = Door(app_sqlite)
    page = door.get("/sign-in/recover")
    assert page.status_code == 200
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = door.client.post(
        "/sign-in/recover",
        data={"csrf_token": token, "email": "ada@northlight.example"},
        headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
    )
    assert answer.status_code == 200
    poisoned = door.client.get("/sign-in/recover", headers={"Host": "evil.example"})
    assert poisoned.status_code == 400
    assert mailed_link(app_sqlite, "ada@northlight.example", "password_reset").startswith("http://localhost/sign-in/")


def test_n06_asking_for_a_link_tells_nothing_and_is_slowed_alike(app_sqlite: Flask) -> None:
    settle(app_sqlite)

    def ask(email: str, count: int) -> list[tuple[int, str]]:
        found = []
        for n in range(count):
            answer = Door(app_sqlite, f"203.0.113.{n}").post("/sign-in/recover", page="/sign-in/recover", email=email)
            text = "".join(x for x in answer.text.splitlines() if "csrf" not in x and "@" not in x)
            found.append((answer.status_code, text))
        return found

    known, unknown = ask("ada@northlight.example", 11), ask("nobody@northlight.example", 11)
    assert known == unknown
    assert known[0][0] == 200
    assert known[-1][0] == 429
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Message.id)).where(Message.kind == "password_reset")) == 10


def test_n06_a_switched_off_account_gets_no_link(app_sqlite: Flask) -> None:
    cast, _ = settle(app_sqlite)
    with app_sqlite.app_context(), transaction():
        db.session.get_one(Staff, cast.ada.id).is_active = False
    Door(app_sqlite).post("/sign-in/recover", page="/sign-in/recover", email="ada@northlight.example")
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Message.id))) == 0


def test_n08_there_are_no_default_credentials_and_no_set_up_page(app_sqlite: Flask) -> None:
    door = Door(app_sqlite)
    for path in ("/setup", "/set-up", "/install", "/sign-up", "/register", "/admin"):
        assert door.get(path).status_code == 404
    for email in ("admin@example.com", "admin", "root", "admin@northlight.example"):
        for password in ("admin", "password", "changeme", ""):
            assert door.password(email, password).status_code in {422, 429}


def test_n08_the_first_set_up_makes_one_administrator_by_invitation_only(app: Flask) -> None:
    runner = app.test_cli_runner()
    line = ["intake", "set-up", "--center", "Northlight", "--discreet-name", "Northlight", "--phone", "(555) 014-2200",
            "--from", "hello@northlight.example", "--zone", "America/New_York", "--email", "kim@northlight.example",
            "--name", "Kim Moor"]  # fmt: skip
    made = runner.invoke(args=line)
    assert made.exit_code == 0, made.output
    link = made.output.strip().splitlines()[-1]
    assert link.startswith("http://localhost/sign-in/invitation/")
    again = runner.invoke(args=line)
    assert again.exit_code == 1
    assert "already holds a center" in again.output
    door = Door(app)
    door.get(path_of(link))
    door.post("/sign-in/invitation", page="/sign-in/invitation", password=NEW)
    set_up_app(door)
    assert door.get("/settings/users").status_code == 200
    assert link == mailed_link(app, "kim@northlight.example", "invitation")


def test_n08_of_parallel_set_ups_exactly_one_wins(app: Flask) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def attempt(n: int) -> None:
        with app.app_context():
            together.wait()
            center = joining.Center("N", "N", "1", "a@b.example", "America/New_York", slug=f"center-{n}")
            try:
                with transaction():
                    joining.set_up(center, email=f"kim{n}@northlight.example", name="Kim", now=utcnow())
                outcomes.append("made")
            except AlreadyDone:
                outcomes.append("refused")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused", "refused", "refused"]
    with app.app_context():
        assert db.session.scalar(select(func.count(Site.id))) == 1
        assert db.session.scalar(select(func.count(Staff.id))) == 1
        db.session.remove()


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", ""])
def test_set_up_refuses_a_zone_that_is_none(app_sqlite: Flask, zone: str) -> None:
    line = ["intake", "set-up", "--center", "N", "--discreet-name", "N", "--phone", "1", "--from", "a@b.example",
            "--zone", zone, "--email", "kim@northlight.example", "--name", "Kim"]  # fmt: skip
    assert app_sqlite.test_cli_runner().invoke(args=line).exit_code == 1
