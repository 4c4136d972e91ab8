"""Legal details of a case: orders, probation, custody, dates, duty to report; admissions do not see them."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.cases import circumstances
from intake.cases.circumstances import LEGAL
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.release.consent_pages import look, show
from intake.release.routes import bp
from intake.release.service import case_for


@bp.get("/cases/<id:case_id>/legal")
@requires(*circumstances.SEES[LEGAL], rule="case")
def legal(case_id: int) -> ResponseReturnValue:
    """What courts and offices ask about this case; the read is written down."""
    look(case_id, "legal")
    return _page(case_id, {})


def _page(case_id: int, errors: Mapping[str, str], status: int = 200) -> ResponseReturnValue:
    case = case_for(current_actor(), case_id)
    known = request.form if status != 200 else circumstances.of(case, LEGAL)
    return show("release/legal.html", case, status, errors=errors, asked=circumstances.ITEMS[LEGAL], known=known)


@bp.post("/cases/<id:case_id>/legal")
@requires(*circumstances.SEES[LEGAL], rule="case")
def save_legal(case_id: int) -> ResponseReturnValue:
    """Keep the legal details; a blank takes an item away."""
    actor, r = current_actor(), Reader(request.form)
    try:
        told = circumstances.read(r, LEGAL)
        version = r.whole("version", low=1, high=10**9)
        r.check()
        with transaction():
            case_for(actor, case_id)
            circumstances.save(case_id, LEGAL, told, version=version, actor=actor, now=utcnow())
    except (RuleBroken, AlreadyDone) as refused:
        return _page(case_id, refused.fields or {"": refused.message}, refused.status)
    flash(_("Saved."))
    return redirect(url_for(".legal", case_id=case_id))
