"""Addresses of my cases, tasks and find."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from intake.actor import STAFF, Role
from intake.cases.codes import SAFETY_TASKS
from intake.clock import utcnow
from intake.db import db, transaction
from intake.desk import words, work
from intake.desk.listing import listed
from intake.desk.queries import task_shown
from intake.desk.routes import bp
from intake.errors import Missing, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.queues import queries as queue_queries
from intake.queues.models import Queue
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task

SNOOZES = {"hour": timedelta(hours=1), "shift": timedelta(hours=8), "day": timedelta(days=1), "week": timedelta(days=7)}
OUTCOMES = ("done", "reached", "not_reached", "not_needed")
REASON = 500
LONGEST_FIND = 100


@bp.get("/mine")
@requires(*STAFF, rule="case")
def mine() -> ResponseReturnValue:
    """What the actor holds and owns; `?queue=refer_out` lists what waits there."""
    actor, now = current_actor(), utcnow()
    queue = request.args.get("queue", "")
    queue = queue if queue in set(Queue) else ""
    listed(actor, "mine", queue, now)
    held = [row for row in queue_queries.held_by(actor, now=now) if not queue or row.queue == queue]
    rows = work.mine(actor, queue=queue)
    return render_template(
        "desk/mine.html",
        held=held,
        rows=rows,
        queue=queue,
        zone=settings.zone(settings.site(actor.site_id)),
        board_of=work.board_of,
        words=words,
        page_count=len({r.case.id for r in rows} | {h.case_id for h in held}) or None,
    )


@bp.get("/tasks")
@requires(*Role, rule="center")
def task_list() -> ResponseReturnValue:
    """Work owed by one's role or by oneself."""
    return _tasks({}, 200)


def _tasks(errors: Mapping[str, str], status: int, task_id: int = 0) -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    state = request.values.get("state", "open")
    state = state if state in work.TASK_STATES else "open"
    listed(actor, "tasks", state, now)
    rows = work.task_rows(actor, state, now=now)
    body = render_template(
        "desk/tasks.html",
        rows=rows,
        state=state,
        errors=errors,
        typed=request.form,
        wrong_id=task_id,
        zone=settings.zone(settings.site(actor.site_id)),
        page_count=len(rows) if state == "open" and rows else None,
    )
    return make_response(body, status)


def _mine_to_do(task_id: int) -> Task:
    """The task, if the actor may act on it.

    Raises:
        Missing: none here, or of a case the actor may not read. NotPermitted: another role's.
    """
    actor = current_actor()
    row = db.session.scalar(select(Task).where(Task.id == task_id, task_shown(actor)))
    if row is None:
        raise Missing("There is no such task.")
    if not work.may_do(actor, row):
        raise NotPermitted("This task waits for another role.")
    return row


def _back(row: Task) -> ResponseReturnValue:
    if request.form.get("back") == "case" and row.case_id and current_actor().may(*STAFF):
        return redirect(url_for("desk.case", case_id=row.case_id))
    state = request.form.get("state", "open")
    return redirect(url_for("desk.task_list", state=state if state in work.TASK_STATES and state != "open" else None))


@bp.post("/tasks/<id:task_id>/claim")
@requires(*Role, rule="center")
def claim_task(task_id: int) -> ResponseReturnValue:
    """Take a task."""
    with transaction():
        row = _mine_to_do(task_id)
        tasks.claim(task_id, actor=current_actor(), now=utcnow())
    flash(_("This task is yours."))
    return _back(row)


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
        with transaction():
            row = _mine_to_do(task_id)
            if row.kind in work.ENDS_ITSELF:
                raise RuleBroken(
                    _("This task ends on the page of the case, by what it asks for."),
                    fields={"outcome": _("Open the case and do it there.")},
                )
            tasks.finish(task_id, outcome=outcome, reason=reason, actor=current_actor(), now=utcnow())
    except RuleBroken as refused:
        return _tasks(refused.fields, refused.status, task_id)
    flash(_("Done."))
    return _back(row)


def _check_snooze(row: Task, length: str) -> None:
    """An emergency or alert cannot wait, and a safety call waits a day at most.

    Raises:
        RuleBroken: by field.
    """
    if row.kind in work.ENDS_ITSELF:
        sentence = _("This cannot be put off. Open the case and do it there.")
        raise RuleBroken(sentence, fields={"length": sentence})
    if row.kind in SAFETY_TASKS and length == "week":
        sentence = _("A safety call can be put off for a day at most.")
        raise RuleBroken(sentence, fields={"length": sentence})


@bp.post("/tasks/<id:task_id>/snooze")
@requires(*Role, rule="center")
def snooze_task(task_id: int) -> ResponseReturnValue:
    """Put a task off, with a reason."""
    r, now = Reader(request.form), utcnow()
    try:
        length = r.choice("length", SNOOZES, required=_("Pick until when."))
        reason = r.text("reason", limit=REASON, required=_("Say why it can wait."))
        r.check()
        with transaction():
            row = _mine_to_do(task_id)
            _check_snooze(row, length)
            tasks.snooze(task_id, until=now + SNOOZES[length], reason=reason, actor=current_actor(), now=now)
    except RuleBroken as refused:
        return _tasks(refused.fields, refused.status, task_id)
    flash(_("Put off."))
    return _back(row)


@bp.route("/find", methods=["GET", "POST"])
@requires(*STAFF, rule="case")
def find() -> ResponseReturnValue:
    """People, phones and case numbers, typos allowed. Asked by POST, since an address stays in histories and logs."""
    actor = current_actor()
    text = request.form.get("q", "").replace("\x00", "").strip()[:LONGEST_FIND]
    # What was typed is a name; the log keeps only that somebody searched.
    listed(actor, "find", "", utcnow())
    hits = work.find_people(actor, text) if len(text) >= 2 else []
    if len(hits) == 1 and hits[0].why == "case number" and len(hits[0].cases) == 1:
        return redirect(url_for("desk.case", case_id=hits[0].cases[0][0]))
    return render_template("desk/find.html", hits=hits, find_q=text, words=words)
