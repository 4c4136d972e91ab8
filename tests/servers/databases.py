"""Clean migrated databases on both engines, each a quick copy of a template made once per test run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.postgres import locked

RUN = "INTAKE_TEST_RUN"  # a random word, the same in all processes of one run


def template_name() -> str:
    """The name of this run's template database."""
    return f"intake_template_{os.environ[RUN]}"


@dataclass(frozen=True)
class Database:
    """One clean migrated database; `folder` is the test's own INTAKE_DATA."""

    engine: str
    url: str
    folder: Path


class SqliteTemplate:
    """A migrated SQLite file; `copy` costs milliseconds."""

    def __init__(self, shared: Path, migrate: Callable[[str], None]) -> None:
        self.path = shared / "template.sqlite3"
        with locked(shared / "template-sqlite.lock"):
            if not self.path.exists():
                draft = shared / "draft.sqlite3"
                migrate(f"sqlite:///{draft}")
                # Renaming without the log is right only because the last connection has folded it in.
                assert not draft.with_name(f"{draft.name}-wal").exists(), "a connection to the template is still open"
                draft.rename(self.path)

    def copy(self, folder: Path) -> Database:
        """A fresh copy in `folder`."""
        target = folder / "intake.sqlite3"
        shutil.copyfile(self.path, target)
        return Database("sqlite", f"sqlite:///{target}", folder)


class PostgresTemplate:
    """A migrated PostgreSQL database of this run; `copy` replaces this test process's own database."""

    def __init__(self, shared: Path, server: str, worker: str, migrate: Callable[[str], None]) -> None:
        self.server = server
        self.control = psycopg.connect(server, autocommit=True)
        self.template = template_name()
        done = shared / "template-postgres.done"
        with locked(shared / "template-postgres.lock"):
            if not done.exists():
                self._run("CREATE DATABASE {}", self.template)
                migrate(self.url(self.template))
                done.touch()
        self.name = f"{self.template}_{worker}"

    def url(self, name: str) -> str:
        """SQLAlchemy's URL of a database of this server."""
        head, _, options = self.server.partition("?")
        base = head.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://", 1)
        return f"{base}/{name}" + (f"?{options}" if options else "")

    def copy(self, folder: Path) -> Database:
        """A fresh copy of the template."""
        self.drop()
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log", self.name, self.template)
        return Database("postgresql", self.url(self.name), folder)

    def drop(self) -> None:
        """Drop this test process's database; open connections are cut."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)

    def _run(self, statement: str, *names: str) -> None:
        self.control.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def drop_template(server: str) -> None:
    """Remove this run's template from a server that outlives the run."""
    with psycopg.connect(server, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(template_name()))
        connection.execute(drop)
