"""The list of plans, and one version: its steps, pause, stop, hold, comparison, and the patient's calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from intake.actor import CARE
from intake.audit import service as audit
from intake.cases import care_plan
from intake.cases.models import Case
from intake.clinical.products import PRODUCTS
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing, RuleBroken
from intake.guard import current_actor, requires
from intake.settings import queries as settings
from intake.tapers import changes, compared, forms, holds, plans, queries, schedule, service
from intake.tapers.models import PlanState, PlanVersion
from intake.tapers.routes import bp, today

STATES = {
    "open": (PlanState.ACTIVE, PlanState.PAUSED),
    "drafts": (PlanState.DRAFT, PlanState.AWAITING_SIGNATURE),
    "ended": (PlanState.COMPLETED, PlanState.STOPPED),
}


@bp.get("/tapers")
@requires(*CARE, rule="case")
def index() -> ResponseReturnValue:
    """Plans of the center by state; those due for review first."""
    state = request.args.get("state", "open")
    rows = queries.listed(current_actor().site_id, STATES.get(state, STATES["open"]))
    names = queries.names([r.person_id for r in rows])
    return render_template("tapers/index.html", rows=rows, names=names, state=state, today=today(), states=list(STATES))


@bp.get("/tapers/<id:plan_id>/v/<int:n>")
@requires(*CARE, rule="case")
def show(plan_id: int, n: int) -> ResponseReturnValue:
    """One version: its steps, who signed, what may be done with it now."""
    return _show_page(plan_id, n, {})


def _show_page(plan_id: int, n: int, errors: dict[str, str], status: int = 200) -> ResponseReturnValue:
    with transaction():
        version, plan, case = queries.version_of(current_actor(), plan_id, n)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="taper", now=utcnow())
    goals, therapies = queries.opened_words(version)
    page = render_template(
        "tapers/show.html",
        version=version,
        plan=plan,
        case=case,
        person=queries.person(case),
        reference=queries.reference(case),
        ask=plans.ask_of(version.request),
        product=PRODUCTS[version.product],
        versions=queries.versions(plan.id),
        hold=queries.open_hold(version.id),
        slots=queries.slot_names(len(version.request["regimen"])),
        pieces=queries.pieces,
        check_ins=queries.check_in_days(version),
        goals=goals,
        supply_days=schedule.refill_days(version),
        therapies=therapies,
        errors=errors,
        changes=compared.CHANGES,
        typed=request.form,
        pause_reasons_named=[(r, r.replace("_", " ").capitalize()) for r in forms.PAUSE_REASONS],
        stop_reasons_named=[(r, r.replace("_", " ").capitalize()) for r in forms.STOP_REASONS],
        review_default=today() + timedelta(days=int(settings.value(case.site_id, "pause_review_days"))),
        day=date.fromisoformat,
        today=today(),
    )
    return page, status


@bp.post("/tapers/<id:plan_id>/v/<int:n>/pause")
@requires(*CARE, rule="case")
def pause(plan_id: int, n: int) -> ResponseReturnValue:
    """Pause at the dose reached; any clinician, no signature."""
    try:
        reason, words, review_by, agreed_by = forms.read_pause(request.form, today=today())
        with transaction():
            version, _, _ = queries.version_of(current_actor(), plan_id, n)
            paused = changes.pause(
                version.id,
                reason=reason,
                words=words,
                review_by=review_by,
                agreed_by=agreed_by,
                actor=current_actor(),
                now=utcnow(),
            )
            newest = paused.n
    except RuleBroken as wrong:
        return _show_page(plan_id, n, wrong.fields or {"reason": wrong.message}, 422)
    flash("Paused. No step message goes out until a new version is signed.")
    return redirect(url_for(".show", plan_id=plan_id, n=newest))


@bp.post("/tapers/<id:plan_id>/v/<int:n>/resume")
@requires(*CARE, rule="case")
def resume(plan_id: int, n: int) -> ResponseReturnValue:
    """Start a draft from the dose held; it takes effect with a signature."""
    with transaction():
        version, _, case = queries.version_of(current_actor(), plan_id, n)
        ask = changes.ask_from_here(version, today=today(), starts_on=today() + timedelta(days=1))
        kept = replace(service.checklist_of(version), agreed=False, follow_up_on=None)
        service.draft(case, ask, kept, change="resume", actor=current_actor(), now=utcnow())
        case_id = case.id
    return redirect(url_for(".builder", case_id=case_id))


@bp.post("/tapers/<id:plan_id>/v/<int:n>/stop")
@requires(*CARE, rule="case")
def stop(plan_id: int, n: int) -> ResponseReturnValue:
    """Stop the plan with a reason; its messages are withdrawn."""
    reason = request.form.get("reason", "")
    try:
        with transaction():
            version, _, _ = queries.version_of(current_actor(), plan_id, n)
            changes.stop(
                version.id, reason=reason if reason in forms.STOP_REASONS else "", actor=current_actor(), now=utcnow()
            )
    except RuleBroken as wrong:
        return _show_page(plan_id, n, {"stop-reason": wrong.message}, 422)
    return redirect(url_for(".show", plan_id=plan_id, n=n))


@bp.post("/tapers/<id:plan_id>/v/<int:n>/clear")
@requires(*CARE, rule="case")
def clear(plan_id: int, n: int) -> ResponseReturnValue:
    """Clear the hold of the next step after looking."""
    try:
        with transaction():
            version, _, _ = queries.version_of(current_actor(), plan_id, n)
            held = queries.open_hold(version.id)
            if held is None:
                raise Missing("Nothing is held.")
            holds.clear_hold(held.id, reason=request.form.get("seen", ""), actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _show_page(plan_id, n, {"seen": wrong.message}, 422)
    return redirect(url_for(".show", plan_id=plan_id, n=n))


@bp.get("/tapers/<id:plan_id>/diff/<int:a>..<int:b>")
@requires(*CARE, rule="case")
def diff(plan_id: int, a: int, b: int) -> ResponseReturnValue:
    """Two versions side by side, in words."""
    with transaction():
        old, plan, case = queries.version_of(current_actor(), plan_id, a)
        new, _, _ = queries.version_of(current_actor(), plan_id, b)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="taper versions", now=utcnow())
    return render_template(
        "tapers/diff.html",
        old=old,
        new=new,
        plan=plan,
        case=case,
        reference=queries.reference(case),
        person=queries.person(case),
        rows=compared.difference(old, new),
        steps=compared.rows(old.steps, new.steps),
        mails=_mails(old, new, case),
        versions=queries.versions(plan.id),
        changes=compared.CHANGES,
    )


def _mails(old: PlanVersion, new: PlanVersion, case: Case) -> compared.Days:
    """What happens to the days with an email: of a draft, what a signature today would do to what is owed."""
    if old.state is PlanState.ACTIVE and new.state in service.EDITABLE:
        planned = [point.date for point in queries.touchpoints(new, case, queries.day_of(case, utcnow()))]
        return compared.days(queries.owed_days(old), planned, date.min)
    since = max(today(), new.starts_on)
    return compared.days(queries.mail_days(old, case), queries.mail_days(new, case), since)


@bp.get("/tapers/<id:plan_id>/v/<int:n>/calendar")
@requires(*CARE, rule="case")
def calendar(plan_id: int, n: int) -> ResponseReturnValue:
    """The patient's sheet of one step: an audited print."""
    with transaction():
        version, plan, case = queries.version_of(current_actor(), plan_id, n)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="print: patient calendar", now=utcnow())
    wanted = request.args.get("step", 1, type=int) or 1
    step = next((s for s in version.steps if s["step"] == wanted), None)
    if step is None or version.state not in (PlanState.ACTIVE, PlanState.PAUSED):
        raise Missing("There is no such sheet. Only a signed plan has one.")
    days = queries.sheet_days(step)
    return render_template(
        "tapers/calendar.html",
        version=version,
        plan=plan,
        step=step,
        days=days,
        weeks=queries.weeks(days),
        lines=[f"{dose:g}" for dose in step["doses"] if dose],
        marks=queries.sheet_marks(version, case, days),
        product=PRODUCTS[version.product],
        person=queries.person(case),
        around=care_plan.on_paper(care_plan.of(case)),
        slots=queries.slot_names(len(step["doses"])),
        pieces=queries.pieces,
        lessons=settings.lessons_for(case.site_id, queries.person(case).locale, utcnow()),
        printed_at=utcnow().astimezone(settings.zone(settings.site(case.site_id))),
    )
