"""Close the house for a while: every page says so, the emergency numbers stay, and the probes go on answering."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.errors import Unavailable
from intake.ops.queries import config

RETRY_SECONDS = 300
MOST_WORDS = 60
OPEN_ALWAYS = frozenset({"static", "ops.healthz", "ops.readyz", "ops.metrics"})


def _marker() -> Path:
    return config().data / "maintenance"


def begin(until: str = "") -> None:
    """Close every page of the processes that share this data folder; `until` is a time in words, like 14:30."""
    _marker().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _marker().write_text(until.strip()[:MOST_WORDS], encoding="utf-8")


def end() -> bool:
    """Open again; says whether it was closed."""
    was = _marker().exists()
    _marker().unlink(missing_ok=True)
    return was


def until() -> str | None:
    """Until when it is closed, "" when nobody said; None while it is open."""
    try:
        return _marker().read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def install(app: Flask) -> None:
    """Ask before every request."""
    app.before_request(_closed)


def _stops_mail() -> bool:
    """The one-click stop of a mail (RFC 8058) is never turned away: no mail provider sends it a second time.

    While the database cannot be written it is answered with 503 and Retry-After, as every write.
    """
    return request.endpoint == "messages.stop" and request.method == "POST"


def _closed() -> ResponseReturnValue | None:
    words = until()
    if words is None or request.endpoint in OPEN_ALWAYS or _stops_mail():
        return None
    if request.method not in {"GET", "HEAD"} or request.path.startswith("/api/") or request.headers.get("X-Fragment"):
        # The error page of an answer that cannot be taken now keeps what was typed.
        raise Unavailable(_("We are working on this site."))
    name = "emergency_static" if request.path.startswith("/help/emergency") else "maintenance"
    answer = make_response(render_template(f"system/{name}.html", until=words, lost=False), 503)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
