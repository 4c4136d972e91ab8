"""Flask-Login's side: the cookie holds an opaque session secret, never the key of a person."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user

from intake.accounts import queries, service, sessions
from intake.accounts.models import Staff, StaffSession
from intake.actor import Actor
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing

# Requests that a page makes by itself do not keep a session alive (rulings 11).
SILENT = ("changes", "presence", "save")
CODE = "fresh_code"
NOT_SENT_AGAIN = {"csrf_token", CODE, "password", "now_password"}

_weighty: set[object] = set()

manager = LoginManager()
manager.session_protection = None


class User:
    """The signed-in member of staff as Flask-Login sees it; its id is the session's secret."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, secret: str, row: StaffSession, staff: Staff) -> None:
        self.secret = secret
        self.session = row
        self.staff = staff
        self.actor = service.actor_of(staff)

    def get_id(self) -> str:
        """The opaque, rotating session secret."""
        return self.secret


def load(secret: str) -> User | None:
    """The person behind a cookie, or None when the session ended."""
    now = utcnow()
    found = queries.session_of(secret, now=now)
    if found is None:
        return None
    if request.path.rsplit("/", 1)[-1] not in SILENT:
        queries.seen(found[0], now=now)
    return User(secret, *found)


manager.user_loader(load)


def user() -> User | None:
    """Who is signed in on this request."""
    found = current_user._get_current_object()
    return found if isinstance(found, User) else None


def load_actor() -> Actor | None:
    """The actor of this request; registered with the guard in create_app."""
    found = user()
    return found.actor if found else None


def fresh_code(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let a view run only within ten minutes of a code; else ask for one and go on with what was sent.

    Stands below `@requires`. A form is carried on the page that asks, so nothing typed is lost and no step is added
    for somebody who just signed in; a GET comes back to the same address.
    """

    @wraps(view)
    def asked(**values: object) -> ResponseReturnValue:
        found = user()
        if found is None or sessions.is_fresh(found.session, utcnow()):
            return view(**values)
        if request.method not in {"POST", "PUT"}:
            return redirect(url_for("accounts.step_up", next=request.full_path.rstrip("?")))
        typed = request.form.get(CODE)
        errors: dict[str, str] = {}
        if typed is not None:
            try:
                with transaction():
                    right = service.step_up(found.secret, typed, now=utcnow())
            except Missing:
                return redirect(url_for("accounts.sign_in"))
            if right:
                return view(**values)
            errors = {CODE: service.WRONG_CODE}
        return _ask(errors), 422 if errors else 403

    _weighty.add(asked)
    return asked


def asks_for_code(view: object) -> bool:
    """True for a view that wants a fresh code."""
    return view in _weighty


def _ask(errors: dict[str, str]) -> str:
    kept = [(k, v) for k, v in request.form.items(multi=True) if k not in NOT_SENT_AGAIN]
    return render_template("accounts/step_up.html", errors=errors, kept=kept, action=request.full_path.rstrip("?"))


def install(app: Flask) -> None:
    """Attach Flask-Login to the application."""
    manager.init_app(app)
