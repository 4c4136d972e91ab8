"""The matrix: every address, every role, own, foreign and missing objects, every method (A01 to A04, A07, A08)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from intake.accounts import service as accounts
from intake.accounts.models import Staff, StaffSession
from intake.actor import Role
from intake.clock import utcnow
from intake.db import Base, db, transaction
from intake.guard import access_of
from intake.settings import service as settings
from tests import world

SEEN = {"audit_entry", "audit_chain", "staff_session", "signed_link", "sign_in_tries", "known_device"}
# Pages that a browser opens for people without an account, or for operators by a secret of their own.
PUBLIC = {"/", "/healthz", "/healthz/deep", "/readyz", "/metrics", "/hooks/bounces", "/static/<path:filename>"}
PUBLIC_AREAS = ("/help/", "/referral/", "/sign-", "/dev/")
Doors = dict[Role, FlaskClient]


@pytest.fixture(scope="module")
def center(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The demo center, and a second center with one person of each role."""
    app = world.application(world.copy(shared_folder, tmp_path_factory.mktemp("matrix")))
    app.config["WTF_CSRF_ENABLED"] = False
    app.config["RATELIMIT_ENABLED"] = False
    with app.app_context():
        # This copy is thrown away; nothing has to reach the disk.
        event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        db.engine.dispose()
    with app.app_context(), transaction():
        other = settings.add_site(
            slug="eastgate", name="Eastgate", discreet_name="Eastgate", phone="(555) 014-3300",
            email_from="hello@eastgate.example", time_zone="America/Chicago", now=utcnow(),
        )  # fmt: skip
        for role in Role:
            accounts.add_staff(
                site_id=other.id, email=f"zz-{role.value}@eastgate.example", name="Cora Dunn", role=role, now=utcnow()
            )
    return app


@pytest.fixture(scope="module")
def own(center: Flask) -> Doors:
    """Signed-in browsers of the demo center."""
    return {role: world.sign_in(center, role) for role in Role}


@pytest.fixture(scope="module")
def foreign(center: Flask) -> Doors:
    """Signed-in browsers of the other center: to them every object of the first one is foreign."""
    return {role: world.sign_in(center, role, email=f"zz-{role.value}@eastgate.example") for role in Role}


def rules(app: Flask, *, kind: str, method: str) -> Iterator[Rule]:
    """The addresses of one kind of access that take a method."""
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        if access is not None and access.kind == kind and method in (rule.methods or set()):
            yield rule


def roles_of(app: Flask, rule: Rule) -> frozenset[Role]:
    access = access_of(app, rule.endpoint)
    assert access is not None
    return access.roles


def paths(app: Flask, rule: Rule, known: dict[str, list[Any]], most: int = 2) -> list[str]:
    return list(world.addresses(app, rule, known, most))


def known_ids(app: Flask) -> dict[str, list[Any]]:
    """Real ids of the first center; sessions are those of its clinician."""
    found = world.ids(app)
    with app.app_context():
        whose = select(Staff.id).where(Staff.role == Role.CLINICIAN).order_by(Staff.email).limit(1)
        mine = select(StaffSession.id).where(StaffSession.staff_id == whose.scalar_subquery())
        found["session_id"] = list(db.session.scalars(mine.order_by(StaffSession.created_at)))
        here = select(Staff.id).where(Staff.is_demo.is_(True), Staff.role == Role.SUPERVISOR)
        found["staff_id"] = list(db.session.scalars(here))
        db.session.remove()
    return found


def send(client: FlaskClient, method: str, path: str) -> TestResponse:
    return client.open(path, method=method)


def bare(answer: TestResponse) -> str:
    """An answer without what differs between any two requests."""
    text = re.sub(r'(name="(?:csrf_token|once)" value|name="csrf" content)="[^"]*"', "", answer.text)
    # The banner about late mail says how long, and a minute may pass between the two.
    text = re.sub(r"waited for [0-9a-z ]+\.", "", text)
    return re.sub(r"\b[0-9a-f]{16}\b", "", re.sub(r"\b[0-9a-z]{13}\b", "", text))


