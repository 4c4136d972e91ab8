"""A later migration that rebuilds a table on SQLite, as Alembic's batch mode does (rulings 16)."""

from __future__ import annotations

import shutil
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import func, select, text

from intake.db import db, transaction
from intake.inquiries.models import Inquiry
from tests.cases.folk import inquiry_of
from tests.people import make_cast

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
REBUILDS = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade():
    with op.batch_alter_table("person", recreate="always"):
        pass
"""


def triggers() -> list[str]:
    """The names of all triggers of the database."""
    found = text("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
    return list(db.session.scalars(found))


def test_a_table_that_is_rebuilt_keeps_the_rows_that_point_to_it_and_every_trigger(
    app_sqlite: Flask, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    (folder / "versions" / "0002_rebuilt.py").write_text(REBUILDS)
    with app_sqlite.app_context():
        with transaction():
            cast = make_cast()
        with transaction():
            inquiry_of(cast.site, cast.ada)
        before = triggers()
        db.session.remove()
        flask_migrate.upgrade(directory=str(folder))
        assert db.session.scalar(select(func.count(Inquiry.id))) == 1
        assert triggers() == before
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1
