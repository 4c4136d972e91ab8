"""Tables' base, column types, triggers, and `transaction()`: the only place that commits.

One truth on two engines: SQLite (WAL) embedded, PostgreSQL in production; the same statements serve both.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, cast

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as BoundSession
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Connection,
    Date,
    Engine,
    Enum,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    any_,
    inspect,
    literal,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from intake.clock import ClockLocked, UtcTime, is_locked
from intake.sqlite import WRITE
from intake.triggers import TRIGGERS, Trigger

# Where a session keeps what its transaction gathered.
_GATHERED = "gathered"
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


_draw: Callable[[int], int] = secrets.randbits


def new_id() -> int:
    """A random 63-bit id, made before insert so that ciphertext can be bound to its row."""
    return _draw(63) | 1


@contextmanager
def drawn_ids(draw: Callable[[int], int]) -> Iterator[None]:
    """Take the ids of this process from `draw(bits)`: from a seeded one, rows of one instant keep one order.

    Raises:
        ClockLocked: in production, where an id must not be foreseen.
    """
    global _draw
    if is_locked():
        raise ClockLocked("ids that could be foreseen are refused in production")
    _draw = draw
    try:
        yield
    finally:
        _draw = secrets.randbits


def id_text(value: int) -> str:
    """An id as 13 base32 letters, for URLs."""
    return "".join(_LETTERS[(value >> shift) & 31] for shift in range(60, -1, -5))


def id_value(text: str) -> int:
    """The id of 13 base32 letters.

    Raises:
        ValueError: another length, a letter outside the alphabet, or more than 63 bits.
    """
    if len(text) != 13:
        raise ValueError("an id has 13 letters")
    value = 0
    for letter in text:
        value = value << 5 | _LETTERS.index(letter)
    if value >= 1 << 63:
        raise ValueError("an id has 63 bits")
    return value


Id = Annotated[int, mapped_column(BigInteger, primary_key=True, autoincrement=False, default=new_id)]
Sealed = Annotated[bytes, mapped_column(LargeBinary)]
Text = Annotated[str, mapped_column(String)]
Code = Annotated[str, mapped_column(String(40))]


def ref(target: str, *, index: bool = True, ondelete: str | None = None) -> Any:
    """A foreign key column to `table.id`, indexed unless said otherwise."""
    return mapped_column(BigInteger, ForeignKey(target, ondelete=ondelete), index=index)


def coded(words: type[StrEnum]) -> Enum:
    """A column type that stores the words of a StrEnum as text (never its member names)."""
    return Enum(
        words,
        values_callable=lambda members: [m.value for m in members],
        native_enum=False,
        create_constraint=False,
        validate_strings=True,
        length=40,
    )


class Base(DeclarativeBase):
    """Base of all tables; plain annotations map to the types that suit both engines."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcTime(),
        date: Date(),
        Decimal: Numeric(12, 4),
        bool: Boolean(),
        int: Integer(),
        str: String(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[Any]: JSON().with_variant(JSONB(), "postgresql"),
    }


class Stamped:
    """Who made a row and when; 0 is the system or a person without an account."""

    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(BigInteger, default=0)


