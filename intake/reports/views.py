"""How the center is doing: charts with words, a table and a CSV each."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from intake.actor import Role
from intake.audit import service as audit
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing
from intake.fields import read_day
from intake.guard import current_actor, requires
from intake.reports import queries
from intake.reports.every import REPORTS
from intake.reports.table import Table, guarded, hidden, share
from intake.settings import queries as settings

bp = Blueprint("reports", __name__)

READERS = (Role.SUPERVISOR, Role.ADMIN, Role.PRIVACY)
WEEKS = 4
PERIODS = ((7, "7 days"), (28, "4 weeks"), (91, "Quarter"))


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
    tables = {key: make(site, since, until) for key, make in REPORTS.items()}
    today = utcnow().astimezone(since.tzinfo).date()
    return render_template(
        "reports/index.html",
        tables=tables,
        since=since.date(),
        until=(until - timedelta(days=1)).date(),
        figures=_figures(site, since, until, tables),
        loss=_loss(tables["funnel"]),
        periods=[
            (
                words,
                f"{url_for('.index')}?from={today - timedelta(days=days - 1)}&to={today}",
                _is(since, until, days),
            )
            for days, words in PERIODS
        ],
    )


def _is(since: datetime, until: datetime, days: int) -> bool:
    return until.date() >= utcnow().astimezone(until.tzinfo).date() and (until.date() - since.date()).days == days


def _figures(site: int, since: datetime, until: datetime, tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    """The four numbers on top, each with its change against the same length of time before."""
    earlier = since - (until - since)
    now = (*queries.first_contact(site, since, until), *_shares(tables["funnel"], tables["mail"]))
    before = (
        *queries.first_contact(site, earlier, since),
        *_shares(queries.funnel(site, earlier, since), queries.mail(site, earlier, since)),
    )
    return [
        {"value": value, "change": None if value is None or was is None else round(value - was, 1)}
        for value, was in zip(now, before, strict=True)
    ]


def _shares(funnel: Table, mail: Table) -> tuple[float | None, float | None]:
    steps = {row[0]: row[1] for row in funnel.rows}
    replies = next(row[2] for row in mail.rows if row[0] == "Check-ins answered")
    return share(steps["Admitted"], steps["Inquiries"]), replies


def _loss(funnel: Table) -> tuple[str, str, int] | None:
    """Where most people are lost: the step reached, the step missed, how many."""
    pairs = [(a[0], b[0], a[1] - b[1]) for a, b in pairwise(funnel.rows)]
    worst = max(pairs, key=lambda each: each[2])
    return worst if worst[2] > 0 else None


@bp.get("/reports/<key>.csv")
@requires(*READERS)
def export(key: str) -> ResponseReturnValue:
    """The numbers of one report; counts under five are hidden."""
    make = REPORTS.get(key)
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
        writer.writerow([guarded(hidden(cell)) for cell in row])
    answer = Response(text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f"attachment; filename=report-{key}-{since.date()}-{until.date()}.csv"
    return answer
