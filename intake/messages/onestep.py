"""A 250 recorded and the next mail's gate asked in one statement, so that a mail costs one round trip and one commit.

PostgreSQL only. All of it hangs on the audit chain still ending where this sender saw it end: otherwise nothing is
done, and the answer tells where it ends now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Insert,
    Integer,
    LargeBinary,
    String,
    Table,
    Update,
    bindparam,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from intake.audit import chains
from intake.audit.models import AuditChain, AuditEntry
from intake.clock import UtcTime, utcnow
from intake.db import new_id
from intake.messages import written
from intake.messages.models import MESSAGE
from intake.messages.ready import Ready

_CHAIN, _ENTRY = cast(Table, AuditChain.__table__), cast(Table, AuditEntry.__table__)


@dataclass(frozen=True, slots=True)
class Step:
    """What the statement did: the 250 is written, the gate passed, and where the chain ended before (None: nowhere)."""

    written: bool
    passed: bool
    head: chains.Head | None


def _count(cte: Any) -> Any:
    return select(func.count()).select_from(cte).scalar_subquery()


_LINE = ("id", "chain_id", "seq", "site_id", "case_id", "purpose", "at", "prev_hash", "hash")


def _entry(when: ColumnElement[bool]) -> Insert:
    """The audit entry, with the parameters of `_LINE`; what every such entry says alike stands in the text."""
    columns: dict[str, Any] = {c.name: bindparam(f"e_{c.name}", type_=c.type) for c in _ENTRY.columns}
    columns |= {
        "actor_id": literal(0, BigInteger()),
        "verb": literal("sent", String()),
        "record": literal("message", String()),
        "record_id": bindparam("of_message", type_=BigInteger()),
        "changed": literal_column("CAST('[]' AS jsonb)"),
        "digest": literal(b"", LargeBinary()),
        "request_id": literal("", String()),
    }
    return insert(_ENTRY).from_select(list(columns), select(*columns.values()).where(when))


def _told(when: ColumnElement[bool]) -> Insert:
    """The timeline line, of the same case and moment as the audit entry."""
    said = written.told_params(bindparam("of_message", type_=BigInteger()), bindparam("e_purpose", type_=String()))
    columns: dict[str, Any] = {
        "id": bindparam("t_id", type_=BigInteger()),
        "site_id": bindparam("e_site_id", type_=BigInteger()),
        "case_id": bindparam("e_case_id", type_=BigInteger()),
        "inquiry_id": null(),
        "at": bindparam("e_at", type_=UtcTime()),
        "actor_id": literal(0, BigInteger()),
        "kind": literal("message_sent", String()),
        "params": func.jsonb_build_object(*chain.from_iterable(said.items())),
        "words": null(),
    }
    return insert(written.TIMELINE).from_select(list(columns), select(*columns.values()).where(when))


@cache
def _both(gate: Update, told: bool, dialect: Dialect) -> Ready:
    """Lock the message, then the chain, as everybody does; then attempt, message, audit, timeline, chain, gate."""
    chain_id = bindparam("e_chain_id", type_=BigInteger())
    mine = (
        select(MESSAGE.c.id)
        .where(MESSAGE.c.id == bindparam("of_message", type_=BigInteger()), written.OPEN)
        .with_for_update()
        .cte("mine")
    )
    ending = (
        select(_CHAIN.c.id)
        .where(
            _count(mine) == 1,
            _CHAIN.c.id == chain_id,
            _CHAIN.c.seq == bindparam("e_seq", type_=BigInteger()) - 1,
            _CHAIN.c.head == bindparam("e_prev_hash", type_=_CHAIN.c.head.type),
        )
        .with_for_update()
        .cte("ending")
    )
    new = written.attempt_if(exists(select(ending.c.id))).cte("new")
    sent = written.sent().where(exists(select(new.c.id))).cte("sent")
    done = exists(select(sent.c.id))
    moved = (
        update(_CHAIN)
        .where(_CHAIN.c.id == chain_id, done)
        .values(seq=bindparam("e_seq", type_=BigInteger()), head=bindparam("e_hash", type_=_CHAIN.c.head.type))
        .returning(_CHAIN.c.id)
        .cte("moved")
    )
    passed = gate.where(exists(select(moved.c.id))).cte("passed")
    ends = select(_CHAIN.c.seq, _CHAIN.c.head).where(_CHAIN.c.id == chain_id).subquery("ends")
    one = select(literal(1, Integer()).label("one")).subquery("one")
    statement = (
        select(_count(moved), _count(passed), ends.c.seq, ends.c.head)
        .select_from(one.outerjoin(ends, text("true")))
        .add_cte(_entry(done).cte("entry"))
    )
    return Ready(statement.add_cte(_told(done).cte("line")) if told else statement, dialect)


@cache
def _gate(gate: Update, dialect: Dialect) -> Ready:
    return Ready(gate, dialect)


def gate(connection: Connection, asked: tuple[Update, Mapping[str, Any]]) -> bool:
    """Ask the gate alone."""
    return _gate(asked[0], connection.dialect).run(connection, asked[1]) is not None


def both(connection: Connection, result: Any, head: chains.Head, asked: tuple[Update, Mapping[str, Any]]) -> Step:
    """Record a 250 on a chain that ends in `head`, and ask the gate of the next mail."""
    now = utcnow()
    line = written.line_of(result, now)
    line.follow(head)
    values = {**asked[1], **written.attempt_values(result), **{f"e_{name}": getattr(line, name) for name in _LINE}}
    told = result.case_id is not None
    if told:
        values["t_id"] = new_id()
    row = _both(asked[0], told, connection.dialect).run(connection, values)
    if row is None:
        raise RuntimeError("this statement always answers")
    ends = (int(row[2]), bytes(row[3])) if row[2] is not None else None
    return Step(row[0] == 1, row[1] == 1, (line.seq, line.hash) if row[0] == 1 else ends)
