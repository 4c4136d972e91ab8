"""The page of the care plan around a taper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import CARE
from intake.audit import service as audit
from intake.cases import care_plan, codes
from intake.cases import forms as case_forms
from intake.cases import queries as cases
from intake.cases import service as cases_service
from intake.clock import utcnow
from intake.db import transaction
from intake.desk.routes import bp
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires

WORDS = 2000
LINE = 120


@bp.get("/cases/<id:case_id>/care-plan")
@requires(*CARE, rule="case")
def care_plan_page(case_id: int) -> ResponseReturnValue:
    """What goes around the taper; the read is written down."""
    actor, now = current_actor(), utcnow()
    with transaction():
        case = cases.readable(actor, case_id)
        audit.looked(actor=actor, case_id=case.id, purpose="care plan", now=now)
    return _page(case_id, {}, 200)


def _page(case_id: int, errors: Mapping[str, str], status: int, sentence: str = "") -> ResponseReturnValue:
    actor = current_actor()
    case = cases.readable(actor, case_id)
    plan = care_plan.of(case)
    body = render_template(
        "desk/care_plan.html",
        case=case,
        plan=plan,
        missing=care_plan.missing(case, plan),
        reference=cases.reference(case),
        rows=range(care_plan.MOST_MEDICINES),
        medicines=[pair for pair in care_plan.MEDICINES.items() if _may_pick(pair[0], plan)],
        services=care_plan.SERVICES,
        check_points=tuple(care_plan.NMDA_CHECKS.items()),
        may_watched=actor.role in care_plan.PRESCRIBING,
        planned={s.kind: s for s in plan.services},
        codes=codes,
        errors=errors,
        sentence=sentence,
        typed=request.form,
    )
    return make_response(body, status)


def _may_pick(kind: str, plan: care_plan.CarePlan) -> bool:
    if kind not in care_plan.WATCHED or current_actor().role in care_plan.PRESCRIBING:
        return True
    return any(m.kind == kind for m in plan.medicines)


def _read(r: Reader) -> care_plan.CarePlan:
    medicines = []
    for n in range(care_plan.MOST_MEDICINES):
        kind = r.choice(f"kind{n}", care_plan.MEDICINES)
        words = [r.text(f"{name}{n}", limit=LINE) for name in ("drug", "dose", "watch")]
        if kind:
            medicines.append(care_plan.Medicine(kind, *words))
        elif any(words):
            r.wrong(f"kind{n}", _("Pick the class of this medicine."))
    services = []
    for kind in r.choices("services", care_plan.SERVICES):
        planned = r.whole(f"planned_{kind}", low=0, high=200) or 0
        attended = r.whole(f"attended_{kind}", low=0, high=200) or 0
        services.append(care_plan.Service(kind, planned, attended))
    return care_plan.CarePlan(
        goals=r.text("goals", limit=WORDS),
        preferences=r.text("preferences", limit=WORDS),
        medicines=tuple(medicines),
        nmda_checks=r.choices("nmda_checks", care_plan.NMDA_CHECKS),
        services=tuple(services),
        no_other=r.text("no_other", limit=LINE),
    )


@bp.post("/cases/<id:case_id>/care-plan")
@requires(*CARE, rule="case")
def save_care_plan(case_id: int) -> ResponseReturnValue:
    """Record the care plan, and the answers to the two offers, in one transaction."""
    actor, now, r = current_actor(), utcnow(), Reader(request.form)
    # Whether the actor may read the case is asked before anything of it is.
    cases.readable(actor, case_id)
    try:
        plan = _read(r)
        answers = {
            "naloxone": r.choice("naloxone", codes.NALOXONE_ANSWERS),
            "moud": r.choice("moud", codes.MOUD_ANSWERS),
        }
        r.check()
        with transaction():
            case = care_plan.save(case_id, plan, actor=actor, now=now, version=case_forms.read_version(r))
            _offers(case.id, {"naloxone": case.naloxone, "moud": case.moud}, answers)
    except RuleBroken as wrong:
        return _page(case_id, wrong.fields or {"": wrong.message}, wrong.status, wrong.message)
    except (AlreadyDone, NotPermitted) as refused:
        return _page(case_id, {"": refused.message}, refused.status, refused.message)
    flash(_("Saved. The person’s sheet shows it."))
    return redirect(url_for("desk.care_plan_page", case_id=case_id))


def _offers(case_id: int, known: Mapping[str, Mapping[str, Any]], answers: Mapping[str, str]) -> None:
    for kind, answer in answers.items():
        if answer and answer != known[kind].get("answer"):
            cases_service.record_offer(case_id, kind=kind, answer=answer, actor=current_actor(), now=utcnow())
