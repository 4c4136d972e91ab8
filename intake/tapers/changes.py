"""Pause, resume, stop, hold: every change is a new version or an end, with its messages in the same transaction."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from intake import crypto
from intake.actor import CARE, Actor, Role, system
from intake.audit import service as audit
from intake.cases.models import Case, CaseState
from intake.clinical import cadence
from intake.db import db, new_id
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.messages import service as messages
from intake.people.models import Person
from intake.tapers import plans, schedule, visiting
from intake.tapers.models import PlanState, PlanVersion, StepHold, TaperPlan
from intake.tapers.service import locked, plan_of
from intake.tasks import service as tasks

REVIEW_DAYS_AFTER_HOLD = 3
# rulings 22: what a discharge of each type leaves owed.
KEEPS_AFTER_CARE = frozenset({"completed", "transferred"})


def pause(
    version_id: int, *, reason: str, words: str, review_by: date, agreed_by: str, actor: Actor, now: datetime
) -> PlanVersion:
    """Pause at the dose reached now: a new version without signature; step messages cancelled, one notice owed.

    Raises:
        NotPermitted: not a care role. AlreadyDone: the plan is not active. RuleBroken: the review date is missing.
    """
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians pause a plan.")
    version, plan, case = locked(version_id)
    if version.state is not PlanState.ACTIVE:
        raise AlreadyDone("This plan is not active any more. Open the current state.")
    today = _today(case, now)
    if not reason or review_by < today:
        raise RuleBroken(
            "A pause needs a reason and a review date.",
            code="PAUSE",
            fields={"review_by": "Choose a review date from today on."} if review_by < today else {"reason": "Why?"},
        )
    schedule.withdraw(plan, reason="paused", now=now)
    version.state, version.ended_at, version.end_reason = PlanState.SUPERSEDED, now, "paused"
    db.session.flush()
    paused = _paused_version(version, plan, today=today, now=now, actor=actor)
    paused.pause_reason, paused.review_by, paused.agreed_by = reason, review_by, agreed_by
    if words:
        paused.pause_words = crypto.seal(words, key_of=case.person_id, at="plan_version.pause_words", row=paused.id)
    db.session.add(paused)
    db.session.flush()
    plan.current_version_id = paused.id
    _review_notice(paused, plan, case, now=now)
    visiting.settle(case, now=now)
    tasks.owe(
        site_id=case.site_id,
        kind="pause_review",
        key=f"pause_review:{plan.id}",
        role=Role.CLINICIAN,
        due_at=_morning(review_by, case),
        cause="paused",
        case_id=case.id,
        owner_id=case.owner_id,
        now=now,
        actor=actor,
    )
    audit.record(
        actor=actor, verb="paused", record="plan_version", record_id=paused.id, case_id=case.id, purpose=reason, now=now
    )
    audit.tell(
        kind="plan_paused",
        actor=actor,
        now=now,
        case_id=case.id,
        params={"reason": reason, "review_by": review_by.isoformat(), "n": paused.n},
        words=words,
        words_key_of=case.person_id,
    )
    return paused


def _paused_version(version: PlanVersion, plan: TaperPlan, *, today: date, now: datetime, actor: Actor) -> PlanVersion:
    last = db.session.scalar(select(func.max(PlanVersion.n)).where(PlanVersion.plan_id == plan.id)) or 0
    reached = plans.step_on(version.steps, today)
    doses = reached["doses"] if reached else [float(d) for d in version.request["regimen"]]
    return PlanVersion(
        id=new_id(),
        plan_id=plan.id,
        n=last + 1,
        change="pause",
        supersedes_id=version.id,
        state=PlanState.PAUSED,
        product=version.product,
        request=version.request,
        steps=version.steps,
        result=version.result,
        starts_on=version.starts_on,
        ends_on=version.ends_on,
        holds=version.holds,
        ceiling_mme=version.ceiling_mme,
        standing_approval=version.standing_approval,
        checklist=version.checklist,
        concerns=[],
        dose_held="-".join(f"{d:g}" for d in doses),
        created_at=now,
        created_by=actor.id,
    )


def _today(case: Case, now: datetime) -> date:
    return now.astimezone(ZoneInfo(db.session.get_one(Person, case.person_id).time_zone)).date()


def _morning(day: date, case: Case) -> datetime:
    zone = db.session.get_one(Person, case.person_id).time_zone
    return cadence.send_window(day, 9, 0, zone).due_at


def _review_notice(version: PlanVersion, plan: TaperPlan, case: Case, *, now: datetime) -> None:
    person = db.session.get_one(Person, case.person_id)
    zone = ZoneInfo(person.time_zone)
    today = now.astimezone(zone).date()
    window = cadence.same_day(today, person.reminder_hour, person.reminder_minute, person.time_zone, now)
    messages.schedule(
        "plan_changed",
        subject_id=version.id,
        recipient_type="person",
        recipient_id=person.id,
        due_at=window.due_at,
        window_start=window.start,
        window_end=window.end,
        tz=person.time_zone,
        dedupe_key=f"plan_changed:{version.id}",
        site_id=case.site_id,
        now=now,
        order_key=person.id,
        case_id=case.id,
        locale=person.locale,
        plan=plan.id,
        plan_version=version.id,
        local_date=today,
    )


def ask_from_here(version: PlanVersion, *, today: date, starts_on: date) -> plans.Ask:
    """What a resumed plan asks for: the same medicine, rate and goal, from the dose reached today."""
    ask = plans.ask_of(version.request)
    reached = plans.step_on(version.steps, today)
    stored: dict[str, Any] = {
        **ask.as_json(),
        "start_date": starts_on.isoformat(),
        "pauses": {},
        "by_hand": [],
        "then_hold": False,
    }
    if reached:
        stored["regimen"] = [str(d) for d in reached["doses"]]
    return plans.ask_of(stored)


def stop(version_id: int, *, reason: str, actor: Actor, now: datetime) -> PlanVersion:
    """Stop an active or paused plan; every open reminder but check-ins already owed is cancelled.

    Raises:
        NotPermitted: not a care role. AlreadyDone: it has ended. RuleBroken: no reason.
    """
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians stop a plan.")
    if not reason:
        raise RuleBroken("Say why the plan stops.", code="REASON", fields={"reason": "Say why the plan stops."})
    version, plan, case = locked(version_id)
    if version.state not in (PlanState.ACTIVE, PlanState.PAUSED):
        raise AlreadyDone("This plan has already ended. Open the current state.")
    version.state, version.ended_at, version.end_reason = PlanState.STOPPED, now, reason
    schedule.withdraw(plan, reason="stopped", now=now)
    visiting.settle(case, now=now)
    audit.record(
        actor=actor,
        verb="stopped",
        record="plan_version",
        record_id=version.id,
        case_id=case.id,
        purpose=reason,
        now=now,
    )
    audit.tell(kind="plan_stopped", actor=actor, now=now, case_id=case.id, params={"reason": reason, "n": version.n})
    return version


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
    today = _today(case, now)
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


AFTER_CARE = ("AFTER_1M", "AFTER_3M", "AFTER_6M", "AFTER_12M", "AFTER_24M")


def complete_ended(*, now: datetime) -> int:
    """Upkeep: complete every active version on the day after its end; returns how many."""
    rows = db.session.execute(
        select(PlanVersion, TaperPlan, Case)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .join(Case, Case.id == TaperPlan.case_id)
        .where(PlanVersion.state == PlanState.ACTIVE, PlanVersion.ends_on < now.date())
    ).all()
    done = 0
    for version, _plan, case in rows:
        if version.ends_on is not None and version.ends_on < _today(case, now):
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
        today = _today(case, now)
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
