"""Taper pages: the builder, signing, versions, pause, stop, and the patient's calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from intake.accounts import login
from intake.actor import CARE, Role
from intake.audit import service as audit
from intake.cases import care_plan
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clinical.products import PRODUCTS
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing, RuleBroken
from intake.guard import current_actor, requires
from intake.settings import queries as settings
from intake.tapers import changes, editing, forms, plans, queries, service
from intake.tapers.models import PlanState, PlanVersion

bp = Blueprint("tapers", __name__)

STATES = {
    "open": (PlanState.ACTIVE, PlanState.PAUSED),
    "drafts": (PlanState.DRAFT, PlanState.AWAITING_SIGNATURE),
    "ended": (PlanState.COMPLETED, PlanState.STOPPED),
}


def _today() -> date:
    zone = settings.zone(settings.site(current_actor().site_id))
    return utcnow().astimezone(zone).date()


@bp.get("/tapers")
@requires(*CARE, rule="case")
def index() -> ResponseReturnValue:
    """Plans of the center by state; those due for review first."""
    state = request.args.get("state", "open")
    rows = queries.listed(current_actor().site_id, STATES.get(state, STATES["open"]))
    names = queries.names([r.person_id for r in rows])
    return render_template(
        "tapers/index.html", rows=rows, names=names, state=state, today=_today(), states=list(STATES)
    )


@bp.get("/cases/<id:case_id>/taper")
@requires(*CARE, rule="case")
def builder(case_id: int) -> ResponseReturnValue:
    """The builder with the open draft; without one, a fresh request from the current medicines."""
    case = _looked(case_id, "taper")
    return _builder_page(case, {}, None)


def _looked(case_id: int, purpose: str) -> Case:
    with transaction():
        case = cases.readable(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case.id, purpose=purpose, now=utcnow())
    return case


def _builder_page(case: Case, errors: dict[str, str], typed: Any, status: int = 200) -> ResponseReturnValue:
    draft, live = queries.draft_of(case.id), queries.live_of(case.id)
    person = queries.person(case)
    ask = plans.ask_of(draft.request) if draft else _first_ask(case, live)
    goals, therapies = queries.opened_words(draft) if draft else ("", "")
    page = render_template(
        "tapers/builder.html",
        case=case,
        person=person,
        reference=queries.reference(case),
        version=draft,
        live=live,
        plan=service.plan_of(case.id),
        ask=ask,
        typed=typed,
        errors=errors,
        products=[(p.key, p.name) for p in PRODUCTS.values()],
        concerns=service.concerns(draft, case) if draft else (),
        released={c["code"] for c in draft.concerns if c.get("released_by")} if draft else set(),
        touchpoints=queries.touchpoints(draft, case, _today()) if draft else (),
        check_ins=queries.check_in_days(draft) if draft else {},
        slots=queries.slot_names(len(ask.regimen) or 3),
        pieces=queries.pieces,
        goals=goals,
        therapies=therapies,
        was=editing.written(editing.cells(draft)) if draft else "",
        checklist=draft.checklist if draft else {},
        emails=queries.emails(case),
        care_missing=care_plan.missing(case, care_plan.of(case)),
        may_sign=current_actor().role is Role.PRESCRIBER,
        day=date.fromisoformat,
        today=_today(),
    )
    return page, status


def _first_ask(case: Case, live: PlanVersion | None) -> plans.Ask:
    start = _today() + timedelta(days=1)
    if live is not None:
        return changes.ask_from_here(live, today=_today(), starts_on=start)
    return plans.Ask(product="oxycodone_er", regimen=(), start_date=start, goal=Decimal(0))


@bp.post("/cases/<id:case_id>/taper")
@requires(*CARE, rule="case")
def draft(case_id: int) -> ResponseReturnValue:
    """Save the draft: rebuild from the generator, keep the edited grid, apply a fix, or save the checklist."""
    case = cases.readable(current_actor(), case_id)
    action = request.form.get("action", "rebuild")
    try:
        with transaction():
            case = cases.readable(current_actor(), case_id)
            known = queries.draft_of(case_id)
            form, clash = editing.meet(known, request.form, action)
            if clash is not None:
                return _clash_page(case_id, action, clash)
            ask, checklist = _asked(known, action, form)
            change = "start" if queries.live_of(case_id) is None else "revise"
            service.draft(case, ask, checklist, change=change, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        errors = wrong.fields or {"regimen": wrong.message}
        return _builder_page(cases.readable(current_actor(), case_id), errors, request.form, 422)
    return redirect(url_for(".builder", case_id=case_id))


@bp.post("/cases/<id:case_id>/taper/reach")
@requires(*CARE, rule="case")
def reach(case_id: int) -> ResponseReturnValue:
    """Confirm the email address for reminders, with the person's yes and the birth date that opens its links."""
    case = cases.readable(current_actor(), case_id)
    try:
        said = forms.read_reach(request.form, today=_today(), born_known=queries.person(case).born_on is not None)
        with transaction():
            case = cases.readable(current_actor(), case_id)
            service.reach(
                case, email=said.email, born_on=said.born_on, hour=said.hour, actor=current_actor(), now=utcnow()
            )
    except RuleBroken as wrong:
        errors = wrong.fields or {"email": wrong.message}
        return _builder_page(cases.readable(current_actor(), case_id), errors, request.form, 422)
    return redirect(url_for(".builder", case_id=case_id))


def _clash_page(case_id: int, action: str, clash: editing.Clash) -> ResponseReturnValue:
    """Both values of every field that two people changed, a pick for each, one save."""
    url = url_for(".builder", case_id=case_id)
    page = render_template(
        "system/409.html",
        sentence=clash.sentence,
        conflicts=clash.picks,
        again=clash.kept,
        version=clash.version,
        action=url,
        current_url=url,
    )
    return page, 409


