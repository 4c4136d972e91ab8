"""Decide a case, plan its start, let it wait for a bed, close it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.cases import closing
from intake.cases.codes import DECISIONS, DECLINE_CODES, LEVELS, TOLD
from intake.cases.models import Case, CaseState
from intake.cases.states import bring, locked, move, must
from intake.db import db
from intake.errors import AlreadyDone, RuleBroken
from intake.inquiries import first_contact, referrals, referring_out
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues.models import EntryState, Queue, QueueEntry
from intake.queues.order import ago
from intake.settings import queries as settings
from intake.tasks import service as tasks

ASK_AGAIN = timedelta(hours=24)


def decide(
    case_id: int,
    *,
    decision: str,
    actor: Actor,
    now: datetime,
    level: str = "",
    code: str = "",
    reason: str = "",
    told_whom: str = "",
    places: str = "",
    next_contact: str = "",
    refused: bool = False,
    version: int | None = None,
) -> Case:
    """Decide a case in review: accept with a level, refer, decline with a coded reason, or ask for more.

    The decision names the actor, the time, and who was told. With `version` it counts only on the case as read.
    Referring and declining close the case, so they need a next contact or a documented refusal; they name other
    `places`, and a week later somebody asks what became of the person. Telling the referrer answers the referral.

    Raises:
        Missing: no such case. NotPermitted: only care staff decide. RuleBroken: a field is missing (by field).
        AlreadyDone: it changed, was decided, or somebody else holds the claim; the message says what and who.
    """
    must(actor, *CARE)
    case = locked(case_id, actor)
    if case.state is not CaseState.IN_REVIEW and case.decided_at is not None:
        raise AlreadyDone(_decided(case, now), code="DECIDED")
    case = locked(case_id, actor, version=version)
    closing.check_claim(case, actor, now)
    if decision != "ask_more":
        closing.check_emergency(case)
    _check_fields(decision, level, code, reason, told_whom, places)
    case.decision, case.decision_level, case.decision_code = decision, level, code
    case.decision_reason = closing.seal(case, "decision_reason", reason)
    case.decided_by, case.decided_at, case.told_whom = actor.id, now, told_whom
    audit.record(
        actor=actor, verb="decided", record="care_case", record_id=case.id, site_id=case.site_id, case_id=case.id,
        after={"decision": decision, "level": level, "code": code, "told": told_whom}, purpose=decision, now=now,
    )  # fmt: skip
    audit.tell(
        kind="decided", actor=actor, now=now, case_id=case.id, words=reason, words_key_of=case.person_id,
        params={"decision": decision, "level": level, "code": code, "told": told_whom},
    )  # fmt: skip
    inquiry = db.session.get_one(Inquiry, case.opened_from)
    if told_whom == "person":
        first_contact.meet(inquiry, actor=actor, now=now)
    if told_whom == "referrer":
        asked = reason if decision == "ask_more" else ""
        referrals.answered_by_decision(inquiry, decision=decision, code=code, words=asked, actor=actor, now=now)
    if decision == "accept":
        _accept(case, inquiry, actor, now)
    elif decision == "ask_more":
        _ask_more(case, inquiry, reason, actor, now)
    else:
        _turn_away(case, inquiry, decision, code, next_contact, refused, actor, now)
        if code != "person_declined":
            referring_out.send_on(
                inquiry, cause="referred_out" if decision == "refer" else "declined", places=places or reason,
                case_id=case.id, level=level, actor=actor, now=now,
            )  # fmt: skip
    return case


def _decided(case: Case, now: datetime) -> str:
    name = db.session.scalar(
        select(QueueEntry.claimed_name).where(QueueEntry.case_id == case.id, QueueEntry.claimed_by == case.decided_by)
    )
    words = DECISIONS.get(case.decision, case.decision).lower()
    when = ago(now - case.decided_at) if case.decided_at else "0 s"
    return f"{name or 'A colleague'} decided this {when} ago: {words}. Open the current state."


def _check_fields(decision: str, level: str, code: str, reason: str, told_whom: str, places: str) -> None:
    wrong: dict[str, str] = {}
    if decision not in DECISIONS:
        wrong["decision"] = "Pick a decision."
    if decision == "accept" and level not in LEVELS:
        wrong["level"] = "Pick the level of care."
    if decision == "decline" and code not in DECLINE_CODES:
        wrong["code"] = "Pick the reason."
    if decision == "decline" and code != "person_declined" and not places.strip():
        wrong["places"] = "Name other places, or say why there is none."
    if decision in {"refer", "ask_more"} and not reason.strip():
        wrong["reason"] = "Say where to, or what is missing."
    if decision in {"accept", "refer", "decline"} and told_whom not in TOLD:
        wrong["told_whom"] = "Say who was told."
    if wrong:
        raise RuleBroken("This decision is not complete.", code="DECISION", fields=wrong)


def _accept(case: Case, inquiry: Inquiry, actor: Actor, now: datetime) -> None:
    case.owner_id = case.owner_id or actor.id
    case.request_on = case.request_on or settings.day(case.site_id, inquiry.received_at)
    bring(inquiry, InquiryState.ACCEPTED, actor=actor, now=now)
    move(case, CaseState.ACCEPTED, actor=actor, now=now, level=case.decision_level)
    queues.leave_all(case.id, outcome="accepted", actor=actor, now=now)
    tasks.owe(
        site_id=case.site_id, kind="schedule", key=f"schedule:{case.id}", role=Role.ADMISSIONS,
        due_at=now + timedelta(hours=24), cause="accepted", case_id=case.id, actor=actor, now=now,
    )  # fmt: skip


def _ask_more(case: Case, inquiry: Inquiry, reason: str, actor: Actor, now: datetime) -> None:
    case.decided_by = case.decided_at = None
    case.decision = ""
    bring(inquiry, InquiryState.SCREENING, actor=actor, now=now)
    for entry in queues.live_of(case.id):
        if entry.state is not EntryState.PARKED and entry.queue is not Queue.EMERGENCY:
            queues.park(entry.id, until=now + ASK_AGAIN, reason="Asked for more", actor=actor, now=now)
    tasks.owe(
        site_id=case.site_id, kind="ask_more", key=f"ask_more:{case.id}", role=Role.ADMISSIONS,
        due_at=now + timedelta(hours=4), cause="asked_for_more", case_id=case.id, actor=actor, now=now,
    )  # fmt: skip


def _turn_away(
    case: Case,
    inquiry: Inquiry,
    decision: str,
    code: str,
    next_contact: str,
    refused: bool,
    actor: Actor,
    now: datetime,
) -> None:
    to = InquiryState.REFERRED_OUT if decision == "refer" else InquiryState.NOT_SUITABLE
    if code == "person_declined":
        to = InquiryState.DECLINED_BY_PERSON
    closing.shut(case, reason=code or decision, next_contact=next_contact, refused=refused, actor=actor, now=now)
    bring(inquiry, to, reason=code or decision, actor=actor, now=now)
