"""Somebody who comes back: every earlier stay on one page, with what must not be repeated. No dose is copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from intake.actor import CARE, STAFF, Actor
from intake.audit import service as audit
from intake.cases import codes
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clinical.products import PRODUCTS
from intake.clock import utcnow
from intake.db import db, transaction
from intake.desk import words
from intake.desk.routes import bp
from intake.guard import current_actor, requires
from intake.people import queries as people
from intake.people.models import Person
from intake.settings import queries as settings
from intake.tapers.models import PlanVersion, TaperPlan


@dataclass(frozen=True)
class Stay:
    """One earlier case: what it was, how it ended, and its last plan in words (for care roles)."""

    case: Case
    reference: str
    levels: Sequence[str]
    plan: str
    flags: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class History:
    """Everything the history template reads."""

    case: Case
    reference: str
    person: people.PersonView
    stays: Sequence[Stay]
    zone: ZoneInfo
    tolerance_lost: bool

    def day(self, moment: datetime | None) -> str:
        """A day in the center's zone."""
        return moment.astimezone(self.zone).strftime("%b %-d, %Y") if moment else ""


def read(actor: Actor, case: Case) -> History:
    """The earlier stays of the person of a case, newest first, as far as the actor may read them."""
    care = actor.may(*CARE)
    stays = [_stay(c, care) for c in cases.earlier(case) if cases.can_read(actor, c)]
    return History(
        case=case,
        reference=cases.reference(case),
        person=people.opened(db.session.get_one(Person, case.person_id)),
        stays=stays,
        zone=settings.zone(settings.site(actor.site_id)),
        tolerance_lost="TOLERANCE_LOST" in case.flags,
    )


def _stay(case: Case, care: bool) -> Stay:
    levels = [codes.words(level) for level in (case.admit_level, cases.current_level(case)) if level]
    return Stay(
        case=case,
        reference=cases.reference(case),
        levels=list(dict.fromkeys(levels)),
        plan=_plan(case) if care else "",
        flags=[words.flag_tag(code) for code in case.flags],
    )


def _plan(case: Case) -> str:
    """The last plan of a case in words without a dose: medicine, from when, how it ended."""
    row = db.session.scalar(
        select(PlanVersion)
        .join(TaperPlan, TaperPlan.current_version_id == PlanVersion.id)
        .where(TaperPlan.case_id == case.id)
        .limit(1)
    )
    if row is None:
        return ""
    product = PRODUCTS.get(row.product)
    name = product.name if product else row.product
    since = f"{row.starts_on:%b} {row.starts_on.day}, {row.starts_on.year}"
    return f"{name}, from {since}: {words.state(row.state.value).lower()}"


@bp.get("/cases/<id:case_id>/history")
@requires(*STAFF, rule="case")
def history(case_id: int) -> ResponseReturnValue:
    """Earlier stays in one click; the read is written down."""
    actor, now = current_actor(), utcnow()
    with transaction():
        case = cases.readable(actor, case_id)
        audit.looked(actor=actor, case_id=case.id, purpose="history", now=now)
    found = read(actor, cases.readable(actor, case_id))
    return render_template("desk/history.html", page=found, codes=codes, words=words)
