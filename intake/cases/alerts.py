"""Call on staff to act now: raise, acknowledge, escalate. A person answers; nothing is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from intake import crypto
from intake.actor import STAFF, Actor, Role, system
from intake.audit import service as audit
from intake.cases import alert_mail
from intake.cases.models import Case, CaseAlert
from intake.cases.queries import GONE, can_read, open_alerts
from intake.cases.states import LOCK, must
from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.queues import service as queues
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task


def raise_alert(
    case_id: int, *, code: str, triggers: Sequence[str] = (), now: datetime, actor: Actor | None = None
) -> CaseAlert:
    """Raise an alert: a row that waits for a person, a task, and the top of the queue, in one transaction.

    An open alert of the same code takes the new triggers instead of becoming two.

    Raises:
        Missing: no such case.
    """
    case = db.session.get(Case, case_id, with_for_update=LOCK)
    if case is None or (actor is not None and not can_read(actor, case)):
        raise Missing(GONE)
    by = actor or system(case.site_id)
    row = next((a for a in open_alerts(case.id) if a.code == code), None)
    if row is not None:
        row.triggers = [*row.triggers, *(t for t in triggers if t not in row.triggers)]
        queues.raise_alert(case.id, code=code, now=now, actor=by)
        return row
    minutes = int(settings.value(case.site_id, "alert_acknowledge_minutes"))
    row = CaseAlert(
        id=new_id(), case_id=case.id, code=code, triggers=list(triggers), raised_at=now,
        acknowledge_by=now + timedelta(minutes=minutes), created_at=now, created_by=by.id,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    audit.record(
        actor=by, verb="raised", record="case_alert", record_id=row.id, site_id=case.site_id, case_id=case.id,
        purpose=code, now=now,
    )  # fmt: skip
    audit.tell(kind="alert", actor=by, now=now, case_id=case.id, params={"code": code, "triggers": list(triggers)})
    tasks.owe(
        site_id=case.site_id, kind="alert", key=f"alert:{row.id}", role=Role.CLINICIAN, due_at=row.acknowledge_by,
        cause=code, case_id=case.id, params={"code": code}, actor=by, now=now,
    )  # fmt: skip
    queues.raise_alert(case.id, code=code, now=now, actor=by)
    alert_mail.tell(row, case, now=now)
    return row


def acknowledge(alert_id: int, *, outcome: str, actor: Actor, now: datetime) -> CaseAlert:
    """Record that a person saw an alert and what they did; ends its task, and calms the queue with the last one.

    Raises:
        Missing: no such alert here. AlreadyDone: a colleague was first. RuleBroken: nothing was written.
    """
    must(actor, *STAFF)
    row = db.session.scalar(select(CaseAlert).where(CaseAlert.id == alert_id).with_for_update())
    case = db.session.get(Case, row.case_id) if row is not None else None
    if row is None or case is None or not can_read(actor, case):
        raise Missing("There is no such alert.")
    if row.acknowledged_at is not None:
        raise AlreadyDone(f"{row.acknowledged_name} saw this alert at {row.acknowledged_at:%H:%M} UTC.")
    if not outcome.strip():
        raise RuleBroken("Say what you did.", code="OUTCOME", fields={"outcome": "Say what you did, in a few words."})
    row.acknowledged_at, row.acknowledged_by, row.acknowledged_name = now, actor.id, actor.name
    row.outcome = crypto.seal(outcome, key_of=case.person_id, at="case_alert.outcome", row=row.id)
    audit.record(
        actor=actor, verb="acknowledged", record="case_alert", record_id=row.id, site_id=case.site_id,
        case_id=case.id, purpose=row.code, now=now,
    )  # fmt: skip
    audit.tell(
        kind="alert_seen", actor=actor, now=now, case_id=case.id, params={"code": row.code}, words=outcome,
        words_key_of=case.person_id,
    )  # fmt: skip
    _finish_task(row, actor, now)
    db.session.flush()
    if not open_alerts(case.id):
        queues.calm(case.id, actor=actor, now=now)
    return row


def _finish_task(row: CaseAlert, actor: Actor, now: datetime) -> None:
    task = db.session.scalar(select(Task).where(Task.key == f"alert:{row.id}", Task.state.in_(tasks.LIVE)))
    if task is not None:
        tasks.finish(task.id, actor=actor, outcome="acknowledged", now=now)


def escalate(*, now: datetime) -> int:
    """Hand every alert past its acknowledge time to the supervisor, once (an upkeep job); returns how many."""
    rows = db.session.execute(
        select(CaseAlert, Case)
        .join(Case, Case.id == CaseAlert.case_id)
        .where(
            CaseAlert.acknowledged_at.is_(None),
            CaseAlert.escalated_at.is_(None),
            CaseAlert.acknowledge_by < db_now(),
        )
        .with_for_update(of=CaseAlert)
    )
    done = 0
    for row, case in rows:
        row.escalated_at = now
        by = system(case.site_id)
        tasks.owe(
            site_id=case.site_id, kind="alert_escalated", key=f"alert_escalated:{row.id}", role=Role.SUPERVISOR,
            due_at=now, cause=row.code, case_id=case.id, params={"code": row.code}, actor=by, now=now,
        )  # fmt: skip
        audit.record(
            actor=by, verb="escalated", record="case_alert", record_id=row.id, site_id=case.site_id, case_id=case.id,
            purpose=row.code, now=now,
        )  # fmt: skip
        alert_mail.tell_next(row, case, now=now)
        audit.tell(kind="alert_escalated", actor=by, now=now, case_id=case.id, params={"code": row.code})
        done += 1
    return done
