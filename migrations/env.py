"""Alembic's environment: both engines, no drift by custom types, triggers recreated after every upgrade."""

from __future__ import annotations

from logging.config import dictConfig
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import JSON, BigInteger, Connection, DateTime

from intake.clock import UtcTime
from intake.db import Base, db, install_triggers

dictConfig({"version": 1, "disable_existing_loggers": False})


def render_item(kind: str, item: Any, autogen: Any) -> Any:
    """Write the UTC type in plain words, so that migrations import nothing from the product."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True).with_variant(sa.BigInteger(), 'sqlite')"
    if kind == "type" and isinstance(item, JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def compare_type(ctx: Any, column: Any, metadata_column: Any, found: Any, wanted: Any) -> bool | None:
    """Read an integer on SQLite, and timestamptz on PostgreSQL, as the UTC type they store."""
    if isinstance(wanted, UtcTime):
        expected = BigInteger if ctx.dialect.name == "sqlite" else DateTime
        return not isinstance(found, expected)
    return None


def _foreign_keys(connection: Connection, state: str) -> None:
    """Ask the driver itself: inside a transaction, which begins with the first statement, it does nothing."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA foreign_keys={state}")


def run() -> None:
    """Bring the schema of the configured database to the wanted revision."""
    engine = db.engine
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # Batch mode rebuilds tables; with foreign keys on, dropping the old one would delete children.
            _foreign_keys(connection, "OFF")
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=render_item,
            compare_type=compare_type,
            render_as_batch=True,
            transaction_per_migration=not sqlite,
            **{
                k: v
                for k, v in current_app.extensions["migrate"].configure_args.items()
                if k == "process_revision_directives"
            },
        )
        with context.begin_transaction():
            context.run_migrations()
            install_triggers(connection)
        connection.commit()
        if sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            connection.commit()
            _foreign_keys(connection, "ON")
            if broken:
                raise RuntimeError(f"rows point to nothing after the migration: {broken[:5]}")


run()
