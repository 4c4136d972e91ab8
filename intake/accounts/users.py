"""Settings, users: who works here, with which role; invite, change, switch off."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from intake.accounts import forms, joining, leaving, queries
from intake.accounts.once import once
from intake.accounts.routes import bp
from intake.actor import STAFF, Role
from intake.clock import utcnow
from intake.db import id_text, transaction
from intake.errors import RuleBroken
from intake.guard import current_actor, requires

ROLES = [(role.value, role.value.replace("_", " ").capitalize()) for role in Role]


@bp.get("/settings/users")
@requires(Role.ADMIN)
def users() -> ResponseReturnValue:
    """Everybody, with role, second step, last sign-in and state; filters stand in the address."""
    return _users_page({}, {})


def _users_page(errors: dict[str, str], typed: dict[str, Any]) -> str:
    everybody = queries.members(current_actor().site_id)
    role, state = request.args.get("role", ""), request.args.get("state", "")
    text = request.args.get("f", "")[:100].lower()
    shown = [
        m
        for m in everybody
        if (not role or m.role.value == role)
        and (not state or state == m.state or (state == "no_second_step" and not m.second_step and m.state != "off"))
        and (text in m.name.lower() or text in m.email)
    ]
    return render_template(
        "accounts/users.html",
        errors=errors,
        typed=typed,
        everybody=everybody,
        members=shown,
        role=role,
        state=state,
        text=text,
        roles=ROLES,
        now=utcnow(),
        hours=joining.INVITATION_HOURS,
    )


@bp.post("/settings/users")
@requires(Role.ADMIN)
@once
def invite() -> ResponseReturnValue:
    """Invite somebody by email."""
    try:
        asked = forms.read_invited(request.form)
        with transaction():
            joining.invite(email=asked.email, name=asked.name, role=asked.role, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _users_page(wrong.fields, request.form.to_dict()), 422
    flash(f"The invitation to {asked.email} is on its way.")
    return redirect(url_for(".users"))


@bp.get("/settings/users/<id:staff_id>")
@requires(Role.ADMIN, rule="center")
def user(staff_id: int) -> ResponseReturnValue:
    """One user: role, a fresh invitation, switch off with a successor."""
    return _user_page(staff_id, {})


def _user_page(staff_id: int, errors: dict[str, str]) -> str:
    member = queries.member(staff_id, current_actor())
    return render_template(
        "accounts/user.html",
        member=member,
        errors=errors,
        roles=ROLES,
        successors_named=[
            (id_text(i), n) for i, n in queries.successors(staff_id, current_actor().site_id, tuple(STAFF))
        ],
        own=member.id == current_actor().id,
    )


@bp.post("/settings/users/<id:staff_id>/role")
@requires(Role.ADMIN, rule="center")
def change_role(staff_id: int) -> ResponseReturnValue:
    """Give somebody another role; it holds from their next request."""
    queries.member(staff_id, current_actor())
    try:
        role = forms.read_role(request.form)
        with transaction():
            leaving.change_role(staff_id, role, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _user_page(staff_id, wrong.fields or {"role": wrong.message}), 422
    flash("The role is changed. They sign in again.")
    return redirect(url_for(".user", staff_id=staff_id))


@bp.post("/settings/users/<id:staff_id>/off")
@requires(Role.ADMIN, rule="center")
def switch_off(staff_id: int) -> ResponseReturnValue:
    """Switch an account off at once, and hand its work over."""
    queries.member(staff_id, current_actor())
    try:
        to_id = forms.read_successor(request.form)
        with transaction():
            given = leaving.switch_off(staff_id, to_id=to_id, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _user_page(staff_id, wrong.fields or {"to": wrong.message}), 422
    flash(
        f"Switched off. Given back: {given['tasks']} tasks, {given.get('queues', 0)} claims. "
        f"Handed over: {given.get('cases', 0)} cases."
    )
    return redirect(url_for(".user", staff_id=staff_id))


@bp.post("/settings/users/<id:staff_id>/on")
@requires(Role.ADMIN, rule="center")
def switch_on(staff_id: int) -> ResponseReturnValue:
    """Switch an account on again, with a fresh invitation."""
    with transaction():
        leaving.switch_on(staff_id, actor=current_actor(), now=utcnow())
    flash("Switched on. A fresh invitation is on its way.")
    return redirect(url_for(".user", staff_id=staff_id))


@bp.post("/settings/users/<id:staff_id>/invite")
@requires(Role.ADMIN, rule="center")
def invite_again(staff_id: int) -> ResponseReturnValue:
    """Send a fresh invitation: password and second step start anew."""
    try:
        with transaction():
            staff = leaving.other_of_site(staff_id, current_actor())
            joining.invite_again(staff, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _user_page(staff_id, {"invite": wrong.message}), 422
    flash("A fresh invitation is on its way.")
    return redirect(url_for(".user", staff_id=staff_id))
