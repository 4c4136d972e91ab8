"""The list of places to send somebody on to: every member of staff reads it, supervisors keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import STAFF, Role
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.inquiries import answers as a
from intake.inquiries import directory
from intake.inquiries.routes import bp
from intake.people.queries import shown_phone


@bp.get("/settings/places")
@requires(*STAFF, rule="center")
def places() -> ResponseReturnValue:
    """The list, by kind of care."""
    return _page({}, 200)


def _page(errors: Mapping[str, str], status: int, wrong_id: int = 0) -> ResponseReturnValue:
    body = render_template(
        "inquiries/places.html",
        places=directory.listed(current_actor().site_id),
        cares=directory.CARES,
        care_words={code: str(words) for code, words in directory.CARES},
        shown_phone=shown_phone,
        edits=current_actor().may(Role.SUPERVISOR),
        errors=errors,
        wrong_id=wrong_id,
        typed=request.form if errors else {},
        label=a.label,
    )
    return make_response(body, status)


def _do(done: str, verb: Callable[[Reader], object], place_id: int = 0) -> ResponseReturnValue:
    try:
        with transaction():
            verb(Reader(request.form))
    except (RuleBroken, AlreadyDone) as refused:
        return _page(refused.fields or {"": refused.message}, refused.status, place_id)
    flash(done)
    return redirect(url_for(".places"))


@bp.post("/settings/places")
@requires(Role.SUPERVISOR)
@once
def add_place() -> ResponseReturnValue:
    """Put a place on the list."""
    return _do(_("Added."), lambda r: directory.add(directory.read(r), actor=current_actor(), now=utcnow()))


@bp.post("/settings/places/<id:place_id>")
@requires(Role.SUPERVISOR)
def change_place(place_id: int) -> ResponseReturnValue:
    """Put right what is said of a place."""

    def verb(r: Reader) -> None:
        version = r.whole("version", low=1, high=10**9)
        directory.change(place_id, directory.read(r), version=version, actor=current_actor(), now=utcnow())

    return _do(_("Saved."), verb, place_id)


@bp.post("/settings/places/<id:place_id>/end")
@requires(Role.SUPERVISOR)
def end_place(place_id: int) -> ResponseReturnValue:
    """Take a place off the list."""
    return _do(_("Taken off the list."), lambda _r: directory.end(place_id, actor=current_actor(), now=utcnow()))
