"""What the State asks for at admission, for one case: one page, every item optional, nothing guessed."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF
from intake.audit import service as audit
from intake.cases import queries
from intake.clock import utcnow
from intake.db import db, transaction
from intake.desk.routes import bp
from intake.errors import AlreadyDone, RuleBroken
from intake.guard import current_actor, requires
from intake.people import demographics
from intake.people.models import Person


@bp.get("/cases/<id:case_id>/state-items")
@requires(*STAFF, rule="case")
def state_items(case_id: int) -> ResponseReturnValue:
    """The items as far as they are known; the read is written down."""
    with transaction():
        case = queries.readable(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="state_items", now=utcnow())
    return _page(case_id, {})


def _since_then(case_id: int) -> dict[str, str]:
    """What stands there now, by item, where it is not what was typed."""
    now = demographics.answers(db.session.get_one(Person, queries.readable(current_actor(), case_id).person_id))
    return {
        name: _(
            "Now: %(answer)s",
            answer={**dict(choices), demographics.NOT_KNOWN: _("Not known")}.get(now.get(name, ""), _("Not asked")),
        )
        for group in demographics.ITEMS.values()
        for name, (_label, choices) in group.items()
        if now.get(name, "") != request.form.get(name, "")
    }


def _page(case_id: int, errors: dict[str, str], told: str = "") -> ResponseReturnValue:
    case = queries.readable(current_actor(), case_id)
    person = db.session.get_one(Person, case.person_id)
    body = render_template(
        "desk/state_items.html",
        case=case,
        reference=queries.reference(case),
        groups=demographics.ITEMS,
        not_known=demographics.NOT_KNOWN,
        answers=request.form if errors or told else demographics.answers(person),
        version=person.version,
        errors=errors,
        told=told,
    )
    return make_response(body, 409 if told else 422 if errors else 200)


@bp.post("/cases/<id:case_id>/state-items")
@requires(*STAFF, rule="case")
def save_state_items(case_id: int) -> ResponseReturnValue:
    """Keep what was answered; a blank stays missing."""
    try:
        given = demographics.read(request.form)
        with transaction():
            case = queries.readable(current_actor(), case_id)
            version = demographics.read_version(request.form)
            demographics.save(case.person_id, given, version=version, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _page(case_id, wrong.fields)
    except AlreadyDone as wrong:
        return _page(case_id, _since_then(case_id), told=wrong.message)
    flash(_("Saved."))
    return redirect(url_for(".case", case_id=case_id))
