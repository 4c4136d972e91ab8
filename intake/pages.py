"""What every page has: request id, security headers, error pages that keep what was typed, words, and the shell."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, has_request_context, make_response, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale, gettext
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, SecurityError

from intake import guard, problems
from intake.accounts import login
from intake.accounts.once import fresh_key
from intake.actor import Actor
from intake.audit import service as audit
from intake.clock import utcnow
from intake.crypto import SealBroken
from intake.db import db, id_text, transaction
from intake.errors import IntakeError, Missing, NotPermitted
from intake.guard import optional_actor
from intake.people import queries as people
from intake.settings import queries as settings

LOCALES = ("en", "es")
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "X-Frame-Options": "DENY",
}
NOT_KEPT = {"csrf_token", "password", "code", "version"}
MOST_KEPT = 60
RETRY_SECONDS = 5

log = structlog.get_logger("intake")
csrf = CSRFProtect()
babel = Babel()

Shell = Callable[[Actor], Any]


def install(app: Flask, shell: Shell, *, https: bool) -> None:
    """Attach headers, error pages and template words; `shell` gives the frame of staff pages."""
    csrf.init_app(app)
    babel.init_app(app, locale_selector=_locale)
    app.before_request(_begin)
    app.after_request(_headers(https))
    app.teardown_request(_finish)
    app.context_processor(lambda: _context(shell))
    app.jinja_env.filters["id"] = id_text
    app.jinja_env.filters["moment"] = moment
    app.jinja_env.globals["get_locale"] = get_locale
    app.jinja_env.globals["once_key"] = fresh_key
    app.register_error_handler(IntakeError, _intake_error)
    app.register_error_handler(SealBroken, _unreadable)
    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(PoolTimeout, _database_away)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(500, _fault)


def moment(at: datetime, *, seconds: bool = False) -> str:
    """A time for staff, in the center's zone: "today 14:58", "Nov 12 09:30", "Nov 12, 2025 09:30"."""
    if "zone" not in g:
        actor = optional_actor()
        g.zone = settings.zone(settings.site(actor.site_id) if actor else settings.the_site())
    local, today = at.astimezone(g.zone), utcnow().astimezone(g.zone).date()
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if local.date() == today:
        return f"{gettext('today')} {clock}"
    year = "" if local.year == today.year else f", {local.year}"
    return f"{local:%b} {local.day}{year} {clock}"


def _locale() -> str:
    """Spanish is for the pages of patients: what they chose, else the person's own, else what the browser asks for."""
    if not has_request_context() or not guard.is_public_area(request.path):
        return "en"
    if session.get("locale") in LOCALES:
        return str(session["locale"])
    link = g.get("link")
    known = people.locale_of(link.person_id) if link is not None and link.person_id else ""
    return known or request.accept_languages.best_match(LOCALES, "en") or "en"


def _begin() -> None:
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(_error: BaseException | None) -> None:
    db.session.rollback()


