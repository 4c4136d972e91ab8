"""Draft taper plans, and record how reminders may reach the person. A signed version is never edited."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from intake import crypto
from intake.actor import CARE, Actor
from intake.audit import service as audit
from intake.cases import care_plan
from intake.cases.models import Case, CaseState
from intake.clinical import taper
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.models import ContactKind, Person
from intake.settings import scoring
from intake.tapers import facts, plans, queries
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tapers.schedule import REFILL_DAYS
from intake.tasks import service as tasks

SIGNABLE = (CaseState.ACCEPTED, CaseState.SCHEDULED, CaseState.ADMITTED, CaseState.AFTERCARE)
EDITABLE = (PlanState.DRAFT, PlanState.AWAITING_SIGNATURE)
LIVE = (PlanState.ACTIVE, PlanState.PAUSED)
_OF_CASE = select(TaperPlan).where(TaperPlan.case_id == bindparam("case"))
SIGN_HOURS = 24
LEAST_REASON = 5
MOST_WORDS = 2000


@dataclass(frozen=True)
class Checklist:
    """What must be known before a signature (clinical.md 4.2); unknown stays None or empty."""

    naloxone: str = ""
    moud: str = ""
    pdmp_checked_on: date | None = None
    goals: str = ""
    agreed: bool = False
    risks_discussed: bool = False
    follow_up_on: date | None = None
    setting: str = "outpatient"
    standing_approval: bool = False
    co_therapies: str = ""
    # Days that one dispensing lasts; None: nobody is reminded of the next one.
    refill_days: int | None = REFILL_DAYS

    def as_json(self) -> dict[str, Any]:
        """Codes and dates; the free texts are sealed apart."""
        return {
            "naloxone": self.naloxone,
            "moud": self.moud,
            "pdmp_checked_on": self.pdmp_checked_on.isoformat() if self.pdmp_checked_on else None,
            "has_goals": bool(self.goals),
            "agreed": self.agreed,
            "risks_discussed": self.risks_discussed,
            "follow_up_on": self.follow_up_on.isoformat() if self.follow_up_on else None,
            "setting": self.setting,
            "refill_days": self.refill_days,
        }


def checklist_of(version: PlanVersion | None) -> Checklist:
    """What is recorded so far; the defaults without a version."""
    if version is None:
        return Checklist()
    stored = version.checklist
    goals, therapies = queries.opened_words(version)

    def day(key: str) -> date | None:
        return date.fromisoformat(stored[key]) if stored.get(key) else None

    return Checklist(
        naloxone=stored.get("naloxone", ""),
        moud=stored.get("moud", ""),
        pdmp_checked_on=day("pdmp_checked_on"),
        goals=goals,
        agreed=bool(stored.get("agreed")),
        risks_discussed=bool(stored.get("risks_discussed")),
        follow_up_on=day("follow_up_on"),
        setting=stored.get("setting", "outpatient"),
        standing_approval=version.standing_approval,
        co_therapies=therapies,
        refill_days=stored.get("refill_days", REFILL_DAYS),
    )


def plan_of(case_id: int) -> TaperPlan | None:
    """The plan of a case, if it has one."""
    return db.session.scalar(_OF_CASE, {"case": case_id})


def draft(
    case: Case, ask: plans.Ask, checklist: Checklist, *, change: str = "start", actor: Actor, now: datetime
) -> PlanVersion:
    """Save a draft of a case's plan: the open draft is rewritten, else a new version begins.

    Raises:
        NotPermitted: not a care role. RuleBroken: no decision "accept" yet, or a code of clinical.md 4.5.
        Unavailable: scoring is off.
    """
    scoring.required()
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians and prescribers draft taper plans.")
    if case.decision != "accept":
        raise RuleBroken("A plan can be drafted once the case is accepted.", code="NOT_ACCEPTED")
    checklist = _with_care_plan(checklist, case)
    plan = plan_of(case.id) or _new_plan(case, now)
    version = _open_draft(plan.id)
    fresh = version is None
    if version is None:
        version = _new_version(plan, change=change, ask=ask, now=now, actor=actor)
    context = facts.context(case, checklist.as_json())
    computed = plans.compute(ask, context)
    version.request, version.product = ask.as_json(), ask.product
    version.steps, version.result = plans.steps_of(computed), plans.result_of(computed)
    version.by_hand = bool(ask.by_hand)
    version.starts_on, version.ends_on = ask.start_date, computed.end_date
    version.holds = computed.hold_from is not None
    version.ceiling_mme = "" if computed.baseline.mme is None else str(computed.baseline.mme)
    version.checklist, version.standing_approval = checklist.as_json(), checklist.standing_approval
    if version.state is PlanState.AWAITING_SIGNATURE:
        tasks.cancel(sign_key(plan.id), site_id=case.site_id, reason="edited", now=now, actor=actor)
    version.state = PlanState.DRAFT
    _seal_words(version, case.person_id, checklist)
    if fresh:
        db.session.add(version)
    db.session.flush()
    audit.record(
        actor=actor,
        verb="drafted",
        record="plan_version",
        record_id=version.id,
        case_id=case.id,
        after={"request": version.request},
        now=now,
    )
    return version


def _with_care_plan(checklist: Checklist, case: Case) -> Checklist:
    """Goals and other treatment of the care plan stand in the version too, unless they were written here."""
    around = care_plan.of(case)
    paper = care_plan.on_paper(around)
    others = "\n".join((*paper.medicines, *paper.services))[:MOST_WORDS]
    return replace(checklist, goals=checklist.goals or around.goals, co_therapies=checklist.co_therapies or others)


def _new_plan(case: Case, now: datetime) -> TaperPlan:
    plan = TaperPlan(
        id=new_id(), site_id=case.site_id, case_id=case.id, person_id=case.person_id, created_at=now, created_by=0
    )
    db.session.add(plan)
    db.session.flush()
    return plan


def _open_draft(plan_id: int) -> PlanVersion | None:
    return db.session.scalar(
        select(PlanVersion).where(PlanVersion.plan_id == plan_id, PlanVersion.state.in_(EDITABLE)).with_for_update()
    )


def _new_version(plan: TaperPlan, *, change: str, ask: plans.Ask, now: datetime, actor: Actor) -> PlanVersion:
    last = db.session.scalar(select(func.max(PlanVersion.n)).where(PlanVersion.plan_id == plan.id)) or 0
    return PlanVersion(
        id=new_id(),
        plan_id=plan.id,
        n=last + 1,
        change=change,
        supersedes_id=plan.current_version_id,
        product=ask.product,
        request={},
        steps=[],
        starts_on=ask.start_date,
        created_at=now,
        created_by=actor.id,
    )


def _seal_words(version: PlanVersion, person_id: int, checklist: Checklist) -> None:
    def sealed(text: str, at: str) -> bytes | None:
        return crypto.seal(text, key_of=person_id, at=at, row=version.id) if text else None

    version.goals = sealed(checklist.goals, "plan_version.goals")
    version.co_therapies = sealed(checklist.co_therapies, "plan_version.co_therapies")


def locked(version_id: int) -> tuple[PlanVersion, TaperPlan, Case]:
    """A version with its plan and case, locked for a write.

    Raises:
        Missing: there is none.
    """
    row = db.session.execute(
        select(PlanVersion, TaperPlan, Case)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .join(Case, Case.id == TaperPlan.case_id)
        .where(PlanVersion.id == version_id)
        .with_for_update(of=PlanVersion)
    ).one_or_none()
    if row is None:
        raise Missing("There is no such plan.")
    return row[0], row[1], row[2]


def concerns(version: PlanVersion, case: Case) -> tuple[taper.Concern, ...]:
    """Everything that must be looked at before this version is signed."""
    context = facts.context(case, version.checklist)
    computed = plans.compute(plans.ask_of(version.request), context)
    return taper.review(computed, facts.review_facts(version, case, context))


def sign_key(plan_id: int) -> str:
    """The key of the task "sign the plan"."""
    return f"sign_plan:{plan_id}"


def discard(version_id: int, *, actor: Actor, now: datetime) -> None:
    """Throw a draft away.

    Raises:
        AlreadyDone: it is no draft any more.
    """
    version, plan, case = locked(version_id)
    if version.state not in EDITABLE:
        raise AlreadyDone("This version is no draft any more.")
    tasks.cancel(sign_key(plan.id), site_id=case.site_id, reason="discarded", now=now, actor=actor)
    version.state, version.ended_at = PlanState.DISCARDED, now
    audit.record(actor=actor, verb="discarded", record="plan_version", record_id=version.id, case_id=case.id, now=now)


def reach(case: Case, *, email: str, born_on: date | None, hour: int, actor: Actor, now: datetime) -> None:
    """Record an email address that the person confirmed and agreed to, the birth date, and the hour they want.

    Raises:
        NotPermitted: not a care role.
    """
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians and prescribers record this here.")
    person = db.session.get_one(Person, case.person_id)
    if born_on is not None:
        people_service.rename(person.id, born_on=born_on, actor=actor, now=now)
    person.reminder_hour, person.reminder_minute = hour, 0
    known = next(
        (p for p in people.contact_points(person.id) if p.kind is ContactKind.EMAIL and p.value == email and p.usable),
        None,
    )
    if known is not None:
        people_service.verify_contact(known.id, how="read_back", consent=True, actor=actor, now=now)
        return
    people_service.add_contact(
        person,
        kind=ContactKind.EMAIL,
        value=email,
        may_call=False,
        may_voicemail=False,
        may_text=False,
        may_email=True,
        may_name_center=False,
        actor=actor,
        now=now,
        verified_how="read_back",
        consent=True,
    )
