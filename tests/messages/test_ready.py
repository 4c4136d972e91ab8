"""A statement made ready once: asked again by its name, made ready anew when the connection forgot it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    LargeBinary,
    String,
    bindparam,
    cast,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from intake.clock import utcnow
from intake.db import db, direct
from intake.messages.ready import Ready

VALUES: dict[str, Any] = {"n": 2**40, "at": utcnow(), "raw": b"\x00\xff'\\", "words": "O'Neill % $1", "none": None}
ASKED: Any = select(
    bindparam("n", type_=BigInteger()) + 1,
    bindparam("at", type_=DateTime(timezone=True)),
    cast(bindparam("raw", type_=LargeBinary()), LargeBinary()),
    bindparam("words", type_=String()),
    bindparam("none", type_=String()),
    literal("it's 100 %", String()),
)
ANSWER = (2**40 + 1, VALUES["at"], VALUES["raw"], VALUES["words"], None, "it's 100 %")


pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    """A kept connection to PostgreSQL."""
    with app.app_context(), direct() as kept:
        yield kept


def test_values_of_every_type_go_there_and_come_back(connection: Connection) -> None:
    ready = Ready(ASKED, connection.dialect)
    assert [ready.run(connection, VALUES) for _ in range(3)] == [ANSWER] * 3


def test_no_row_is_none(connection: Connection) -> None:
    ready = Ready(select(bindparam("n", type_=BigInteger())).where(literal(1) == 2), connection.dialect)
    assert ready.run(connection, VALUES) is None


def test_what_a_rollback_made_the_connection_forget_is_made_ready_again(connection: Connection) -> None:
    ready = Ready(ASKED, connection.dialect)
    ready.run(connection, VALUES)
    connection.exec_driver_sql("DEALLOCATE ALL")
    assert ready.run(connection, VALUES) == ANSWER


def test_an_error_of_the_statement_is_told_as_it_is_and_the_connection_goes_on(connection: Connection) -> None:
    broken = Ready(select(literal(1, BigInteger()) / bindparam("n", type_=BigInteger())), connection.dialect)
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            broken.run(connection, {"n": 0})
    assert broken.run(connection, {"n": 1}) == (1,)


def test_a_database_that_went_away_is_an_operational_error_as_from_any_statement(
    connection: Connection,
) -> None:
    ready = Ready(ASKED, connection.dialect)
    ready.run(connection, VALUES)
    with db.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": _pid(connection)})
    with pytest.raises(OperationalError):
        ready.run(connection, VALUES)
    assert connection.invalidated
    with direct() as fresh:
        assert ready.run(fresh, VALUES) == ANSWER


def _pid(connection: Connection) -> int:
    return int(connection.scalar(select(func.pg_backend_pid())) or 0)
