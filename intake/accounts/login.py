"""Flask-Login's side: the cookie holds an opaque session secret, never the key of a person."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, request
from flask_login import LoginManager, current_user

from intake.accounts import queries, service
from intake.accounts.models import Staff
from intake.actor import Actor
from intake.clock import utcnow
from intake.settings.defaults import DEFAULTS

# Requests that a page makes by itself do not keep a session alive (rulings 11).
SILENT = ("changes", "presence", "save")

manager = LoginManager()
manager.session_protection = None


class User:
    """The signed-in member of staff as Flask-Login sees it; its id is the session's secret."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, secret: str, staff: Staff) -> None:
        self.secret = secret
        self.staff = staff
        self.actor = service.actor_of(staff)

    def get_id(self) -> str:
        """The opaque, rotating session secret."""
        return self.secret


def load(secret: str) -> User | None:
    """The person behind a cookie, or None when the session ended."""
    now = utcnow()
    found = queries.session_of(secret, idle=timedelta(minutes=DEFAULTS["idle_minutes"]), now=now)
    if found is None:
        return None
    if request.path.rsplit("/", 1)[-1] not in SILENT:
        queries.seen(found[0], now=now)
    return User(secret, found[1])


manager.user_loader(load)


def load_actor() -> Actor | None:
    """The actor of this request; registered with the guard in create_app."""
    user = current_user
    return user.actor if isinstance(user._get_current_object(), User) else None


def install(app: Flask) -> None:
    """Attach Flask-Login to the application."""
    manager.init_app(app)
