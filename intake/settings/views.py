"""Settings: the center, targets and limits, rules, medicines, and what is fixed. Users and keys stand in accounts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from intake.actor import Role
from intake.clinical import factors, plan_flags, routing, selfcheck
from intake.clinical.products import PRODUCTS, VERSION
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import RuleBroken
from intake.guard import current_actor, requires
from intake.settings import education, forms, queries, service, zones
from intake.settings.editable import EDITABLE, FIXED

bp = Blueprint("settings", __name__)


@bp.get("/settings/")
@requires(*Role, rule="self")
def index() -> ResponseReturnValue:
    """Administrators begin with the center, everybody else with their keys."""
    return redirect(url_for(".center") if current_actor().role is Role.ADMIN else url_for("accounts.keys_page"))


@bp.get("/settings/center")
@requires(Role.ADMIN)
def center() -> ResponseReturnValue:
    """What the center is called, inside and on calls and emails."""
    row = queries.site(current_actor().site_id)
    typed = {
        "name": row.name, "discreet_name": row.discreet_name, "aliases": "\n".join(map(str, row.aliases)),
        "phone": row.phone, "email_from": row.email_from, "time_zone": row.time_zone, "leave_url": row.leave_url,
    }  # fmt: skip
    return _center_page(typed, {}, row.version)


def _center_page(typed: dict[str, Any], errors: dict[str, str], version: int) -> str:
    return render_template(
        "settings/center.html",
        typed=typed,
        errors=errors,
        version=version,
        zones=zones.choices(typed.get("time_zone", "")),
    )


@bp.post("/settings/center")
@requires(Role.ADMIN)
def save_center() -> ResponseReturnValue:
    """Save the center; a change made meanwhile by somebody else is not overwritten."""
    version = request.form.get("version", 0, type=int)
    try:
        asked = forms.read_center(request.form)
        with transaction():
            changed = service.change_site(asked, version=version, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _center_page(request.form.to_dict(), wrong.fields, version), 422
    flash("Saved." if changed else "Nothing was changed.")
    return redirect(url_for(".center"))


@bp.get("/settings/targets")
@requires(Role.ADMIN)
def targets() -> ResponseReturnValue:
    """Targets and limits in force, and who approved the latest changes."""
    return _targets_page({}, {}, [])


def _targets_page(typed: dict[str, Any], errors: dict[str, str], preview: list[tuple[str, str, str]]) -> str:
    site_id = current_actor().site_id
    return render_template(
        "settings/targets.html",
        groups=list(dict.fromkeys(e.group for e in EDITABLE)),
        editable=EDITABLE,
        now_values=queries.editable_values(site_id),
        typed=typed,
        errors=errors,
        preview=preview,
        history=queries.history(site_id),
        seen=typed.get("seen") or queries.newest_change(site_id),
    )


@bp.post("/settings/targets")
@requires(Role.ADMIN)
def save_targets() -> ResponseReturnValue:
    """Show what would change, then put it in force from now on with its approver."""
    typed, site_id = request.form.to_dict(), current_actor().site_id
    try:
        asked = forms.read_values(request.form)
    except RuleBroken as wrong:
        return _targets_page(typed, wrong.fields, []), 422
    changes = queries.differences(site_id, asked.values)
    if not changes:
        flash("Nothing was changed.")
        return redirect(url_for(".targets"))
    if request.form.get("confirm") != "yes":
        return _targets_page(typed, {}, changes)
    checked = selfcheck.run()
    if not checked.ok:
        raise RuleBroken(
            f"The self-check of the rules does not pass: {', '.join(checked.failures[:3])}.", code="SELFCHECK"
        )
    with transaction():
        seen = request.form.get("seen", "")[:30]
        service.change_many(asked.values, seen=seen, approver=asked.approver, actor=current_actor(), now=utcnow())
    flash("In force from now on.")
    return redirect(url_for(".targets"))


@bp.get("/settings/rules")
@requires(Role.ADMIN)
def rules() -> ResponseReturnValue:
    """The routing rules in force: number, approver, words, and what a rule set changed."""
    number, current = queries.rule_set(current_actor().site_id)
    coded = {rule.id: rule for rule in routing.DEFAULT.rules}
    off = [rule for rule in routing.DEFAULT.rules if rule.id not in {r.id for r in current.rules}]
    return render_template(
        "settings/rules.html",
        number=number,
        current=current,
        coded=coded,
        off=off,
        checked=selfcheck.run(),
        history=queries.rule_sets(current_actor().site_id),
    )


@bp.get("/settings/medicines")
@requires(Role.ADMIN)
def medicines() -> ResponseReturnValue:
    """Strengths and factors that doses are computed with; they change with a release, never on a page."""
    return render_template(
        "settings/medicines.html",
        products=sorted(PRODUCTS.values(), key=lambda p: p.name),
        version=VERSION,
        tables=factors.FACTOR_TABLES,
        sources=factors.TABLE_SOURCES,
    )


@bp.get("/settings/fixed")
@requires(Role.ADMIN)
def fixed() -> ResponseReturnValue:
    """What nobody can turn off."""
    hard = [(code, words) for code, words, _ in plan_flags.PLAN_FLAGS if code.startswith("HARD_")]
    protected = [rule for rule in routing.DEFAULT.rules if rule.is_protected]
    return render_template("settings/fixed.html", fixed=FIXED, hard=hard, protected=protected)


@bp.get("/settings/education")
@requires(Role.ADMIN)
def education_page() -> ResponseReturnValue:
    """The texts for patients: words, source, and whether a named reviewer holds them right."""
    return _education_page({}, {})


def _education_page(typed: dict[str, Any], errors: dict[str, str]) -> str:
    site = queries.site(current_actor().site_id)
    now = utcnow()
    shown = typed.get("topic") or request.args.get("topic", "")
    return render_template(
        "settings/education.html",
        shelf=queries.shelf(site.id, now),
        topics=education.TOPICS,
        topic=shown if shown in education.TOPICS else education.TOPICS[0],
        typed=typed,
        errors=errors,
        today=now.astimezone(queries.zone(site)).date(),
    )


@bp.post("/settings/education")
@requires(Role.ADMIN)
def save_education() -> ResponseReturnValue:
    """Enter a review, or take it back."""
    typed = request.form.to_dict()
    today = utcnow().astimezone(queries.zone(queries.site(current_actor().site_id))).date()
    topic, locale = typed.get("topic", ""), typed.get("locale", "")
    try:
        with transaction():
            if typed.get("do") == "withdraw":
                service.withdraw_review(topic, locale, actor=current_actor(), now=utcnow())
            else:
                asked = forms.read_review(request.form, today=today)
                service.review_text(asked, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _education_page(typed, wrong.fields), 422
    flash("Taken back. It is neither shown nor sent." if typed.get("do") == "withdraw" else "Reviewed and in use.")
    return redirect(url_for(".education_page", topic=topic))
