"""Health, readiness, metrics; and in development the mailbox and the codes of the demo staff."""

from __future__ import annotations

import hmac
from pathlib import Path

import pyotp
from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from intake.clock import utcnow
from intake.guard import public
from intake.messages import pulse
from intake.ops import mailbox, queries
from intake.settings import queries as settings

bp = Blueprint("ops", __name__)

LOOPBACK = {"127.0.0.1", "::1"}
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)


@bp.get("/healthz")
@public()
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@bp.get("/healthz/deep")
@public()
def readyz() -> ResponseReturnValue:
    """Database, schema, broker and mail; 503 when the house cannot do its work."""
    parts = queries.parts()
    ready = all(p.ok for p in parts if p.name != "broker")
    body = {p.name: {"ok": p.ok, "words": p.words} for p in parts}
    return jsonify(status="ready" if ready else "not ready", parts=body), 200 if ready else 503


@bp.get("/metrics")
@public()
def metrics() -> ResponseReturnValue:
    """Figures for a monitor that knows the token; counts only, never names."""
    token = queries.config().metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(token, given):
        abort(404)
    registry = CollectorRegistry()
    Gauge("intake_message_late_seconds", "Age of the oldest due message", registry=registry).set(pulse.pulse().late)
    silent = Gauge("intake_heartbeat_silent_seconds", "Since the last work", ["name"], registry=registry)
    for name, seconds in queries.heartbeats(utcnow()):
        silent.labels(name).set(seconds)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _development() -> Path:
    if queries.config().production or (request.remote_addr or "") not in LOOPBACK:
        abort(404)
    return queries.config().data / "mail"


@bp.get("/dev/mail")
@public()
def mail_list() -> ResponseReturnValue:
    """All caught mails, newest first."""
    return _mail_page(None, "html")


@bp.get("/dev/mail/<key>")
@public()
def mail(key: str) -> ResponseReturnValue:
    """One caught mail: HTML, plain text, headers or source."""
    return _mail_page(key, request.args.get("part", "html"))


def _mail_page(key: str | None, part: str) -> ResponseReturnValue:
    folder = _development()
    aliases = tuple(settings.the_site().aliases)
    listed = [m for m in (mailbox.read(folder, k) for k in mailbox.keys(folder)) if m is not None]
    shown = mailbox.read(folder, key, aliases=aliases) if key else None
    if key and shown is None:
        abort(404)
    return render_template("ops/mail.html", mails=listed, shown=shown, part=part)


@bp.get("/dev/mail/<key>/body")
@public()
def mail_body(key: str) -> ResponseReturnValue:
    """The HTML part as a reader sees it, in a frame with a policy of its own."""
    shown = mailbox.read(_development(), key)
    if shown is None:
        abort(404)
    answer = Response(shown.html, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = MAIL_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@bp.get("/dev/codes")
@public()
def codes() -> ResponseReturnValue:
    """The live second-step codes of the demo staff."""
    _development()
    now = utcnow()
    rows = [
        (name, role, address, pyotp.TOTP(secret).at(now) if secret else "", 30 - int(now.timestamp()) % 30)
        for name, role, address, secret in queries.demo_codes()
    ]
    return render_template("ops/codes.html", rows=rows)
