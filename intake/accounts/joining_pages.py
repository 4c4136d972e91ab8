"""Pages behind mailed links: accept an invitation, choose a new password."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from intake.accounts import joining, second_step
from intake.accounts.kinds import INVITATION, RESET
from intake.accounts.routes import address, begin, bp, browser, minutes, slow_down
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing, RuleBroken
from intake.guard import current_link, public, signed
from intake.limits import limiter


@bp.route("/sign-in/recover", methods=["GET", "POST"])
@public()
@limiter.limit("20/minute", methods=["POST"])
def recover() -> ResponseReturnValue:
    """Ask for a link to choose a new password; the same answer for a known and an unknown email."""
    if request.method != "POST":
        return render_template("accounts/recover.html", errors={}, email="", sent=False)
    email = request.form.get("email", "")[:254]
    if "@" not in email:
        errors = {"email": "Enter your work email, like name@example.com"}
        return render_template("accounts/recover.html", errors=errors, email=email, sent=False), 422
    with transaction():
        wait = joining.ask_reset(email, address=address(), now=utcnow())
    if wait:
        errors = {"email": f"That was too often. Wait {minutes(wait)}, then try again."}
        return slow_down(render_template("accounts/recover.html", errors=errors, email=email, sent=False), wait)
    return render_template("accounts/recover.html", errors={}, email="", sent=True)


@bp.get("/sign-in/invitation/<token>")
@signed(INVITATION)
def invitation(token: str) -> ResponseReturnValue:
    """The mailed link; the guard moves its secret out of the address."""
    return redirect(url_for(".invitation_open"))


@bp.route("/sign-in/invitation", methods=["GET", "POST"])
@signed(INVITATION)
@limiter.limit("30/minute", methods=["POST"])
def invitation_open() -> ResponseReturnValue:
    """Choose a password; the second step follows before anything is seen."""
    if request.method != "POST":
        return render_template("accounts/new_password.html", errors={}, first=True)
    link_id = current_link().id
    try:
        with transaction():
            found = joining.accept(link_id, password=_password(), browser=browser(), now=utcnow())
    except RuleBroken as wrong:
        return render_template("accounts/new_password.html", errors=wrong.fields, first=True), 422
    except Missing as gone:
        return _gone(gone, f"link:{INVITATION}")
    return begin(found.secret, needs_code=found.needs_code, enrolled=found.enrolled, offer=second_step.offer())


@bp.get("/sign-in/new-password/<token>")
@signed(RESET)
def new_password(token: str) -> ResponseReturnValue:
    """The mailed link; the guard moves its secret out of the address."""
    return redirect(url_for(".new_password_open"))


@bp.route("/sign-in/new-password", methods=["GET", "POST"])
@signed(RESET)
@limiter.limit("30/minute", methods=["POST"])
def new_password_open() -> ResponseReturnValue:
    """Choose a new password; every session of the account ends, and the second step is still asked."""
    if request.method != "POST":
        return render_template("accounts/new_password.html", errors={}, first=False)
    link_id = current_link().id
    try:
        with transaction():
            joining.reset(link_id, password=_password(), now=utcnow())
    except RuleBroken as wrong:
        return render_template("accounts/new_password.html", errors=wrong.fields, first=False), 422
    except Missing as gone:
        return _gone(gone, f"link:{RESET}")
    session.clear()
    flash("Your password is changed. Sign in with it now.")
    return redirect(url_for(".sign_in"))


def _gone(gone: Missing, kept: str) -> ResponseReturnValue:
    session.pop(kept, None)
    flash(gone.message, "error")
    return redirect(url_for(".sign_in"))


def _password() -> str:
    return request.form.get("password", "")
