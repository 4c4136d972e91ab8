"""Whose cases they are when somebody leaves."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case, Grant
from intake.cases.queries import ENDED
from intake.db import db
from intake.tasks import service as tasks

NEW_OWNER_HOURS = 24


def pass_on(staff_id: int, to: Actor | None, *, actor: Actor, now: datetime) -> int:
    """Hand every open case of somebody over to `to`; without one a supervisor owes it an owner within a day.

    Emergency access they were given ends too. Returns how many cases there were.
    """
    db.session.execute(update(Grant).where(Grant.staff_id == staff_id, Grant.until > now).values(until=now))
    owned = db.session.scalars(
        select(Case)
        .where(Case.site_id == actor.site_id, Case.owner_id == staff_id, Case.state.not_in(ENDED))
        .order_by(Case.id)
        .with_for_update(key_share=True)
    ).all()
    for case in owned:
        case.owner_id = to.id if to else None
        audit.record(
            actor=actor, verb="passed_on", record="care_case", record_id=case.id, case_id=case.id,
            changed=("owner_id",), now=now,
        )  # fmt: skip
        audit.tell(
            kind="passed_on", actor=actor, now=now, case_id=case.id, params={"to": to.name if to else ""},
        )  # fmt: skip
        if to is None:
            tasks.owe(
                site_id=case.site_id, kind="new_owner", key=f"new_owner:{case.id}", role=Role.SUPERVISOR,
                due_at=now + timedelta(hours=NEW_OWNER_HOURS), cause="owner_left", case_id=case.id, actor=actor,
                now=now,
            )  # fmt: skip
    return len(owned)
