"""Watch the coverages of open cases: what is pending or about to end is somebody's task."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from intake.actor import Actor, Role, system
from intake.cases.models import Case
from intake.cases.queries import ENDED
from intake.db import db
from intake.people import coverage
from intake.people.models import CheckState, Coverage
from intake.settings import queries as settings
from intake.tasks import service as tasks

CHECK = "coverage_check"
ENDING = "coverage_ending"
CHECK_WITHIN = timedelta(hours=24)
HOLDS = (CheckState.VERIFIED, CheckState.PARTIAL)


def owe_check(row: Coverage, case: Case, *, actor: Actor, now: datetime) -> None:
    """Somebody asks the payer within a day."""
    tasks.owe(
        site_id=case.site_id, kind=CHECK, key=f"{CHECK}:{row.id}", role=Role.ADMISSIONS, due_at=now + CHECK_WITHIN,
        cause=row.kind.value, case_id=case.id, actor=actor, now=now,
    )  # fmt: skip


def checked(row: Coverage, *, actor: Actor, now: datetime) -> None:
    """What was owed about a coverage is done."""
    owed = (f"{kind}:{row.id}" for kind in (CHECK, ENDING))
    tasks.cancel(*owed, site_id=row.site_id, reason=row.state.value, actor=actor, now=now)


def watch(*, now: datetime) -> int:
    """Expire what is over, and owe a new check for what ends soon on an open case (an upkeep job); returns how many."""
    done = 0
    rows = db.session.execute(
        select(Coverage, Case)
        .join(Case, Case.person_id == Coverage.person_id)
        .where(
            Coverage.ended_at.is_(None),
            Coverage.state.in_(HOLDS),
            Coverage.expires_on <= (now + timedelta(days=60)).date(),
            Case.state.not_in(ENDED),
        )
    ).all()
    for row, case in rows:
        site = settings.site(case.site_id)
        today = now.astimezone(settings.zone(site)).date()
        warning = timedelta(days=int(settings.value(site.id, "coverage_warning_days")))
        if row.expires_on is None or row.expires_on > today + warning:
            continue
        is_over = row.expires_on < today
        if is_over:
            coverage.expire(row, actor=system(site.id), now=now)
            checked(row, actor=system(site.id), now=now)
        key = f"{CHECK if is_over else ENDING}:{row.id}"
        due = now + CHECK_WITHIN if is_over else max(now, now + timedelta(days=(row.expires_on - today).days))
        before = tasks.live_of_key(key, site.id)
        tasks.owe(
            site_id=site.id, kind=CHECK if is_over else ENDING, key=key, role=Role.ADMISSIONS, due_at=due,
            cause="coverage_over" if is_over else "coverage_ending", case_id=case.id, now=now,
        )  # fmt: skip
        done += is_over or not before
    return done
