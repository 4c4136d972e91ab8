"""Addresses of the day: the huddle, and the hand-over of a shift."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF
from intake.audit import service as audit
from intake.clock import utcnow
from intake.db import transaction
from intake.desk import today_page
from intake.desk.listing import listed
from intake.desk.routes import bp
from intake.guard import current_actor, requires
from intake.inquiries import unanswered
from intake.queues import leaving as queues_leaving
from intake.tasks import service as tasks


@bp.get("/today")
@requires(*STAFF, rule="case")
def today() -> ResponseReturnValue:
    """The daily huddle: everything with a time, on one screen."""
    actor, now = current_actor(), utcnow()
    listed(actor, "today", "", now)
    return render_template("desk/today.html", page=today_page.huddle(actor, now=now))


@bp.get("/handover")
@requires(*STAFF, rule="case")
def handover() -> ResponseReturnValue:
    """What the next shift must know, by case number."""
    actor, now = current_actor(), utcnow()
    listed(actor, "handover", "", now)
    return render_template("desk/handover.html", page=today_page.handover(actor, now=now))


@bp.get("/handover/sheet")
@requires(*STAFF, rule="case")
def handover_sheet() -> ResponseReturnValue:
    """The same on paper; the print is written down."""
    actor, now = current_actor(), utcnow()
    page = today_page.handover(actor, now=now)
    with transaction():
        audit.record(actor=actor, verb="printed", record="handover", record_id=None, purpose="hand-over", now=now)
    return render_template("desk/handover_sheet.html", page=page, actor=actor)


@bp.post("/handover/give-back")
@requires(*STAFF, rule="center")
def give_back_all() -> ResponseReturnValue:
    """The end of a shift: claims, tasks and requests go back to everybody, waits and places kept."""
    actor, now = current_actor(), utcnow()
    with transaction():
        count = queues_leaving.give_back(actor.id, None, actor=actor, now=now)
        count += tasks.give_back_all(actor.id, actor=actor, now=now)
        count += unanswered.give_back_all(actor.id, actor=actor, now=now)
    flash(_("%(n)s given back. Nothing waits for you alone.", n=count))
    return redirect(url_for("desk.handover"))
