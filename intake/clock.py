"""The one clock. Python time and database time move by the same offset, and only outside production.

`utcnow()` is for what a person sees and for facts; `db_now()` is the SQL expression that leases,
due times and windows are compared with, so that skewed workers cannot disagree.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Interval, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

OFFSET_VARIABLE = "INTAKE_CLOCK_OFFSET_SECONDS"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_offset = timedelta(seconds=float(os.environ.get(OFFSET_VARIABLE, "0")))
_locked = False
_stands_at: datetime | None = None


class ClockLocked(RuntimeError):
    """Somebody tried to move the clock of a production process."""


def lock() -> None:
    """Refuse any offset from now on; production calls this at start.

    Raises:
        ClockLocked: an offset is already set.
    """
    global _locked
    if _offset:
        raise ClockLocked(f"{OFFSET_VARIABLE} must not be set in production")
    _locked = True


def is_locked() -> bool:
    """Whether this is a production process, in which nothing simulated may happen."""
    return _locked


def offset() -> timedelta:
    """How far this process's clock stands from the real one."""
    return _offset


def set_offset(value: timedelta) -> None:
    """Move the clock of this process (tests, simulation, drill).

    Raises:
        ClockLocked: in production.
    """
    global _offset
    if _locked and value:
        raise ClockLocked("the clock cannot be moved in production")
    _offset = value


def stand_still(still: bool) -> None:
    """Let this process's clock stand, or go on: a simulation writes the same times however long a step takes.

    SQLite's clock stands too, PostgreSQL's own one goes on.

    Raises:
        ClockLocked: in production.
    """
    global _stands_at
    if _locked and still:
        raise ClockLocked("the clock cannot be stopped in production")
    _stands_at = datetime.now(UTC) if still else None


def real_now() -> datetime:
    """The machine's aware UTC time without the offset (SQLite's own clock)."""
    return _stands_at or datetime.now(UTC)


def utcnow() -> datetime:
    """The aware UTC time, with the offset."""
    return real_now() + _offset


def to_micros(value: datetime) -> int:
    """Aware datetime to whole microseconds since 1970 UTC (how SQLite stores times)."""
    return micros(value.astimezone(UTC) - EPOCH)


def from_micros(value: int) -> datetime:
    """Whole microseconds since 1970 UTC to an aware datetime."""
    return EPOCH + timedelta(microseconds=value)


def micros(length: timedelta) -> int:
    """A length in whole microseconds, exact."""
    return (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` on PostgreSQL, integer microseconds since 1970 on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Integers on SQLite, because there a time as text does not order by value."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times; a local time must have been resolved by the cadence before."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time must be aware")
        return to_micros(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always hand out aware UTC."""
        if value is None:
            return None
        return from_micros(value) if dialect.name == "sqlite" else value.astimezone(UTC)


class Span(TypeDecorator[timedelta]):
    """A length added to a time in SQL: `interval` on PostgreSQL, microseconds on SQLite."""

    impl = Interval
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Match the type of UtcTime on each database."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Interval(native=True))

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> Any:
        """Microseconds on SQLite, the value itself on PostgreSQL."""
        return micros(value) if value is not None and dialect.name == "sqlite" else value


class _DatabaseClock(FunctionElement[datetime]):
    inherit_cache = True
    type = UtcTime()


@compiles(_DatabaseClock, "postgresql")
def _postgresql_clock(element: _DatabaseClock, compiler: Any, **kw: Any) -> str:
    return "clock_timestamp()"


@compiles(_DatabaseClock, "sqlite")
def _sqlite_clock(element: _DatabaseClock, compiler: Any, **kw: Any) -> str:
    # intake/db.py gives every SQLite connection this function; SQLite's own clock has only milliseconds.
    return "intake_real_now()"


@lru_cache(maxsize=256)
def db_now(plus: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """The SQL expression for now (plus a length): the database's clock and this process's offset.

    It is a scalar subquery, since PostgreSQL uses no index against a volatile function in the open.
    """
    # One name for the plain clock: a statement that asks for it ten times still has one parameter. The expression is
    # kept, and reads the offset each time it is executed.
    shift = bindparam(None if plus else "clock", callable_=lambda: _offset + plus, type_=Span())
    clock: ColumnElement[datetime] = _DatabaseClock()
    return select(clock.op("+", return_type=UtcTime())(shift)).scalar_subquery()
