"""SQLite as the house uses it: what writes takes the one write lock when it begins, not at its first write.

A read that later writes would fail at once when somebody else wrote in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from intake.clock import real_now, to_micros

# The execution option of a connection whose transactions write.
WRITE = "intake_write"


class OneWriter(SQLiteDialect_pysqlite):
    """The dialect of `sqlite:` addresses: it says BEGIN itself, which the driver would do too late.

    A listener to an engine's begin would do as well, but then every statement asks for listeners of its own.
    """

    supports_statement_cache = True

    def set_connection_execution_options(self, connection: Connection, opts: Mapping[str, Any]) -> None:
        """Remember that the connection is going to write, until it is given back."""
        super().set_connection_execution_options(connection, opts)
        if WRITE in opts:
            connection.connection.info[WRITE] = opts[WRITE]

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin, with the write lock when something will be written, unless the driver of the connection does."""
        driver = dbapi_connection.dbapi_connection
        if driver.isolation_level is None:
            driver.execute("BEGIN IMMEDIATE" if dbapi_connection.info.get(WRITE) else "BEGIN")


for _name in ("sqlite", "sqlite.pysqlite"):
    registry.register(_name, __name__, OneWriter.__name__)


def prepare(engine: Engine) -> None:
    """Attach to an engine what each new connection needs; called once per engine."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.create_function("intake_real_now", 0, lambda: to_micros(real_now()))
        for pragma in ("journal_mode=WAL", "busy_timeout=5000", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "checkin")
    def _given_back(_connection: Any, record: Any) -> None:
        record.info.pop(WRITE, None)
