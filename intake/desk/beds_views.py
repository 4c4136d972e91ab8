"""Addresses of the beds page: keep a bed, give it back, confirm the count, set up units and beds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import STAFF, Role
from intake.beds import queries as beds
from intake.beds import service as beds_service
from intake.cases import codes
from intake.cases import queries as cases
from intake.cases import service as cases_service
from intake.clock import utcnow
from intake.db import id_value, transaction
from intake.desk import beds_page
from intake.desk.listing import listed
from intake.desk.routes import bp
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.inquiries.answers import FUNDING
from intake.inquiries.answers import codes as answer_codes

SETS_UP = (Role.SUPERVISOR, Role.ADMIN)
SEXES = ("any", "female", "male")
LONGEST_HOLD = 168
Verb = Callable[[Reader], None]


@bp.get("/beds")
@requires(*STAFF, Role.ADMIN, rule="center")
def beds_list() -> ResponseReturnValue:
    """Every unit and bed: who is in it, for whom it is kept, and the census by hour."""
    return _page({}, 200)


def _page(errors: Mapping[str, str], status: int, sentence: str = "") -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    listed(actor, "beds", "", now)
    body = render_template(
        "desk/beds.html",
        page=beds_page.read(actor, now=now),
        is_stay=beds_page.is_stay,
        levels=tuple(codes.LEVELS.items()),
        codes=codes,
        payers=(("any", _("Any")), *FUNDING),
        may_set_up=actor.role in SETS_UP,
        works=actor.role in STAFF,
        errors=errors,
        sentence=sentence,
        typed=request.form,
    )
    return make_response(body, status)


def _do(done: str, verb: Verb) -> ResponseReturnValue:
    """Run one verb in one transaction; what is refused shows the page again with its sentence."""
    try:
        with transaction():
            verb(Reader(request.form))
    except RuleBroken as wrong:
        return _page(wrong.fields or {"": wrong.message}, wrong.status, wrong.message)
    except AlreadyDone as late:
        return _page({"": late.message}, late.status, late.message)
    flash(done)
    return redirect(url_for("desk.beds_list"))


@bp.post("/beds/<id:bed_id>/hold")
@requires(*STAFF, rule="center")
def hold_bed(bed_id: int) -> ResponseReturnValue:
    """Keep a bed for a case; of many asking at once one gets it, the others read that it is taken."""

    def verb(r: Reader) -> None:
        picked = r.text("case", limit=20, required=_("Pick for whom."))
        hours = r.whole("hours", low=1, high=LONGEST_HOLD, required=_("For how many hours?"))
        r.check()
        try:
            case_id = id_value(picked)
        except ValueError:
            raise Missing(cases.GONE) from None
        cases_service.hold_bed(case_id, bed_id, hours=hours or 1, actor=current_actor(), now=utcnow())

    return _do(_("The bed is kept."), verb)


@bp.post("/beds/<id:bed_id>/give-back")
@requires(*STAFF, rule="center")
def give_back_bed(bed_id: int) -> ResponseReturnValue:
    """Free a bed that is kept; within a minute it is offered to the next in line."""

    def verb(r: Reader) -> None:
        case_id = beds.held_by(bed_id, current_actor().site_id)
        if case_id is None:
            raise Missing("There is no such bed.")
        cases_service.release_bed(case_id, actor=current_actor(), now=utcnow())

    return _do(_("Given back. The next in line is offered it within a minute."), verb)


@bp.post("/beds/units/<id:unit_id>/confirm")
@requires(*STAFF, rule="center")
def confirm_unit(unit_id: int) -> ResponseReturnValue:
    """Somebody went round and counted."""

    def verb(r: Reader) -> None:
        count = r.whole("in_use", low=0, high=1000, required=_("Count the beds in use."))
        r.check()
        beds_service.confirm(unit_id, in_use=count or 0, actor=current_actor(), now=utcnow())

    return _do(_("Confirmed."), verb)


@bp.post("/beds/units/<id:unit_id>/add")
@requires(*SETS_UP, rule="center")
@once
def add_bed(unit_id: int) -> ResponseReturnValue:
    """Add a bed or slot to a unit."""

    def verb(r: Reader) -> None:
        name = r.text("name", limit=20, required=_("Give the bed a name."))
        sex = r.choice("sex", SEXES, default="any")
        payer = r.choice("payer", ("any", *answer_codes(FUNDING)), default="any")
        r.check()
        beds_service.new_bed(unit_id, name=name, sex=sex, payer=payer, actor=current_actor(), now=utcnow())

    return _do(_("Added."), verb)


@bp.post("/beds/<id:bed_id>/close")
@requires(*SETS_UP, rule="center")
def close_bed(bed_id: int) -> ResponseReturnValue:
    """Take an empty bed out of use."""

    def verb(r: Reader) -> None:
        beds_service.close_bed(bed_id, actor=current_actor(), now=utcnow())

    return _do(_("Out of use."), verb)


@bp.post("/beds/units")
@requires(*SETS_UP, rule="center")
@once
def add_unit() -> ResponseReturnValue:
    """Set up a ward or a clinic."""

    def verb(r: Reader) -> None:
        name = r.text("unit_name", limit=40, required=_("Give the unit a name."))
        level = r.choice("level", codes.LEVELS, required=_("Pick the level of care."))
        kind = r.choice("kind", beds_service.UNIT_KINDS, default="bed")
        r.check()
        actor = current_actor()
        beds_service.add_unit(site_id=actor.site_id, name=name, level=level, kind=kind, actor=actor, now=utcnow())

    return _do(_("Added. Now add its beds."), verb)