class Versioned:
    """A row version: a write on an old version changes nothing and is answered with 409."""

    version: Mapped[int] = mapped_column(Integer, default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        """Let every ORM update repeat the version it read."""
        return {"version_id_col": cls.version}


class OneDatabase(BoundSession):
    """The session of a request: there is one database, so no statement is searched for which one it means."""

    @cached_property
    def _engine(self) -> Engine:
        return self._db.engine

    def get_bind(
        self, mapper: Any = None, clause: Any = None, bind: Engine | Connection | None = None, **kwargs: Any
    ) -> Engine | Connection:
        """The engine of the application the session was made in."""
        return bind or self._engine


db: SQLAlchemy = SQLAlchemy(metadata=Base.metadata, session_options={"class_": OneDatabase, "expire_on_commit": False})


class Nested(RuntimeError):
    """A transaction was opened inside another one, or something gathered inside a savepoint."""


Writer = Callable[[Connection, list[Any]], None]


def at_end(write: Writer, row: Any, *, last: bool = False) -> None:
    """Gather a row of this transaction: at its end `write` stores all of its kind at once, in the order they came.

    `last`: behind the other kinds, whose foreign keys may have to wait for a row that somebody else has locked.

    Raises:
        Nested: inside a savepoint, which would take back what was gathered before it, or keep what it takes back.
    """
    session = db.session()
    if session.in_nested_transaction():
        raise Nested("gather before a savepoint or after it")
    of, rows = session.info.get(_GATHERED, (None, {}))
    if of is None or of is not session.get_transaction():
        # The session begins with its first statement, and this may be asked before it.
        session.connection()
        session.info[_GATHERED] = (session.get_transaction(), rows := {})
    rows.setdefault((last, write), []).append(row)


def settle() -> None:
    """Write what was gathered, behind all that the session holds; call it before such rows are read inside a write."""
    session = db.session()
    of, rows = session.info.pop(_GATHERED, (None, {}))
    # What a transaction that was undone had gathered is undone with it.
    if of is not None and of is session.get_transaction():
        session.flush()
        for (_, write), gathered in sorted(rows.items(), key=lambda kind: kind[0][0]):
            write(session.connection(), gathered)


@contextmanager
def transaction() -> Iterator[Session]:
    """Open the one transaction of an outcome; commit at the end, roll back on any error.

    Any open read ends first and everything the write decides on is read inside: on SQLite a read that
    later writes would fail at once. SQLite takes the write lock here (BEGIN IMMEDIATE).

    Raises:
        Nested: a transaction is already open.
    """
    session = db.session()
    if session.info.get(WRITE):
        raise Nested("transactions do not nest")
    session.rollback()
    session.expire_all()
    session.info[WRITE] = True
    try:
        session.connection(execution_options={WRITE: True})
        yield session
        settle()
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop(WRITE, None)


@contextmanager
def aside() -> Iterator[Session]:
    """A short transaction of its own beside the request's (sign-in checks, heartbeats), committed at the end."""
    with Session(db.engine, expire_on_commit=False) as session:
        session.connection(execution_options={WRITE: True})
        yield session
        session.commit()


@contextmanager
def direct() -> Iterator[Connection]:
    """One kept connection for many short writes without a session; each is `with at_once(connection):`.

    For a sender that records thousands of mails: a session and a check-out for each would cost more than the work.
    On PostgreSQL each statement commits by itself, so a write must be one statement there.
    """
    with db.engine.connect() as connection:
        connection.execution_options(**{WRITE: True})
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


def at_once(connection: Connection) -> AbstractContextManager[object]:
    """The transaction of one short write on a `direct` connection; on PostgreSQL its one statement is that already."""
    return nullcontext() if connection.dialect.name == "postgresql" else connection.begin()


@contextmanager
def glance() -> Iterator[Session]:
    """A short read beside the request's session; it leaves no read open."""
    with Session(db.engine, expire_on_commit=False) as session:
        yield session


def among(column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    """The condition that a column of ids is one of `ids`, for batches.

    PostgreSQL gets them as one array: with a parameter for each, the statement's text would change with their number
    and be worked out again every time.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        condition: ColumnElement[bool] = column.in_(ids)
        return condition
    return cast(ColumnElement[bool], column == any_(literal(list(ids), ARRAY(BigInteger))))


def end_read() -> None:
    """Close the session's read, before the network is waited for."""
    db.session.rollback()


def install_triggers(connection: Connection) -> None:
    """(Re)create every trigger of `intake.triggers` whose table exists; Alembic's batch mode drops them on SQLite."""
    tables = set(inspect(connection).get_table_names())
    for trigger in TRIGGERS:
        for statement in trigger.drop(connection.dialect.name, exists=trigger.table in tables):
            connection.exec_driver_sql(statement)
        if trigger.table in tables:
            for statement in trigger.create(connection.dialect.name):
                connection.exec_driver_sql(statement)


__all__ = [
    "Base",
    "Code",
    "Id",
    "Nested",
    "Sealed",
    "Stamped",
    "Text",
    "Trigger",
    "Versioned",
    "among",
    "aside",
    "at_end",
    "at_once",
    "coded",
    "db",
    "direct",
    "end_read",
    "glance",
    "id_text",
    "id_value",
    "install_triggers",
    "new_id",
    "ref",
    "settle",
    "transaction",
]
