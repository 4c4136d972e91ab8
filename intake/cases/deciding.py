"""Decide a case, plan its start, let it wait for a bed, close it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from intake import crypto
from intake.actor import CARE, STAFF, Actor, Role
from intake.audit import service as audit
from intake.beds import service as beds
from intake.beds.models import UseKind
from intake.cases import reaching, waitlist
from intake.cases.codes import DECISIONS, DECLINE_CODES, DETOX_LEVELS, LEVELS, SAFETY_TASKS, TOLD
from intake.cases.models import Case, CaseState
from intake.cases.states import bring, locked, move, must
from intake.db import db
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.inquiries import first_contact
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues.models import EntryState, Queue, QueueEntry
from intake.queues.order import ago
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task
from intake.visits import queries as visit_queries
from intake.visits import service as visits
from intake.visits.models import Appointment

ASK_AGAIN = timedelta(hours=24)
UNREACHABLE = "unreachable"
ASK_OUTCOME_DAYS = 7
ENDS_WITH_CASE = ("schedule", "ask_more", "rebook", "hold_lapsed", "decide_unreached")

# What rooms above do when a case ends or closes: (case, discharge type or closing reason, actor, now).
when_ended: list[Callable[[Case, str, Actor, datetime], None]] = []


def _seal(case: Case, column: str, text: str) -> bytes | None:
    if not text:
        return None
    return crypto.seal(text, key_of=case.person_id, at=f"care_case.{column}", row=case.id)


def _check_claim(case: Case, actor: Actor, now: datetime) -> None:
    for entry in queues.live_of(case.id):
        if entry.state is EntryState.CLAIMED and entry.claimed_by != actor.id:
            since = ago(now - (entry.claimed_at or now))
            raise AlreadyDone(f"{entry.claimed_name} claimed this {since} ago.", code="CLAIMED")


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
    next_contact: str = "",
    refused: bool = False,
    version: int | None = None,
) -> Case:
    """Decide a case in review: accept with a level, refer, decline with a coded reason, or ask for more.

    The decision names the actor, the time, and who was told. With `version` it counts only on the case as read.
    Referring and declining close the case, so they need a next contact or a documented refusal.

    Raises:
        Missing: no such case. NotPermitted: only care staff decide. RuleBroken: a field is missing (by field).
        AlreadyDone: it changed, was decided, or somebody else holds the claim; the message says what and who.
    """
    must(actor, *CARE)
    case = locked(case_id, actor)
    if case.state is not CaseState.IN_REVIEW and case.decided_at is not None:
        raise AlreadyDone(_decided(case, now), code="DECIDED")
    case = locked(case_id, actor, version=version)
    _check_claim(case, actor, now)
    if decision != "ask_more":
        _check_emergency(case)
    _check_fields(decision, level, code, reason, told_whom)
    case.decision, case.decision_level, case.decision_code = decision, level, code
    case.decision_reason = _seal(case, "decision_reason", reason)
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
    if decision == "accept":
        _accept(case, inquiry, actor, now)
    elif decision == "ask_more":
        _ask_more(case, inquiry, reason, actor, now)
    else:
        _turn_away(case, inquiry, decision, code, next_contact, refused, actor, now)
    return case


def _decided(case: Case, now: datetime) -> str:
    name = db.session.scalar(
        select(QueueEntry.claimed_name).where(QueueEntry.case_id == case.id, QueueEntry.claimed_by == case.decided_by)
    )
    words = DECISIONS.get(case.decision, case.decision).lower()
    when = ago(now - case.decided_at) if case.decided_at else "0 s"
    return f"{name or 'A colleague'} decided this {when} ago: {words}. Open the current state."


def _check_emergency(case: Case) -> None:
    if case.discharge_type != "died" and any(e.queue is Queue.EMERGENCY for e in queues.live_of(case.id)):
        raise RuleBroken("Record first what came of the emergency; it stays pinned until then.", code="EMERGENCY_OPEN")


def _check_fields(decision: str, level: str, code: str, reason: str, told_whom: str) -> None:
    wrong: dict[str, str] = {}
    if decision not in DECISIONS:
        wrong["decision"] = "Pick a decision."
    if decision == "accept" and level not in LEVELS:
        wrong["level"] = "Pick the level of care."
    if decision == "decline" and code not in DECLINE_CODES:
        wrong["code"] = "Pick the reason."
    if decision in {"refer", "ask_more"} and not reason.strip():
        wrong["reason"] = "Say where to, or what is missing."
    if decision in {"accept", "refer", "decline"} and told_whom not in TOLD:
        wrong["told_whom"] = "Say who was told."
    if wrong:
        raise RuleBroken("This decision is not complete.", code="DECISION", fields=wrong)


def _accept(case: Case, inquiry: Inquiry, actor: Actor, now: datetime) -> None:
    case.owner_id = case.owner_id or actor.id
    case.request_on = case.request_on or inquiry.received_at.date()
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
    shut(case, reason=code or decision, next_contact=next_contact, refused=refused, actor=actor, now=now)
    bring(inquiry, to, reason=code or decision, actor=actor, now=now)
    if decision == "refer":
        # A closed loop: somebody asks whether the person arrived there.
        tasks.owe(
            site_id=case.site_id, kind="referral_outcome", key=f"referral_outcome:{case.id}", role=Role.ADMISSIONS,
            due_at=now + timedelta(days=ASK_OUTCOME_DAYS), cause="referred_out", case_id=case.id, actor=actor, now=now,
        )  # fmt: skip


def shut(
    case: Case,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    next_contact: str = "",
    refused: bool = False,
    task_reason: str = "",
) -> None:
    """Close a locked case: safety tasks done or reasoned, a next contact or a documented refusal (invariant 33).

    A detox case needs a booked appointment, or the person's documented refusal (clinical.md 5.2, 7.12).

    Raises:
        RuleBroken: SAFETY_TASKS, NEXT_APPOINTMENT or NEXT_CONTACT, with the field.
    """
    open_tasks = _safety_tasks(case)
    if open_tasks and not task_reason:
        kinds = ", ".join(sorted({t.kind.replace("_", " ") for t in open_tasks}))
        raise RuleBroken(
            f"Safety tasks are still open: {kinds}. Finish them, or say why they end.",
            code="SAFETY_TASKS",
            fields={"task_reason": "Say why the open safety tasks end."},
        )
    _check_emergency(case)
    ahead = visit_queries.ahead(now=now, case_id=case.id)
    booked = any(visit.kind != "admission" for visit in ahead)
    died = case.discharge_type == "died"
    if _is_detox(case) and not (booked or refused or died):
        raise RuleBroken(
            "A detox case closes only with a next appointment. Book one, or record that the person wants none.",
            code="NEXT_APPOINTMENT",
            fields={"next_contact": "Book the next appointment first."},
        )
    if not (booked or refused or died or next_contact.strip()):
        raise RuleBroken(
            "Say what the next contact is, or record that the person wants none.",
            code="NEXT_CONTACT",
            fields={"next_contact": "Say what the next contact is."},
        )
    for visit in ahead:
        if visit.kind == "admission":
            visits.cancel(visit.id, actor=actor, now=now)
    for task in open_tasks:
        tasks.finish(task.id, actor=actor, outcome="reasoned", reason=task_reason, now=now)
    case.closing_reason, case.next_contact = reason, _seal(case, "next_contact", next_contact.strip())
    queues.leave_all(case.id, outcome="closed", actor=actor, now=now)
    beds.release(case.id, outcome="closed", actor=actor, now=now)
    for kind in ENDS_WITH_CASE:
        tasks.cancel(f"{kind}:{case.id}", site_id=case.site_id, reason="closed", actor=actor, now=now)
    waitlist.end_wait(
        case, reason="closed", kinds=(*waitlist.WHILE_WAITING, *waitlist.UNTIL_ADMITTED), actor=actor, now=now
    )
    move(case, CaseState.CLOSED, actor=actor, now=now, reason=reason, refused=refused)
    for hook in when_ended:
        hook(case, case.discharge_type or "closed", actor, now)


def _safety_tasks(case: Case) -> list[Task]:
    return list(
        db.session.scalars(
            select(Task).where(Task.case_id == case.id, Task.kind.in_(SAFETY_TASKS), Task.state.in_(tasks.LIVE))
        )
    )


def _is_detox(case: Case) -> bool:
    if case.admit_level in DETOX_LEVELS or case.decision_level in DETOX_LEVELS:
        return True
    return (
        db.session.scalar(
            select(QueueEntry.id).where(QueueEntry.case_id == case.id, QueueEntry.queue == Queue.DETOX).limit(1)
        )
        is not None
    )


def close(
    case_id: int,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    next_contact: str = "",
    refused: bool = False,
    task_reason: str = "",
    version: int | None = None,
) -> Case:
    """Close a case: withdrawn, unreachable, after discharge or after-care; also ends an inquiry still open.

    Raises:
        Missing, NotPermitted, AlreadyDone (the state does not allow it), RuleBroken as in `shut`.
    """
    must(actor, *STAFF)
    case = locked(case_id, actor, version=version)
    _check_claim(case, actor, now)
    if not reason.strip():
        raise RuleBroken("Say why the case closes.", code="REASON", fields={"reason": "Say why the case closes."})
    _check_tries(case, reason.strip(), refused)
    was_review = case.state is CaseState.IN_REVIEW
    shut(
        case, reason=reason.strip()[:80], next_contact=next_contact, refused=refused, task_reason=task_reason,
        actor=actor, now=now,
    )  # fmt: skip
    if reason.strip() == UNREACHABLE:
        _leave_door_open(case, actor, now)
    if was_review:
        inquiry = db.session.get_one(Inquiry, case.opened_from)
        to = InquiryState.UNREACHABLE if reason == UNREACHABLE else InquiryState.DECLINED_BY_PERSON
        bring(inquiry, to, reason=reason[:80], actor=actor, now=now)
    return case


def _leave_door_open(case: Case, actor: Actor, now: datetime) -> None:
    """Somebody we could not reach is welcome back; the risk letter goes only where post is safe (flow G5)."""
    case.flags = sorted({*case.flags, "WELCOME_BACK"})
    if "post" in reaching.safe_channels(case.person_id):
        tasks.owe(
            site_id=case.site_id, kind="risk_letter", key=f"risk_letter:{case.id}", role=Role.ADMISSIONS,
            due_at=now + timedelta(hours=48), cause=UNREACHABLE, case_id=case.id, actor=actor, now=now,
        )  # fmt: skip


def _check_tries(case: Case, reason: str, refused: bool) -> None:
    """Nobody counts as not reached, or leaves the waitlist, before the tries that were owed (invariant 14)."""
    needed = reaching.tries_needed(case) if reason == UNREACHABLE else 0
    if case.state is CaseState.WAITLISTED and not refused:
        needed = needed or 1
    made = reaching.unanswered(case) if reason == UNREACHABLE else reaching.tries(case)
    if made < needed:
        sentence = f"Try to reach them first: {made} of {needed} tries are on record."
        raise RuleBroken(sentence, code="TRIES", fields={"reason": sentence})


def schedule(
    case_id: int,
    *,
    starts_at: datetime,
    actor: Actor,
    now: datetime,
    kind: str = "admission",
    bed_id: int | None = None,
    version: int | None = None,
) -> Appointment:
    """Give an accepted, waitlisted or no-show case its start: an appointment, and the bed held until then.

    Raises:
        Missing, NotPermitted, AlreadyDone (state, or the bed is taken), RuleBroken (a time that is not ahead).
    """
    must(actor, *STAFF)
    case = locked(case_id, actor, version=version)
    move(case, CaseState.SCHEDULED, actor=actor, now=now, starts_at=starts_at.isoformat())
    booked = visits.book(
        site_id=case.site_id, person_id=case.person_id, case_id=case.id, kind=kind, starts_at=starts_at, actor=actor,
        now=now,
    )  # fmt: skip
    bed_id = bed_id or _kept(case.id)
    if bed_id is not None:
        hours = timedelta(hours=int(settings.value(case.site_id, "bed_hold_hours")))
        until = starts_at + hours
        if beds.extend(case.id, bed_id, until=until, actor=actor, now=now) is None:
            beds.hold(bed_id, case.id, until=until, actor=actor, now=now)
    for kind in ("schedule", "rebook", "hold_lapsed"):
        tasks.cancel(f"{kind}:{case.id}", site_id=case.site_id, reason="scheduled", actor=actor, now=now)
    waitlist.end_wait(case, reason="scheduled", actor=actor, now=now)
    return booked


def _kept(case_id: int) -> int | None:
    """The bed that is kept for a case already."""
    return next((use.bed_id for use in beds.live_of(case_id) if use.kind is UseKind.HOLD), None)


def book_visit(case_id: int, *, kind: str, starts_at: datetime, actor: Actor, now: datetime) -> Appointment:
    """Book a visit for a case that is still open.

    Raises:
        Missing, NotPermitted, AlreadyDone (it is closed), RuleBroken (an unknown kind, a time that is not ahead).
    """
    must(actor, *STAFF)
    case = locked(case_id, actor)
    if case.state is CaseState.CLOSED:
        raise AlreadyDone("This case is closed. Coming back is a new request.")
    return visits.book(
        site_id=case.site_id, person_id=case.person_id, case_id=case.id, kind=kind, starts_at=starts_at, actor=actor,
        now=now,
    )  # fmt: skip


def settle_visit(
    case_id: int, *, appointment_id: int, outcome: str, actor: Actor, now: datetime, starts_at: datetime | None = None
) -> Appointment:
    """Say what became of a booked visit: kept, cancelled, or moved to another time. Not coming has its own step.

    Raises:
        Missing, NotPermitted, AlreadyDone (no longer booked), RuleBroken (unknown outcome, a time that is not ahead).
    """
    must(actor, *STAFF)
    case = locked(case_id, actor)
    if outcome == "kept":
        row = visits.keep(appointment_id, actor=actor, now=now)
        case.last_contact_on = now.date()
        tasks.cancel(f"first_visit:{case.id}", site_id=case.site_id, reason="came", actor=actor, now=now)
    elif outcome == "cancelled":
        row = visits.cancel(appointment_id, actor=actor, now=now)
    elif outcome == "moved" and starts_at is not None:
        row = visits.move(appointment_id, starts_at=starts_at, actor=actor, now=now)
    else:
        raise RuleBroken("Pick what became of it.", code="OUTCOME", fields={"outcome": "Pick what became of it."})
    if row.case_id != case.id:
        raise Missing("There is no such visit.")
    return row
