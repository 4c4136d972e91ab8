"""What becomes of an answer about danger, in the transaction that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from intake.actor import Actor
from intake.audit import service as audit
from intake.cases import service as cases
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.inquiries.values import kept_danger
from intake.screening import queries
from intake.screening.models import Screening


def told(row: Screening, answers: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Put danger answers on the inquiry, where a yes stays until its outcome is known; a new yes acts at once."""
    case_id = of_inquiry(row.inquiry_id, answers, case_id=row.case_id, actor=actor, now=now)
    if row.case_id is None:
        row.case_id = case_id


def of_inquiry(
    inquiry_id: int, answers: Mapping[str, Any], *, case_id: int | None, actor: Actor, now: datetime
) -> int | None:
    """The same before there is any screening; returns the case that a new yes opened, else `case_id`."""
    inquiry = db.session.scalars(
        select(Inquiry).where(Inquiry.id == inquiry_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    before = dict(inquiry.danger)
    given = {name: value for name, value in answers.items() if value is not None}
    inquiry.danger = kept_danger(before, {**before, **given})
    newly = sorted(name for name, value in given.items() if value == "yes" and before.get(name) != "yes")
    if not newly:
        return case_id
    audit.tell(
        kind="danger_told", actor=actor, now=now, case_id=case_id, inquiry_id=inquiry_id, params={"signs": newly}
    )
    case = queries.case_of(inquiry_id)
    if case is None:
        return cases.open_for_danger(inquiry, actor=actor, now=now).id
    cases.raise_alert(case.id, code="DANGER", triggers=newly, now=now, actor=actor)
    return case_id
