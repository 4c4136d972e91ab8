"""The forms of a case: which step is open in which state to which role, its fields, and the verb it calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from intake.actor import CARE, STAFF, Actor
from intake.cases import arriving_forms as arriving
from intake.cases import care_forms, codes, service, waiting_forms
from intake.cases.asking import (
    WORDS,
    Field,
    Step,
    level,
    moment,
    none,
    pairs,
)
from intake.cases.models import Case, CaseState
from intake.cases.queries import can_read
from intake.errors import RuleBroken
from intake.fields import Reader
from intake.inquiries import directory
from intake.queues import service as queues
from intake.queues.models import Queue

S = CaseState

_CLOSING = (
    Field("next_contact", "Next contact", "line", hint="For example: we call on Friday at 10."),
    Field("refused", "The person wants no further contact or appointment; they said so to me", "tick"),
)


def _known_places(case: Case) -> list[Field]:
    """The center's list of places as ticks, when there is one."""
    known = tuple(directory.choices(case.site_id))
    return [Field("known_places", "If not here: places of our list that were named", "ticks", known)] if known else []


def _decide_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("decision", "Decision", "radio", pairs(codes.DECISIONS), required=True),
        level(required=False),
        Field("code", "If not accepted: why", "select", pairs(codes.DECLINE_CODES)),
        Field("reason", "Reason, or what is missing", "area"),
        *_known_places(case),
        Field(
            "places",
            "If not here: which other places were named",
            "area",
            hint="A week later somebody asks what became of them.",
        ),
        Field("told_whom", "Who was told", "radio", pairs(codes.TOLD)),
        *_CLOSING,
    ]


def _places(case: Case, r: Reader) -> str:
    known = [code for code, _words in directory.choices(case.site_id)]
    return directory.named(case.site_id, r.choices("known_places", known), r.text("places", limit=WORDS))


