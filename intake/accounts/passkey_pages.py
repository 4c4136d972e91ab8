"""Pages of passkeys: use one as the second step of signing in; make, list and remove one's own."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from intake.accounts import login, passkeys
from intake.accounts.routes import HALF, bp, browser, device, enter, keep_device
from intake.actor import Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing, RuleBroken
from intake.guard import current_actor, public, requires
from intake.limits import limiter


@bp.post("/sign-in/passkey")
@public()
@limiter.limit("30/minute", methods=["POST"])
def use_passkey() -> ResponseReturnValue:
    """Ask the browser for a passkey, and take what it answers."""
    if HALF not in session:
        return redirect(url_for(".sign_in"))
    answer = request.form.get("answer", "")
    try:
        if not answer:
            return _ask("")
        with transaction():
            done = passkeys.confirm(session[HALF], answer, browser=browser(), device=device(), now=utcnow())
        if done is None:
            return _ask("That passkey did not work. Try again, or use a code."), 422
    except Missing as gone:
        flash(gone.message, "error")
        return redirect(url_for(".code"))
    return keep_device(make_response(redirect(enter(done.secret))), done.device)


def _ask(error: str) -> str:
    with transaction():
        options = passkeys.offer_use(session[HALF], now=utcnow())
    errors = {"passkey": error} if error else {}
    return render_template("accounts/use_passkey.html", options=options, errors=errors)


@bp.post("/account/passkeys/new")
@requires(*Role, rule="self")
@login.fresh_code
def new_passkey() -> ResponseReturnValue:
    """A page on which the browser makes a passkey."""
    found = login.user()
    if found is None:
        return redirect(url_for(".sign_in"))
    with transaction():
        options = passkeys.offer_new(found.secret)
    name = request.form.get("name", "").replace("\x00", "")[: passkeys.LONGEST_NAME]
    return render_template("accounts/new_passkey.html", options=options, name=name)


@bp.post("/account/passkeys")
@requires(*Role, rule="self")
@login.fresh_code
def add_passkey() -> ResponseReturnValue:
    """Keep the passkey that the browser made."""
    found = login.user()
    if found is None:
        return redirect(url_for(".sign_in"))
    name = request.form.get("name", "").replace("\x00", "")
    try:
        with transaction():
            passkeys.add(found.secret, request.form.get("answer", ""), name=name, now=utcnow())
    except RuleBroken as wrong:
        flash(wrong.message, "error")
    else:
        flash("Your passkey is ready. You can use it instead of a code.")
    return redirect(url_for(".account"))


@bp.post("/account/passkeys/<id:passkey_id>/remove")
@requires(*Role, rule="self")
@login.fresh_code
def remove_passkey(passkey_id: int) -> ResponseReturnValue:
    """Forget one of one's own passkeys."""
    with transaction():
        passkeys.remove(passkey_id, actor=current_actor(), now=utcnow())
    flash("That passkey is removed.")
    return redirect(url_for(".account"))
