"""Pause, resume, stop: every change is a new version or an end, with its messages in the same transaction."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from intake import crypto
from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case
from intake.clinical import cadence
from intake.db import db, new_id
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.messages import service as messages
from intake.people.models import Person
from intake.tapers import plans, queries, schedule, visiting
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tapers.service import locked
from intake.tasks import service as tasks


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
    today = queries.day_of(case, now)
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
