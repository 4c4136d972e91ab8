"""Open a case: from an accepted placement, or at once when somebody is in danger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import bindparam, select

from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.cases.codes import HANDED_OVER, HANDS_OVER, SPOKE
from intake.cases.models import Case, CaseState
from intake.cases.queries import open_case
from intake.cases.states import bring, locked, move
from intake.db import db, new_id
from intake.errors import Missing, NotPermitted, RuleBroken
from intake.inquiries import first_contact
from intake.inquiries.models import Inquiry, InquiryState
from intake.people.models import Person
from intake.queues import service as queues
from intake.queues import signals as queue_signals
from intake.queues.models import Cause, Queue, QueueEntry
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task

TOLERANCE_LOST_DAYS = 30
ASK_AGAIN_HOURS = 24
# Danger fact of an inquiry -> the emergency rule it fires (clinical.md 5.1).
DANGER_RULES: dict[str, str] = {
    "breathing_problem": "E01",
    "overdose_24h": "E02",
    "seizure_24h": "E03",
    "delirium": "E04",
    "medical_red_flag": "E05",
    "suicide_imminent": "E06",
    "violence_imminent": "E07",
}
OVERDOSE_POINTS = 30
_PERSON = select(Person).where(Person.id == bindparam("person")).with_for_update()
_LAST = select(Case).where(Case.person_id == bindparam("person")).order_by(Case.opened_at.desc()).limit(1)


class Placed(Protocol):
    """What opening reads of a placement; the screening room stands above this one."""

    id: int
    next_queue: str
    fired: list[Any]
    flags: list[Any]


def _held(inquiry: Inquiry) -> Person:
    """Lock an inquiry as it is now, then its person, so that two openings for one human wait for each other."""
    db.session.flush()
    db.session.refresh(inquiry, with_for_update=True)
    return _person(inquiry.person_id)


def _person(person_id: int) -> Person:
    row = db.session.scalar(_PERSON, {"person": person_id})
    if row is None:
        raise Missing("There is no such person.")
    return row


def open(
    inquiry: Inquiry,
    *,
    placement: Placed | None,
    queue: Queue,
    acuity: int,
    priority: int,
    actor: Actor,
    now: datetime,
    next_queue: str | None = None,
    fired: Sequence[str] | None = None,
    flags: Sequence[str] | None = None,
    signals: Sequence[str] = (),
    cows: int | None = None,
    mme: str | None = None,
    summary: str = "",
    provisional: bool = False,
    cause: Cause = Cause.PLACEMENT,
) -> Case:
    """Open the case of an inquiry and let it wait in `queue`; an open case of the person is used again.

    `next_queue`, `fired` and `flags` default to those of the placement. An entry that a danger answer made stays in
    the emergency queue until its outcome is recorded; other entries of the case end as moved. The inquiry goes on to
    clinical_review unless the entry is provisional.

    Raises:
        AlreadyDone: the inquiry ended as accepted, or the case is past review.
    """
    person = _held(inquiry)
    case = _open_or_new(inquiry, person, actor, now)
    if not provisional:
        bring(inquiry, InquiryState.CLINICAL_REVIEW, actor=actor, now=now)
    words = list(flags if flags is not None else (placement.flags if placement else ()))
    case.flags = sorted({*case.flags, *words})
    place(
        case, person, inquiry, queue=queue, acuity=acuity, priority=priority, provisional=provisional, cause=cause,
        placement_id=placement.id if placement else None,
        next_queue=(placement.next_queue if placement else "") if next_queue is None else next_queue,
        fired=list(fired if fired is not None else (placement.fired if placement else ())),
        signals=[*signals, *_history(case)], cows=cows, mme=mme, summary=summary, actor=actor, now=now,
    )  # fmt: skip
    return case


def _open_or_new(inquiry: Inquiry, person: Person, actor: Actor, now: datetime) -> Case:
    case = open_case(person.id)
    if case is not None and case.state is CaseState.AFTERCARE:
        # Coming back is a new inquiry and a new case; the after-care of the old one ends here.
        case.closing_reason = "returned"
        move(case, CaseState.CLOSED, actor=actor, now=now, reason="returned")
        db.session.flush()
        case = None
    if case is not None:
        return case
    case = Case(
        id=new_id(), site_id=inquiry.site_id, person_id=person.id, opened_from=inquiry.id, opened_at=now,
        state=CaseState.IN_REVIEW, flags=[], created_at=now, created_by=actor.id,
    )  # fmt: skip
    _mark_history(case, person, now)
    db.session.add(case)
    db.session.flush()
    audit.record(
        actor=actor,
        verb="opened",
        record="care_case",
        record_id=case.id,
        site_id=case.site_id,
        case_id=case.id,
        now=now,
    )
    audit.tell(kind="case_opened", actor=actor, now=now, case_id=case.id, params={"reference": inquiry.reference})
    if "RETURNING" in case.flags:
        # What was agreed and true before is asked again, never taken over (flow D2).
        tasks.owe(
            site_id=case.site_id, kind="ask_again", key=f"ask_again:{case.id}", role=Role.ADMISSIONS,
            due_at=now + timedelta(hours=ASK_AGAIN_HOURS), cause="returning", case_id=case.id, actor=actor, now=now,
        )  # fmt: skip
    return case


def _mark_history(case: Case, person: Person, now: datetime) -> None:
    last = db.session.scalar(_LAST, {"person": person.id})
    if last is None:
        return
    case.flags = ["RETURNING"]
    ended = last.discharged_on
    if ended is not None and (settings.day(case.site_id, now) - ended).days < TOLERANCE_LOST_DAYS:
        case.flags = [*case.flags, "TOLERANCE_LOST"]
    if "WELCOME_BACK" in last.flags:
        case.flags = [*case.flags, "WELCOME_BACK"]


def _history(case: Case) -> list[str]:
    return [flag.lower() for flag in ("RETURNING", "TOLERANCE_LOST", "WELCOME_BACK") if flag in case.flags]


def place(
    case: Case,
    person: Person,
    inquiry: Inquiry,
    *,
    queue: Queue,
    acuity: int,
    priority: int,
    actor: Actor,
    now: datetime,
    placement_id: int | None = None,
    provisional: bool = False,
    cause: Cause = Cause.PLACEMENT,
    next_queue: str = "",
    fired: Sequence[str] = (),
    signals: Sequence[str] = (),
    cows: int | None = None,
    mme: str | None = None,
    summary: str = "",
) -> QueueEntry:
    """Let a case wait in `queue` and nowhere else, but for a pinned emergency; one transaction moves it."""
    live = queues.live_of(case.id)
    here = next((entry for entry in live if entry.queue is queue), None)
    pinned = {e.queue for e in live if e.queue is Queue.EMERGENCY and e.cause is Cause.DANGER}
    queues.leave_all(case.id, outcome="moved", actor=actor, now=now, keep=frozenset(pinned | {queue}))
    if here is None:
        return queues.enter(
            case=case, person=person, queue=queue, acuity=acuity, priority=priority, reference=inquiry.reference,
            waiting_since=inquiry.received_at, placement_id=placement_id, provisional=provisional, cause=cause,
            next_queue=next_queue, summary=summary, signals=signals, fired=fired, cows=cows, mme=mme,
            actor=actor, now=now,
        )  # fmt: skip
    here.next_queue = next_queue or here.next_queue
    if not provisional:
        queues.confirm(here, placement_id=placement_id, acuity=acuity, priority=priority, actor=actor, now=now)
    queues.refresh(
        case.id, cows=cows, mme=mme, signals=signals or None, fired=fired or None, summary=summary, actor=actor, now=now
    )
    return here


def open_for_danger(inquiry: Inquiry, *, actor: Actor, now: datetime) -> Case:
    """Open a case and put it at the top of the emergency queue, provisional, because a danger answer is yes.

    Safe to call again: the same danger of the same inquiry enters once. A task is due within the emergency target.

    Raises:
        RuleBroken: no danger answer of the inquiry is yes.
    """
    yes = [fact for fact in DANGER_RULES if inquiry.danger.get(fact) == "yes"]
    if not yes:
        raise RuleBroken("No danger is recorded.", code="NO_DANGER")
    fired = [DANGER_RULES[fact] for fact in yes]
    person = _held(inquiry)
    known = open_case(person.id)
    if known is not None and set(fired) <= _entered_for(known.id, inquiry):
        return known
    points = OVERDOSE_POINTS if "overdose_24h" in yes else 0
    case = open(
        inquiry, placement=None, queue=Queue.EMERGENCY, acuity=1, priority=points, fired=fired, flags=(),
        signals=queue_signals.read(dict.fromkeys(yes, True)), provisional=True, cause=Cause.DANGER,
        actor=actor, now=now,
    )  # fmt: skip
    due = now + timedelta(minutes=settings.target_minutes(case.site_id, 1))
    tasks.owe(
        site_id=case.site_id, kind="danger", key=f"danger:{inquiry.id}", role=Role.CLINICIAN, due_at=due,
        cause="danger_answer", case_id=case.id, inquiry_id=inquiry.id, params={"fired": fired}, actor=actor, now=now,
    )  # fmt: skip
    return case


def _entered_for(case_id: int, inquiry: Inquiry) -> set[str]:
    rows = db.session.scalars(
        select(QueueEntry.fired).where(
            QueueEntry.case_id == case_id,
            QueueEntry.queue == Queue.EMERGENCY,
            QueueEntry.waiting_since == inquiry.received_at,
        )
    )
    return {code for fired in rows for code in fired}


def hand_over(case_id: int, *, outcome: str, actor: Actor, now: datetime, words: str = "") -> Case:
    """Record what came of an emergency; only this unpins it (invariant 6).

    A hand-over (911, emergency department, 988) ends the inquiry as crisis_handed_over. The case goes on to its next
    queue, or to callback, so that nobody is lost; a follow-up is owed within a day.

    Raises:
        Missing: no such case. RuleBroken: an unknown outcome, or the case is in no emergency. NotPermitted: the role.
    """
    if not actor.may(*STAFF):
        raise NotPermitted("Your role does not record hand-overs.")
    if outcome not in HANDED_OVER:
        raise RuleBroken("Say what came of it.", code="OUTCOME", fields={"outcome": "Pick what came of it."})
    case = locked(case_id, actor)
    inquiry = db.session.get_one(Inquiry, case.opened_from)
    entry = next((e for e in queues.live_of(case.id) if e.queue is Queue.EMERGENCY), None)
    if entry is None:
        raise RuleBroken("This case is in no emergency now.", code="NO_EMERGENCY")
    onward = Queue(entry.next_queue) if entry.next_queue else Queue.CALLBACK
    others = [e for e in queues.live_of(case.id) if e.id != entry.id]
    queues.leave(entry.id, outcome=outcome, actor=actor, now=now)
    audit.tell(
        kind="handed_over", actor=actor, now=now, case_id=case.id, params={"outcome": outcome}, words=words,
        words_key_of=case.person_id,
    )  # fmt: skip
    inquiry = _finish_danger(case, inquiry, outcome, actor, now)
    if outcome in SPOKE:
        first_contact.meet(inquiry, actor=actor, now=now)
    if outcome in HANDS_OVER and inquiry.state is not InquiryState.ACCEPTED:
        bring(inquiry, InquiryState.CRISIS_HANDED_OVER, reason=outcome, actor=actor, now=now)
    if outcome in HANDS_OVER:
        _owe_follow_up(case, inquiry, now, actor)
    if case.state is CaseState.IN_REVIEW and not others:
        queues.enter(
            case=case, person=_person(case.person_id), queue=onward, acuity=2, priority=entry.priority,
            reference=entry.reference, waiting_since=entry.waiting_since, provisional=True, cause=Cause.DANGER,
            signals=entry.signals, fired=entry.fired, cows=entry.cows, mme=entry.mme, actor=actor, now=now,
        )  # fmt: skip
    return case


def _finish_danger(case: Case, inquiry: Inquiry, outcome: str, actor: Actor, now: datetime) -> Inquiry:
    """End the danger tasks of a case; returns the inquiry that told of the danger (maybe a later one)."""
    owed = select(Task).where(Task.case_id == case.id, Task.kind == "danger", Task.state.in_(tasks.LIVE))
    for task in list(db.session.scalars(owed.order_by(Task.created_at))):
        tasks.finish(task.id, actor=actor, outcome=outcome, now=now)
        inquiry = db.session.get(Inquiry, task.inquiry_id or 0) or inquiry
    return inquiry


def _owe_follow_up(case: Case, inquiry: Inquiry, now: datetime, actor: Actor) -> None:
    owed = [("crisis_follow_up", 24), ("call_72h", 72)]
    if inquiry.danger.get("overdose_24h") == "yes":
        owed += [("naloxone", 24), ("moud_offer", 24)]
    for kind, hours in owed:
        tasks.owe(
            site_id=case.site_id, kind=kind, key=f"{kind}:{case.id}:crisis", role=Role.CLINICIAN,
            due_at=now + timedelta(hours=hours), cause="handed_over", case_id=case.id, inquiry_id=inquiry.id,
            actor=actor, now=now,
        )  # fmt: skip


def go_on(case_id: int, *, actor: Actor, now: datetime) -> QueueEntry:
    """After the first contact, let a clinician-now case go on to the next queue its placement named.

    Raises:
        Missing: no such case. RuleBroken: it is not in clinician-now, or nothing follows.
    """
    case = locked(case_id, actor)
    entry = next((e for e in queues.live_of(case.id) if e.queue is Queue.CLINICIAN_NOW), None)
    if entry is None or not entry.next_queue:
        raise RuleBroken("No next queue follows here. Decide the case instead.", code="NO_NEXT_QUEUE")
    queues.leave(entry.id, outcome="first_contact", actor=actor, now=now)
    return queues.enter(
        case=case, person=_person(case.person_id), queue=Queue(entry.next_queue), acuity=max(2, entry.acuity),
        priority=entry.priority, reference=entry.reference, waiting_since=entry.waiting_since,
        placement_id=entry.placement_id, provisional=entry.provisional, signals=entry.signals, fired=entry.fired,
        cows=entry.cows, mme=entry.mme, actor=actor, now=now,
    )  # fmt: skip
