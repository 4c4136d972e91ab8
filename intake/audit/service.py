"""Write the audit: one keyed hash chain per case and one per site, in the transaction of what it records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from flask import g, has_app_context
from sqlalchemy import Connection, Table, insert, select

from intake import crypto
from intake.actor import Actor
from intake.audit import chains
from intake.audit.chains import Line
from intake.audit.models import AuditEntry, TimelineEntry
from intake.db import at_end, db, new_id, settle

LOOK_AGAIN = timedelta(minutes=5)
BOARD_AGAIN = timedelta(minutes=15)
# Where a session counts the lines of its transaction.
_TOLD = "lines_told"
_TELL = insert(cast(Table, TimelineEntry.__table__))
_CODE = re.compile(
    r"p[1-4]|[a-z_]+[<>=]{1,2}[0-9.-]+|(stage|source|owner|queue|state|what|case)=[\w-]{1,20}|[0-9]+|days"
    r"|open|mine|late|snoozed|all|ended|look|owed|sent|unsent|drafts|print|now|detox|outpatient|callback|refer_out"
)


def record(
    *,
    actor: Actor,
    verb: str,
    record: str,
    record_id: int | None,
    now: datetime,
    site_id: int | None = None,
    case_id: int | None = None,
    changed: Sequence[str] = (),
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    purpose: str = "",
) -> None:
    """Append one entry to the chain of `case_id`, or of the site; values enter only as a keyed digest."""
    chains.add(
        Line(
            verb=verb,
            record=record,
            record_id=record_id,
            purpose=purpose,
            site_id=actor.site_id if site_id is None else site_id,
            case_id=case_id,
            at=now,
            actor_id=actor.id,
            changed=sorted(changed),
            digest=_values_digest(before, after),
            request_id=str(g.get("request_id", "")) if has_app_context() else "",
        )
    )


def _values_digest(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bytes:
    if not before and not after:
        return b""
    text = json.dumps([before or {}, after or {}], sort_keys=True, default=str)
    return crypto.keyed_digest("audit-values", text.encode())


def looked(*, actor: Actor, case_id: int, purpose: str, now: datetime, record_name: str = "care_case") -> None:
    """Record a read of one case: one entry per actor, case, purpose and five minutes (rulings 11)."""
    settle()
    recent = db.session.scalar(
        select(AuditEntry.id)
        .where(
            AuditEntry.actor_id == actor.id,
            AuditEntry.case_id == case_id,
            AuditEntry.verb == "looked",
            AuditEntry.purpose == purpose,
            AuditEntry.at > now - LOOK_AGAIN,
        )
        .limit(1)
    )
    if recent is None:
        record(
            actor=actor, verb="looked", record=record_name, record_id=case_id, case_id=case_id, purpose=purpose, now=now
        )


def _plain(words: str) -> str:
    """The filter without what may be a name: codes, numbers and states stay, other words become a dash."""
    kept = [w if _CODE.fullmatch(w) else "-" for w in re.split(r"[\s&]+", words.strip())[:12] if w]
    return " ".join(kept)


def looked_at_board(*, actor: Actor, board: str, filter_words: str, now: datetime) -> None:
    """Record a list, search or count: one system entry per actor, board and 15 minutes, with its filter."""
    settle()
    plain = _plain(filter_words)
    purpose = f"{board}?{plain}" if plain else board
    recent = db.session.scalar(
        select(AuditEntry.id)
        .where(
            AuditEntry.actor_id == actor.id,
            AuditEntry.case_id.is_(None),
            AuditEntry.verb == "listed",
            AuditEntry.purpose == purpose,
            AuditEntry.at > now - BOARD_AGAIN,
        )
        .limit(1)
    )
    if recent is None:
        record(actor=actor, verb="listed", record="board", record_id=None, purpose=purpose, now=now)


def tell(
    *,
    kind: str,
    actor: Actor,
    now: datetime,
    case_id: int | None = None,
    inquiry_id: int | None = None,
    params: Mapping[str, Any] | None = None,
    words: str = "",
    words_key_of: int | None = None,
) -> None:
    """Add one line to the story of a case or inquiry; free `words` are sealed under `words_key_of` (a person)."""
    row = new_id()
    sealed = None
    if words and words_key_of is not None:
        sealed = crypto.seal(words, key_of=words_key_of, at="timeline_entry.words", row=row)
    told = {
        "id": row,
        "site_id": actor.site_id,
        "case_id": case_id,
        "inquiry_id": inquiry_id,
        "at": now + timedelta(microseconds=_told_before()),
        "actor_id": actor.id,
        "kind": kind,
        "params": {**(params or {}), "by": actor.name},
        "words": sealed,
    }
    at_end(_write, told)


def _write(connection: Connection, told: list[dict[str, Any]]) -> None:
    connection.execute(_TELL, told)


def _told_before() -> int:
    """How many lines this transaction told already: what happened in one moment keeps its order in the story."""
    session = db.session()
    of, count = session.info.get(_TOLD, (None, 0))
    count = count + 1 if of is not None and of is session.get_transaction() else 0
    session.info[_TOLD] = (session.get_transaction(), count)
    return count
