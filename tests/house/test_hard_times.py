"""A migration that is cut off, a full disk, a database that only reads, a pool without a connection (D09, D12)."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
import pytest
from flask import Flask
from psycopg import sql
from sqlalchemy import event, func, inspect, select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config import Config
from intake import create_app
from intake.db import db, transaction
from intake.inquiries.models import Inquiry
from intake.triggers import TRIGGERS
from tests.conftest import process_environment
from tests.inquiries.browser import Browser, fill
from tests.people import make_cast
from tests.servers.databases import Database, PostgresTemplate

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = {"Origin": "http://localhost"}


class CutOff(Exception):
    """The process ends here."""


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        yield Database("sqlite", f"sqlite:///{tmp_path / 'bare.sqlite3'}", tmp_path)
        return
    template: PostgresTemplate = request.getfixturevalue("postgres_template")
    name = f"{template.template}_bare_{tmp_path.name[-12:]}".lower()
    statements = [sql.SQL("CREATE DATABASE {}"), sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")]
    with psycopg.connect(template.server, autocommit=True) as control:
        control.execute(statements[0].format(sql.Identifier(name)))
        yield Database("postgresql", template.url(name), tmp_path)
        control.execute(statements[1].format(sql.Identifier(name)))


@contextmanager
def house(database: Database) -> Iterator[Flask]:
    app = create_app(Config.read(process_environment(database)))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("after", [3, 120])
def test_d09_a_migration_that_is_cut_off_anywhere_is_done_by_running_it_again(bare: Database, after: int) -> None:
    left = after
    with house(bare):

        def cut(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal left
            left -= statement.lstrip().upper().startswith(("CREATE", "INSERT", "ALTER"))
            if left < 0:
                raise CutOff

        event.listen(db.engine, "before_cursor_execute", cut)
        with pytest.raises(CutOff):
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        event.remove(db.engine, "before_cursor_execute", cut)
    with house(bare) as app:
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        tables = set(inspect(db.engine).get_table_names())
        assert {t.name for t in db.metadata.sorted_tables} <= tables
        with transaction():
            make_cast()
        assert app.test_client().get("/readyz").status_code == 200
        with db.engine.connect() as connection:
            names = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
            if bare.engine == "postgresql":
                names = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
            assert connection.exec_driver_sql(names).scalar() == len(TRIGGERS)


def asked(app: Flask) -> Browser:
    """Somebody who has answered everything and is about to send."""
    with app.app_context():
        with transaction():
            make_cast()
        db.session.remove()
    visitor = Browser(app)
    fill(visitor)
    visitor.get("/help/check")
    return visitor


def count(app: Flask) -> int:
    """How many inquiries are stored."""
    with app.app_context():
        found = db.session.scalar(select(func.count(Inquiry.id))) or 0
        db.session.remove()
    return found


@contextmanager
def full_disk(app: Flask) -> Iterator[None]:
    """No file of this process may grow beyond what the database's journal has now."""
    config: Config = app.extensions["intake.config"]
    (journal,) = config.data.glob("*.sqlite3-wal")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@contextmanager
def read_only(app: Flask) -> Iterator[None]:
    """Every connection of this process only reads."""
    with app.app_context():
        engine = db.engine

    def bind(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    def free(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only=OFF")

    event.listen(engine, "checkout", bind)
    yield
    event.remove(engine, "checkout", bind)
    event.listen(engine, "checkout", free)


@pytest.mark.parametrize("trouble", [full_disk, read_only])
def test_d12_a_full_or_read_only_disk_keeps_the_answers_and_recovers_by_itself(
    app_sqlite: Flask, trouble: Callable[[Flask], AbstractContextManager[None]]
) -> None:
    visitor = asked(app_sqlite)
    with trouble(app_sqlite):
        refused = visitor.post("/help/check", {"consent": "yes"}, headers=ORIGIN)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert "911" in refused.text
    assert 'name="consent" value="yes"' in refused.text
    assert count(app_sqlite) == 0, "nothing is stored by halves"
    assert visitor.post("/help/check", {"consent": "yes"}).status_code == 302
    assert count(app_sqlite) == 1


def test_d12_without_a_free_connection_people_are_told_to_try_again(app_sqlite: Flask) -> None:
    visitor = asked(app_sqlite)
    with app_sqlite.app_context():
        engine = db.engine

    def none_left(*_: object) -> None:
        raise PoolTimeout("no connection came free")

    event.listen(engine, "checkout", none_left)
    refused = visitor.post("/help/check", {"consent": "yes"}, headers=ORIGIN)
    event.remove(engine, "checkout", none_left)
    assert refused.status_code == 503
    assert "911" in refused.text
    assert count(app_sqlite) == 0
    assert visitor.post("/help/check", {"consent": "yes"}).status_code == 302
