"""The person's pages behind a mailed link: birth date, then four questions of the public form. Opening writes nothing.

What was typed in another browser is kept, and not shown: whoever holds the link may not be the one who typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.guard import current_link, signed
from intake.inquiries import answers as a
from intake.inquiries import forms, public, summary
from intake.limits import limiter
from intake.people import born
from intake.people.models import Person
from intake.screening import by_link
from intake.screening.models import ScreeningLink
from intake.screening.routes import bp

OPENED = "opened:questions"
TYPED = "typed:questions"
POSTS = "60/minute;600/hour"
MINUTES_LEFT = {"now": 3, "use": 2, "pain": 2, "feel": 1}


@bp.get("/help/questions/<token>")
@signed(by_link.PURPOSE)
def questions(token: str) -> ResponseReturnValue:
    """The mailed address; the guard moves its secret into the cookie and goes on to the clean address."""
    return redirect(url_for(".questions_open"))


@bp.route("/help/questions/", methods=["GET", "POST"])
@signed(by_link.PURPOSE)
@limiter.limit(POSTS, methods=["POST"])
def questions_open() -> ResponseReturnValue:
    """Ask for the birth date before anything is shown, then go on where the person stopped."""
    row = _row()
    if row.ended_at is not None:
        return make_response(render_template("screening/alone/done.html"))
    if request.method != "POST":
        return _gate({})
    try:
        typed = born.read(request.form)
    except RuleBroken as wrong:
        return _gate(wrong.fields)
    with transaction():
        link_id = current_link().id
        fits = born.may_try(link_id) and born.fits(db.session.get_one(Person, row.person_id), typed)
        left = 0 if fits else by_link.wrong_birth_date(link_id, now=utcnow())
    if fits:
        session[OPENED], session[TYPED] = link_id, []
        return redirect(_onward(by_link.told(row)))
    if not left:
        return make_response(render_template("checkins/call_us.html"), 403)
    return _gate({"born_on": born.wrong_sentence(left)}, typed[:40])


def _row() -> ScreeningLink:
    """The row behind the link; 410, the page that says whom to call, once its stay has ended."""
    row = by_link.of_link(current_link())
    if by_link.is_over(row) and row.ended_at is None:
        g.link_gone = current_link()
        abort(410)
    return row


def _gate(errors: Mapping[str, str], typed: str = "") -> ResponseReturnValue:
    body = render_template("screening/alone/birth_date.html", errors=errors, typed=typed)
    return make_response(body, 422 if errors else 200)


def _onward(given: Mapping[str, Any]) -> str:
    step = by_link.first_open(given)
    return url_for(".question", name=step) if step else url_for(".question_check")


def _open() -> ScreeningLink | None:
    """The row, when the birth date was given in this browser and the link still asks."""
    row = _row()
    return None if row.ended_at is not None or session.get(OPENED) != current_link().id else row


def _typed_here(row: ScreeningLink) -> dict[str, Any]:
    """What was typed in this browser; the rest of the kept answers stays closed."""
    given, here = by_link.told(row), session.get(TYPED, [])
    names = {name for step in here for name in by_link.FIELDS.get(step, ())}
    return {name: value for name, value in given.items() if name in names}


@bp.route("/help/questions/step/<any(now,use,pain,feel):name>", methods=["GET", "POST"])
@signed(by_link.PURPOSE)
@limiter.limit(POSTS, methods=["POST"])
def question(name: str) -> ResponseReturnValue:
    """One question: show it, or keep its answer and go on."""
    row = _open()
    if row is None:
        return _too_late(name)
    if name != "now" and "now" not in by_link.told(row).get("seen", ()):
        return redirect(url_for(".question", name="now"))
    if request.method != "POST":
        return _question_page(name, _typed_here(row))
    try:
        found = forms.read_step(name, request.form, {})
    except RuleBroken as wrong:
        return _question_page(name, forms.typed(request.form), wrong.fields)
    try:
        with transaction():
            endangered = by_link.keep(row.id, name, found, now=utcnow())
    except AlreadyDone:
        return _too_late(name)
    session[TYPED] = sorted({*session.get(TYPED, []), name}, key=by_link.STEPS.index)
    if endangered:
        return redirect(url_for(".question_danger"))
    return redirect(url_for(".question_check") if request.form.get("change") else _onward(_told_now(row)))


def _too_late(name: str) -> ResponseReturnValue:
    """The answers were sent, or nobody gave the birth date here; danger is never too late for who gave it."""
    asks = session.get(OPENED) == current_link().id and not by_link.is_over(by_link.of_link(current_link()))
    if request.method == "POST" and name == "now" and asks:
        picked = request.form.getlist("danger")
        with transaction():
            endangered = by_link.told_late(current_link().subject_id, picked, now=utcnow())
        if endangered:
            onward = url_for(".questions_open")
            return make_response(
                render_template("screening/alone/danger.html", endangered=True, told={}, onward=onward, sent=True)
            )
    return redirect(url_for(".questions_open"))


def _told_now(row: ScreeningLink) -> dict[str, Any]:
    db.session.expire_all()
    return by_link.told(by_link.of_link(current_link()))


def _question_page(name: str, told: Mapping[str, Any], errors: Mapping[str, str] | None = None) -> ResponseReturnValue:
    steps, at = by_link.STEPS, by_link.STEPS.index(name)
    before = url_for(".question", name=steps[at - 1]) if at else ""
    back = url_for(".question_check") if request.values.get("change") else before
    action = url_for(".question", name=name)
    return public.question_page(name, told, errors, steps=steps, minutes=MINUTES_LEFT[name], back=back, action=action)


@bp.get("/help/questions/danger")
@signed(by_link.PURPOSE)
def question_danger() -> ResponseReturnValue:
    """911 and 988 first; then go on, or put a mistake right."""
    row = _open()
    if row is None:
        return redirect(url_for(".questions_open"))
    return render_template("screening/alone/danger.html", endangered=True, told={}, onward=_onward(by_link.told(row)))


@bp.route("/help/questions/check", methods=["GET", "POST"])
@signed(by_link.PURPOSE)
@limiter.limit(POSTS, methods=["POST"])
def question_check() -> ResponseReturnValue:
    """What was answered, with a Change link each; one POST sends it, once."""
    row = _open()
    if row is None:
        return redirect(url_for(".questions_open"))
    given = by_link.told(row)
    if "now" not in given.get("seen", ()):
        return redirect(url_for(".question", name="now"))
    if request.method != "POST":
        told = _typed_here(row)
        return render_template("screening/alone/check.html", rows=_rows(told, given), endangered=_endangered(given))
    try:
        with transaction():
            by_link.finish(row.id, now=utcnow())
    except AlreadyDone:
        return redirect(url_for(".questions_open"))
    return redirect(url_for(".questions_open"))


def _endangered(given: Mapping[str, Any]) -> bool:
    return a.NONE not in given.get("danger", ())


def _rows(told: Mapping[str, Any], given: Mapping[str, Any]) -> list[summary.Row]:
    def change(step: str) -> str:
        return url_for(".question", name=step, change=1)

    here = session.get(TYPED, [])
    return [
        (label, value if step in here else summary.kept_closed(bool(given.get(name))), change(step), "")
        for name, step, (label, value) in summary.state(told)
    ]
