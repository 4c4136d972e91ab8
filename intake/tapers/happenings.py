"""What happens to a plan without anybody changing it: its case ends, a visit is missed, its last day passes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.cases.models import Case, CaseState
from intake.db import db
from intake.messages import service as messages
from intake.tapers import plans, queries, visiting
from intake.tapers.changes import pause
from intake.tapers.holds import hold
from intake.tapers.models import PlanState, PlanVersion, StepHold, TaperPlan
from intake.tapers.service import plan_of
from intake.tasks import service as tasks

REVIEW_DAYS_AFTER_HOLD = 3
# Where the day begins first it is this far ahead; the person's own day decides.
EASTMOST = timedelta(hours=14)
# rulings 22: what a discharge of each type leaves owed.
KEEPS_AFTER_CARE = frozenset({"completed", "transferred"})
AFTER_CARE = ("AFTER_1M", "AFTER_3M", "AFTER_6M", "AFTER_12M", "AFTER_24M")


def case_ended(case: Case, discharge_type: str, actor: Actor, now: datetime) -> None:
    """What the end of a case does to its plan and mails (rulings 22); registered with `cases.when_ended`."""
    plan = plan_of(case.id)
    if plan is None:
        visiting.settle(case, now=now)
        return
    keep = discharge_type in KEEPS_AFTER_CARE
    messages.cancel(reason="discharged", now=now, plan_id=plan.id, except_parts=AFTER_CARE if keep else ())
    current = db.session.get(PlanVersion, plan.current_version_id) if plan.current_version_id else None
    if current is not None and current.state in (PlanState.ACTIVE, PlanState.PAUSED):
        # Whoever is paused owes no after-care mail; their plan ends with a reason instead of as completed.
        whole = keep and current.state is PlanState.ACTIVE
        current.state = PlanState.COMPLETED if whole else PlanState.STOPPED
        current.ended_at, current.end_reason = now, f"case {discharge_type}"
        audit.record(
            actor=actor,
            verb="ended",
            record="plan_version",
            record_id=current.id,
            case_id=case.id,
            purpose=discharge_type,
            now=now,
        )
    visiting.settle(case, now=now)


def visit_missed(case: Case, actor: Actor, now: datetime) -> None:
    """What a missed visit does to a plan (flow G4); registered with `cases.when_missed`.

    In care the next step is held until a clinician looked; somebody who never came has the plan paused, so that no
    step message goes out. A task names the last dose reached.
    """
    plan = plan_of(case.id)
    current = db.session.get(PlanVersion, plan.current_version_id) if plan and plan.current_version_id else None
    if plan is None or current is None or current.state is not PlanState.ACTIVE:
        return
    today = queries.day_of(case, now)
    reached = plans.step_on(current.steps, today)
    doses = reached["doses"] if reached else current.request["regimen"]
    tasks.owe(
        site_id=case.site_id,
        kind="last_dose",
        key=f"last_dose:{plan.id}",
        role=Role.CLINICIAN,
        due_at=now + timedelta(hours=4),
        cause="missed_visit",
        case_id=case.id,
        owner_id=case.owner_id,
        params={"dose": "-".join(f"{float(d):g}" for d in doses)},
        now=now,
        actor=actor,
    )
    if case.state is CaseState.NO_SHOW:
        review = today + timedelta(days=REVIEW_DAYS_AFTER_HOLD)
        by = system(case.site_id)
        pause(current.id, reason="missed_visit", words="", review_by=review, agreed_by="", actor=by, now=now)
        return
    following = [s["step"] for s in current.steps if s["start"] > today.isoformat()]
    first = following[0] if following else len(current.steps) + 1
    hold(current, first_step=first, reason="missed_visit", triggers=["missed_visit"], case=case, now=now)


def complete_ended(*, now: datetime) -> int:
    """Upkeep: complete every active version on the day after its end; returns how many."""
    rows = db.session.execute(
        select(PlanVersion, TaperPlan, Case)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .join(Case, Case.id == TaperPlan.case_id)
        .where(PlanVersion.state == PlanState.ACTIVE, PlanVersion.ends_on < (now + EASTMOST).date())
    ).all()
    done = 0
    for version, _plan, case in rows:
        if version.ends_on is not None and version.ends_on < queries.day_of(case, now):
            version.state, version.ended_at, version.end_reason = PlanState.COMPLETED, now, "completed"
            audit.record(
                actor=system(case.site_id),
                verb="completed",
                record="plan_version",
                record_id=version.id,
                case_id=case.id,
                now=now,
            )
            visiting.settle(case, now=now)
            done += 1
    return done


def pause_overtaken(*, now: datetime) -> int:
    """Upkeep: a held step whose start has come pauses its plan at the dose reached (rulings 4); returns how many."""
    rows = db.session.execute(
        select(StepHold, PlanVersion, Case)
        .join(PlanVersion, PlanVersion.id == StepHold.version_id)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .join(Case, Case.id == TaperPlan.case_id)
        .where(StepHold.cleared_at.is_(None), PlanVersion.state == PlanState.ACTIVE)
    ).all()
    done = 0
    for row, version, case in rows:
        today = queries.day_of(case, now)
        starts = next((s["start"] for s in version.steps if s["step"] == row.first_step), None)
        if starts is None and row.first_step > len(version.steps) and version.ends_on is not None:
            starts = version.ends_on.isoformat()
        if starts is not None and starts <= today.isoformat():
            row.cleared_at, row.clear_reason = now, "paused by the product"
            pause(
                version.id,
                reason="held_step_not_cleared",
                words="",
                review_by=today + timedelta(days=REVIEW_DAYS_AFTER_HOLD),
                agreed_by="",
                actor=system(case.site_id),
                now=now,
            )
            done += 1
    return done
