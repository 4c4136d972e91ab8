"""What becomes of an answer about danger, in the transaction that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from intake.actor import Actor
from intake.audit import service as audit
from intake.cases import service as cases
from intake.cases.queries import open_alerts, open_case
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.inquiries.values import kept_danger
from intake.queues.models import Queue, QueueEntry
from intake.screening import queries
from intake.screening.models import Screening

ALERT = "DANGER"


def told(row: Screening, answers: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Put danger answers on the inquiry, where a yes stays until its outcome is known; a new yes acts at once."""
    case_id = of_inquiry(row.inquiry_id, answers, case_id=row.case_id, actor=actor, now=now)
    if row.case_id is None:
        row.case_id = case_id


def of_inquiry(
    inquiry_id: int,
    answers: Mapping[str, Any],
    *,
    case_id: int | None,
    actor: Actor,
    now: datetime,
    alone: bool = False,
) -> int | None:
    """The same before there is any screening; returns the case that a new yes opened, else `case_id`.

    `alone`: nobody of the staff heard it. Then a yes that was given before acts again, unless that emergency is still
    in hand: it may be the next one, and the person reads that staff know of it.
    """
    inquiry = db.session.scalars(
        select(Inquiry).where(Inquiry.id == inquiry_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    before = dict(inquiry.danger)
    given = {name: value for name, value in answers.items() if value is not None}
    inquiry.danger = kept_danger(before, {**before, **given})
    yes = sorted(name for name, value in given.items() if value == "yes")
    newly = [name for name in yes if before.get(name) != "yes"]
    case = queries.case_of(inquiry_id)
    if alone and yes and not newly:
        case = case or open_case(inquiry.person_id)
        newly = [] if case is not None and _is_in_hand(case.id) else yes
    if not newly:
        return case_id
    audit.tell(
        kind="danger_told", actor=actor, now=now, case_id=case_id, inquiry_id=inquiry_id, params={"signs": newly}
    )
    if case is None:
        return cases.open_for_danger(inquiry, actor=actor, now=now).id
    cases.raise_alert(case.id, code=ALERT, triggers=newly, now=now, actor=actor)
    return case_id


def _is_in_hand(case_id: int) -> bool:
    """Whether the case waits as an emergency whose outcome nobody recorded, or nobody saw its alert of danger yet."""
    here = select(QueueEntry.id).where(
        QueueEntry.case_id == case_id, QueueEntry.queue == Queue.EMERGENCY, QueueEntry.left_at.is_(None)
    )
    return db.session.scalar(here.limit(1)) is not None or any(a.code == ALERT for a in open_alerts(case_id))
