"""From admission to after-care: admit, not come, discharge, after-care, and the move between levels."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select

from intake import crypto
from intake.actor import CARE, STAFF, Actor, Role
from intake.audit import service as audit
from intake.beds import service as beds
from intake.beds.models import UseKind
from intake.cases import waitlist
from intake.cases.codes import DISCHARGE_TYPES, LEVELS, MOUD_ANSWERS, NALOXONE_ANSWERS
from intake.cases.deciding import when_ended
from intake.cases.models import Case, CaseState, Transfer, TransferState
from intake.cases.queries import open_transfer
from intake.cases.states import locked, move, must
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.people.models import Person
from intake.queues import service as queues
from intake.tasks import service as tasks
from intake.visits import queries as visit_queries
from intake.visits import service as visits
from intake.visits.models import AppointmentState

CALLS = (("call_same_day", 4), ("call_24h", 24), ("call_72h", 72))


def admit(
    case_id: int,
    *,
    level: str,
    actor: Actor,
    now: datetime,
    on: date | None = None,
    bed_id: int | None = None,
    version: int | None = None,
) -> Case:
    """Admit a scheduled case: admission day and admit level are written once and never again; the held bed is taken.

    Raises:
        Missing, NotPermitted, AlreadyDone (state, bed taken), RuleBroken (level, a day ahead or before the request).
    """
    must(actor, *STAFF)
    if level not in LEVELS:
        raise RuleBroken("Pick the level of care.", code="LEVEL", fields={"level": "Pick the level of care."})
    day = on or now.date()
    if day > now.date():
        raise RuleBroken("An admission cannot lie ahead.", code="ADMITTED_ON", fields={"on": "Not in the future."})
    case = locked(case_id, actor, version=version)
    move(case, CaseState.ADMITTED, actor=actor, now=now, level=level)
    case.admitted_on, case.admit_level = case.admitted_on or day, case.admit_level or level
    case.last_contact_on = day
    for visit in visit_queries.of_case(case.id):
        if visit.state is AppointmentState.BOOKED and visit.kind in {"admission", "first_visit"}:
            visits.keep(visit.id, actor=actor, now=now)
    beds.stay(case.id, bed_id=bed_id, actor=actor, now=now)
    waitlist.end_wait(
        case, reason="admitted", kinds=(*waitlist.WHILE_WAITING, *waitlist.UNTIL_ADMITTED, "hold_lapsed"), actor=actor,
        now=now,
    )  # fmt: skip
    return case


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
    _owe_calls(case, CALLS, "no_show", Role.ADMISSIONS, actor, now)
    return case


def _owe_calls(
    case: Case, calls: tuple[tuple[str, int], ...], cause: str, role: Role, actor: Actor, now: datetime
) -> None:
    for kind, hours in calls:
        tasks.owe(
            site_id=case.site_id, kind=kind, key=f"{kind}:{case.id}:{cause}", role=role,
            due_at=now + timedelta(hours=hours), cause=cause, case_id=case.id, actor=actor, now=now,
        )  # fmt: skip


def discharge(
    case_id: int,
    *,
    type: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    naloxone: str = "",
    warned: bool = False,
    on: date | None = None,
    version: int | None = None,
) -> Case:
    """Discharge an admitted case, free its bed, stop what its plan still owes, and owe the safety calls.

    `type` is a code of DISCHARGE_TYPES; `naloxone` a code of NALOXONE_ANSWERS, needed unless the person died;
    `warned` says that the loss of tolerance was explained. Leaving against advice needs a reason in the person's own
    words, owes calls after 24 and 72 hours and sets the welcome-back flag, without penalty (flow H).

    Raises:
        Missing, NotPermitted, AlreadyDone (state), RuleBroken (by field).
    """
    must(actor, *CARE)
    _check_discharge(type, reason, naloxone, warned)
    case = locked(case_id, actor, version=version)
    move(case, CaseState.DISCHARGED, actor=actor, now=now, type=type)
    case.discharge_type, case.discharged_on = type, on or now.date()
    case.last_contact_on = case.discharged_on
    if naloxone:
        case.naloxone = {"answer": naloxone, "on": now.date().isoformat()}
    if reason:
        audit.tell(
            kind="discharge_reason", actor=actor, now=now, case_id=case.id, words=reason, words_key_of=case.person_id
        )
    beds.release(case.id, outcome="discharged", actor=actor, now=now)
    queues.leave_all(case.id, outcome="discharged", actor=actor, now=now)
    _cancel_transfer(case, actor, now)
    if type == "against_advice":
        case.flags = sorted({*case.flags, "WELCOME_BACK"})
        _owe_calls(case, CALLS[1:], "against_advice", Role.CLINICIAN, actor, now)
    if type == "died":
        db.session.get_one(Person, case.person_id).died_at = now
    for hook in when_ended:
        hook(case, type, actor, now)
    return case


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


def record_offer(case_id: int, *, kind: str, answer: str, actor: Actor, now: datetime) -> Case:
    """Record the answer to the naloxone or MOUD offer, with its day.

    Raises:
        Missing, NotPermitted. RuleBroken: an unknown offer or answer.
    """
    must(actor, *CARE)
    allowed = {"naloxone": NALOXONE_ANSWERS, "moud": MOUD_ANSWERS}.get(kind, {})
    if answer not in allowed:
        raise RuleBroken("Pick the answer to the offer.", code="OFFER", fields={kind or "kind": "Pick the answer."})
    case = locked(case_id, actor)
    value = {"offered": True, "answer": answer, "on": now.date().isoformat(), "by": actor.name}
    if kind == "naloxone":
        case.naloxone = value
    else:
        case.moud = {**case.moud, **value}
    audit.record(
        actor=actor, verb="offered", record="care_case", record_id=case.id, case_id=case.id, purpose=kind,
        after={"answer": answer}, now=now,
    )  # fmt: skip
    audit.tell(kind="offered", actor=actor, now=now, case_id=case.id, params={"what": kind, "answer": answer})
    return case


def ask_transfer(case_id: int, *, to_level: str, reason: str, actor: Actor, now: datetime) -> Transfer:
    """Ask for a move to another level; the sender stays owner until the person arrives (invariant 19).

    Raises:
        Missing, NotPermitted, AlreadyDone (not admitted, or already asked), RuleBroken (by field).
    """
    must(actor, *CARE)
    if to_level not in LEVELS or not reason.strip():
        raise RuleBroken("Say where to and why.", code="TRANSFER", fields={"to_level": "Pick a level and say why."})
    case = locked(case_id, actor)
    move(case, CaseState.TRANSFER_PENDING, actor=actor, now=now, level=to_level)
    row = Transfer(
        id=new_id(), case_id=case.id, to_level=to_level, asked_by=actor.id, asked_at=now, created_at=now,
        created_by=actor.id,
    )  # fmt: skip
    row.reason = crypto.seal(reason, key_of=case.person_id, at="transfer.reason", row=row.id)
    db.session.add(row)
    tasks.owe(
        site_id=case.site_id, kind="transfer", key=f"transfer:{case.id}", role=Role.CLINICIAN,
        due_at=now + timedelta(hours=4), cause="transfer_asked", case_id=case.id, actor=actor, now=now,
    )  # fmt: skip
    return row


def answer_transfer(
    case_id: int, *, answer: str, actor: Actor, now: datetime, code: str = "", bed_id: int | None = None
) -> Case:
    """Answer a transfer: accepted, arrived, rejected (with a code) or withdrawn; only arriving moves anything.

    Raises:
        Missing, NotPermitted, AlreadyDone, RuleBroken.
    """
    must(actor, *CARE)
    case = locked(case_id, actor)
    row = open_transfer(case.id)
    if row is None:
        raise AlreadyDone("No transfer is asked for.")
    allowed = {
        TransferState.REQUESTED: {"accepted", "rejected", "withdrawn"},
        TransferState.ACCEPTED: {"arrived", "cancelled"},
    }[row.state]
    if answer not in allowed:
        raise AlreadyDone(f"This transfer is {row.state.value}.")
    if answer == "rejected" and not code:
        raise RuleBroken("Say why.", code="REASON", fields={"code": "Pick the reason."})
    row.state, row.decline_code = TransferState(answer), code
    row.answered_by, row.answered_at = actor.id, now
    audit.tell(kind="transfer", actor=actor, now=now, case_id=case.id, params={"answer": answer, "to": row.to_level})
    if answer == "accepted":
        return case
    move(case, CaseState.ADMITTED, actor=actor, now=now)
    tasks.cancel(f"transfer:{case.id}", site_id=case.site_id, reason=answer, actor=actor, now=now)
    if answer == "arrived":
        case.owner_id = actor.id
        if beds.stay(case.id, bed_id=bed_id, actor=actor, now=now) is None:
            beds.release(case.id, outcome="transferred", actor=actor, now=now)
    return case


def _cancel_transfer(case: Case, actor: Actor, now: datetime) -> None:
    row = open_transfer(case.id)
    if row is not None:
        row.state, row.answered_by, row.answered_at = TransferState.CANCELLED, actor.id, now
        tasks.cancel(f"transfer:{case.id}", site_id=case.site_id, reason="discharged", actor=actor, now=now)
