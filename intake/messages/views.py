"""The reminders page of staff, the stop and preference pages behind mailed links, and the bounce webhook."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF
from intake.audit import service as audit
from intake.clinical.cadence import FIRST_HOUR, QUIET_HOUR
from intake.clock import utcnow
from intake.db import end_read, transaction
from intake.errors import Missing, RuleBroken
from intake.guard import current_actor, current_link, public, requires, signed
from intake.messages import bounces, holding, kinds, queries
from intake.messages.service import PREFERENCES, STOP

bp = Blueprint("messages", __name__)

PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
HOURS = tuple(f"{hour}:{minute:02}" for hour in range(FIRST_HOUR, QUIET_HOUR) for minute in (0, 30))

# Days between mails that could wait, as people may choose them (`people.safe.OFTEN` has the words of staff).
OFTEN = ("0", "7", "28")


@bp.get("/reminders")
@requires(*STAFF, rule="case")
def reminders() -> ResponseReturnValue:
    """What is owed, sent, held and not sent; a filter and a place in the address."""
    which = request.args.get("state", "look")
    which = which if which in queries.FILTERS else "look"
    with transaction():
        audit.looked_at_board(actor=current_actor(), board="reminders", filter_words=which, now=utcnow())
    rows, more = queries.page(current_actor(), which=which, after=request.args.get("after", "")[:40])
    waiting = queries.to_look_at(current_actor())
    return render_template("messages/reminders.html", rows=rows, more=more, which=which, waiting=waiting)


@bp.get("/reminders/<id:message_id>/preview")
@requires(*STAFF, rule="case")
def preview(message_id: int) -> ResponseReturnValue:
    """One message: state, attempts, and exactly what it says."""
    shown = queries.preview(message_id, current_actor())
    end_read()
    _looked(shown)
    return render_template("messages/preview.html", p=shown)


@bp.get("/reminders/<id:message_id>/preview/mail")
@requires(*STAFF, rule="case")
def preview_mail(message_id: int) -> ResponseReturnValue:
    """The HTML part as the recipient sees it, for a frame that may run and fetch nothing."""
    shown = queries.preview(message_id, current_actor())
    answer = make_response(shown.mail.html if shown.mail else "")
    answer.headers["Content-Security-Policy"] = PREVIEW_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def _looked(shown: queries.Preview) -> None:
    if shown.row.case_id is not None:
        with transaction():
            audit.looked(actor=current_actor(), case_id=shown.row.case_id, purpose="message_preview", now=utcnow())


def _acted(message_id: int, sentence: str) -> ResponseReturnValue:
    flash(sentence)
    return redirect(url_for(".preview", message_id=message_id))


def _may_act(message_id: int) -> None:
    """The same 404 for a foreign message as for none."""
    queries.preview(message_id, current_actor())
    end_read()


@bp.post("/reminders/<id:message_id>/send")
@requires(*STAFF, rule="case")
def send_again(message_id: int) -> ResponseReturnValue:
    """Let a held or waiting message go now, with the same id."""
    _may_act(message_id)
    with transaction():
        holding.send_again(message_id, actor=current_actor(), now=utcnow())
    return _acted(message_id, "It goes out within a few seconds, with the same id.")


@bp.post("/reminders/<id:message_id>/hold")
@requires(*STAFF, rule="case")
def hold(message_id: int) -> ResponseReturnValue:
    """Keep a message back."""
    _may_act(message_id)
    with transaction():
        holding.hold(message_id, actor=current_actor(), now=utcnow())
    return _acted(message_id, "It is held until somebody lets it go.")


@bp.post("/reminders/<id:message_id>/leave")
@requires(*STAFF, rule="case")
def leave(message_id: int) -> ResponseReturnValue:
    """Say what became of a message of unknown outcome."""
    _may_act(message_id)
    arrived = request.form.get("arrived") == "yes"
    with transaction():
        holding.leave(message_id, arrived=arrived, actor=current_actor(), now=utcnow())
    return _acted(message_id, "Noted: it arrived." if arrived else "It stays as it is and does not go again.")


# Behind mailed links. GET and HEAD change nothing and leave the link unused.


def _stoppable() -> list[Any]:
    return [kind for kind in kinds.every().values() if kind.stoppable][:1]


@bp.route("/u/<token>", methods=["GET", "POST"])
@signed(STOP)
def stop(token: str) -> ResponseReturnValue:
    """One-click unsubscribe of RFC 8058: a POST without cookies acts and answers 200, with no redirect."""
    if request.form.get("List-Unsubscribe") != "One-Click":
        raise RuleBroken(_("Open the link in your browser and press the button there."), code="ONE_CLICK")
    _stop()
    return Response("Stopped.", mimetype="text/plain")


@bp.route("/u/", methods=["GET", "POST"])
@signed(STOP)
def stop_open() -> ResponseReturnValue:
    """The page behind the stop link: one button, and an undo after it."""
    if request.method != "POST":
        return render_template("messages/stop.html", stopped=False, resumed=False)
    again = request.form.get("undo") == "yes"
    if not again:
        _stop()
        return render_template("messages/stop.html", stopped=True, resumed=False)
    with transaction():
        resumed = [kind.resume(current_link().subject_id, now=utcnow()) for kind in _stoppable()]
    return render_template("messages/stop.html", stopped=not any(resumed), resumed=any(resumed))


def _stop() -> None:
    person_id = current_link().subject_id
    with transaction():
        for kind in _stoppable():
            kind.stop(person_id, now=utcnow())


@bp.get("/p/<token>")
@signed(PREFERENCES)
def preferences(token: str) -> ResponseReturnValue:
    """The mailed address; the guard moves its secret into the cookie and goes on to the clean address."""
    return redirect(url_for(".preferences_open"))


@bp.route("/p/", methods=["GET", "POST"])
@signed(PREFERENCES)
def preferences_open() -> ResponseReturnValue:
    """Choose the time of day and how often, for later reminders; nothing stored is shown."""
    if request.method != "POST":
        return _preferences_page("", "")
    time, often = request.form.get("time", ""), request.form.get("often", "")
    errors = {}
    if time not in (HOURS if time or not often else ("",)):
        errors["time"] = _("Choose a time from the list.")
    if often and often not in OFTEN:
        errors["often"] = _("Pick one of the answers.")
    if errors:
        return _preferences_page("", "", errors)
    person_id, now = current_link().subject_id, utcnow()
    with transaction():
        for kind in _stoppable():
            if time:
                hour, minute = (int(part) for part in time.split(":"))
                kind.choose_time(person_id, hour, minute, now=now)
            if often:
                kind.choose_often(person_id, int(often), now=now)
    return _preferences_page(time, often, saved=True)


def _preferences_page(
    time: str, often: str, errors: Mapping[str, str] | None = None, *, saved: bool = False
) -> ResponseReturnValue:
    body = render_template(
        "messages/preferences.html", hours=HOURS, chosen=time, often=often, saved=saved, errors=errors or {}
    )
    return make_response(body, 422 if errors else 200)


@bp.post("/hooks/bounces")
@public()
def bounce() -> ResponseReturnValue:
    """A bounce report from the mail server: JSON, or the report itself; closed without BOUNCE_TOKEN."""
    wanted = current_app.extensions["intake.config"].bounce_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not wanted or not secrets.compare_digest(given.encode(), wanted.encode()):
        raise Missing("There is no such page.")
    if request.is_json:
        report = bounces.read_json(request.get_json(silent=True))
    else:
        report = bounces.read_report(request.get_data())
    with transaction():
        bounces.take(report, now=utcnow())
    return "", 204


# The mail server and one-click posts come without a session; their secret is in the address or the header.
WITHOUT_CSRF = (stop, bounce)
