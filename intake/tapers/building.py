"""The builder: draft, reminders by email, signature, release of a hard stop."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import flash, redirect, render_template, request, url_for
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
from intake.errors import RuleBroken
from intake.guard import current_actor, requires
from intake.tapers import changes, compared, editing, forms, plans, queries, service, signing
from intake.tapers.models import PlanVersion
from intake.tapers.routes import bp, today


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
    touchpoints = queries.touchpoints(draft, case, queries.day_of(case, utcnow())) if draft else ()
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
        touchpoints=touchpoints,
        mails=compared.days(queries.owed_days(live), [p.date for p in touchpoints], date.min) if live else None,
        supplies=[point.date for point in touchpoints if "REFILL" in point.kinds],
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
        today=today(),
    )
    return page, status


def _first_ask(case: Case, live: PlanVersion | None) -> plans.Ask:
    start = today() + timedelta(days=1)
    if live is not None:
        return changes.ask_from_here(live, today=today(), starts_on=start)
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
        said = forms.read_reach(request.form, today=today(), born_known=queries.person(case).born_on is not None)
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
    kept = service.checklist_of(known)
    ask = plans.ask_of(known.request) if known else None
    if action == "rebuild" or ask is None:
        return forms.read_ask(form, today=today()), kept
    if action == "grid":
        return forms.read_grid(form, ask), kept
    if action == "fix":
        return forms.fixed(ask, form.get("fix", "")), kept
    return ask, forms.read_checklist(form, today=today())


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
            signing.sign(version.id, signing.Signing(reasons, agreed), actor=current_actor(), now=utcnow())
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
        signing.ask_signature(version.id, actor=current_actor(), now=utcnow())
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
            signing.send_back(version.id, reason=reason, actor=current_actor(), now=utcnow())
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
        signing.release_hard_stop(
            version.id,
            request.form.get("code", ""),
            request.form.get("reason", "")[:1000],
            actor=current_actor(),
            now=utcnow(),
        )
        case_id = case.id
    return redirect(url_for(".builder", case_id=case_id))
