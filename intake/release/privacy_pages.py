"""The privacy desk: emergency access to review, restricted records, what went out, consents that end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.audit import service as audit
from intake.cases import glass
from intake.cases import queries as cases
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.release import queries
from intake.release.routes import SEES_DISCLOSURES, bp
from intake.settings import queries as settings


@bp.get("/privacy")
@requires(*SEES_DISCLOSURES)
def privacy() -> ResponseReturnValue:
    """What the privacy officer watches, by case number; no name stands here."""
    with transaction():
        audit.looked_at_board(actor=current_actor(), board="privacy", filter_words="", now=utcnow())
    return _privacy({}, 200)


def _privacy(errors: Mapping[str, str], status: int, wrong_id: int = 0) -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    body = render_template(
        "release/privacy.html",
        glasses=queries.emergency_access(actor.site_id, limit=50),
        restricted=queries.restricted(actor.site_id),
        rows=queries.of_center(actor.site_id, limit=50),
        ending=queries.ending_consents(actor.site_id, now=now),
        verdicts=glass.VERDICTS,
        zone=settings.zone(settings.site(actor.site_id)),
        errors=errors,
        wrong_id=wrong_id,
        typed=request.form,
        now=now,
    )
    return make_response(body, status)


@bp.post("/privacy/access/<id:grant_id>")
@requires(*SEES_DISCLOSURES)
def review_access(grant_id: int) -> ResponseReturnValue:
    """A second person's word on one use of emergency access."""
    r = Reader(request.form)
    try:
        verdict = r.choice("verdict", tuple(glass.VERDICTS), required=_("Say what you found."))
        words = r.text("words", limit=glass.LONGEST_REASON)
        with transaction():
            glass.review(grant_id, verdict=verdict, words=words, actor=current_actor(), now=utcnow())
    except (RuleBroken, AlreadyDone, NotPermitted) as refused:
        errors = {**r.errors, **refused.fields} or {"": refused.message}
        return _privacy(errors, refused.status, grant_id)
    flash(_("Reviewed."))
    return redirect(url_for(".privacy"))


@bp.get("/cases/<id:case_id>/restriction")
@requires(*SEES_DISCLOSURES, rule="case")
def restriction(case_id: int) -> ResponseReturnValue:
    """Whether a record is restricted, and the form to change it."""
    with transaction():
        glass.in_charge(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case_id, purpose="restriction", now=utcnow())
    return _restriction(case_id, {}, 200)


def _restriction(case_id: int, errors: Mapping[str, Any], status: int) -> ResponseReturnValue:
    case = glass.in_charge(current_actor(), case_id)
    body = render_template(
        "release/restriction.html", case=case, reference=cases.reference(case), why=glass.WHY, errors=errors,
        typed=request.form,
    )  # fmt: skip
    return make_response(body, status)


@bp.post("/cases/<id:case_id>/restriction")
@requires(*SEES_DISCLOSURES, rule="case")
def restrict(case_id: int) -> ResponseReturnValue:
    """Restrict a record, or open it again, with a reason."""
    r = Reader(request.form)
    try:
        with transaction():
            case = glass.in_charge(current_actor(), case_id)
            on = r.choice("on", ("yes", "no"), required=_("Pick one."))
            why = r.choice("why", tuple(glass.WHY), required=_("Pick the reason."))
            words = r.text("words", limit=glass.LONGEST_REASON)
            version = r.whole("version", low=1, high=10**9)
            r.check()
            glass.restrict(
                case.id, on=on == "yes", why=why, words=words, version=version, actor=current_actor(), now=utcnow()
            )
    except (RuleBroken, AlreadyDone) as refused:
        return _restriction(case_id, refused.fields or {"": refused.message}, refused.status)
    flash(_("Saved."))
    return redirect(url_for(".restriction", case_id=case_id))
