"""Hold the next step of a plan until a clinician looked; the dates stand when it is cleared in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from intake.actor import CARE, Actor, Role, system
from intake.audit import service as audit
from intake.cases.models import Case
from intake.db import db, new_id
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.messages import service as messages
from intake.tapers.models import PlanVersion, StepHold
from intake.tapers.service import locked
from intake.tasks import service as tasks


def hold(
    version: PlanVersion, *, first_step: int, reason: str, triggers: list[Any], case: Case, now: datetime
) -> StepHold:
    """Hold a step and all later ones until a clinician clears it; at most one open hold per version."""
    known = db.session.scalar(
        select(StepHold).where(StepHold.version_id == version.id, StepHold.cleared_at.is_(None)).with_for_update()
    )
    if known is not None:
        known.first_step = min(known.first_step, first_step)
        return known
    row = StepHold(
        id=new_id(),
        version_id=version.id,
        first_step=first_step,
        reason=reason,
        triggers=triggers,
        since=now,
        created_at=now,
        created_by=0,
    )
    db.session.add(row)
    messages.touch(plan_id=version.plan_id)
    by = system(case.site_id)
    audit.record(actor=by, verb="held", record="step_hold", record_id=row.id, case_id=case.id, purpose=reason, now=now)
    audit.tell(kind="step_held", actor=by, now=now, case_id=case.id, params={"step": first_step, "reason": reason})
    tasks.owe(
        site_id=case.site_id,
        kind="step_hold",
        key=f"step_hold:{version.id}",
        role=Role.CLINICIAN,
        due_at=now + timedelta(hours=4),
        cause=reason,
        case_id=case.id,
        owner_id=case.owner_id,
        now=now,
    )
    return row


def clear_hold(hold_id: int, *, reason: str, actor: Actor, now: datetime) -> StepHold:
    """A clinician looked: the dates stand and the next step goes ahead.

    Raises:
        NotPermitted: not a care role. AlreadyDone: cleared before.
    """
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians clear a hold.")
    row = db.session.get(StepHold, hold_id, with_for_update=True)
    if row is None or row.cleared_at is not None:
        raise AlreadyDone("This hold is already cleared.")
    if not reason.strip():
        raise RuleBroken("Write what you saw.", code="REASON", fields={"reason": "Write what you saw."})
    row.cleared_by, row.cleared_at, row.clear_reason = actor.id, now, reason[:500]
    _, _, case = locked(row.version_id)
    tasks.cancel(f"step_hold:{row.version_id}", site_id=case.site_id, reason="cleared", now=now, actor=actor)
    audit.record(actor=actor, verb="cleared", record="step_hold", record_id=row.id, case_id=case.id, now=now)
    audit.tell(kind="hold_cleared", actor=actor, now=now, case_id=case.id, params={"step": row.first_step})
    return row
