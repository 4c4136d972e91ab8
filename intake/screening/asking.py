"""Staff send somebody the link by which they answer the questions alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from intake.accounts.once import once
from intake.actor import CARE, Role
from intake.clock import utcnow
from intake.db import transaction
from intake.guard import current_actor, requires
from intake.inquiries.models import Inquiry
from intake.screening import by_link, subjects
from intake.screening.routes import bp


@bp.post("/inquiries/<id:inquiry_id>/questions", defaults={"case_id": None})
@bp.post("/cases/<id:case_id>/questions", defaults={"inquiry_id": None})
@requires(Role.ADMISSIONS, *CARE, rule="case")
@once
def send_questions(inquiry_id: int | None, case_id: int | None) -> ResponseReturnValue:
    """Send the link; a link sent before ends with it."""
    subject = subjects.subject(current_actor(), inquiry_id=inquiry_id, case_id=case_id)
    with transaction():
        by_link.send(subject.inquiry.id, actor=current_actor(), now=utcnow())
    flash("The questions are on their way by email.")
    if subject.by_case:
        return redirect(url_for("desk.case", case_id=case_id))
    return redirect(url_for("inquiries.inquiry", inquiry_id=subject.inquiry.id))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page says about the link: the one that waits for answers, or why none can be sent."""

    sent_at: datetime | None
    until: datetime | None
    why_not: str


def asked(inquiry: Inquiry) -> Asked:
    """How it stands with the link of a request."""
    row = by_link.living(inquiry.id)
    return Asked(
        sent_at=None if row is None else row.created_at,
        until=None if row is None else row.expires_at,
        why_not=by_link.why_not(inquiry),
    )
