"""The steps of a case as forms, and the emergency door: pages that work without script and keep what was typed."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import STAFF
from intake.audit import service as audit
from intake.cases import asking, forms, glass, queries, service
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires

bp = Blueprint("cases", __name__)
NAMES = ",".join(f'"{step.name}"' for step in forms.STEPS)


def _step(case_id: int, name: str) -> asking.Step:
    step = forms.BY_NAME[name]
    if not current_actor().may(*step.roles):
        raise NotPermitted("Your role does not include this step.")
    return step


@bp.get(f"/cases/<id:case_id>/<any({NAMES}):name>")
@requires(*STAFF, rule="case")
def step(case_id: int, name: str) -> ResponseReturnValue:
    """The form of one step; the read is written down."""
    found, actor, now = _step(case_id, name), current_actor(), utcnow()
    with transaction():
        case = queries.readable(actor, case_id)
        audit.looked(actor=actor, case_id=case.id, purpose=name, now=now)
    return _page(case_id, found, {}, 200)


def _page(
    case_id: int, found: asking.Step, errors: Mapping[str, str], status: int, sentence: str = ""
) -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    case = queries.readable(actor, case_id)
    body = render_template(
        "cases/step.html",
        case=case,
        reference=queries.reference(case),
        step=found,
        fields=found.fields(case, actor, now),
        is_open=found in forms.open_to(actor, case),
        errors=errors,
        typed=request.form,
        sentence=sentence,
    )
    return make_response(body, status)


@bp.post(f"/cases/<id:case_id>/<any({NAMES}):name>")
@requires(*STAFF, rule="case")
@once
def act(case_id: int, name: str) -> ResponseReturnValue:
    """Do one step in one transaction; a broken rule shows the form again with what was typed."""
    found, actor, now = _step(case_id, name), current_actor(), utcnow()
    reader = Reader(request.form)
    try:
        with transaction():
            case = queries.readable(actor, case_id)
            found.act(case, reader, actor, now, forms.read_version(reader))
    except RuleBroken as refused:
        return _page(case_id, found, refused.fields or {"": refused.message}, refused.status, refused.message)
    except AlreadyDone as late:
        return _page(case_id, found, {"": late.message}, late.status, late.message)
    flash(_("Saved."))
    return redirect(url_for("desk.case", case_id=case_id))


@bp.post("/alerts/<id:alert_id>/acknowledge")
@requires(*STAFF, rule="case")
def acknowledge(alert_id: int) -> ResponseReturnValue:
    """Say that one saw an alert and what one did."""
    r = Reader(request.form)
    outcome = r.text("outcome", limit=500, required=_("Say what you did, in a few words."))
    r.check()
    try:
        with transaction():
            row = service.acknowledge(alert_id, outcome=outcome, actor=current_actor(), now=utcnow())
            case_id = row.case_id
    except AlreadyDone as late:
        flash(late.message, "error")
        return redirect(url_for("desk.case", case_id=queries.case_of_alert(current_actor(), alert_id).id))
    flash(_("Marked as seen. It stays on the timeline."))
    return redirect(url_for("desk.case", case_id=case_id))


def _door(case_id: int | None, errors: Mapping[str, str], status: int) -> ResponseReturnValue:
    # The page reads the same whatever stands behind the address, so it says nothing about it.
    body = render_template("cases/emergency_access.html", case_id=case_id, errors=errors, typed=request.form)
    return make_response(body, status)


def _through(case_id: int, reason: str) -> ResponseReturnValue:
    """Open the case, or say no; whoever may read it anyway needs no emergency."""
    actor, now = current_actor(), utcnow()
    with transaction():
        try:
            queries.readable(actor, case_id)
            needless = True
        except Missing:
            needless = False
        opened = needless or glass.opened(service.break_glass(case_id, reason=reason, actor=actor, now=now))
    if not opened:
        raise NotPermitted(_("This looks like your own record. Ask a colleague; the privacy officer was told."))
    return redirect(url_for("desk.case", case_id=case_id))


def _ask_for_access(case_id: int | None) -> ResponseReturnValue:
    r = Reader(request.form)
    try:
        number = "" if case_id else r.text("number", limit=40, required=_("Type the case number."))
        reason = r.text("reason", limit=glass.LONGEST_REASON, required=_("Say why you need it now."))
        if reason and len(reason) < glass.SHORTEST_REASON:
            r.wrong("reason", _("Write at least a few words."))
        r.check()
        return _through(case_id or glass.case_of_number(current_actor(), number), reason)
    except RuleBroken as refused:
        with transaction():
            glass.note_refused(actor=current_actor(), now=utcnow(), purpose="no_reason")
        return _door(case_id, refused.fields, refused.status)


@bp.route("/cases/<id:case_id>/emergency-access", methods=["GET", "POST"])
@requires(*STAFF, rule="center")
@once
def emergency_access(case_id: int) -> ResponseReturnValue:
    """Ask for an hour of access to a restricted case; the page reads the same whether the case exists or not."""
    return _door(case_id, {}, 200) if request.method == "GET" else _ask_for_access(case_id)


@bp.route("/emergency-access", methods=["GET", "POST"])
@requires(*STAFF, rule="center")
@once
def emergency_door() -> ResponseReturnValue:
    """The same by case number, for somebody whom find does not show."""
    return _door(None, {}, 200) if request.method == "GET" else _ask_for_access(None)
