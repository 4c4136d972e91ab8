"""Call on the people on duty by mail: the mail names nothing, what it is about stands on the task list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from intake.accounts.kinds import TASK_ALERT
from intake.accounts.models import Staff
from intake.actor import Role
from intake.db import db
from intake.messages import service as messages
from intake.settings import queries as settings
from intake.tasks.models import Task

ON_DUTY = timedelta(hours=12)
LATEST = timedelta(hours=1)
_ACTIVE = (
    select(Staff)
    .where(Staff.site_id == bindparam("site"), Staff.role == bindparam("role"), Staff.is_active.is_(True))
    .order_by(Staff.id)
)
_SIGNED_IN = _ACTIVE.where(Staff.last_sign_in_at >= bindparam("since"))


def on_duty(site_id: int, role: Role, *, now: datetime) -> Sequence[Staff]:
    """Who is called for a role: its active staff signed in within 12 hours, else the supervisors (rulings 10)."""
    return _active(site_id, role, since=now - ON_DUTY) or supervisors(site_id, now=now)


def supervisors(site_id: int, *, now: datetime) -> Sequence[Staff]:
    """The supervisors signed in within 12 hours; every active one when there is none."""
    return _active(site_id, Role.SUPERVISOR, since=now - ON_DUTY) or _active(site_id, Role.SUPERVISOR)


def _active(site_id: int, role: Role, *, since: datetime | None = None) -> Sequence[Staff]:
    asked = {"site": site_id, "role": role}
    if since is None:
        return db.session.scalars(_ACTIVE, asked).all()
    return db.session.scalars(_SIGNED_IN, {**asked, "since": since}).all()


def call(task: Task, *, now: datetime) -> int:
    """Owe everybody on duty for a task's role one mail about it; returns how many."""
    zone = settings.site(task.site_id).time_zone
    staff = on_duty(task.site_id, task.role, now=now)
    for member in staff:
        messages.schedule(
            TASK_ALERT,
            subject_id=task.id,
            recipient_type="staff",
            recipient_id=member.id,
            due_at=now,
            window_start=now,
            window_end=now + LATEST,
            tz=zone,
            dedupe_key=f"{TASK_ALERT}:{task.id}:{member.id}",
            site_id=task.site_id,
            immediate=True,
            now=now,
        )
    return len(staff)
