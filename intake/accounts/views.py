"""Sign-in pages: password, then code; the first time the code is set up."""

from __future__ import annotations

import io

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from intake.accounts import login, service
from intake.actor import Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing
from intake.guard import current_actor, public, requires
from intake.limits import limiter
from intake.settings import queries as settings

bp = Blueprint("accounts", __name__)

HALF = "half"
OFFERED = "offered"


def own_path(target: str) -> str:
    """The path to go on to: only one of our own, else the inbox."""
    plain = target.replace("\\", "/")
    bad = not plain.startswith("/") or plain.startswith("//") or any(ord(c) < 33 for c in plain) or len(plain) > 500
    return url_for("accounts.home") if bad else plain


@bp.get("/desk")
@requires(*Role)
def home() -> ResponseReturnValue:
    """Where each role starts its day."""
    return redirect("/audit" if current_actor().role is Role.PRIVACY else "/inbox")


@bp.route("/sign-in", methods=["GET", "POST"])
@public()
@limiter.limit("30/minute", methods=["POST"])
def sign_in() -> ResponseReturnValue:
    """Ask for email and password; the same answer for an unknown person and a wrong password."""
    onward = request.values.get("next", "")
    if request.method != "POST":
        return render_template("accounts/sign_in.html", errors={}, email="", onward=onward)
    email = request.form.get("email", "")
    with transaction():
        found = service.sign_in(
            email, request.form.get("password", ""), browser=request.user_agent.string, now=utcnow()
        )
    if found is None:
        errors = {"email": service.WRONG}
        return render_template("accounts/sign_in.html", errors=errors, email=email[:254], onward=onward), 422
    session.clear()
    session["next"] = onward
    if not found.needs_code:
        return _enter(found.secret)
    session[HALF] = found.secret
    if not found.enrolled:
        session[OFFERED] = service.offer_totp()
    return redirect(url_for(".code" if found.enrolled else ".enrol"))


@bp.route("/sign-in/code", methods=["GET", "POST"])
@public()
@limiter.limit("30/minute", methods=["POST"])
def code() -> ResponseReturnValue:
    """Ask for the code of the authenticator app, or a recovery code."""
    if HALF not in session:
        return redirect(url_for(".sign_in"))
    return _code_page("accounts/code.html", offered="")


@bp.route("/sign-in/set-up", methods=["GET", "POST"])
@public()
@limiter.limit("30/minute", methods=["POST"])
def enrol() -> ResponseReturnValue:
    """Set up the second step at the first sign-in."""
    if HALF not in session or OFFERED not in session:
        return redirect(url_for(".sign_in"))
    return _code_page("accounts/enrol.html", offered=session[OFFERED])


def _code_page(template: str, *, offered: str) -> ResponseReturnValue:
    if request.method != "POST":
        return render_template(template, errors={}, **_picture(offered))
    try:
        with transaction():
            done = service.confirm_code(
                session[HALF],
                request.form.get("code", ""),
                offered=offered,
                browser=request.user_agent.string,
                now=utcnow(),
            )
    except Missing as gone:
        session.clear()
        flash(gone.message, "error")
        return redirect(url_for(".sign_in"))
    if done is None:
        return render_template(template, errors={"code": service.WRONG_CODE}, **_picture(offered)), 422
    secret, codes = done
    answer = _enter(secret)
    if codes:
        return render_template("accounts/recovery_codes.html", codes=codes, onward=own_path(session.pop("next", "")))
    return answer


def _picture(offered: str) -> dict[str, object]:
    if not offered:
        return {}
    return {"secret": " ".join(offered[i : i + 4] for i in range(0, len(offered), 4))}


@bp.get("/sign-in/set-up.svg")
@public()
def enrol_picture() -> ResponseReturnValue:
    """The QR picture of the key that is being set up in this browser."""
    if OFFERED not in session:
        raise Missing("There is nothing to set up.")
    address = service.totp_address(session[OFFERED], email="staff", center=settings.the_site().discreet_name)
    picture = io.BytesIO()
    segno.make(address).save(picture, kind="svg", scale=4, border=2)
    return Response(picture.getvalue(), mimetype="image/svg+xml")


def _enter(secret: str) -> ResponseReturnValue:
    onward = own_path(session.pop("next", ""))
    session.clear()
    session["next"] = onward
    found = login.load(secret)
    if found is None:
        return redirect(url_for(".sign_in"))
    login_user(found)
    return redirect(onward)


@bp.post("/sign-out")
@public()
def sign_out() -> ResponseReturnValue:
    """End this browser's session and clear what the browser keeps."""
    user = current_user._get_current_object()
    if isinstance(user, login.User):
        with transaction():
            service.sign_out(user.secret, now=utcnow())
    logout_user()
    session.clear()
    answer = redirect(url_for(".sign_in"))
    answer.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return answer


@bp.post("/settings/keys")
@requires(*Role, rule="self")
def keys() -> ResponseReturnValue:
    """Switch keyboard shortcuts on or off for oneself."""
    off = request.form.get("keys") == "off"
    with transaction():
        service.set_keys(off=off, actor=current_actor())
    return redirect(own_path(request.form.get("next", "")))
