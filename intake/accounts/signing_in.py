"""Sign-in pages: password, then code; the first time the code is set up."""

from __future__ import annotations

import io

import segno
from flask import Response, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from intake.accounts import login, passkeys, second_step, service, sessions
from intake.accounts.routes import (
    HALF,
    OFFERED,
    address,
    begin,
    bp,
    browser,
    device,
    enter,
    keep_device,
    minutes,
    own_path,
    slow_down,
)
from intake.actor import Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing
from intake.guard import current_actor, public, requires
from intake.limits import limiter
from intake.settings import queries as settings


@bp.get("/desk")
@requires(*Role, rule="self")
def home() -> ResponseReturnValue:
    """Where each role starts its day."""
    starts = {Role.PRIVACY: "/audit", Role.ADMIN: "/settings/"}
    return redirect(starts.get(current_actor().role, "/inbox"))


@bp.route("/sign-in", methods=["GET", "POST"])
@public()
@limiter.limit("60/minute", methods=["POST"])
def sign_in() -> ResponseReturnValue:
    """Ask for email and password; the same answer for an unknown person and a wrong password."""
    onward = request.values.get("next", "")[:600]
    if request.method != "POST":
        return render_template("accounts/sign_in.html", errors={}, email="", onward=onward)
    email = request.form.get("email", "")[:254]
    with transaction():
        found = service.sign_in(
            email,
            request.form.get("password", ""),
            browser=browser(),
            address=address(),
            device=device(),
            now=utcnow(),
        )
    if isinstance(found, service.Refused):
        return _refused(found, email, onward)
    session["next"] = onward
    offer = "" if found.enrolled else second_step.offer()
    return begin(found.secret, needs_code=found.needs_code, enrolled=found.enrolled, offer=offer)


def _refused(found: service.Refused, email: str, onward: str) -> ResponseReturnValue:
    words = service.WRONG
    if found.wait:
        words = f"That was too often. Wait {minutes(found.wait)}, then try again."
    page = render_template("accounts/sign_in.html", errors={"email": words}, email=email, onward=onward)
    return slow_down(page, found.wait) if found.wait else (page, 422)


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
                request.form.get("code", "")[:40],
                offered=offered,
                browser=browser(),
                device=device(),
                now=utcnow(),
            )
    except Missing as gone:
        session.clear()
        flash(gone.message, "error")
        return redirect(url_for(".sign_in"))
    if done is None:
        return render_template(template, errors={"code": service.WRONG_CODE}, **_picture(offered)), 422
    onward = enter(done.secret)
    page = render_template("accounts/recovery_codes.html", codes=done.codes, onward=onward) if done.codes else None
    return keep_device(make_response(page or redirect(onward)), done.device)


def _picture(offered: str) -> dict[str, object]:
    if not offered:
        return {"has_passkey": _has_passkey()}
    return {"secret": " ".join(offered[i : i + 4] for i in range(0, len(offered), 4))}


def _has_passkey() -> bool:
    try:
        with transaction():
            _, staff = sessions.half(session[HALF], utcnow())
            return passkeys.has_any(staff.id)
    except Missing:
        return False


@bp.get("/sign-in/set-up.svg")
@public()
def enrol_picture() -> ResponseReturnValue:
    """The QR picture of the key that is being set up in this browser."""
    if OFFERED not in session or HALF not in session:
        raise Missing("There is nothing to set up.")
    with transaction():
        _, staff = sessions.half(session[HALF], utcnow())
        center = settings.site(staff.site_id).discreet_name
        target = second_step.address(session[OFFERED], email=staff.email, center=center)
    picture = io.BytesIO()
    segno.make(target).save(picture, kind="svg", scale=4, border=2)
    return Response(picture.getvalue(), mimetype="image/svg+xml")


@bp.route("/sign-in/again", methods=["GET", "POST"])
@requires(*Role, rule="self")
@limiter.limit("30/minute", methods=["POST"])
def step_up() -> ResponseReturnValue:
    """Ask for a fresh code before something that weighs much, then go on to it."""
    found = login.user()
    if found is None:
        return redirect(url_for(".sign_in"))
    onward = own_path(request.values.get("next", ""))
    if request.method != "POST":
        return render_template("accounts/step_up.html", errors={}, kept=[("next", onward)], action=request.path)
    with transaction():
        right = service.step_up(found.secret, request.form.get(login.CODE, "")[:40], now=utcnow())
    if right:
        return redirect(onward)
    errors = {login.CODE: service.WRONG_CODE}
    return render_template("accounts/step_up.html", errors=errors, kept=[("next", onward)], action=request.path), 422


@bp.post("/sign-out")
@public()
def sign_out() -> ResponseReturnValue:
    """End this browser's session and clear what the browser keeps of our pages."""
    found = login.user()
    if found is not None:
        with transaction():
            sessions.end(found.secret, now=utcnow())
    logout_user()
    session.clear()
    answer = redirect(url_for(".sign_in"))
    # The cookie of the session is cleared by name; the browser's own secret stays, it opens nothing.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@bp.post("/session/ping")
@requires(*Role, rule="self")
def ping() -> ResponseReturnValue:
    """A person is typing on a page that sends nothing by itself: the session lives on."""
    return "", 204
