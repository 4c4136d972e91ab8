"""From admission to after-care: admit, not come, discharge, after-care, and the move between levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from intake.actor import CARE, STAFF, Actor, Role
from intake.audit import service as audit
from intake.beds import service as beds
from intake.beds.models import UseKind
from intake.cases import transfers, waitlist
from intake.cases.closing import when_ended
from intake.cases.codes import DISCHARGE_STATUS, DISCHARGE_TYPES, LEVELS, NALOXONE_ANSWERS
from intake.cases.models import Case, CaseState
from intake.cases.states import locked, move, must
from intake.db import db
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.inquiries import promises, referrals
from intake.people import emergency
from intake.people import service as people
from intake.people.models import Person
from intake.queues import service as queues
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.visits import queries as visit_queries
from intake.visits import service as visits
from intake.visits.models import AppointmentState

COUNSEL_HOURS = 72
MOUD_OFFER_HOURS = 24
NAME_CONTACT_HOURS = 24
TELL_REFERRER_HOURS = 24
REFERRER_TASK = "tell_referrer"
TELL_CONTACT_HOURS = 4
WANTS_NONE = "wants_none"
# What rooms above do when somebody did not come: (case, actor, now). No plan advances on its own.
when_missed: list[Callable[[Case, Actor, datetime], None]] = []


@dataclass(frozen=True)
class Leaving:
    """What was said to somebody who leaves against advice: codes of CAPACITY and LEAVING_OFFERS, who counselled."""

    capacity: str = ""
    counselled_by: str = ""
    offered: Sequence[str] = ()
    # A code of LEAVING_REASONS; the person's own words stand beside it.
    why: str = ""
    # A code of FOLLOW_UPS, and whether the medicines were gone through with them.
    follow_up: str = ""
    reconciled: bool = False
    tell_contact: bool = False


CALLS = (("call_same_day", 4), ("call_24h", 24), ("call_72h", 72))


def admit(
    case_id: int,
    *,
    level: str,
    actor: Actor,
    now: datetime,
    on: date | None = None,
    bed_id: int | None = None,
    contact: str = "",
    version: int | None = None,
) -> Case:
    """Admit a scheduled case: admission day and admit level are written once and never again; the held bed is taken.

    Who has named no emergency contact owes one within a day, unless `contact` says that they want none (WANTS_NONE).
    It never stands in the way of an admission.

    Raises:
        Missing, NotPermitted, AlreadyDone (state, bed taken), RuleBroken (level, a day ahead or before the request).
    """
    must(actor, *STAFF)
    if level not in LEVELS:
        raise RuleBroken("Pick the level of care.", code="LEVEL", fields={"level": "Pick the level of care."})
    today = settings.day(actor.site_id, now)
    day = on or today
    if day > today:
        raise RuleBroken("An admission cannot lie ahead.", code="ADMITTED_ON", fields={"on": "Not in the future."})
    case = locked(case_id, actor, version=version)
    move(case, CaseState.ADMITTED, actor=actor, now=now, level=level)
    case.admitted_on, case.admit_level = case.admitted_on or day, case.admit_level or level
    case.last_contact_on = day
    for visit in visit_queries.of_case(case.id):
        if visit.state is AppointmentState.BOOKED and visit.kind in {"admission", "first_visit"}:
            visits.keep(visit.id, actor=actor, now=now)
    promises.came(case.opened_from, site_id=case.site_id, now=now)
    beds.stay(case.id, bed_id=bed_id, actor=actor, now=now)
    _ask_contact(case, contact, actor, now)
    if referrals.of_inquiry(case.opened_from) is not None:
        due = now + timedelta(hours=TELL_REFERRER_HOURS)
        _owe(case, REFERRER_TASK, f"{REFERRER_TASK}:{case.id}", due, "admitted", Role.ADMISSIONS, actor, now)
    waitlist.end_wait(
        case, reason="admitted", kinds=(*waitlist.WHILE_WAITING, *waitlist.UNTIL_ADMITTED, "hold_lapsed"), actor=actor,
        now=now,
    )  # fmt: skip
    return case


def _ask_contact(case: Case, said: str, actor: Actor, now: datetime) -> None:
    if emergency.has_one(case.person_id):
        return
    if said == WANTS_NONE:
        people.refuse_contact(case.id, site_id=case.site_id, actor=actor, now=now)
        return
    kind, due = emergency.NAME_TASK, now + timedelta(hours=NAME_CONTACT_HOURS)
    _owe(case, kind, f"{kind}:{case.id}", due, "admitted", Role.ADMISSIONS, actor, now)


def no_show(case_id: int, *, appointment_id: int, actor: Actor, now: datetime, version: int | None = None) -> Case:
    """Confirm that somebody did not come: neutral calls are owed, a held bed is freed (flow G).

    An admitted case keeps its state; only its promise is missed.

    Raises:
        Missing, NotPermitted, AlreadyDone, RuleBroken: the grace is not over.
    """
    must(actor, *STAFF)
    case = locked(case_id, actor, version=version)
    if visits.miss(appointment_id, actor=actor, now=now).case_id != case.id:
        raise Missing("There is no such visit.")
    if case.state is not CaseState.ADMITTED:
        move(case, CaseState.NO_SHOW, actor=actor, now=now)
        beds.release(case.id, outcome="no_show", kind=UseKind.HOLD, actor=actor, now=now)
        rebook = timedelta(hours=int(settings.value(case.site_id, "rebook_hours")))
        _owe(case, "rebook", f"rebook:{case.id}", now + rebook, "no_show", Role.ADMISSIONS, actor, now)
    case.flags = sorted({*case.flags, "WELCOME_BACK"})
    _owe_calls(case, CALLS, "no_show", Role.ADMISSIONS, actor, now)
    _owe_counselling(case, "no_show", actor, now)
    for hook in when_missed:
        hook(case, actor, now)
    return case


def _owe(
    case: Case, kind: str, key: str, due_at: datetime, cause: str, role: Role, actor: Actor, now: datetime
) -> None:
    tasks.owe(
        site_id=case.site_id, kind=kind, key=key, role=role, due_at=due_at, cause=cause, case_id=case.id, actor=actor,
        now=now,
    )  # fmt: skip


def _owe_counselling(case: Case, cause: str, actor: Actor, now: datetime) -> None:
    """What could not be said to somebody who is not there is said at the first chance."""
    kinds = ["tolerance_warning"]
    if case.naloxone.get("answer") not in {"accepted", "has_it", "declined"}:
        kinds.append("naloxone")
    for kind in kinds:
        due = now + timedelta(hours=COUNSEL_HOURS)
        _owe(case, kind, f"{kind}:{case.id}", due, cause, Role.CLINICIAN, actor, now)


def _owe_calls(
    case: Case, calls: tuple[tuple[str, int], ...], cause: str, role: Role, actor: Actor, now: datetime
) -> None:
    for kind, hours in calls:
        due = now + timedelta(hours=hours)
        _owe(case, kind, f"{kind}:{case.id}:{cause}", due, cause, role, actor, now)


def discharge(
    case_id: int,
    *,
    type: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    naloxone: str = "",
    warned: bool = False,
    moud: str = "",
    leaving: Leaving | None = None,
    status: str = "",
    on: date | None = None,
    version: int | None = None,
) -> Case:
    """Discharge an admitted case, free its bed, stop what its plan still owes, and owe the safety calls.

    `type` is a code of DISCHARGE_TYPES; `naloxone` a code of NALOXONE_ANSWERS, needed unless the person died;
    `warned` says that the loss of tolerance was explained; `status` is a code of DISCHARGE_STATUS. Leaving against
    advice needs a reason in the person's own words, owes calls after 24 and 72 hours, and the medication offer when
    `moud` has no answer, and sets the welcome-back flag, without penalty (flow H).

    Raises:
        Missing, NotPermitted, AlreadyDone (state), RuleBroken (by field).
    """
    must(actor, *CARE)
    _check_discharge(type, reason, naloxone, warned)
    case = locked(case_id, actor, version=version)
    move(case, CaseState.DISCHARGED, actor=actor, now=now, type=type)
    today = settings.day(case.site_id, now)
    case.discharge_type, case.discharged_on = type, on or today
    case.discharge_status = status if status in DISCHARGE_STATUS else ""
    case.last_contact_on = case.discharged_on
    if naloxone:
        case.naloxone = {"answer": naloxone, "on": today.isoformat()}
    if reason:
        audit.tell(
            kind="discharge_reason", actor=actor, now=now, case_id=case.id, words=reason, words_key_of=case.person_id
        )
    if moud:
        case.moud = {**case.moud, "offered": True, "answer": moud, "on": today.isoformat(), "by": actor.name}
    beds.release(case.id, outcome="discharged", actor=actor, now=now)
    queues.leave_all(case.id, outcome="discharged", actor=actor, now=now)
    if type == "transferred":
        transfers.left_for(case, actor=actor, now=now)
    transfers.cancel_all(case, actor=actor, now=now)
    if type == "against_advice":
        case.flags = sorted({*case.flags, "WELCOME_BACK"})
        _owe_calls(case, CALLS[1:], "against_advice", Role.CLINICIAN, actor, now)
        _tell_leaving(case, leaving or Leaving(), actor, now)
        if not moud:
            due = now + timedelta(hours=MOUD_OFFER_HOURS)
            _owe(case, "moud_offer", f"moud_offer:{case.id}", due, "against_advice", Role.CLINICIAN, actor, now)
    if leaving is not None and leaving.tell_contact:
        due = now + timedelta(hours=TELL_CONTACT_HOURS)
        _owe(case, emergency.TELL_TASK, f"{emergency.TELL_TASK}:{case.id}", due, type, Role.CLINICIAN, actor, now)
    if type == "died":
        db.session.get_one(Person, case.person_id).died_at = now
    for hook in when_ended:
        hook(case, type, actor, now)
    return case


def _tell_leaving(case: Case, said: Leaving, actor: Actor, now: datetime) -> None:
    audit.tell(
        kind="left_against_advice", actor=actor, now=now, case_id=case.id,
        params={
            "capacity": said.capacity, "counselled_by": said.counselled_by, "offered": list(said.offered),
            "why": said.why,
        },
    )  # fmt: skip
    if said.follow_up:
        audit.tell(
            kind="follow_up_offered", actor=actor, now=now, case_id=case.id, params={"follow_up": said.follow_up}
        )
    if said.reconciled:
        audit.tell(kind="medicines_reconciled", actor=actor, now=now, case_id=case.id)


def _check_discharge(type: str, reason: str, naloxone: str, warned: bool) -> None:
    wrong: dict[str, str] = {}
    if type not in DISCHARGE_TYPES:
        wrong["type"] = "Pick how the stay ended."
    if type == "against_advice" and not reason.strip():
        wrong["reason"] = "Write the reason in the person's own words."
    if type != "died" and naloxone not in NALOXONE_ANSWERS:
        wrong["naloxone"] = "Record the answer to the naloxone offer."
    if type == "against_advice" and not warned:
        wrong["warned"] = "Explain that tolerance is lost, then tick this."
    if wrong:
        raise RuleBroken("This discharge is not complete.", code="DISCHARGE", fields=wrong)


def after_care(case_id: int, *, actor: Actor, now: datetime, version: int | None = None) -> Case:
    """Keep in touch with a discharged person.

    Raises:
        Missing, NotPermitted, AlreadyDone (state, or another case of the person is open).
    """
    must(actor, *STAFF)
    case = locked(case_id, actor, version=version)
    other = select(Case.id).where(
        Case.person_id == case.person_id,
        Case.id != case.id,
        Case.state.not_in((CaseState.DISCHARGED, CaseState.CLOSED)),
    )
    if db.session.scalar(other) is not None:
        raise AlreadyDone("This person has another open case. Go on there.")
    move(case, CaseState.AFTERCARE, actor=actor, now=now)
    return case