def _decide(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    given = {
        "decision": r.choice("decision", codes.DECISIONS, required="Pick a decision."),
        "level": r.choice("level", codes.LEVELS),
        "code": r.choice("code", codes.DECLINE_CODES),
        "reason": r.text("reason", limit=WORDS),
        "places": _places(case, r),
        "told_whom": r.choice("told_whom", codes.TOLD),
        "next_contact": r.text("next_contact", limit=300),
    }
    refused = r.yes("refused")
    r.check()
    service.decide(case.id, **given, refused=refused, version=version, actor=actor, now=now)


def _waitlist(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    wait_class = r.choice("wait_class", codes.WAIT_CLASSES, required="Pick the wait class.")
    r.check()
    service.waitlist(case.id, wait_class=wait_class, version=version, actor=actor, now=now)


def _close_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("reason", "Why the case closes", "line", required=True),
        *_CLOSING,
        Field("task_reason", "If safety tasks are open: why they end", "area"),
    ]


def _close(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    reason = r.text("reason", limit=80, required="Say why the case closes.")
    given = {k: r.text(k, limit=WORDS if k == "task_reason" else 300) for k in ("next_contact", "task_reason")}
    r.check()
    service.close(case.id, reason=reason, refused=r.yes("refused"), version=version, actor=actor, now=now, **given)


def _hand_over_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("outcome", "What came of it", "radio", pairs(codes.HANDED_OVER), required=True),
        Field("words", "What was said and who took over", "area"),
    ]


def _hand_over(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    outcome = r.choice("outcome", codes.HANDED_OVER, required="Pick what came of it.")
    words = r.text("words", limit=WORDS)
    r.check()
    service.hand_over(case.id, outcome=outcome, words=words, actor=actor, now=now)


def _offer_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("naloxone", "Naloxone", "radio", pairs(codes.NALOXONE_ANSWERS)),
        Field("moud", "Medication for opioid use disorder", "radio", pairs(codes.MOUD_ANSWERS)),
    ]


def _offers(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    answers = {
        "naloxone": r.choice("naloxone", codes.NALOXONE_ANSWERS),
        "moud": r.choice("moud", codes.MOUD_ANSWERS),
    }
    if not any(answers.values()):
        r.wrong("naloxone", "Pick at least one answer.")
    r.check()
    for kind, answer in answers.items():
        if answer:
            service.record_offer(case.id, kind=kind, answer=answer, actor=actor, now=now)


def _visit_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    kinds = (("visit", "Visit"), ("follow_up", "Follow-up"), ("aftercare", "After-care"))
    return [Field("starts_at", "When", "time", required=True), Field("kind", "What", "radio", kinds, required=True)]


def _visit(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    starts_at = moment(r, "starts_at", case)
    kind = r.choice("kind", ("visit", "follow_up", "aftercare"), required="Pick what it is.")
    r.check()
    assert starts_at is not None
    service.book_visit(case.id, kind=kind, starts_at=starts_at, actor=actor, now=now)


def _go_on(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    service.go_on(case.id, actor=actor, now=now)


def _after_care(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    service.after_care(case.id, version=version, actor=actor, now=now)


def _waits_in(queue: Queue) -> Callable[[Case], bool]:
    return lambda case: any(e.queue is queue for e in queues.live_of(case.id))


def _goes_on(case: Case) -> bool:
    return any(e.queue is Queue.CLINICIAN_NOW and e.next_queue for e in queues.live_of(case.id))


_ANY = frozenset(S)
_OPEN = _ANY - {S.CLOSED}
_OWN: tuple[Step, ...] = (
    Step(
        "hand-over", "What came of the emergency", "Only this takes the case out of the emergency queue.",
        "Record", STAFF, _OPEN, _hand_over_fields, _hand_over, _waits_in(Queue.EMERGENCY), True,
    ),
    Step(
        "go-on", "First contact made: go on", "The case goes on to the next queue its placement named.",
        "Go on", STAFF, frozenset({S.IN_REVIEW}), none, _go_on, _goes_on,
    ),
    Step(
        "decide", "Decide", "Your name, the time and who was told are kept with the decision.",
        "Save the decision", CARE, frozenset({S.IN_REVIEW}), _decide_fields, _decide, main=True,
    ),
    Step(
        "schedule", "Offer a start", "The bed is kept for this person until a day after the start.",
        "Schedule", STAFF, frozenset({S.ACCEPTED, S.WAITLISTED, S.NO_SHOW}), arriving.schedule_fields,
        arriving.schedule, main=True,
    ),
    Step(
        "waitlist", "Put on the waitlist", "Request date and wait number are given once and kept.",
        "Put on the waitlist", STAFF, frozenset({S.ACCEPTED, S.NO_SHOW, S.SCHEDULED}),
        lambda c, a, n: [Field("wait_class", "Wait class", "radio", pairs(codes.WAIT_CLASSES), required=True)],
        _waitlist,
    ),
    Step(
        "admit", "Admit", "The admission day and level are written once and never change.",
        "Admit", STAFF, frozenset({S.SCHEDULED}), arriving.admit_fields, arriving.admit, main=True,
    ),
    Step(
        "no-show", "Did not come", "Neutral calls are owed today, after 24 hours and after 72 hours.",
        "Record", STAFF, frozenset({S.SCHEDULED, S.ADMITTED}), arriving.no_show_fields, arriving.no_show,
    ),
    Step(
        "offers", "Naloxone and medication offer", "The answer is kept with the day.",
        "Save the answers", CARE, _OPEN, _offer_fields, _offers,
    ),
    Step(
        "visit", "Book a visit", "The person gets a neutral reminder if they agreed to one.",
        "Book", STAFF, _OPEN, _visit_fields, _visit,
    ),
    Step(
        "after-care", "Start after-care", "The person stays in touch with us.",
        "Start after-care", STAFF, frozenset({S.DISCHARGED}), none, _after_care, main=True,
    ),
    Step(
        "close", "Close", "A case closes with a next contact or the person's documented choice.",
        "Close the case", STAFF,
        frozenset({S.IN_REVIEW, S.ACCEPTED, S.WAITLISTED, S.NO_SHOW, S.SCHEDULED, S.DISCHARGED, S.AFTERCARE}),
        _close_fields, _close,
    ),
)  # fmt: skip
_AFTER = {"waitlist": waiting_forms.STEPS, "visit": care_forms.STEPS}
STEPS: tuple[Step, ...] = tuple(s for own in _OWN for s in (own, *_AFTER.get(own.name, ())))
BY_NAME = {step.name: step for step in STEPS}


def open_to(actor: Actor, case: Case) -> list[Step]:
    """The steps a case offers this actor now, in the order of care."""
    if not can_read(actor, case):
        return []
    return [s for s in STEPS if case.state in s.states and actor.may(*s.roles) and s.also(case)]


def read_version(r: Reader) -> int | None:
    """The row version the form was made from; None when the form carries none.

    Raises:
        RuleBroken: it is no number.
    """
    raw = r.form.get("version", "")
    if not raw:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10):
        raise RuleBroken("This form was changed on its way. Open the case again.", code="VERSION")
    return int(raw)
