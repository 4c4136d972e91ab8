"""The audit log: who looked, who changed what, and why. Reading it is itself an entry."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from intake.accounts import login
from intake.accounts.models import Staff
from intake.actor import Role
from intake.audit import queries, verify
from intake.audit import service as audit
from intake.audit.models import AuditEntry
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, transaction
from intake.desk import audit_words
from intake.desk.listing import listed
from intake.desk.routes import bp
from intake.errors import RuleBroken
from intake.fields import read_day
from intake.guard import current_actor, requires
from intake.inquiries.models import Inquiry
from intake.settings import queries as settings

READERS = (Role.PRIVACY, Role.SUPERVISOR)
WHAT = (
    ("", "Everything"),
    ("looked", "Looked at"),
    ("changed", "Changed"),
    ("signed", "Signed"),
    ("sent", "Email"),
    ("denied", "Denied"),
    ("emergency", "Emergency access"),
    ("accounts", "Users and settings"),
)
TONES = {"looked": "line", "listed": "line", "exported": "amber", "signed": "green", "cosigned": "green"}
MOST_CSV = 50_000
MOST_FIELDS = 8
HEADS = ("time", "who", "what", "case", "record", "fields", "details", "request")


@dataclass(frozen=True)
class Line:
    """One entry in words: no patient names, no free text of notes."""

    at: datetime
    who: str
    what: str
    tone: str
    case_id: int | None
    number: str
    record: str
    fields: str
    details: str
    request_id: str


def _day(name: str) -> date | None:
    found = read_day(request.args.get(name, "")[:40])
    return found if found is not None and 2000 <= found.year <= 2100 else None


def _wanted() -> queries.Wanted:
    site = settings.site(current_actor().site_id)
    zone = settings.zone(site)

    def start(day: date | None, plus: int = 0) -> datetime | None:
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=plus)

    who, number = request.args.get("who", "").strip()[:100], request.args.get("case", "").strip()[:40]
    return queries.Wanted(
        site_id=site.id,
        since=start(_day("from")),
        until=start(_day("to"), 1),
        actors=_staff_like(site.id, who) if who else None,
        case_ids=_cases_of(site.id, number) if number else None,
        what=request.args.get("what", ""),
    )


def _staff_like(site_id: int, who: str) -> list[int]:
    if who.lower() == "system":
        return [0]
    name = func.lower(Staff.name).contains(who.lower(), autoescape=True)
    return list(db.session.scalars(select(Staff.id).where(Staff.site_id == site_id, name)))


def _cases_of(site_id: int, number: str) -> list[int]:
    same = func.upper(Inquiry.reference) == number.upper()
    return list(
        db.session.scalars(
            select(Case.id).join(Inquiry, Inquiry.id == Case.opened_from).where(Case.site_id == site_id, same)
        )
    )


def _lines(rows: Sequence[AuditEntry]) -> list[Line]:
    people = {r.actor_id for r in rows} | {r.record_id for r in rows if r.record == "staff" and r.record_id}
    names = {r.id: r.name for r in db.session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(people)))}
    cases = {r.case_id for r in rows if r.case_id}
    found = select(Case.id, Inquiry.reference).join(Inquiry, Inquiry.id == Case.opened_from).where(Case.id.in_(cases))
    numbers = {r.id: r.reference for r in db.session.execute(found)}
    return [_line(row, names, numbers) for row in rows]


def _line(row: AuditEntry, names: dict[int, str], numbers: dict[int, str]) -> Line:
    details = audit_words.details(row.purpose)
    if row.record == "staff" and row.record_id and row.record_id != row.actor_id:
        details = f"{names.get(row.record_id, '')} {details}".strip()
    tone = "red" if row.verb in (*queries.DENIED, "broke_glass") else TONES.get(row.verb, "teal")
    return Line(
        at=row.at,
        who=names.get(row.actor_id, "System" if row.actor_id == 0 else "Somebody who left"),
        what=audit_words.done(row.verb, row.record),
        tone=tone,
        case_id=row.case_id,
        number=numbers.get(row.case_id or 0, ""),
        record=row.record,
        fields=_few([str(f) for f in row.changed]),
        details=details,
        request_id=row.request_id,
    )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - MOST_FIELDS} more" if len(names) > MOST_FIELDS else ""
    return ", ".join(names[:MOST_FIELDS]) + more


def _address(**more: str) -> dict[str, Any]:
    kept: dict[str, Any] = {k: v for k, v in request.args.items() if k in {"from", "to", "who", "case", "what"} and v}
    return {**kept, **more}


@bp.get("/audit")
@requires(*READERS)
def audit_log() -> ResponseReturnValue:
    """Entries newest first; every filter stands in the address."""
    wanted = _wanted()
    try:
        rows, older = queries.entries(wanted, before=request.args.get("before", ""))
    except RuleBroken as broken:
        flash(broken.message, "error")
        return redirect(url_for(".audit_log"))
    lines = _lines(rows)
    words = " ".join(f"{k}={v}" for k, v in sorted(_address().items()) if k != "who")
    listed(current_actor(), "audit", words, utcnow())
    return render_template(
        "audit/log.html",
        lines=lines,
        older=url_for(".audit_log", **_address(before=older)) if older else None,
        newest=url_for(".audit_log", **_address()) if request.args.get("before") else None,
        csv_url=url_for(".audit_csv", **_address()),
        typed=request.args,
        what=WHAT,
        check=verify.latest(),
    )


@bp.get("/audit.csv")
@requires(*READERS)
@login.fresh_code
def audit_csv() -> ResponseReturnValue:
    """The filtered entries for a spreadsheet; itself an entry, and behind a fresh code."""
    wanted = _wanted()
    with transaction():
        words = " ".join(f"{k}={v}" for k, v in sorted(_address().items()))
        audit.record(
            actor=current_actor(), verb="exported", record="audit", record_id=None, purpose=words[:120], now=utcnow()
        )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADS)
    for line in _all(wanted):
        writer.writerow([queries.cell(value) for value in _cells(line)])
    answer = Response(text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f"attachment; filename=audit-{utcnow():%Y-%m-%d}.csv"
    return answer


def _all(wanted: queries.Wanted) -> Iterator[Line]:
    before = ""
    for _ in range(MOST_CSV // 1000):
        rows, before = queries.entries(wanted, before=before, limit=1000)
        yield from _lines(rows)
        if not before:
            return


def _cells(line: Line) -> list[str]:
    return [
        line.at.isoformat(), line.who, line.what, line.number, line.record, line.fields, line.details, line.request_id,
    ]  # fmt: skip


@bp.post("/audit/verify")
@requires(*READERS)
def audit_verify() -> ResponseReturnValue:
    """Walk the chains now."""
    report = verify.walk()
    with transaction():
        verify.note(report, now=utcnow())
    if report.ok:
        flash(f"Every chain is whole: {report.entries} entries.")
    else:
        flash(f"Something was changed: {report.faults[0]}", "error")
    return redirect(url_for(".audit_log"))
