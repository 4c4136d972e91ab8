"""The person of a case: who they are, and what surrounds them; every item is optional, nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF
from intake.audit import service as audit
from intake.cases import circumstances, queries
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import transaction
from intake.desk.routes import bp
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.people import details
from intake.people import queries as people
from intake.settings import queries as settings
from intake.settings import zones


@bp.get("/cases/<id:case_id>/person")
@requires(*STAFF, rule="case")
def person(case_id: int) -> ResponseReturnValue:
    """What is known of the person and their daily life; the read is written down."""
    with transaction():
        case = queries.readable(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="person", now=utcnow())
    return _page(case_id, {})


def _page(case_id: int, errors: Mapping[str, str], status: int = 200, wrong: str = "") -> ResponseReturnValue:
    case = queries.readable(current_actor(), case_id)
    row = people.person(case.person_id)
    life, known = circumstances.of(case, circumstances.LIFE), asdict(details.of(row))
    body = render_template(
        "desk/person.html",
        case=case,
        reference=queries.reference(case),
        known=request.form if wrong == "person" else known,
        born_on=known["born_on"],
        life=request.form if wrong == "life" else life,
        asked=circumstances.ITEMS[circumstances.LIFE],
        languages=details.LANGUAGES,
        locales=details.LOCALES,
        zones=zones.choices(row.time_zone),
        version=row.version,
        case_version=case.version,
        errors=errors,
    )
    return make_response(body, status)


def _do(case_id: int, wrong: str, verb: Callable[[Case, Reader, datetime], None]) -> ResponseReturnValue:
    try:
        with transaction():
            verb(queries.readable(current_actor(), case_id), Reader(request.form), utcnow())
    except (RuleBroken, AlreadyDone) as refused:
        return _page(case_id, refused.fields or {"": refused.message}, refused.status, wrong)
    flash(_("Saved."))
    return redirect(url_for(".person", case_id=case_id))


@bp.post("/cases/<id:case_id>/person")
@requires(*STAFF, rule="case")
def save_person(case_id: int) -> ResponseReturnValue:
    """Keep names, birth date, language, needs and allergies."""

    def verb(case: Case, r: Reader, now: datetime) -> None:
        zone = settings.zone(settings.site(case.site_id))
        version = r.whole("version", low=1, high=10**9)
        known = people.person(case.person_id).time_zone
        told = details.read(r, today=now.astimezone(zone).date(), zone=known)
        details.save(case.person_id, told, version=version, case_id=case.id, actor=current_actor(), now=now)

    return _do(case_id, "person", verb)


@bp.post("/cases/<id:case_id>/circumstances")
@requires(*STAFF, rule="case")
def save_circumstances(case_id: int) -> ResponseReturnValue:
    """Keep what surrounds the person: children, pets, home, transport, work, phone."""

    def verb(case: Case, r: Reader, now: datetime) -> None:
        version = r.whole("version", low=1, high=10**9)
        told = circumstances.read(r, circumstances.LIFE)
        circumstances.save(case.id, circumstances.LIFE, told, version=version, actor=current_actor(), now=now)

    return _do(case_id, "life", verb)
