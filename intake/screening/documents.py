"""Find screenings and placements, and open the document of one."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select

from intake import crypto
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.screening.findings import flat
from intake.screening.models import Placement, PlacementState, Screening, ScreeningState

_DRAFT = (
    select(Screening)
    .where(Screening.inquiry_id == bindparam("inquiry"), Screening.state == ScreeningState.DRAFT)
    .order_by(Screening.created_at.desc())
    .limit(1)
)
_OF_PERSON = select(Screening).where(
    Screening.person_id == bindparam("person"), Screening.state == ScreeningState.COMPLETE
)
_LAST_OF_PERSON = _OF_PERSON.order_by(Screening.completed_at.desc(), Screening.id).limit(1)
_ALL_OF_PERSON = _OF_PERSON.order_by(Screening.completed_at, Screening.id)
_NEWEST_PLACEMENT = (
    select(Placement)
    .where(Placement.inquiry_id == bindparam("inquiry"), Placement.state != PlacementState.SUPERSEDED)
    .order_by(Placement.created_at.desc(), Placement.id)
    .limit(1)
)
_PERSON = select(Inquiry.person_id).where(Inquiry.id == bindparam("inquiry"))


def case_of(inquiry_id: int) -> Case | None:
    """The case an inquiry led to: its own, or the person's open one."""
    own = cases.latest_of_inquiry(inquiry_id)
    if own is not None:
        return own
    person_id = db.session.scalar(_PERSON, {"inquiry": inquiry_id})
    return None if person_id is None else cases.open_case(person_id)


def document(row: Screening) -> dict[str, Any]:
    """The stored document of a screening: answers per part, and carried, marks and saved beside them.

    An erased person's document is empty.
    """
    clear = crypto.open_(row.answers, at="screening.answers", row=row.id)
    if not clear or clear == crypto.ERASED:
        return {}
    found: dict[str, Any] = json.loads(clear)
    return found


def values(row: Screening | None) -> dict[str, Any]:
    """The answers of a screening as one mapping; what is only carried over is not among them."""
    return {} if row is None else flat(document(row))


def draft(inquiry_id: int) -> Screening | None:
    """The open draft of an inquiry."""
    return db.session.scalar(_DRAFT, {"inquiry": inquiry_id})


def latest(*, case_id: int | None = None, inquiry_id: int | None = None) -> Screening | None:
    """The newest complete screening of a case or inquiry."""
    return db.session.scalar(
        select(Screening)
        .where(_belongs(case_id, inquiry_id), Screening.state == ScreeningState.COMPLETE)
        .order_by(Screening.completed_at.desc(), Screening.id)
        .limit(1)
    )


def last_of_person(person_id: int) -> Screening | None:
    """The newest complete screening of a person, whatever inquiry it belongs to."""
    return db.session.scalar(_LAST_OF_PERSON, {"person": person_id})


def _belongs(case_id: int | None, inquiry_id: int | None) -> ColumnElement[bool]:
    if case_id is None:
        return Screening.inquiry_id == inquiry_id
    opened_from = select(Case.opened_from).where(Case.id == case_id).scalar_subquery()
    return or_(Screening.case_id == case_id, Screening.inquiry_id == opened_from)


def complete_of(
    *, case_id: int | None = None, inquiry_id: int | None = None, person_id: int | None = None
) -> list[Screening]:
    """All complete screenings of a case, inquiry or person, oldest first."""
    if person_id is not None:
        return list(db.session.scalars(_ALL_OF_PERSON, {"person": person_id}))
    return list(
        db.session.scalars(
            select(Screening)
            .where(_belongs(case_id, inquiry_id), Screening.state == ScreeningState.COMPLETE)
            .order_by(Screening.completed_at, Screening.id)
        )
    )


def newest_placement(inquiry_id: int) -> Placement | None:
    """The newest placement of an inquiry that newer facts have not superseded."""
    return db.session.scalar(_NEWEST_PLACEMENT, {"inquiry": inquiry_id})
