"""What every test may ask for: a clean migrated database on both engines, the application, and real servers.

A server that cannot be had is a skip with its reason on a workstation, and a failure when CI=true.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright

from config import Config
from intake import clock, create_app
from intake.db import db
from tests.browsers import chromium_path, launch
from tests.compiled import KEPT, STATEMENTS, keep_rules
from tests.depth import choose
from tests.security import Catalogue
from tests.servers import Unavailable
from tests.servers.databases import RUN, Database, PostgresTemplate, SqliteTemplate, drop_template
from tests.servers.mailsink import MailSink
from tests.servers.postgres import obtain
from tests.servers.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
STRICT = os.environ.get("CI", "").lower() == "true"
XDIST = os.environ.get("PYTEST_XDIST_WORKER", "")

Environment = Callable[..., dict[str, str]]

choose()
keep_rules()


def unavailable(reason: Unavailable) -> None:
    """Skip here, fail in CI."""
    if STRICT:
        pytest.fail(f"CI must have it: {reason}", pytrace=False)
    pytest.skip(str(reason))


def process_environment(database: Database, **more: str) -> dict[str, str]:
    """The environment of a process of the product on `database`: fixed secrets, cheap hashing, no broker, no relay."""
    return {
        "INTAKE_ENV": "development",
        "INTAKE_DATA": str(database.folder),
        "DATABASE_URL": database.url,
        "SECRET_KEY": "5e" * 32,
        "INTAKE_MASTER_KEY": "4d" * 32,
        "INTAKE_BLIND_KEY": "b1" * 32,
        "PUBLIC_URL": "http://localhost",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME": "1",
        **more,
    }


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest migration."""
    application = create_app(Config.read(process_environment(Database("", url, Path("/nonexistent")))))
    with application.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of this run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if XDIST else base


@pytest.fixture(scope="session")
def postgres_server(shared_folder: Path) -> str:
    """The run's PostgreSQL, as a psycopg URL of its `postgres` database."""
    owner = os.getppid() if XDIST else os.getpid()
    try:
        return obtain(shared_folder, owner)
    except Unavailable as reason:
        unavailable(reason)
        raise


@pytest.fixture(scope="session")
def sqlite_template(shared_folder: Path) -> SqliteTemplate:
    """The migrated SQLite file of this run."""
    return SqliteTemplate(shared_folder, migrate)


@pytest.fixture(scope="session")
def postgres_template(shared_folder: Path, postgres_server: str) -> Iterator[PostgresTemplate]:
    """The migrated PostgreSQL database of this run."""
    template = PostgresTemplate(shared_folder, postgres_server, XDIST or "main", migrate)
    yield template
    template.drop()
    template.control.close()


@pytest.fixture
def sqlite_database(sqlite_template: SqliteTemplate, tmp_path: Path) -> Database:
    """A clean migrated SQLite database."""
    return sqlite_template.copy(tmp_path)


@pytest.fixture
def postgres_database(postgres_template: PostgresTemplate, tmp_path: Path) -> Database:
    """A clean migrated PostgreSQL database."""
    return postgres_template.copy(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A clean migrated database, once on each engine."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


def _running(database: Database) -> Iterator[Flask]:
    application = create_app(Config.read(process_environment(database)))
    application.testing = True
    application.jinja_env.bytecode_cache = KEPT
    with application.app_context():
        db.engine.update_execution_options(compiled_cache=STATEMENTS)
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def app(database: Database) -> Iterator[Flask]:
    """The application, once on each engine; no application context is left open."""
    yield from _running(database)


@pytest.fixture
def app_sqlite(sqlite_database: Database) -> Iterator[Flask]:
    """The application on SQLite only, for tests of pages and rules."""
    yield from _running(sqlite_database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without cookies, on each engine."""
    return app.test_client()


@pytest.fixture
def client_sqlite(app_sqlite: Flask) -> FlaskClient:
    """A browser without cookies, on SQLite."""
    return app_sqlite.test_client()


@pytest.fixture(scope="session")
def _valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    try:
        server = Valkey(tmp_path_factory.mktemp("valkey"))
    except Unavailable as reason:
        unavailable(reason)
        raise
    yield server
    server.kill()


@pytest.fixture
def valkey(_valkey: Valkey) -> Valkey:
    """This test process's broker, running and empty; a test may kill it."""
    if not _valkey.answers():
        _valkey.start()
    _valkey.empty()
    return _valkey


@pytest.fixture
def valkey_url(valkey: Valkey) -> str:
    """REDIS_URL of the broker."""
    return valkey.url


@pytest.fixture
def mailsink() -> Iterator[MailSink]:
    """A real SMTP server that keeps mails and fails as its script says."""
    sink = MailSink()
    yield sink
    sink.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One real browser for all browser tests of this process."""
    path = chromium_path()
    if path is None:
        unavailable(Unavailable("no Chromium on this machine (CHROMIUM_PATH, chromium, google-chrome)"))
    with sync_playwright() as playwright:
        browser = launch(playwright, path or "")
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _clock_stands_right() -> Iterator[None]:
    yield
    clock.set_offset(timedelta(0))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of our own."""
    parser.addoption("--write-security", action="store_true", help="write docs/security.md from the results")
    parser.addoption("--catalogue", action="store_true", help="run only the tests that stand for an attack")


def pytest_configure(config: pytest.Config) -> None:
    """Name the run, once, before any worker process starts; gather what stands for which attack."""
    config.pluginmanager.register(Catalogue(), "catalogue")
    os.environ.setdefault(RUN, secrets.token_hex(6))


def pytest_sessionfinish() -> None:
    """Leave nothing on a server that outlives the run."""
    if os.environ.get("TEST_DATABASE_URL") and not XDIST:
        drop_template(obtain(Path(), 0))
