"""Empty migrated databases on both engines for one long proof, and the application on them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
import psycopg
from flask import Flask
from psycopg import sql

from config import Config
from intake import create_app
from intake.db import db
from tests.servers.postgres import Server

ROOT = Path(__file__).resolve().parents[3]
ENGINES = ("sqlite", "postgresql")


class Engines:
    """Makes databases in a folder of its own; `close` leaves nothing behind."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="intake-verify-")
        self.folder = Path(self._folder.name)
        self.server: Server | None = None
        self._made = 0

    def empty(self, engine: str, **more: str) -> dict[str, str]:
        """The environment of a process on a new migrated database with a data folder of its own."""
        self._made += 1
        data = self.folder / f"{engine}-{self._made}"
        data.mkdir()
        environment = {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")},
            "INTAKE_DATA": str(data),
            "DATABASE_URL": self._url(engine, data),
            "SECRET_KEY": "5e" * 32,
            "INTAKE_MASTER_KEY": "4d" * 32,
            "INTAKE_BLIND_KEY": "b1" * 32,
            "PUBLIC_URL": "http://localhost",
            "ARGON2_MEMORY_KIB": "8",
            "ARGON2_TIME": "1",
            **more,
        }
        with house(environment) as app, app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        return environment

    def _url(self, engine: str, data: Path) -> str:
        if engine == "sqlite":
            return f"sqlite:///{data / 'intake.sqlite3'}"
        if self.server is None:
            self.server = Server()
        name = f"verify_{self._made}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        head, _, options = self.server.url.partition("?")
        base = head.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://", 1)
        return f"{base}/{name}" + (f"?{options}" if options else "")

    def close(self) -> None:
        """Stop the server and remove the folder."""
        if self.server is not None:
            self.server.stop()
        self._folder.cleanup()


@contextmanager
def engines() -> Iterator[Engines]:
    """Both engines, gone at the end."""
    made = Engines()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def house(environment: dict[str, str]) -> Iterator[Flask]:
    """The application of one process."""
    app = create_app(Config.read(environment))
    app.testing = True
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
