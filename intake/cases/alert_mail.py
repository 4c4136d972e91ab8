"""Mail staff that an alert waits: never the alert itself, which stands on top of the page whether mail goes or not.

No roster yet (rulings 10): the role's active staff who signed in within twelve hours, else the supervisors.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from intake.accounts import calling
from intake.accounts.models import Staff
from intake.actor import Role
from intake.cases.kinds import STAFF_ALERT
from intake.cases.models import Case, CaseAlert
from intake.messages import service as messages
from intake.settings import queries as settings


def tell(alert: CaseAlert, case: Case, *, now: datetime) -> int:
    """Owe a mail to everybody on duty for a new alert; returns how many."""
    staff = calling.on_duty(case.site_id, Role.CLINICIAN, now=now)
    return _owe(alert, case, staff, word="raised", now=now)


def tell_next(alert: CaseAlert, case: Case, *, now: datetime) -> int:
    """Nobody saw it in time: owe a new mail to the supervisors; returns how many."""
    return _owe(alert, case, calling.supervisors(case.site_id, now=now), word="escalated", now=now)


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
            window_end=now + calling.LATEST,
            tz=zone,
            dedupe_key=f"{STAFF_ALERT}:{alert.id}:{member.id}:{word}",
            site_id=case.site_id,
            case_id=case.id,
            immediate=True,
            now=now,
        )
    return len(staff)
