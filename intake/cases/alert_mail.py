"""Mail staff that an alert waits: never the alert itself, which stands on top of the page whether mail goes or not.

No roster yet (rulings 10): the role's active staff who signed in within twelve hours, else the supervisors.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from intake.accounts.models import Staff
from intake.actor import Role
from intake.cases.kinds import STAFF_ALERT
from intake.cases.models import Case, CaseAlert
from intake.db import db
from intake.messages import service as messages
from intake.settings import queries as settings

ON_DUTY = timedelta(hours=12)
LATEST = timedelta(hours=1)


def tell(alert: CaseAlert, case: Case, *, now: datetime) -> int:
    """Owe a mail to everybody on duty for a new alert; returns how many."""
    staff = _active(case.site_id, Role.CLINICIAN, since=now - ON_DUTY)
    return _owe(alert, case, staff or _supervisors(case.site_id, now), word="raised", now=now)


def tell_next(alert: CaseAlert, case: Case, *, now: datetime) -> int:
    """Nobody saw it in time: owe a new mail to the supervisors; returns how many."""
    return _owe(alert, case, _supervisors(case.site_id, now), word="escalated", now=now)


def _supervisors(site_id: int, now: datetime) -> Sequence[Staff]:
    return _active(site_id, Role.SUPERVISOR, since=now - ON_DUTY) or _active(site_id, Role.SUPERVISOR)


def _active(site_id: int, role: Role, *, since: datetime | None = None) -> Sequence[Staff]:
    wanted = [Staff.site_id == site_id, Staff.role == role, Staff.is_active.is_(True)]
    if since is not None:
        wanted.append(Staff.last_sign_in_at >= since)
    return db.session.scalars(select(Staff).where(*wanted).order_by(Staff.id)).all()


def _owe(alert: CaseAlert, case: Case, staff: Sequence[Staff], *, word: str, now: datetime) -> int:
    zone = settings.site(case.site_id).time_zone
    for member in staff:
        messages.schedule(
            STAFF_ALERT,
            subject_id=alert.id,
            recipient_type="staff",
            recipient_id=member.id,
            due_at=now,
            window_start=now,
            window_end=now + LATEST,
            tz=zone,
            dedupe_key=f"{STAFF_ALERT}:{alert.id}:{member.id}:{word}",
            site_id=case.site_id,
            case_id=case.id,
            immediate=True,
            now=now,
        )
    return len(staff)
