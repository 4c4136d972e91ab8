"""The patient's page behind a mailed link: birth date, then a few taps. Opening it writes nothing."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from intake.actor import CARE
from intake.checkins import forms, queries, service
from intake.clinical import instruments
from intake.clinical.alerts import FEELINGS
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.guard import current_actor, current_link, requires, signed
from intake.people import born

bp = Blueprint("checkins", __name__)

PURPOSE = "check_in"
OPENED = "opened:check_in"
MORE = {"peg": "PEG", "sows": "SOWS"}


@bp.get("/c/<token>")
@signed(PURPOSE)
def start(token: str) -> ResponseReturnValue:
    """The mailed address; the guard moves its secret into the cookie and goes on to the clean address."""
    return redirect(url_for(".start_open"))


@bp.route("/c/", methods=["GET", "POST"])
@signed(PURPOSE)
def start_open() -> ResponseReturnValue:
    """Ask for the birth date before anything is shown."""
    gone = _gone()
    if gone is not None:
        return gone
    if request.method != "POST":
        return render_template("checkins/birth_date.html", errors={}, typed="")
    try:
        typed = born.read(request.form)
    except RuleBroken as wrong:
        return render_template("checkins/birth_date.html", errors=wrong.fields, typed=""), 422
    with transaction():
        link = current_link()
        asked = queries.asked(link.subject_id)
        fits = asked is not None and born.may_try(link.id) and born.fits(asked.person, typed)
        left = 0 if fits else service.wrong_birth_date(link.id, now=utcnow())
    if fits:
        session[OPENED] = link.id
        return redirect(url_for(".feelings"))
    if not left:
        return render_template("checkins/call_us.html"), 403
    errors = {"born_on": born.wrong_sentence(left)}
    return render_template("checkins/birth_date.html", errors=errors, typed=typed[:40]), 422


def _gone() -> ResponseReturnValue | None:
    asked = queries.asked(current_link().subject_id)
    if asked is None or asked.version.state not in queries.ANSWERABLE:
        return render_template("checkins/changed.html"), 200
    if asked.given is not None and asked.given.answered_at is not None and session.get(OPENED) != current_link().id:
        return render_template("checkins/done_before.html"), 200
    return None


def _closed() -> ResponseReturnValue | None:
    """Where to go when the birth date was not given in this browser, or the link asks nothing any more."""
    if session.get(OPENED) != current_link().id:
        return redirect(url_for(".start_open"))
    return _gone()


@bp.route("/c/feelings", methods=["GET", "POST"])
@signed(PURPOSE)
def feelings() -> ResponseReturnValue:
    """How somebody feels, and the dose; its answers travel on in the form of the next page."""
    closed = _closed()
    if closed is not None:
        return closed
    asked = queries.asked(current_link().subject_id)
    if asked is not None and asked.given is not None and asked.given.answered_at is not None:
        return redirect(url_for(".done"))
    if asked is not None and not set(asked.parts) & set(queries.ASKING):
        return render_template("checkins/news.html", parts=asked.parts, lessons=queries.lessons(asked))
    if request.method != "POST" or request.form.get("back"):
        return _feelings_page({}, request.form)
    try:
        forms.read_feelings(request.form)
    except RuleBroken as wrong:
        return _feelings_page(wrong.fields, request.form), 422
    return _safety_page({}, request.form)


def _feelings_page(errors: dict[str, str], form: MultiDict[str, str]) -> str:
    return render_template("checkins/feelings.html", errors=errors, form=form, feelings=list(FEELINGS.items()))


def _safety_page(errors: dict[str, str], form: MultiDict[str, str]) -> str:
    return render_template("checkins/safety.html", errors=errors, form=form)


@bp.post("/c/send")
@signed(PURPOSE)
def send() -> ResponseReturnValue:
    """The one POST that counts."""
    closed = _closed()
    if closed is not None:
        return closed
    try:
        answers = forms.read(request.form)
    except RuleBroken as wrong:
        page = _feelings_page if set(wrong.fields) & set(forms.FIRST_PAGE) else _safety_page
        return page(wrong.fields, request.form), 422
    try:
        with transaction():
            service.record(current_link().subject_id, answers, now=utcnow())
    except AlreadyDone:
        return redirect(url_for(".done"))
    return redirect(url_for(".done"))


@bp.get("/c/done")
@signed(PURPOSE)
def done() -> ResponseReturnValue:
    """What happens next; danger shows the numbers first."""
    if session.get(OPENED) != current_link().id:
        return redirect(url_for(".start_open"))
    asked = queries.asked(current_link().subject_id)
    if asked is None or asked.given is None or asked.given.answered_at is None:
        return redirect(url_for(".start_open"))
    answers = queries.answers(asked.given)
    more = [] if answers is None else [k for k in MORE if k not in answers.more and (k != "peg" or asked.asks_peg)]
    return render_template(
        "checkins/done.html",
        level=asked.given.level,
        triggers=asked.given.triggers,
        more=more,
        lessons=queries.lessons(asked),
    )


@bp.route("/c/more/<key>", methods=["GET", "POST"])
@signed(PURPOSE)
def more(key: str) -> ResponseReturnValue:
    """The optional longer questions after a check-in."""
    if session.get(OPENED) != current_link().id or key not in MORE:
        return redirect(url_for(".start_open"))
    instrument = instruments.get(key)
    if request.method != "POST":
        return _more_page(instrument, {}, request.form)
    try:
        given = forms.read_instrument(request.form, key)
        with transaction():
            service.add_instrument(current_link().subject_id, key, given, now=utcnow())
    except AlreadyDone:
        return redirect(url_for(".done"))
    except RuleBroken as wrong:
        errors = wrong.fields or {"": wrong.message}
        return _more_page(instrument, errors, request.form), 422
    return redirect(url_for(".done"))


def _more_page(instrument: instruments.Instrument, errors: dict[str, str], form: MultiDict[str, str]) -> str:
    numbers = {
        item.id: [(str(o.value), str(o.value)) for o in item.options]
        or [(str(n), str(n)) for n in range(item.minimum or 0, (item.maximum or 10) + 1)]
        for item in instrument.items
    }
    return render_template("checkins/more.html", instrument=instrument, numbers=numbers, errors=errors, form=form)


@bp.post("/checkins/<id:check_in_id>/review")
@requires(*CARE, rule="case")
def review(check_in_id: int) -> ResponseReturnValue:
    """A clinician has looked at the answers."""
    with transaction():
        row = service.review(check_in_id, actor=current_actor(), now=utcnow())
        case_id = row.case_id
    return redirect(url_for("desk.case", case_id=case_id))
