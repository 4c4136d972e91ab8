"""Draft and sign taper plans. A signed version is never edited; its reminders are owed from the signature on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from intake import crypto
from intake.actor import CARE, Actor, Role
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
from intake.tapers import facts, plans, schedule, visiting
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tasks import service as tasks

SIGNABLE = (CaseState.ACCEPTED, CaseState.SCHEDULED, CaseState.ADMITTED, CaseState.AFTERCARE)
EDITABLE = (PlanState.DRAFT, PlanState.AWAITING_SIGNATURE)
LIVE = (PlanState.ACTIVE, PlanState.PAUSED)
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
        }


@dataclass(frozen=True)
class Signing:
    """What the signer answered: a reason for each concern that is kept, by its code."""

    reasons: Mapping[str, str] = field(default_factory=dict)


def plan_of(case_id: int) -> TaperPlan | None:
    """The plan of a case, if it has one."""
    return db.session.scalar(select(TaperPlan).where(TaperPlan.case_id == case_id))


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


def sign(version_id: int, signing: Signing, *, actor: Actor, now: datetime) -> PlanVersion:
    """Sign a version: it becomes the active one, the one before it is superseded, its reminders are owed.

    Raises:
        NotPermitted: not a prescriber. RuleBroken: something is open (`fields` by concern code).
        AlreadyDone: signed, discarded or changed meanwhile. Unavailable: scoring is off.
    """
    scoring.required()
    if actor.role is not Role.PRESCRIBER:
        raise NotPermitted("Only a prescriber signs a taper plan.")
    version, plan, case = locked(version_id)
    if version.state not in EDITABLE:
        raise AlreadyDone(f"This version is {version.state.value.replace('_', ' ')}. Open the current state.")
    if case.state not in SIGNABLE:
        raise RuleBroken("A plan can be signed while the case is accepted or in care.", code="CASE_STATE")
    answered = _answered(concerns(version, case), signing, version, actor, now)
    if version.state is PlanState.DRAFT:
        # Whoever signs a draft nobody sent them asks themselves: the way from draft to active has one more stand.
        version.state = PlanState.AWAITING_SIGNATURE
        db.session.flush()
    tasks.cancel(sign_key(plan.id), site_id=case.site_id, reason="signed", now=now, actor=actor)
    _end_current(plan, PlanState.SUPERSEDED, reason="superseded", actor=actor, now=now)
    version.concerns = answered
    version.content_hash = plans.content_hash(version.request, version.steps)
    version.state, version.signed_by, version.signed_name, version.signed_at = (
        PlanState.ACTIVE,
        actor.id,
        actor.name,
        now,
    )
    plan.current_version_id = version.id
    schedule.owe(version, plan, case, now=now)
    visiting.settle(case, now=now)
    audit.record(
        actor=actor,
        verb="signed",
        record="plan_version",
        record_id=version.id,
        case_id=case.id,
        after={"content": version.content_hash.hex()},
        purpose=version.change,
        now=now,
    )
    audit.tell(
        kind="plan_signed",
        actor=actor,
        now=now,
        case_id=case.id,
        params={"n": version.n, "plan": plan.id, "change": version.change},
        words="\n".join(
            f"{a['code']}: {signing.reasons[a['code']].strip()}" for a in answered if a["answer"] == "keep"
        ),
        words_key_of=case.person_id,
    )
    db.session.flush()
    return version


def _answered(
    found: Sequence[taper.Concern], signing: Signing, version: PlanVersion, actor: Actor, now: datetime
) -> list[dict[str, Any]]:
    released = {c["code"] for c in version.concerns if c.get("released_by") not in (None, actor.id)}
    problems: dict[str, str] = {}
    answers: list[dict[str, Any]] = []
    for concern in found:
        if concern.severity == "info":
            continue
        reason = signing.reasons.get(concern.key, "").strip()
        if concern.severity == "hard" and (concern.release == "fill_in" or concern.key not in released):
            problems[concern.key] = concern.words
        elif concern.severity == "ack" and len(reason) < LEAST_REASON:
            problems[concern.key] = f"{concern.words} Give a reason to keep it."
        elif concern.severity == "ack":
            answers.append({"code": concern.key, "answer": "keep", "by": actor.id, "at": now.isoformat()})
    if problems:
        raise RuleBroken("This plan is not ready to sign.", code="OPEN_CONCERNS", fields=problems)
    return [*version.concerns, *answers]


def release_hard_stop(version_id: int, code: str, reason: str, *, actor: Actor, now: datetime) -> None:
    """A second prescriber releases one hard stop with a written reason; the signer must be somebody else.

    Raises:
        NotPermitted: not a prescriber. RuleBroken: no reason, or a suicide risk (which needs a fresh screen).
    """
    if actor.role is not Role.PRESCRIBER:
        raise NotPermitted("Only a prescriber may release a hard stop.")
    version, _, case = locked(version_id)
    if len(reason.strip()) < LEAST_REASON:
        raise RuleBroken(
            "Write why this is safe here.", code="REASON", fields={"reason": "Write why this is safe here."}
        )
    concern = next((c for c in concerns(version, case) if c.severity == "hard" and c.key == code), None)
    if concern is None:
        raise RuleBroken("This plan has no such hard stop.", code="NO_SUCH_STOP")
    if concern.release == "new_suicide_screen":
        raise RuleBroken("A high suicide risk is released only by a new screen.", code=code)
    if concern.release != "prescriber_and_second":
        raise RuleBroken("This has to be recorded, it cannot be released.", code=code)
    version.concerns = [
        *version.concerns,
        {"code": code, "answer": "released", "released_by": actor.id, "at": now.isoformat()},
    ]
    audit.record(
        actor=actor,
        verb="released",
        record="plan_version",
        record_id=version.id,
        case_id=case.id,
        purpose=code,
        after={"reason": reason},
        now=now,
    )
    audit.tell(
        kind="hard_stop_released",
        actor=actor,
        now=now,
        case_id=case.id,
        params={"code": code},
        words=reason,
        words_key_of=case.person_id,
    )


def _end_current(plan: TaperPlan, state: PlanState, *, reason: str, actor: Actor, now: datetime) -> PlanVersion | None:
    current = db.session.get(PlanVersion, plan.current_version_id) if plan.current_version_id else None
    if current is None or current.state not in LIVE:
        return None
    current.state, current.ended_at, current.end_reason = state, now, reason
    schedule.withdraw(plan, reason=reason, now=now)
    db.session.flush()
    return current


def sign_key(plan_id: int) -> str:
    """The key of the task "sign the plan"."""
    return f"sign_plan:{plan_id}"


def ask_signature(version_id: int, *, actor: Actor, now: datetime) -> PlanVersion:
    """Lay a draft before the prescribers: a task is owed within a day; whoever edits the draft takes it back.

    Raises:
        NotPermitted: not a care role. AlreadyDone: it is no draft.
    """
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians and prescribers ask for a signature.")
    version, plan, case = locked(version_id)
    if version.state is not PlanState.DRAFT:
        raise AlreadyDone(f"This version is {version.state.value.replace('_', ' ')}. Open the current state.")
    version.state = PlanState.AWAITING_SIGNATURE
    tasks.owe(
        site_id=case.site_id, kind="sign_plan", key=sign_key(plan.id), role=Role.PRESCRIBER,
        due_at=now + timedelta(hours=SIGN_HOURS), cause="asked_for_signature", case_id=case.id, actor=actor, now=now,
    )  # fmt: skip
    _told("asked_to_sign", version, case, actor, now)
    return version


def send_back(version_id: int, *, reason: str, actor: Actor, now: datetime) -> PlanVersion:
    """A prescriber returns a version that waits for a signature, with the reason; it is a draft again.

    Raises:
        NotPermitted: not a prescriber. RuleBroken: no reason. AlreadyDone: it does not wait for a signature.
    """
    if actor.role is not Role.PRESCRIBER:
        raise NotPermitted("Only a prescriber sends a plan back.")
    if not reason.strip():
        raise RuleBroken("Say what should change.", code="REASON", fields={"back": "Say what should change."})
    version, plan, case = locked(version_id)
    if version.state is not PlanState.AWAITING_SIGNATURE:
        raise AlreadyDone("This version does not wait for a signature.")
    version.state = PlanState.DRAFT
    tasks.cancel(sign_key(plan.id), site_id=case.site_id, reason="sent_back", now=now, actor=actor)
    _told("plan_sent_back", version, case, actor, now, words=reason.strip())
    return version


def _told(verb: str, version: PlanVersion, case: Case, actor: Actor, now: datetime, *, words: str = "") -> None:
    audit.record(actor=actor, verb=verb, record="plan_version", record_id=version.id, case_id=case.id, now=now)
    audit.tell(
        kind=verb, actor=actor, now=now, case_id=case.id, params={"n": version.n, "plan": version.plan_id},
        words=words, words_key_of=case.person_id,
    )  # fmt: skip


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
