"""A statement made ready once for PostgreSQL: its text, and which value goes where, written how.

The engine's cache spares the compiling, but still walks through the statement and its parameters at each execution; for
a sender of thousands of mails that costs more than sending them. So does a cursor: the statement is prepared once on a
connection and then asked by its name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import psycopg
from psycopg import abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import BindParameter, Connection, Dialect, Select, Update
from sqlalchemy.exc import OperationalError

_NAMED = re.compile(r"%\((\w+)\)s|%%")
# Where a connection keeps the names of what was prepared on it, and how values are written for it.
_PREPARED = "intake_prepared"
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class NotReady(ValueError):
    """The statement has a list as a parameter, so its text depends on its values."""


class Ready:
    """One statement. What is known beforehand stands in its text; the rest is passed by name at each run."""

    def __init__(self, statement: Select[Any] | Update, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise NotReady("a list cannot be a parameter here")
        self._binds, self._dialect = compiled.binds, dialect
        self._takes: list[Callable[[Mapping[str, Any]], Any]] = []
        places: dict[str, str] = {}
        self.text = _NAMED.sub(lambda found: places.get(found[0]) or self._place(found, places), str(compiled))
        self._formats = [PyFormat.TEXT] * len(self._takes)
        self._name = b"intake_" + hashlib.sha256(self.text.encode()).hexdigest()[:16].encode()

    def _place(self, found: re.Match[str], places: dict[str, str]) -> str:
        """What stands in the text for one parameter: its value, or the number of its place."""
        if found[0] == "%%":
            return "%"
        bind = self._binds[found[1]]
        kind = bind.type.dialect_impl(self._dialect)
        if not bind.required and bind.callable is None:
            literal = None if isinstance(bind.value, bytes) else kind.literal_processor(self._dialect)
            if bind.value is None or literal is not None:
                said = "NULL" if bind.value is None or literal is None else literal(bind.value)
                # The dialect doubles what would start a parameter in its own style.
                return places.setdefault(found[0], said.replace("%%", "%"))
        self._takes.append(_taker(found[1], bind, kind.bind_processor(self._dialect)))
        return places.setdefault(found[0], f"${len(self._takes)}")

    def run(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Execute with `values`; returns the first row of the answer, or None. Waits without looking at signals.

        Raises:
            OperationalError: as any other statement, when the database is away.
        """
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        prepared, adapt = _kept(connection, driver)
        try:
            given = adapt.dump_sequence([take(values) for take in self._takes], self._formats)
            answer = self._ask(driver, prepared, given)
        except psycopg.OperationalError as away:
            connection.invalidate(away)
            raise OperationalError(None, None, away) from away
        adapt.set_pgresult(answer)
        return adapt.load_row(0, tuple) if answer.ntuples else None

    def _ask(self, driver: psycopg.Connection[Any], prepared: set[bytes], given: Any) -> PGresult:
        if self._name in prepared:
            answer = driver.pgconn.exec_prepared(self._name, given)
            if answer.status in _DONE:
                return answer
            failed = _failure(driver, answer)
            # Whoever rolled back on this connection made it forget what was prepared; nothing was done then.
            if not isinstance(failed, psycopg.errors.InvalidSqlStatementName):
                raise failed
        answer = driver.pgconn.prepare(self._name, self.text.encode())
        if answer.status in _DONE:
            prepared.add(self._name)
            answer = driver.pgconn.exec_prepared(self._name, given)
        if answer.status not in _DONE:
            raise _failure(driver, answer)
        return answer


def _kept(connection: Connection, driver: psycopg.Connection[Any]) -> tuple[set[bytes], abc.Transformer]:
    if _PREPARED not in connection.info:
        connection.info[_PREPARED] = set(), Transformer(driver)
    kept: tuple[set[bytes], abc.Transformer] = connection.info[_PREPARED]
    return kept


def _failure(driver: psycopg.Connection[Any], answer: PGresult) -> psycopg.Error:
    if driver.pgconn.status != ConnStatus.OK:
        return psycopg.OperationalError(answer.get_error_message())
    return psycopg.errors.error_from_result(answer)


def _taker(
    name: str, bind: BindParameter[Any], write: Callable[[Any], Any] | None
) -> Callable[[Mapping[str, Any]], Any]:
    if bind.callable is not None:
        # The clock of a test moves between two runs.
        return lambda _: bind.effective_value if write is None else write(bind.effective_value)
    if not bind.required:
        fixed = bind.value if write is None else write(bind.value)
        return lambda _: fixed
    return (lambda values: values[name]) if write is None else (lambda values: write(values[name]))
