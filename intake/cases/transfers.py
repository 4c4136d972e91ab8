"""The move between levels: asked by one, answered by another, and nothing moves before the person arrives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from intake import crypto
from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.beds import service as beds
from intake.beds.models import UseKind
from intake.cases.codes import LEVELS, READINESS, TRANSFER_DECLINES
from intake.cases.models import Case, CaseState, Transfer, TransferState
from intake.cases.queries import current_level, open_transfers, place_of
from intake.cases.states import locked, move, must
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries import referring_out
from intake.inquiries.models import Inquiry
from intake.queues import service as queues
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.visits import queries as visits

ARRIVAL_HOURS = 24
ANSWERS: Mapping[TransferState, frozenset[str]] = {
    TransferState.REQUESTED: frozenset({"accepted", "rejected", "withdrawn"}),
    TransferState.ACCEPTED: frozenset({"arrived", "cancelled"}),
}
# These levels need no bed, so the first visit is what must not be lost.
VISIT_LEVELS = frozenset({"intensive_outpatient", "outpatient", "medication", "day_program"})


def task_key(transfer_id: int) -> str:
    """The key of the task that a request or an arrival waits under."""
    return f"transfer:{transfer_id}"


def ask_transfer(
    case_id: int,
    *,
    to_level: str,
    reason: str,
    actor: Actor,
    now: datetime,
    readiness: Mapping[str, str] | None = None,
    follow_up_on: date | None = None,
    place: str = "",
) -> Transfer:
    """Ask for a move to another level; several may be asked at once, the sender stays owner until arrival.

    With `place` it goes to another center: their answer is written down here, what they get passes the gate of
    disclosures, and the discharge as transferred is the arrival.

    `readiness` answers READINESS by code (withdrawal, vitals, moud). The receiver owes an answer within the center's
    hours; silence goes up to the supervisors.

    Raises:
        Missing, NotPermitted, AlreadyDone (not in care, already asked there, or one is accepted), RuleBroken.
    """
    must(actor, *CARE)
    if to_level not in LEVELS or not reason.strip():
        raise RuleBroken("Say where to and why.", code="TRANSFER", fields={"to_level": "Pick a level and say why."})
    case = locked(case_id, actor)
    open_ones = open_transfers(case.id)
    same = (t for t in open_ones if t.to_level == to_level and (t.to_outside is None) == (not place))
    if any(t.state is TransferState.ACCEPTED for t in open_ones) or (not place and any(same)):
        raise AlreadyDone("This move is asked for already.", code="ASKED")
    level = current_level(case)
    if to_level == level and not place:
        raise RuleBroken(
            "The person is at this level now.", code="TRANSFER", fields={"to_level": "Pick another level."}
        )
    if not open_ones:
        move(case, CaseState.TRANSFER_PENDING, actor=actor, now=now, level=to_level)
    ready: dict[str, Any] = {k: v for k, v in (readiness or {}).items() if v in READINESS.get(k, {})}
    row = Transfer(
        id=new_id(), case_id=case.id, to_level=to_level, from_level=level, asked_by=actor.id, asked_at=now,
        readiness={**ready, "follow_up_on": follow_up_on.isoformat() if follow_up_on else ""}, created_at=now,
        created_by=actor.id,
    )  # fmt: skip
    row.reason = crypto.seal(reason, key_of=case.person_id, at="transfer.reason", row=row.id)
    if place:
        row.to_outside = crypto.seal(place, key_of=case.person_id, at="transfer.to_outside", row=row.id)
    db.session.add(row)
    hours = int(settings.value(case.site_id, "transfer_answer_hours"))
    _owe(case, row, "transfer_outside" if place else "transfer", now + timedelta(hours=hours), actor, now)
    _tell(case, row, "requested", actor, now)
    return row


def _owe(case: Case, row: Transfer, kind: str, due_at: datetime, actor: Actor, now: datetime) -> None:
    tasks.owe(
        site_id=case.site_id, kind=kind, key=task_key(row.id), role=Role.CLINICIAN, due_at=due_at,
        cause="transfer_asked", case_id=case.id, params={"to": row.to_level}, actor=actor, now=now,
    )  # fmt: skip


def _tell(case: Case, row: Transfer, answer: str, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor, verb=f"transfer_{answer}", record="transfer", record_id=row.id, case_id=case.id,
        purpose=row.to_level, now=now,
    )  # fmt: skip
    audit.tell(kind="transfer", actor=actor, now=now, case_id=case.id, params={"answer": answer, "to": row.to_level})


def answer_transfer(
    case_id: int,
    *,
    answer: str,
    actor: Actor,
    now: datetime,
    code: str = "",
    bed_id: int | None = None,
    transfer_id: int | None = None,
) -> Case:
    """Answer a transfer: accepted (with a bed or slot kept), rejected with a code, withdrawn, arrived, cancelled.

    Accepting cancels every other request of the case. Arriving moves stay, owner, queue entry and what is owed in this
    one transaction; until then nothing moves. Somebody else than the asker accepts or rejects, unless it is another
    center whose answer is written down here.

    Raises:
        Missing, NotPermitted, AlreadyDone, RuleBroken.
    """
    must(actor, *CARE)
    case = locked(case_id, actor)
    row = _asked(case, transfer_id)
    if answer not in ANSWERS[row.state]:
        raise AlreadyDone(f"This transfer is {row.state.value}.")
    outside = row.to_outside is not None
    if outside and answer == "arrived":
        raise RuleBroken("Discharge the person as transferred; that is their arrival there.", code="OUTSIDE")
    if answer in {"accepted", "rejected"} and actor.id == row.asked_by and not outside:
        raise NotPermitted("Somebody of the receiving team answers this, not the one who asked.")
    if answer == "rejected" and not code:
        raise RuleBroken("Say why.", code="REASON", fields={"code": "Pick the reason."})
    row.state, row.decline_code = TransferState(answer), code if code in TRANSFER_DECLINES else code[:40]
    row.answered_by, row.answered_at = actor.id, now
    tasks.cancel(task_key(row.id), site_id=case.site_id, reason=answer, actor=actor, now=now)
    _tell(case, row, answer, actor, now)
    if answer == "accepted":
        _accepted(case, row, bed_id, actor, now)
    elif answer == "arrived":
        _arrived(case, row, bed_id, actor, now)
    else:
        beds.release(case.id, outcome=answer, kind=UseKind.HOLD, actor=actor, now=now)
        db.session.flush()
        if not open_transfers(case.id):
            move(case, CaseState.ADMITTED, actor=actor, now=now)
    return case


def _asked(case: Case, transfer_id: int | None) -> Transfer:
    found = open_transfers(case.id)
    row = next((t for t in found if transfer_id in (None, t.id)), None)
    if row is None:
        if transfer_id is not None and db.session.scalar(select(Transfer.id).where(Transfer.id == transfer_id)) is None:
            raise Missing("There is no such transfer.")
        raise AlreadyDone("No transfer is asked for.")
    return row


def _accepted(case: Case, row: Transfer, bed_id: int | None, actor: Actor, now: datetime) -> None:
    _cancel(case, except_id=row.id, actor=actor, now=now)
    if row.to_outside is not None:
        # A bed of ours is not kept for somebody who goes elsewhere.
        bed_id = None
    if bed_id is not None:
        hours = int(settings.value(case.site_id, "bed_hold_hours"))
        beds.hold(bed_id, case.id, until=now + timedelta(hours=hours), actor=actor, now=now)
    _owe(case, row, "transfer_arrival", now + timedelta(hours=ARRIVAL_HOURS), actor, now)


def _arrived(case: Case, row: Transfer, bed_id: int | None, actor: Actor, now: datetime) -> None:
    move(case, CaseState.ADMITTED, actor=actor, now=now, level=row.to_level)
    case.owner_id, case.last_contact_on = actor.id, settings.day(case.site_id, now)
    if beds.stay(case.id, bed_id=bed_id, actor=actor, now=now) is None:
        beds.release(case.id, outcome="transferred", actor=actor, now=now)
    queues.leave_all(case.id, outcome="transferred", actor=actor, now=now)
    tasks.pass_on(case.id, owner_id=actor.id)
    days = int(settings.value(case.site_id, "first_outpatient_visit_days"))
    due = now + timedelta(days=days)
    if row.to_level in VISIT_LEVELS and not any(v.starts_at <= due for v in visits.ahead(now=now, case_id=case.id)):
        tasks.owe(
            site_id=case.site_id, kind="first_visit", key=f"first_visit:{case.id}", role=Role.ADMISSIONS, due_at=due,
            cause="transferred", case_id=case.id, actor=actor, now=now,
        )  # fmt: skip


def _cancel(case: Case, *, except_id: int | None, actor: Actor, now: datetime) -> None:
    for other in open_transfers(case.id):
        if other.id != except_id:
            other.state, other.answered_by, other.answered_at = TransferState.CANCELLED, actor.id, now
            tasks.cancel(task_key(other.id), site_id=case.site_id, reason="cancelled", actor=actor, now=now)
            _tell(case, other, "cancelled", actor, now)


def left_for(case: Case, *, actor: Actor, now: datetime) -> None:
    """Somebody discharged as transferred leaves for the other center that accepted them; a week later somebody asks."""
    row = next((t for t in open_transfers(case.id) if t.state is TransferState.ACCEPTED and t.to_outside), None)
    if row is None:
        return
    row.state, row.answered_by, row.answered_at = TransferState.ARRIVED, actor.id, now
    tasks.cancel(task_key(row.id), site_id=case.site_id, reason="arrived", actor=actor, now=now)
    _tell(case, row, "arrived", actor, now)
    inquiry = db.session.get_one(Inquiry, case.opened_from)
    referring_out.send_on(
        inquiry, cause="transfer", places=place_of(row), case_id=case.id, level=row.to_level, actor=actor, now=now
    )
    db.session.flush()


def cancel_all(case: Case, *, actor: Actor, now: datetime) -> None:
    """Cancel every open request of a case that leaves care."""
    _cancel(case, except_id=None, actor=actor, now=now)
