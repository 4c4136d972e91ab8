"""Co-sign an override to a lower level of care: another clinician agrees, or brings the proposal back into force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from intake.actor import CARE, Actor
from intake.audit import service as audit
from intake.cases.models import Case
from intake.db import db
from intake.errors import Missing, NotPermitted
from intake.screening.answering import finish, found_for
from intake.screening.models import Placement, PlacementState
from intake.screening.placements import let_in


def cosign(placement_id: int, *, agree: bool, reason: str, actor: Actor, now: datetime) -> Placement:
    """A clinician answers for an override to a lower level: agrees, or brings the proposal back into force.

    Raises:
        Missing: none here, or it needs no co-signature. NotPermitted: not of the care roles, or one's own override.
    """
    row = db.session.scalar(
        select(Placement).where(Placement.id == placement_id, Placement.site_id == actor.site_id).with_for_update()
    )
    if row is None or row.state is not PlacementState.OVERRIDDEN or row.case_id is None:
        raise Missing("There is nothing to co-sign here.")
    if not actor.may(*CARE) or actor.id == row.answered_by:
        raise NotPermitted("Another clinician has to co-sign this.")
    if not finish(f"cosign:{row.id}", row.site_id, actor, "agreed" if agree else "sent_as_proposed", now):
        raise Missing("There is nothing to co-sign here.")
    audit.record(
        actor=actor,
        verb="cosigned" if agree else "reversed",
        record="placement",
        record_id=row.id,
        site_id=row.site_id,
        case_id=row.case_id,
        now=now,
    )
    audit.tell(
        kind="override_cosigned" if agree else "override_reversed",
        actor=actor,
        now=now,
        case_id=row.case_id,
        inquiry_id=row.inquiry_id,
        params={"queue": row.override_queue if agree else row.queue.value},
        words=reason,
        words_key_of=db.session.get_one(Case, row.case_id).person_id,
    )
    if not agree:
        inquiry, _screening, found = found_for(row)
        let_in(row, inquiry, found, row.queue, row.acuity, False, actor, now)
    return row
