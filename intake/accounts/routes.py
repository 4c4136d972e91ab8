"""The blueprint of the accounts room, and what its pages share: where to go on to, who asks, which browser."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from math import ceil

from flask import Blueprint, Response, current_app, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from intake.accounts import login

bp = Blueprint("accounts", __name__)

HALF = "half"
OFFERED = "offered"
DEVICE_DAYS = 180


def own_path(target: str) -> str:
    """The path to go on to: only one of our own, else where the role starts its day."""
    plain = target.replace("\\", "/")
    bad = not plain.startswith("/") or plain.startswith("//") or any(ord(c) < 33 for c in plain) or len(plain) > 500
    return url_for("accounts.home") if bad else plain


def browser() -> str:
    """What the browser calls itself, for the list of sessions."""
    return request.user_agent.string


def address() -> str:
    """Where the request comes from; only ever kept as a keyed digest."""
    return request.remote_addr or ""


def _device_cookie() -> str:
    return "__Host-device" if current_app.config["SESSION_COOKIE_SECURE"] else "device"


def device() -> str:
    """The secret of a browser that signed in before, or ""."""
    return request.cookies.get(_device_cookie(), "")[:64]


def keep_device(answer: Response, secret: str) -> Response:
    """Let the browser keep its own secret, so that tries made elsewhere do not slow its owner down."""
    answer.set_cookie(
        _device_cookie(),
        secret,
        max_age=timedelta(days=DEVICE_DAYS),
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Strict",
        path="/",
    )
    return answer


def enter(secret: str) -> str:
    """Put a whole session into a cleared cookie; returns where to go on to."""
    onward = own_path(session.pop("next", ""))
    session.clear()
    found = login.load(secret)
    if found is None:
        return url_for("accounts.sign_in")
    login_user(found)
    return onward


def begin(found_secret: str, *, needs_code: bool, enrolled: bool, offer: str) -> ResponseReturnValue:
    """After a proven password: the second step, its set-up, or straight in where none is asked."""
    onward = session.get("next", "")
    session.clear()
    session["next"] = onward
    if not needs_code:
        return redirect(enter(found_secret))
    session[HALF] = found_secret
    if enrolled:
        return redirect(url_for("accounts.code"))
    session[OFFERED] = offer
    return redirect(url_for("accounts.enrol"))


def minutes(wait: timedelta) -> str:
    """A wait in words."""
    seconds = ceil(wait.total_seconds())
    return f"{seconds} seconds" if seconds < 90 else f"{ceil(seconds / 60)} minutes"


def slow_down(page: str, wait: timedelta) -> Response:
    """The answer to somebody who tried too often."""
    answer = make_response(page, HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["Retry-After"] = str(ceil(wait.total_seconds()))
    return answer