def _headers(https: bool) -> Callable[[Response], Response]:
    def add(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.add("Cookie")
        response.headers["X-Request-Id"] = g.get("request_id", "")
        return response

    return add


def _context(shell: Shell) -> dict[str, Any]:
    actor = optional_actor()
    context: dict[str, Any] = {"_": gettext, "current_actor": actor, "lang": str(get_locale() or "en")}
    try:
        center = settings.site(actor.site_id) if actor else settings.the_site()
    except (Missing, DBAPIError, PoolTimeout):
        context["site"] = _no_site()
        context["shell"] = None
        return context
    context["site"] = SimpleNamespace(
        name=center.name,
        center_name=center.name,
        discreet_name=center.discreet_name,
        phone=center.phone,
        phone_href="tel:" + "".join(c for c in center.phone if c.isdigit() or c == "+"),
        leave_url=center.leave_url,
        leave_href="/help/leave",
        leave_clear_url="/help/leave",
        prefix=center.reference_prefix,
        **_other_language(),
    )
    context["shell"] = _framed(shell(actor)) if actor else None
    return context


def _framed(frame: Any) -> Any:
    """Add to the frame what belongs to the person and their session."""
    user = login.user()
    if user is not None:
        frame.keys = "off" if user.staff.keys_off else "on"
    frame.account_items = [(gettext("Your account"), "/account")]
    frame.ping_url = "/session/ping"
    return frame


def _other_language() -> dict[str, str]:
    # The address of a mailed link holds its secret; that never goes into another address.
    if not guard.is_public_area(request.path) or "token" in (request.view_args or {}):
        return {}
    to, name = ("en", "English") if str(get_locale()) == "es" else ("es", "Español")
    url = url_for("inquiries.language", to=to, at=request.path.removeprefix("/"))
    return {"other_lang": to, "other_lang_name": name, "other_lang_url": url}


def _no_site() -> SimpleNamespace:
    return SimpleNamespace(
        name="",
        center_name="",
        discreet_name="",
        phone="911",
        phone_href="tel:911",
        leave_url="https://www.weather.gov/",
        prefix="",
    )


def _kept() -> list[tuple[str, str]]:
    if request.method != "POST":
        return []
    pairs = [(k, v) for k, v in request.form.items(multi=True) if k not in NOT_KEPT and v.strip()]
    return [(k[:60], v[:5000]) for k, v in pairs[:MOST_KEPT]]


def _again() -> list[tuple[str, str]]:
    """The whole form, to be sent once more by one press; only when it came from a page of ours."""
    came_from = request.headers.get("Origin") or request.headers.get("Referer", "")
    if request.method != "POST" or urlsplit(came_from).netloc != request.host or request.files:
        return []
    return [(k, v) for k, v in request.form.items(multi=True) if k not in NOT_KEPT - {"version"}]


def _danger_told() -> bool:
    """Somebody just said that a person is in danger: whatever failed, 911 and 988 come before it."""
    return guard.is_public_area(request.path) and bool(set(request.form.getlist("danger")) - {"", "none"})


def _page(status: int, sentence: str, **more: Any) -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        return problems.answer(status, sentence, more.get("fields"))
    template = f"system/{status}.html"
    if status >= 500 and _danger_told():
        template = "system/emergency_static.html"
    elif template not in _PAGES:
        template = "system/404.html" if status == 405 else "system/400.html"
    if request.headers.get("X-Fragment"):
        return make_response(sentence, status, {"Content-Type": "text/plain; charset=utf-8"})
    # A body that was too large cannot be read again.
    kept = [] if status == 413 else _kept()
    sentence = gettext(sentence) if sentence else ""
    body = render_template(template, sentence=sentence, kept=kept, request_id=g.get("request_id", ""), **more)
    return make_response(body, status)


_PAGES = {f"system/{n}.html" for n in (400, 403, 404, 409, 410, 413, 419, 422, 429, 500, 503)}


def _intake_error(error: IntakeError) -> ResponseReturnValue:
    if isinstance(error, NotPermitted | Missing):
        _tell_denied()
    return _page(error.status, error.message, fields=error.fields)


def _form_expired(error: CSRFError) -> ResponseReturnValue:
    sentence = gettext("This page was open for a long time. Please send it again.")
    answer = make_response(_page(419, sentence, again=_again(), action=request.full_path.rstrip("?")))
    # 419 is no registered status; browsers and caches treat it as any other refused request.
    answer.status_code = 419
    return answer


def _unreadable(error: SealBroken) -> ResponseReturnValue:
    """An erased record takes no new words, a changed ciphertext is refused; both are logged by place only."""
    log.error("sealed_field", endpoint=request.endpoint, error=str(error))
    return _page(409, gettext("This record was erased or cannot be read, so nothing can be added to it."))


def _tell_denied() -> None:
    """Write down that somebody was refused: by role, or because there is nothing of that id for them.

    Foreign and missing ids leave the same entry, so that neither the answer nor its time tells them apart.
    """
    actor, asked = optional_actor(), request.view_args or {}
    if actor is None or request.endpoint is None:
        return
    name, record_id = next(((k, v) for k, v in asked.items() if k.endswith("_id") and isinstance(v, int)), ("", None))
    try:
        with transaction():
            audit.record(
                actor=actor,
                verb="denied",
                record=name.removesuffix("_id") or "page",
                record_id=record_id,
                purpose=request.endpoint,
                now=utcnow(),
            )
    except (DBAPIError, PoolTimeout):
        db.session.remove()


_SENTENCES = {
    400: "The browser sent something this page cannot read.",
    401: "Please sign in again.",
    403: "You may not open this page.",
    404: "There is no such page.",
    405: "This address does not take that.",
    410: "",
    413: "That was too large to send.",
    429: "That was too often in a short time. Wait a minute and try again.",
}


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if isinstance(error, SecurityError):
        # A host that is not ours has no addresses, so no page can be laid out for it.
        return make_response(_SENTENCES[400], 400, {"Content-Type": "text/plain; charset=utf-8"})
    if 300 <= status < 400:
        return error.get_response(request.environ)
    sentence = _SENTENCES.get(status, "That did not work.")
    answer = make_response(_page(status if status < 500 else 500, gettext(sentence)))
    answer.status_code = status
    return answer


def _stale(error: StaleDataError) -> ResponseReturnValue:
    return _page(
        409, gettext("Somebody changed this while you had it open. Look at what is there now, then save again.")
    )


def _let_go() -> None:
    """End the session after a fault; the row behind a mailed link goes with it, and nothing may ask it again."""
    db.session.remove()
    g.pop("link", None)


def _database_away(error: OperationalError | PoolTimeout) -> ResponseReturnValue:
    _let_go()
    log.warning("database_away", error=type(error).__name__)
    sentence = gettext("We could not save this just now. Nothing you typed is lost. Please try again in a moment.")
    answer = make_response(_page(503, sentence, again=_again(), action=request.full_path.rstrip("?")))
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _database_error(error: DBAPIError) -> ResponseReturnValue:
    if isinstance(error.orig, sqlite3.OperationalError) or error.connection_invalidated:
        return _database_away(OperationalError(None, None, error.orig or error))
    return _fault(error)


def _fault(error: Exception) -> ResponseReturnValue:
    _let_go()
    return _page(500, gettext("Something broke on our side. It is written down, and your answers are below."))
