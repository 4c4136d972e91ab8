"""Addresses of the waitlist, its report by number, and the notice to the State."""

from __future__ import annotations

import csv
import io

from flask import Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF, Role
from intake.audit import service as audit
from intake.beds import capacity
from intake.cases import codes
from intake.clock import utcnow
from intake.db import transaction
from intake.desk import waitlist_page
from intake.desk.listing import listed
from intake.desk.routes import bp
from intake.errors import AlreadyDone
from intake.guard import current_actor, requires
from intake.settings import queries as settings

REPORTS_TO = (Role.SUPERVISOR, Role.ADMIN)


@bp.get("/waitlist")
@requires(*STAFF, rule="center")
def waiting_list() -> ResponseReturnValue:
    """Everybody in line with their clocks, first in line first."""
    actor, now = current_actor(), utcnow()
    listed(actor, "waitlist", "", now)
    page = waitlist_page.read(actor, now=now)
    return render_template(
        "desk/waitlist.html", page=page, codes=codes, page_count=len(page.rows) or None,
        reports=actor.role in REPORTS_TO, tells=actor.role is Role.SUPERVISOR,
    )  # fmt: skip


@bp.get("/waitlist.csv")
@requires(*REPORTS_TO, rule="center")
def waitlist_report() -> ResponseReturnValue:
    """The waitlist by unique number, without names."""
    actor, now = current_actor(), utcnow()
    rows = waitlist_page.report(actor.site_id, now=now)
    with transaction():
        audit.record(actor=actor, verb="exported", record="report", record_id=None, purpose="waitlist", now=now)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(waitlist_page.HEADS)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    answer = Response(text.getvalue(), mimetype="text/csv")
    day = settings.day(actor.site_id, now)
    answer.headers["Content-Disposition"] = f"attachment; filename=waitlist-{day}.csv"
    return answer


def _guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell


@bp.post("/waitlist/notices/<id:mark_id>/told")
@requires(Role.SUPERVISOR, rule="center")
def told_state(mark_id: int) -> ResponseReturnValue:
    """The State was told that the beds are full."""
    try:
        with transaction():
            capacity.told(mark_id, actor=current_actor(), now=utcnow())
    except AlreadyDone as late:
        flash(late.message, "error")
    else:
        flash(_("Recorded."))
    return redirect(url_for("desk.waiting_list"))
