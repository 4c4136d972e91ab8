"""What the audit log shows: entries newest first, by day, person, case and kind, page by page."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, and_, literal, not_, or_, select, tuple_

from intake import crypto
from intake.audit.models import AuditEntry
from intake.clock import UtcTime, from_micros, to_micros
from intake.db import db, id_text, id_value, settle
from intake.errors import RuleBroken

PAGE = 50
FORMULA = ("=", "+", "-", "@", "\t", "\r")
LOOKED = ("looked", "listed", "exported", "printed", "disclosed", "released")
DENIED = ("denied", "sign_in_refused", "code_refused")
SIGNED = ("signed", "cosigned")
ACCOUNT = ("staff", "site", "setting", "rule_set")


@dataclass(frozen=True)
class Wanted:
    """Which entries: times from..until, some actors, one case, a kind; None or "" leaves a filter out."""

    site_id: int
    since: datetime | None = None
    until: datetime | None = None
    actors: Sequence[int] | None = None
    case_ids: Sequence[int] | None = None
    what: str = ""


def _kind(what: str) -> ColumnElement[bool] | None:
    e = AuditEntry
    others = not_(or_(e.verb.in_((*LOOKED, *DENIED, *SIGNED, "broke_glass")), e.record.in_((*ACCOUNT, "message"))))
    return {
        "looked": e.verb.in_(LOOKED),
        "denied": e.verb.in_(DENIED),
        "emergency": e.verb == "broke_glass",
        "signed": e.verb.in_(SIGNED),
        "sent": e.record == "message",
        "accounts": and_(e.record.in_(ACCOUNT), e.verb.not_in(DENIED)),
        "changed": others,
    }.get(what)


def entries(wanted: Wanted, *, before: str = "", limit: int = PAGE) -> tuple[list[AuditEntry], str]:
    """A page of entries, newest first, and the place where the next one goes on ("" at the end).

    Raises:
        RuleBroken: `before` was not made here.
    """
    settle()
    where: list[ColumnElement[bool]] = [AuditEntry.site_id == wanted.site_id]
    if wanted.since is not None:
        where.append(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        where.append(AuditEntry.at < wanted.until)
    if wanted.actors is not None:
        where.append(AuditEntry.actor_id.in_(wanted.actors))
    if wanted.case_ids is not None:
        where.append(AuditEntry.case_id.in_(wanted.case_ids))
    kind = _kind(wanted.what)
    if kind is not None:
        where.append(kind)
    if before:
        at, last_id = _place(before)
        where.append(
            tuple_(AuditEntry.at, AuditEntry.id) < tuple_(literal(at, UtcTime()), literal(last_id, BigInteger()))
        )
    query = select(AuditEntry).where(*where).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit + 1)
    rows = list(db.session.scalars(query))
    if len(rows) <= limit:
        return rows, ""
    last = rows[limit - 1]
    return rows[:limit], _write(last)


def _signature(text: str) -> str:
    return crypto.keyed_digest("audit-cursor", text.encode()).hex()[:16]


def _write(row: AuditEntry) -> str:
    text = f"{to_micros(row.at)}.{id_text(row.id)}"
    return f"{text}.{_signature(text)}"


def _place(text: str) -> tuple[datetime, int]:
    body, _, signature = text.rpartition(".")
    if len(text) > 60 or not text.isascii() or not hmac.compare_digest(signature, _signature(body)):
        raise RuleBroken("This page of the log does not exist any more. Start at its top.", code="CURSOR")
    at, _, name = body.partition(".")
    return from_micros(int(at)), id_value(name)


def cell(value: str) -> str:
    """A value for CSV that no spreadsheet takes for a formula (ASVS 1.2.10)."""
    return f"'{value}" if value.startswith(FORMULA) else value
