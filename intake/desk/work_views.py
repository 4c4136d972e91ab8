"""My cases, tasks and find: what somebody holds, what is owed, and who is known."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF, Role
from intake.clock import utcnow
from intake.db import transaction
from intake.desk import work
from intake.desk.listing import listed
from intake.desk.routes import bp
from intake.errors import RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.tasks import service as tasks

SNOOZES = {"hour": timedelta(hours=1), "shift": timedelta(hours=8), "day": timedelta(days=1)}
OUTCOMES = ("done", "reached", "not_needed")
REASON = 500


@bp.get("/mine")
@requires(*STAFF, rule="case")
def mine() -> ResponseReturnValue:
    """The cases somebody owns or holds."""
    listed(current_actor(), "mine", "", utcnow())
    rows = work.mine(current_actor())
    return render_template("desk/mine.html", rows=rows, page_count=len(rows))


@bp.get("/tasks")
@requires(*Role, rule="center")
def task_list() -> ResponseReturnValue:
    """Work owed by one's role or by oneself."""
    return _tasks({}, 200)


def _tasks(errors: dict[str, str], status: int) -> ResponseReturnValue:
    state = request.args.get("state", "open")
    state = state if state in {"open", "all", "ended"} else "open"
    now = utcnow()
    listed(current_actor(), "tasks", state, now)
    rows = work.owed(current_actor(), state=state, now=now)
    page = render_template(
        "desk/tasks.html",
        rows=rows,
        state=state,
        errors=errors,
        now=now,
        outcomes=OUTCOMES,
        snoozes=list(SNOOZES),
        me=current_actor().id,
        page_count=len(rows) if state == "open" else 0,
    )
    return page, status


@bp.post("/tasks/<id:task_id>/claim")
@requires(*Role, rule="center")
def claim_task(task_id: int) -> ResponseReturnValue:
    """Take a task."""
    with transaction():
        tasks.claim(task_id, actor=current_actor(), now=utcnow())
    return redirect(url_for(".task_list"))


@bp.post("/tasks/<id:task_id>/finish")
@requires(*Role, rule="center")
def finish_task(task_id: int) -> ResponseReturnValue:
    """End a task with what came of it."""
    r = Reader(request.form)
    try:
        outcome = r.choice("outcome", OUTCOMES, required=_("Say what came of it."))
        reason = r.text("reason", limit=REASON)
        if outcome == "not_needed" and not reason:
            r.wrong("reason", _("Say why it is not needed."))
        r.check()
    except RuleBroken as refused:
        return _tasks(refused.fields, refused.status)
    with transaction():
        tasks.finish(task_id, outcome=outcome, reason=reason, actor=current_actor(), now=utcnow())
    flash(_("Done."))
    return redirect(url_for(".task_list"))


@bp.post("/tasks/<id:task_id>/snooze")
@requires(*Role, rule="center")
def snooze_task(task_id: int) -> ResponseReturnValue:
    """Put a task off, with a reason."""
    r = Reader(request.form)
    try:
        length = r.choice("length", SNOOZES, required=_("Pick until when."))
        reason = r.text("reason", limit=REASON, required=_("Say why it can wait."))
        r.check()
    except RuleBroken as refused:
        return _tasks(refused.fields, refused.status)
    now = utcnow()
    with transaction():
        tasks.snooze(task_id, until=now + SNOOZES[length], reason=reason, actor=current_actor(), now=now)
    return redirect(url_for(".task_list"))


@bp.get("/find")
@requires(*STAFF, rule="case")
def find() -> ResponseReturnValue:
    """People, phones and case numbers, typos allowed."""
    text = request.args.get("q", "")[:200].replace("\x00", "")
    # What was typed is a name; the log keeps only that somebody searched.
    listed(current_actor(), "find", "", utcnow())
    return render_template("desk/find.html", rows=work.find(current_actor(), text), find_q=text)
