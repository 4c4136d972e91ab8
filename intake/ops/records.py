"""How long records are kept, what is due, and legal holds: a page for the administrator and the privacy officer."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts import queries as accounts
from intake.accounts.once import once
from intake.actor import Role
from intake.cases import keeping
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import Missing, RuleBroken
from intake.guard import current_actor, requires

bp = Blueprint("records", __name__)

LONGEST_NUMBER = 40


def classes(site_id: int) -> list[tuple[str, str, str, int]]:
    """Each class of records: what it is, how long it is kept, what becomes of it, how many are due."""
    now = utcnow()
    rows = [
        (_("People who were in care"), keeping.CASE, _("Names, contacts, answers, plans and notes become unreadable.")),
        (_("People who only asked"), keeping.INQUIRY, _("Names, contacts and answers become unreadable.")),
    ]
    found = []
    for words, kind, what in rows:
        years = keeping.years(site_id, kind)
        kept = _("%(n)s years after the last thing that happened", n=years) if years else _("For good")
        found.append((words, kept, what, keeping.counted(site_id, kind, now=now)))
    papers = [
        (_("Consents"), keeping.CONSENT, _("%(n)s years after they end")),
        (_("What was given out"), keeping.DISCLOSURE, _("%(n)s years after it went out")),
    ]
    for words, kind, at_least in papers:
        years = keeping.years(site_id, kind)
        kept = _("As long as the person, and at least %(time)s", time=at_least % {"n": years}) if years else ""
        what = _("Erased with the person; names and reasons become unreadable, codes and dates stay.")
        found.append((words, kept or _("As long as the person"), what, 0))
    fixed = [
        (_("Audit and anchors"), _("For good"), _("Entries hold no names; nothing removes them.")),
        (_("Emails"), _("For good"), _("A row holds no address and no words; it is read only with its person.")),
        (_("Web forms never sent"), _("24 hours"), _("Answers and their key are deleted.")),
        (_("Questions by link, never sent"), _("14 days"), _("Answers are deleted.")),
        (_("Sessions"), _("30 days after their end"), _("Deleted.")),
        (_("Browsers that signed in before"), _("A year after they were last seen"), _("Deleted.")),
    ]
    return [*found, *((words, kept, what, 0) for words, kept, what in fixed)]


@bp.get("/settings/records")
@requires(Role.ADMIN, Role.PRIVACY)
def index() -> ResponseReturnValue:
    """Classes, what is due, and living holds."""
    return _page({}, {})


def _page(typed: dict[str, str], errors: dict[str, str]) -> str:
    actor = current_actor()
    holds = keeping.holds(actor.site_id)
    return render_template(
        "ops/records.html",
        classes=classes(actor.site_id),
        # The reason may tell about the person, and administrators see no records.
        holds=holds,
        sees_reasons=actor.role is Role.PRIVACY,
        names=accounts.names([each.placed_by for each in holds]),
        typed=typed,
        errors=errors,
    )


@bp.post("/settings/records/holds")
@requires(Role.PRIVACY)
@once
def hold() -> ResponseReturnValue:
    """Hold the record of a case."""
    typed = {name: request.form.get(name, "").replace("\x00", "").strip() for name in ("number", "reason")}
    try:
        if not typed["number"]:
            raise RuleBroken(_("Enter a case number."), code="FORM", fields={"number": _("Enter a case number.")})
        with transaction():
            keeping.hold(typed["number"][:LONGEST_NUMBER], typed["reason"], actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _page(typed, wrong.fields), 422
    except Missing:
        return _page(typed, {"number": _("There is no case of this number here.")}), 422
    flash(_("Held. Nothing about this person is erased until you release it."))
    return redirect(url_for(".index"))


@bp.post("/settings/records/holds/<id:hold_id>/release")
@requires(Role.PRIVACY)
def release(hold_id: int) -> ResponseReturnValue:
    """End a hold."""
    with transaction():
        keeping.release(hold_id, actor=current_actor(), now=utcnow())
    flash(_("Released. The calendar counts again."))
    return redirect(url_for(".index"))
