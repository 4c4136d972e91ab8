"""Work past its time goes up: once, to the supervisors, as a task beside the one that is late."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select

from intake.accounts import calling
from intake.actor import Role
from intake.clock import db_now
from intake.db import db
from intake.settings.models import Site
from intake.tasks import service as tasks
from intake.tasks.models import Task

# These have an escalation of their own, by their row and not by their task.
OWN_WAY = frozenset({"first_contact", "alert"})
# A breach of these is a matter of minutes: it is mailed too, not only listed.
URGENT = frozenset(
    {"danger", "promised_callback", "transfer", "call_same_day", "call_24h", "call_72h", "crisis_follow_up"}
)
WORKERS = (Role.ADMISSIONS, Role.CLINICIAN, Role.PRESCRIBER)


def escalate(*, now: datetime, limit: int = 500) -> int:
    """Hand every task past its due time to the supervisors, once each (an upkeep job); returns how many.

    A task that was put off with a reason is late only after that time.
    """
    done = 0
    for site_id in db.session.scalars(select(Site.id)):
        for row in _late(site_id, limit):
            row.escalated_at = now
            above = tasks.owe(
                site_id=site_id, kind=tasks.OVERDUE, key=tasks.overdue_key(row.id), role=Role.SUPERVISOR, due_at=now,
                cause=row.kind, case_id=row.case_id, inquiry_id=row.inquiry_id, params={"kind": row.kind}, now=now,
            )  # fmt: skip
            if row.kind in URGENT:
                calling.call(above, now=now)
            done += 1
    return done


def _late(site_id: int, limit: int) -> list[Task]:
    return list(
        db.session.scalars(
            select(Task)
            .where(
                Task.site_id == site_id,
                Task.state.in_(tasks.LIVE),
                Task.due_at < db_now(),
                Task.escalated_at.is_(None),
                Task.role.in_(WORKERS),
                Task.kind.not_in(OWN_WAY),
                or_(Task.snoozed_until.is_(None), Task.snoozed_until < db_now()),
            )
            .order_by(Task.due_at)
            .limit(limit)
            .with_for_update()
        )
    )