def _asked(known: PlanVersion | None, action: str, form: MultiDict[str, str]) -> tuple[plans.Ask, service.Checklist]:
    kept = _checklist_of(known)
    ask = plans.ask_of(known.request) if known else None
    if action == "rebuild" or ask is None:
        return forms.read_ask(form, today=_today()), kept
    if action == "grid":
        return forms.read_grid(form, ask), kept
    if action == "fix":
        return forms.fixed(ask, form.get("fix", "")), kept
    return ask, forms.read_checklist(form, today=_today())


def _checklist_of(version: PlanVersion | None) -> service.Checklist:
    if version is None:
        return service.Checklist()
    stored = version.checklist
    goals, therapies = queries.opened_words(version)

    def day(key: str) -> date | None:
        return date.fromisoformat(stored[key]) if stored.get(key) else None

    return service.Checklist(
        naloxone=stored.get("naloxone", ""),
        moud=stored.get("moud", ""),
        pdmp_checked_on=day("pdmp_checked_on"),
        goals=goals,
        agreed=bool(stored.get("agreed")),
        risks_discussed=bool(stored.get("risks_discussed")),
        follow_up_on=day("follow_up_on"),
        setting=stored.get("setting", "outpatient"),
        standing_approval=version.standing_approval,
        co_therapies=therapies,
    )


@bp.post("/tapers/<id:plan_id>/v/<int:n>/sign")
@requires(Role.PRESCRIBER, rule="case")
@login.fresh_code
def sign(plan_id: int, n: int) -> ResponseReturnValue:
    """Sign a plan; its reminders are owed from this moment."""
    reasons = {k.removeprefix("reason:"): v[:1000] for k, v in request.form.items() if k.startswith("reason:")}
    agreed = request.form.get("agreed") == "yes"
    version, _, case = queries.version_of(current_actor(), plan_id, n)
    try:
        with transaction():
            version, _, case = queries.version_of(current_actor(), plan_id, n)
            editing.seen(version, request.form)
            if agreed and not version.checklist.get("agreed"):
                version.checklist = {**version.checklist, "agreed": True}
            service.sign(version.id, service.Signing(reasons), actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        errors = {f"reason:{k}": v for k, v in wrong.fields.items()} or {"sign": wrong.message}
        return _builder_page(cases.readable(current_actor(), case.id), errors, request.form, 422)
    flash("Signed. Reminders are on their way from now on.")
    return redirect(url_for(".show", plan_id=plan_id, n=n))


@bp.post("/tapers/<id:plan_id>/v/<int:n>/ask")
@requires(*CARE, rule="case")
def ask(plan_id: int, n: int) -> ResponseReturnValue:
    """Lay a draft before the prescribers."""
    with transaction():
        version, _, case = queries.version_of(current_actor(), plan_id, n)
        editing.seen(version, request.form)
        service.ask_signature(version.id, actor=current_actor(), now=utcnow())
        case_id = case.id
    flash("The prescribers were asked. Editing the draft takes it back.")
    return redirect(url_for(".builder", case_id=case_id))


@bp.post("/tapers/<id:plan_id>/v/<int:n>/back")
@requires(Role.PRESCRIBER, rule="case")
def back(plan_id: int, n: int) -> ResponseReturnValue:
    """A prescriber returns a version that waits for a signature, with the reason."""
    version, _, case = queries.version_of(current_actor(), plan_id, n)
    try:
        with transaction():
            reason = request.form.get("back", "")[:1000]
            service.send_back(version.id, reason=reason, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _builder_page(cases.readable(current_actor(), case.id), wrong.fields, request.form, 422)
    flash("Sent back. It is a draft again.")
    return redirect(url_for(".builder", case_id=case.id))


@bp.post("/tapers/<id:plan_id>/v/<int:n>/release")
@requires(Role.PRESCRIBER, rule="case")
@login.fresh_code
def release(plan_id: int, n: int) -> ResponseReturnValue:
    """A second prescriber releases one hard stop, with a reason."""
    with transaction():
        version, _, case = queries.version_of(current_actor(), plan_id, n)
        service.release_hard_stop(
            version.id,
            request.form.get("code", ""),
            request.form.get("reason", "")[:1000],
            actor=current_actor(),
            now=utcnow(),
        )
        case_id = case.id
    return redirect(url_for(".builder", case_id=case_id))


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
        therapies=therapies,
        errors=errors,
        typed=request.form,
        pause_reasons_named=[(r, r.replace("_", " ").capitalize()) for r in forms.PAUSE_REASONS],
        stop_reasons_named=[(r, r.replace("_", " ").capitalize()) for r in forms.STOP_REASONS],
        review_default=_today() + timedelta(days=int(settings.value(case.site_id, "pause_review_days"))),
        day=date.fromisoformat,
        today=_today(),
    )
    return page, status


@bp.post("/tapers/<id:plan_id>/v/<int:n>/pause")
@requires(*CARE, rule="case")
def pause(plan_id: int, n: int) -> ResponseReturnValue:
    """Pause at the dose reached; any clinician, no signature."""
    try:
        reason, words, review_by, agreed_by = forms.read_pause(request.form, today=_today())
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
        ask = changes.ask_from_here(version, today=_today(), starts_on=_today() + timedelta(days=1))
        kept = replace(_checklist_of(version), agreed=False, follow_up_on=None)
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
            changes.clear_hold(held.id, reason=request.form.get("seen", ""), actor=current_actor(), now=utcnow())
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
        rows=queries.difference(old, new),
        versions=queries.versions(plan.id),
    )


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