def test_a02_every_route_declares_who_may_open_it(center: Flask) -> None:
    printed = center.test_cli_runner().invoke(args=["intake", "routes", "--json"])
    lines = json.loads(printed.output)
    assert len(lines) == len(list(center.url_map.iter_rules()))
    assert [line["rule"] for line in lines if line["access"] is None] == []
    for line in lines:
        if line["access"]["kind"] == "roles":
            assert line["access"]["object"] in {"center", "case", "queue", "self"}, line
            assert line["access"]["roles"], line
        if line["access"]["kind"] == "public":
            assert line["rule"] in PUBLIC or line["rule"].startswith(PUBLIC_AREAS), (
                f"a new public address: {line['rule']} ({line['endpoint']})"
            )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a01_nobody_without_a_session_gets_past_the_door(center: Flask, method: str) -> None:
    known, client = known_ids(center), center.test_client()
    wrong = []
    for rule in rules(center, kind="roles", method=method):
        for path in paths(center, rule, known, most=1):
            answer = send(client, method, path)
            fine = answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=")
            if not (fine if method == "GET" else answer.status_code == 401):
                wrong.append((method, path, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a01_a_role_that_is_not_declared_gets_403_whatever_the_object(center: Flask, own: Doors, method: str) -> None:
    known, wrong, asked = known_ids(center), [], 0
    for rule in rules(center, kind="roles", method=method):
        for path in paths(center, rule, known, most=1):
            for role in set(Role) - roles_of(center, rule):
                answer = send(own[role], method, path)
                asked += 1
                if answer.status_code != 403:
                    wrong.append((method, path, role.value, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 50


def test_a01_a_declared_role_opens_every_page_of_its_own_center(center: Flask, own: Doors) -> None:
    known, wrong = known_ids(center), []
    for rule in rules(center, kind="roles", method="GET"):
        for role in roles_of(center, rule):
            for path in paths(center, rule, known):
                answer = send(own[role], "GET", path)
                if answer.status_code in {401, 403} or answer.status_code >= 500:
                    wrong.append((path, role.value, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


# Emergency access asks for a reason before it looks whether there is such a case.
ASKS_FIRST = "cases.emergency_access"
# An empty form may be refused, or a board opened again, before anybody looks whether there is such a thing.
BEFORE_LOOKING = {404, 422, 302}


def with_ids(rule: Rule) -> list[str]:
    return [name for name in rule._converters if name in world.TABLES]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a01_what_is_foreign_answers_exactly_like_what_is_missing(center: Flask, foreign: Doors, method: str) -> None:
    known, wrong, asked = known_ids(center), [], 0
    before = counts(center)
    for rule in rules(center, kind="roles", method=method):
        for name in with_ids(rule):
            missing = {**known, name: [world.NOBODY]}
            for role in roles_of(center, rule):
                pairs = zip(paths(center, rule, known, 1), paths(center, rule, missing, 1), strict=True)
                for theirs, nobodys in pairs:
                    # What an earlier step left to say would stand on the first of the two answers only.
                    with foreign[role].session_transaction("/inbox") as session:
                        session.pop("_flashes", None)
                    one, two = send(foreign[role], method, theirs), send(foreign[role], method, nobodys)
                    asked += 1
                    fine = BEFORE_LOOKING if method == "POST" else {200 if rule.endpoint == ASKS_FIRST else 404}
                    if (one.status_code, bare(one)) != (two.status_code, bare(two)) or one.status_code not in fine:
                        wrong.append((method, theirs, role.value, one.status_code, two.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 60
    assert counts(center) == before, "a refused request changed rows"


def counts(app: Flask) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and the sum of their versions; what a look leaves behind is left out."""
    with app.app_context():
        found: dict[str, tuple[int, int]] = {}
        for table in Base.metadata.sorted_tables:
            if table.name in SEEN:
                continue
            version = func.coalesce(func.sum(table.c.version), 0) if "version" in table.c else func.count()
            row = db.session.execute(select(func.count(), version).select_from(table)).one()
            found[table.name] = (int(row[0]), int(row[1]))
        db.session.remove()
    return found


def test_a03_a_foreign_id_in_the_body_changes_nothing(center: Flask, foreign: Doors) -> None:
    known, before = known_ids(center), counts(center)
    with center.app_context():
        body = {name: center.jinja_env.filters["id"](values[0]) for name, values in known.items() if values}
    for path in ("/queues/detox/next", "/settings/users", "/account/password"):
        for role in Role:
            answer = foreign[role].post(path, data={**body, "role": "administrator", "site_id": "1", "id": "1"})
            assert answer.status_code in {302, 403, 404, 409, 422}, (path, answer.status_code)
    assert counts(center) == before


def test_a04_a_child_of_another_parent_is_missing(center: Flask, own: Doors) -> None:
    with center.app_context():
        entries = db.session.execute(select(Base.metadata.tables["queue_entry"])).mappings().all()
        word = center.jinja_env.filters["id"](next(e["id"] for e in entries if e["queue"] == "detox"))
        db.session.remove()
    answer = own[Role.CLINICIAN].get(f"/queues/outpatient/{word}/preview")
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_a08_other_methods_change_nothing(center: Flask, own: Doors, method: str) -> None:
    known, before, wrong = known_ids(center), counts(center), []
    for kind in ("roles", "public", "signed", "token"):
        for rule in rules(center, kind=kind, method="GET"):
            for path in paths(center, rule, known, most=1):
                answer = send(own[Role.SUPERVISOR], method, path)
                if answer.status_code != 405:
                    wrong.append((method, path, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert counts(center) == before


def test_a08_an_overridden_method_is_not_listened_to(center: Flask, own: Doors) -> None:
    before = counts(center)
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert own[Role.SUPERVISOR].get("/account/password", headers={header: "POST"}).status_code == 405
    assert own[Role.SUPERVISOR].get("/inbox?_method=DELETE").status_code == 200
    assert counts(center) == before


@pytest.mark.parametrize(
    "path",
    ["//settings/users", "/settings//users", "/./settings/users", "/settings/%2e%2e/settings/users",
     "/SETTINGS/users", "/settings/users;a=b", "/settings/users%00", "/settings/users/", "/settings/users%2f"],
)  # fmt: skip
def test_a09_no_spelling_of_a_path_gets_around_the_guard(center: Flask, own: Doors, path: str) -> None:
    answer = own[Role.CLINICIAN].get(path)
    followed = answer
    for _ in range(3):
        if followed.status_code in {301, 302, 308}:
            followed = own[Role.CLINICIAN].get(followed.headers["Location"].removeprefix("http://localhost"))
    assert followed.status_code in {400, 403, 404}, (path, followed.status_code)
    assert "@northlight.example" not in followed.text
