"""The page behind the signed link of a sent request: the number, what happens next, change or cancel."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake import actor as actors
from intake.clock import utcnow
from intake.db import transaction
from intake.guard import current_link, signed
from intake.inquiries import following, queries
from intake.inquiries.public import SENT_HERE
from intake.inquiries.routes import bp
from intake.limits import limiter
from intake.settings import queries as settings


@bp.get("/help/sent/<token>")
@signed("sent")
def sent(token: str) -> ResponseReturnValue:
    """Never shown itself: the guard moves the secret out of the address first."""
    return redirect(url_for(".sent_open"))


@bp.get("/help/sent")
@signed("sent")
def sent_open() -> ResponseReturnValue:
    """The confirmation; names and numbers only in the browser that sent the form."""
    return render_template("inquiries/sent.html", **_context())


def _here(inquiry_id: int) -> bool:
    return session.get(SENT_HERE) == str(inquiry_id)


def _context() -> dict[str, Any]:
    inquiry_id = current_link().subject_id
    here = _here(inquiry_id)
    token = session.get("link:sent", "")
    return {
        "page": queries.confirmation(inquiry_id, open_names=here),
        "here": here,
        "keep_url": url_for(".sent", token=token) if here and token else "",
        "errors": {},
    }


@bp.route("/help/sent/change", methods=["GET", "POST"])
@signed("sent")
@limiter.limit("20/minute", methods=["POST"])
def change_sent() -> ResponseReturnValue:
    """Ask staff to change a request, or cancel it."""
    inquiry_id = current_link().subject_id
    if request.method != "POST":
        return render_template("inquiries/change_sent.html", errors={}, what="", words="")
    what, words = request.form.get("what", ""), request.form.get("words", "").replace("\x00", "").strip()
    errors = {}
    if what not in {"change", "cancel"}:
        errors["what"] = _("Pick what you want to do.")
    if len(words) > following.MOST_WORDS:
        errors["words"] = _("This is too long. Use at most %(n)s signs.", n=following.MOST_WORDS)
    if errors:
        page = render_template("inquiries/change_sent.html", errors=errors, what=what, words=words[:4000])
        return page, 422
    with transaction():
        site = settings.the_site()
        following.asked_by_link(
            inquiry_id,
            what=what,
            words=words,
            same_browser=_here(inquiry_id),
            actor=actors.system(site.id),
            now=utcnow(),
        )
    flash(_("We got it. Our staff will see it."))
    return redirect(url_for(".sent_open"))
