"""Work of somebody who is away flows back to everybody of the role; nothing waits for one person alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from intake.accounts.models import Staff, StaffSession
from intake.actor import system
from intake.audit import service as audit
from intake.db import db
from intake.settings import queries as settings
from intake.settings.models import Site
from intake.tasks.models import Task, TaskState
from intake.tasks.service import LIVE


def away(site_id: int, *, now: datetime) -> set[int]:
    """Ids of staff of a site who were not seen within the center's hours, or whose account is off."""
    since = now - timedelta(hours=int(settings.value(site_id, "absent_hours")))
    seen = (
        select(StaffSession.staff_id, func.max(StaffSession.seen_at).label("at"))
        .group_by(StaffSession.staff_id)
        .subquery()
    )
    rows = db.session.scalars(
        select(Staff.id)
        .join(seen, seen.c.staff_id == Staff.id, isouter=True)
        .where(
            Staff.site_id == site_id,
            or_(
                Staff.is_active.is_(False),
                func.coalesce(seen.c.at, Staff.last_sign_in_at, Staff.created_at) < since,
            ),
        )
    )
    return set(rows)


def free_tasks(*, now: datetime) -> int:
    """Give every task that is due and belongs to somebody away back to its role (an upkeep job); returns how many."""
    done = 0
    for site_id in db.session.scalars(select(Site.id)):
        absent = away(site_id, now=now)
        if not absent:
            continue
        rows = db.session.scalars(
            select(Task)
            .where(
                Task.site_id == site_id, Task.state.in_(LIVE), Task.due_at < now, Task.owner_id.in_(absent),
            )
            .with_for_update()
        )  # fmt: skip
        for row in rows:
            row.state, row.owner_id = TaskState.OPEN, None
            audit.record(
                actor=system(site_id), verb="released", record="task", record_id=row.id, case_id=row.case_id,
                purpose="owner away", now=now,
            )  # fmt: skip
            done += 1
    return done
