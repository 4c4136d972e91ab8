"""Close a case: safety tasks done or reasoned, a next contact or a documented refusal, the door left open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.beds import service as beds
from intake.cases import reaching, waitlist
from intake.cases.codes import DETOX_LEVELS, SAFETY_TASKS
from intake.cases.models import Case, CaseState
from intake.cases.states import bring, locked, move, must
from intake.db import db
from intake.errors import AlreadyDone, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues.models import EntryState, Queue, QueueEntry
from intake.queues.order import ago
from intake.tasks import service as tasks
from intake.tasks.models import Task
from intake.visits import queries as visit_queries
from intake.visits import service as visits

UNREACHABLE = "unreachable"
ENDS_WITH_CASE = ("schedule", "ask_more", "rebook", "hold_lapsed", "decide_unreached", "name_contact", "ask_again")

# What rooms above do when a case ends or closes: (case, discharge type or closing reason, actor, now).
when_ended: list[Callable[[Case, str, Actor, datetime], None]] = []


def check_claim(case: Case, actor: Actor, now: datetime) -> None:
    """Refuse whoever writes on a case that a colleague holds."""
    for entry in queues.live_of(case.id):
        if entry.state is EntryState.CLAIMED and entry.claimed_by != actor.id:
            since = ago(now - (entry.claimed_at or now))
            raise AlreadyDone(f"{entry.claimed_name} claimed this {since} ago.", code="CLAIMED")


def seal(case: Case, column: str, text: str) -> bytes | None:
    """A text of a case, sealed for its column; None when there is none."""
    if not text:
        return None
    return crypto.seal(text, key_of=case.person_id, at=f"care_case.{column}", row=case.id)


def check_emergency(case: Case) -> None:
    """Refuse to go on while an emergency of the case is pinned."""
    if case.discharge_type != "died" and any(e.queue is Queue.EMERGENCY for e in queues.live_of(case.id)):
        raise RuleBroken("Record first what came of the emergency; it stays pinned until then.", code="EMERGENCY_OPEN")


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
    check_emergency(case)
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
    case.closing_reason, case.next_contact = reason, seal(case, "next_contact", next_contact.strip())
    queues.leave_all(case.id, outcome="closed", actor=actor, now=now)
    beds.release(case.id, outcome="closed", actor=actor, now=now)
    owed = (f"{kind}:{case.id}" for kind in ENDS_WITH_CASE)
    tasks.cancel(*owed, site_id=case.site_id, reason="closed", actor=actor, now=now)
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
    check_claim(case, actor, now)
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
