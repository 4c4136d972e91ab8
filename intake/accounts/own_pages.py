"""One's own account: sessions, password, recovery codes, keys."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from intake.accounts import login, passkeys, queries, second_step, service, sessions
from intake.accounts.routes import bp, browser, minutes, own_path, slow_down
from intake.actor import Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import RuleBroken
from intake.guard import current_actor, requires


@bp.get("/account")
@requires(*Role, rule="self")
def account() -> ResponseReturnValue:
    """One's own sessions, and the ways to change password and recovery codes."""
    return _account_page({})


def _account_page(errors: dict[str, str]) -> str:
    actor, found = current_actor(), login.user()
    return render_template(
        "accounts/account.html",
        errors=errors,
        sessions=queries.living_sessions(actor),
        this=found.session.id if found else 0,
        email=found.staff.email if found else "",
        passkeys=passkeys.own(actor),
        codes_left=second_step.codes_left(actor.id),
    )


@bp.post("/account/sessions/<id:session_id>/end")
@requires(*Role, rule="self")
def end_session(session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    with transaction():
        sessions.end_own(session_id, actor=current_actor(), now=utcnow())
    flash("That session is ended.")
    return redirect(url_for(".account"))


@bp.post("/account/password")
@requires(*Role, rule="self")
def change_password() -> ResponseReturnValue:
    """Change one's own password; all other sessions end."""
    found = login.user()
    if found is None:
        return redirect(url_for(".sign_in"))
    try:
        with transaction():
            fresh = service.change_password(
                found.secret,
                now_password=request.form.get("now_password", ""),
                new_password=request.form.get("password", ""),
                browser=browser(),
                now=utcnow(),
            )
    except RuleBroken as wrong:
        return _account_page(wrong.fields), 422
    if isinstance(fresh, service.Refused):
        if not fresh.wait:
            return _account_page({"now_password": service.WRONG_NOW}), 422
        words = f"That was too often. Wait {minutes(fresh.wait)}, then try again."
        return slow_down(_account_page({"now_password": words}), fresh.wait)
    session.clear()
    signed_in = login.load(fresh)
    if signed_in is not None:
        login_user(signed_in)
    flash("Your password is changed. Other sessions are ended.")
    return redirect(url_for(".account"))


@bp.post("/account/recovery-codes")
@requires(*Role, rule="self")
@login.fresh_code
def recovery_codes() -> ResponseReturnValue:
    """Ten new recovery codes; the older ones end."""
    with transaction():
        codes = service.new_recovery_codes(actor=current_actor(), now=utcnow())
    return render_template("accounts/recovery_codes.html", codes=codes, onward=url_for(".account"))


@bp.get("/settings/keys")
@requires(*Role, rule="self")
def keys_page() -> ResponseReturnValue:
    """Which keys there are, and the switch for them."""
    found = login.user()
    return render_template("accounts/keys.html", keys_off=bool(found and found.staff.keys_off))


@bp.post("/settings/keys")
@requires(*Role, rule="self")
def keys() -> ResponseReturnValue:
    """Switch keyboard shortcuts on or off for oneself."""
    off = request.form.get("keys") == "off"
    with transaction():
        service.set_keys(off=off, actor=current_actor())
    return redirect(own_path(request.form.get("next", "")))
