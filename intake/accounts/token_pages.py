"""Settings, other systems: which of them may send us referrals, and until when."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts import api_tokens
from intake.accounts.once import once
from intake.accounts.routes import bp
from intake.actor import Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires


@bp.get("/settings/systems")
@requires(Role.ADMIN)
def systems() -> ResponseReturnValue:
    """Every token with its last use and its end."""
    return _page({}, {}, "")


def _page(errors: dict[str, str], typed: dict[str, str], secret: str) -> str:
    return render_template(
        "accounts/systems.html",
        tokens=api_tokens.of_site(current_actor().site_id),
        scopes=api_tokens.SCOPES,
        errors=errors,
        typed=typed,
        secret=secret,
        now=utcnow(),
    )


@bp.post("/settings/systems")
@requires(Role.ADMIN)
@once
def issue_token() -> ResponseReturnValue:
    """Make a token; its secret stands on this one answer and nowhere else."""
    reader = Reader(request.form)
    try:
        name = reader.text("name", limit=100, required=_("Name the system that will use it."))
        days = reader.whole("days", low=1, high=api_tokens.LONGEST_DAYS, required=_("Enter a number of days."))
        reader.check()
        with transaction():
            _row, secret = api_tokens.issue(name=name, days=days or 0, actor=current_actor(), now=utcnow())
    except RuleBroken as wrong:
        return _page(wrong.fields, request.form.to_dict(), ""), 422
    return _page({}, {}, secret)


@bp.post("/settings/systems/<id:token_id>/withdraw")
@requires(Role.ADMIN, rule="center")
def withdraw_token(token_id: int) -> ResponseReturnValue:
    """End a token at once."""
    with transaction():
        row = api_tokens.withdraw(token_id, actor=current_actor(), now=utcnow())
        name = row.name
    flash(_("%(name)s can send no more.", name=name))
    return redirect(url_for(".systems"))
