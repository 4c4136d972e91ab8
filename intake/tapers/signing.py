"""Sign a taper plan: from the signature on its reminders are owed; or release a hard stop as the second prescriber."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case, CaseState
from intake.clinical import taper
from intake.db import db
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.settings import scoring
from intake.tapers import plans, schedule, visiting
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from intake.tapers.service import EDITABLE, concerns, locked, sign_key
from intake.tasks import service as tasks

SIGNABLE = (CaseState.ACCEPTED, CaseState.SCHEDULED, CaseState.ADMITTED, CaseState.AFTERCARE)
LIVE = (PlanState.ACTIVE, PlanState.PAUSED)
SIGN_HOURS = 24
LEAST_REASON = 5


@dataclass(frozen=True)
class Signing:
    """What the signer answered: a reason for each concern that is kept, by its code, and the person's yes."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    # The signer went through the plan with the person just now, and they agree.
    agreed: bool = False


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
    if signing.agreed and not version.checklist.get("agreed"):
        version.checklist = {**version.checklist, "agreed": True}
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
