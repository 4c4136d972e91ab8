"""How the center is doing: charts with words, a table and a CSV each."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from intake.actor import Role
from intake.audit import service as audit
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing
from intake.fields import read_day
from intake.guard import current_actor, requires
from intake.reports import queries
from intake.settings import queries as settings

bp = Blueprint("reports", __name__)

READERS = (Role.SUPERVISOR, Role.ADMIN, Role.PRIVACY)
WEEKS = 4


def _day(name: str) -> date | None:
    found = read_day(request.args.get(name, "")[:40])
    return found if found is not None and 2000 <= found.year <= 2100 else None


def _period() -> tuple[datetime, datetime]:
    zone = settings.zone(settings.site(current_actor().site_id))
    now = utcnow().astimezone(zone)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    until_day, from_day = _day("to"), _day("from")
    until = tomorrow if until_day is None else datetime(until_day.year, until_day.month, until_day.day, tzinfo=zone)
    if until_day is not None:
        until += timedelta(days=1)
    since = until - timedelta(weeks=WEEKS)
    if from_day is not None:
        since = datetime(from_day.year, from_day.month, from_day.day, tzinfo=zone)
    return (since, until) if since < until else (until - timedelta(weeks=WEEKS), until)


@bp.get("/reports")
@requires(*READERS)
def index() -> ResponseReturnValue:
    """All reports of a period; four weeks unless asked otherwise."""
    since, until = _period()
    site = current_actor().site_id
    with transaction():
        audit.looked_at_board(actor=current_actor(), board="reports", filter_words="", now=utcnow())
    tables = {key: make(site, since, until) for key, make in queries.REPORTS.items()}
    contact, in_time = queries.first_contact(site, since, until)
    steps = {row[0]: row[1] for row in tables["funnel"].rows}
    replies = next(r[2] for r in tables["mail"].rows if r[0] == "Check-ins answered")
    return render_template(
        "reports/index.html",
        tables=tables,
        since=since.date(),
        until=(until - timedelta(days=1)).date(),
        contact=contact,
        in_time=in_time,
        admitted=queries.share(steps["Admitted"], steps["Inquiries"]),
        replies=replies,
        weeks=[(7, "7 days"), (28, "4 weeks"), (91, "Quarter")],
        today=utcnow().date(),
        day=timedelta(days=1),
    )


@bp.get("/reports/<key>.csv")
@requires(*READERS)
def export(key: str) -> ResponseReturnValue:
    """The numbers of one report; counts under five are hidden."""
    make = queries.REPORTS.get(key)
    if make is None:
        raise Missing("There is no such report.")
    since, until = _period()
    table = make(current_actor().site_id, since, until)
    with transaction():
        audit.record(actor=current_actor(), verb="exported", record="report", record_id=None, purpose=key, now=utcnow())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.heads)
    for row in table.rows:
        writer.writerow([queries.guarded(queries.hidden(cell)) for cell in row])
    answer = Response(text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f"attachment; filename=report-{key}-{since.date()}-{until.date()}.csv"
    return answer
