"""Who pays for a case: coverages and their checks, for admissions and supervisors; clinical decisions never see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from intake.accounts.once import once
from intake.audit import service as audit
from intake.cases import paying, queries
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import transaction
from intake.desk.routes import bp
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.people import cards, coverage, pictures
from intake.people.models import CheckState
from intake.settings import queries as settings

RESULTS = (("verified", _l("Covered")), ("partial", _l("Covered in part")), ("denied", _l("Not covered")))
LONGEST = timedelta(days=3 * 366)


@bp.get("/cases/<id:case_id>/coverage")
@requires(*coverage.SEEN_BY, rule="case")
def coverage_page(case_id: int) -> ResponseReturnValue:
    """All coverages of the person; the read is written down."""
    with transaction():
        case = queries.readable(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="coverage", now=utcnow())
    return _page(case_id, {}, "")


def _today() -> date:
    return settings.day(current_actor().site_id, utcnow())


def _page(case_id: int, errors: dict[str, str], of: str) -> ResponseReturnValue:
    case = queries.readable(current_actor(), case_id)
    found = coverage.of_person(case.person_id)
    body = render_template(
        "desk/coverage.html",
        case=case,
        reference=queries.reference(case),
        coverages=found,
        pictured=cards.with_card([c.row.id for c in found]),
        kinds=list(coverage.KINDS.items()),
        results=RESULTS,
        errors=errors,
        of=of,
        typed=request.form,
        today=_today(),
        pending=CheckState.PENDING,
    )
    return make_response(body, 422 if errors else 200)


def _do(case_id: int, done: str, verb: Callable[[Case], None], of: str = "") -> ResponseReturnValue:
    try:
        with transaction():
            verb(queries.readable(current_actor(), case_id))
    except RuleBroken as wrong:
        return _page(case_id, wrong.fields or {"": wrong.message}, of)
    except AlreadyDone as late:
        flash(late.message, "error")
    else:
        flash(done)
    return redirect(url_for(".coverage_page", case_id=case_id))


@bp.post("/cases/<id:case_id>/coverage")
@requires(*coverage.SEEN_BY, rule="case")
@once
def add_coverage(case_id: int) -> ResponseReturnValue:
    """Add a coverage; its check is owed within a day."""

    def verb(case: Case) -> None:
        now, actor = utcnow(), current_actor()
        row = coverage.add(case.person_id, coverage.read(request.form), actor=actor, now=now)
        paying.owe_check(row, case, actor=actor, now=now)

    return _do(case_id, _("Added. Its check is on the task list."), verb, "new")


@bp.post("/cases/<id:case_id>/coverage/<id:coverage_id>/check")
@requires(*coverage.SEEN_BY, rule="case")
@once
def check_coverage(case_id: int, coverage_id: int) -> ResponseReturnValue:
    """Write down what a check came to."""

    def verb(case: Case) -> None:
        r, today = Reader(request.form), _today()
        result = r.choice("result", [code for code, _words in RESULTS], required=_("Pick what came of it."))
        words = r.text("words", limit=500)
        until = r.day("expires_on", earliest=today, latest=today + LONGEST)
        r.check()
        now, actor = utcnow(), current_actor()
        row = coverage.check(
            coverage_id, case.person_id, result=result, words=words, expires_on=until, actor=actor, now=now
        )
        paying.checked(row, actor=actor, now=now)

    return _do(case_id, _("Written down."), verb, str(coverage_id))


@bp.post("/cases/<id:case_id>/coverage/<id:coverage_id>/<any(anew,end):what>")
@requires(*coverage.SEEN_BY, rule="case")
def move_coverage(case_id: int, coverage_id: int, what: str) -> ResponseReturnValue:
    """Ask the payer anew, or take the coverage out of use."""

    def verb(case: Case) -> None:
        now, actor = utcnow(), current_actor()
        if what == "end":
            paying.checked(coverage.end(coverage_id, case.person_id, actor=actor, now=now), actor=actor, now=now)
            return
        old = coverage.locked(coverage_id, case.person_id, actor)
        row = coverage.ask_anew(coverage_id, case.person_id, actor=actor, now=now)
        paying.checked(old, actor=actor, now=now)
        paying.owe_check(row, case, actor=actor, now=now)

    return _do(case_id, _("Taken out of use.") if what == "end" else _("Its check is owed again."), verb)


@bp.post("/cases/<id:case_id>/coverage/<id:coverage_id>/card")
@requires(*coverage.SEEN_BY, rule="case")
@once
def keep_card(case_id: int, coverage_id: int) -> ResponseReturnValue:
    """Keep a photo of the card; nothing but the picture itself is stored."""

    def verb(case: Case) -> None:
        sent = request.files.get("card")
        data = sent.read(pictures.MOST_BYTES + 1) if sent is not None else b""
        if not data:
            raise RuleBroken(_("Pick the photo first."), code="CARD", fields={"card": _("Pick the photo first.")})
        cards.keep(coverage_id, case.person_id, data, actor=current_actor(), now=utcnow())

    return _do(case_id, _("The card is kept."), verb, f"card-{coverage_id}")


@bp.get("/cases/<id:case_id>/coverage/<id:coverage_id>/card")
@requires(*coverage.SEEN_BY, rule="case")
def coverage_card(case_id: int, coverage_id: int) -> ResponseReturnValue:
    """The picture of a card, as a file to save; the read is written down."""
    with transaction():
        case = queries.readable(current_actor(), case_id)
        picture = cards.newest(coverage_id, case.person_id, current_actor())
        audit.looked(actor=current_actor(), case_id=case.id, purpose="coverage_card", now=utcnow())
    answer = make_response(picture.data)
    answer.mimetype = picture.mimetype
    answer.headers["Content-Disposition"] = f"attachment; filename=card.{picture.mimetype.rsplit('/', 1)[-1]}"
    return answer
