"""The page for hospitals, courts and other centers, and what staff do with a referral on the page of the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from intake import actor as actors
from intake.actor import CARE, Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, public, requires
from intake.inquiries import answers as a
from intake.inquiries import queries, referral_values, referrals
from intake.inquiries.drafts import new_secret
from intake.inquiries.routes import bp
from intake.limits import limiter
from intake.settings import queries as settings

SENT = "referral"
KEY = "referral_key"


@bp.get("/referral/")
@public()
def referral() -> ResponseReturnValue:
    """One page for professionals; nothing is stored before it is sent."""
    session.setdefault(KEY, new_secret())
    return _page({}, {})


def _page(typed: Mapping[str, Any], errors: Mapping[str, str]) -> ResponseReturnValue:
    body = render_template(
        "inquiries/referral.html", typed=typed, errors=errors, a=a, v=referral_values,
        danger=request.form.getlist("danger"),
    )  # fmt: skip
    return make_response(body, 422 if errors else 200)


@bp.post("/referral/")
@public()
@limiter.limit("20/minute;100/hour")
def send_referral() -> ResponseReturnValue:
    """Receive it once: a second press of the button finds the first."""
    now, site = utcnow(), settings.the_site()
    today = now.astimezone(settings.zone(site)).date()
    try:
        told = referral_values.read_form(request.form, today=today)
    except RuleBroken as wrong:
        return _page(request.form, wrong.fields)
    key = session.setdefault(KEY, new_secret())
    with transaction():
        row, _new = referrals.receive(
            told, site=settings.the_site(), actor=actors.system(site.id), now=now, locale=str(get_locale()),
            key=f"referral:{key}",
        )  # fmt: skip
        session[SENT] = str(row.inquiry_id)
    session.pop(KEY, None)
    return redirect(url_for(".referral_sent"))


@bp.get("/referral/sent")
@public()
def referral_sent() -> ResponseReturnValue:
    """The acknowledgement, in the browser that sent it: number, when we call, and what we still need."""
    sent = str(session.get(SENT, ""))
    found = referrals.of_inquiry(int(sent)) if sent.isdigit() else None
    if found is None:
        return redirect(url_for(".referral"))
    return render_template(
        "inquiries/referral_sent.html",
        reference=referrals.reference(found.row),
        row=found.row,
        wanted=referral_values.WANTED,
        zone=settings.zone(settings.the_site()),
    )


@bp.post("/inquiries/<id:inquiry_id>/referral-answer")
@requires(Role.ADMISSIONS, *CARE, rule="case")
def answer_referral(inquiry_id: int) -> ResponseReturnValue:
    """Record what the referrer was told."""
    r = Reader(request.form)
    answer = r.choice("answer", a.codes(referral_values.ANSWERS))
    code = r.choice("answer_code", a.codes(referrals.DECLINE_CODES))
    words = r.text("answer_words", limit=2000)
    try:
        with transaction():
            queries.readable(current_actor(), inquiry_id)
            r.check()
            referrals.answer(inquiry_id, answer=answer, code=code, words=words, actor=current_actor(), now=utcnow())
    except (RuleBroken, AlreadyDone) as refused:
        flash(" ".join(refused.fields.values()) or refused.message, "error")
    else:
        flash(_("Written down."))
    return redirect(url_for(".inquiry", inquiry_id=inquiry_id) + "#referral")
