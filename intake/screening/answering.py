"""A proposed placement is answered: accepted, or overridden with a reason and, if lower, a second name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case
from intake.db import db
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries.models import Inquiry
from intake.people.models import Person
from intake.queues.models import Queue
from intake.queues.order import ago
from intake.screening import queries
from intake.screening.findings import Findings
from intake.screening.forms import OVERRIDE_CODES
from intake.screening.models import Placement, PlacementState, Screening
from intake.screening.placements import let_in, task_key
from intake.settings import queries as settings
from intake.tasks import service as tasks

ORDER = tuple(Queue)
_LOCKED = (
    select(Placement)
    .where(Placement.id == bindparam("placement"), Placement.site_id == bindparam("site"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_INQUIRY = (
    select(Inquiry)
    .where(Inquiry.id == bindparam("inquiry"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


def _locked(placement_id: int, actor: Actor, now: datetime) -> Placement:
    row = db.session.scalar(_LOCKED, {"placement": placement_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such placement.")
    if not actor.may(*STAFF):
        raise NotPermitted("Your role does not place people.")
    if row.state is PlacementState.SUPERSEDED:
        raise AlreadyDone("Newer facts replaced this proposal. Look at the new one.", code="SUPERSEDED")
    if row.state is not PlacementState.PROPOSED:
        when = f" {ago(now - row.answered_at)} ago" if row.answered_at else ""
        raise AlreadyDone(f"This proposal was already {row.state.value}{when}.", code="ANSWERED")
    return row


def found_for(placement: Placement) -> tuple[Inquiry, Screening, Findings]:
    """The inquiry (locked), screening and findings a placement was made from."""
    inquiry = db.session.scalars(_INQUIRY, {"inquiry": placement.inquiry_id}).one()
    screening = db.session.get_one(Screening, placement.screening_id)
    person = db.session.get_one(Person, screening.person_id)
    found = replace(queries.findings_of(screening, person), facts=queries.facts_of(placement))
    return inquiry, screening, found


def _answer(
    placement: Placement, state: PlacementState, queue: Queue, acuity: int, actor: Actor, now: datetime
) -> Case:
    """Open the case, let it wait, and mark the proposal as answered: one transaction."""
    inquiry, screening, found = found_for(placement)
    case = let_in(placement, inquiry, found, queue, acuity, False, actor, now)
    placement.state, placement.case_id = state, case.id
    placement.answered_by, placement.answered_at = actor.id, now
    screening.case_id = case.id
    _finish_task(inquiry, actor, state.value, now)
    audit.record(
        actor=actor,
        verb=state.value,
        record="placement",
        record_id=placement.id,
        site_id=placement.site_id,
        case_id=case.id,
        changed=("state",),
        purpose=queue.value,
        now=now,
    )
    return case


def _finish_task(inquiry: Inquiry, actor: Actor, outcome: str, now: datetime) -> None:
    finish(task_key(inquiry.id), inquiry.site_id, actor, outcome, now)


def finish(key: str, site_id: int, actor: Actor, outcome: str, now: datetime) -> bool:
    """End the live task of a key as done; False when there is none."""
    found = tasks.live_of_key(key, site_id)
    for task in found:
        tasks.finish(task.id, actor=actor, outcome=outcome, now=now)
    return bool(found)


def accept(placement_id: int, *, actor: Actor, now: datetime) -> Case:
    """Send the person where the rules propose; opens the case and enters the queue.

    Raises:
        Missing: none here. AlreadyDone: it was answered, or newer facts replaced it. NotPermitted: the role.
    """
    placement = _locked(placement_id, actor, now)
    case = _answer(placement, PlacementState.ACCEPTED, placement.queue, placement.acuity, actor, now)
    audit.tell(
        kind="placement_accepted",
        actor=actor,
        now=now,
        case_id=case.id,
        inquiry_id=placement.inquiry_id,
        params={"queue": placement.queue.value, "acuity": placement.acuity, "fired": list(placement.fired)},
    )
    return case


def is_lower(placement: Placement, queue: Queue, acuity: int) -> bool:
    """Tell whether somebody would be sent to a lower level, or seen later, than the rules propose."""
    return ORDER.index(queue) > ORDER.index(placement.queue) or acuity > placement.acuity


def override(
    placement_id: int, *, queue: Queue, acuity: int, code: str, reason: str, actor: Actor, now: datetime
) -> Case:
    """Send the person elsewhere than proposed, with a coded reason and a note; both choices are kept.

    `acuity` 0 takes the proposal's. A lower level than proposed owes a clinician's co-signature within the center's
    hours (default 4), unless a clinician overrides: then another one signs.

    Raises:
        Missing, AlreadyDone, NotPermitted: as `accept`.
        RuleBroken: REASON_NEEDED, the code is not of the list; NOT_AN_OVERRIDE, the choice is the proposal itself.
    """
    if code not in dict(OVERRIDE_CODES):
        raise RuleBroken("Choose a reason.", code="REASON_NEEDED", fields={"code": "Choose a reason."})
    placement = _locked(placement_id, actor, now)
    acuity = acuity or usual_acuity(queue, placement)
    if (queue, acuity) == (placement.queue, placement.acuity):
        sentence = "This is what is suggested. Accept it, or choose something else."
        raise RuleBroken(sentence, code="NOT_AN_OVERRIDE", fields={"queue": sentence})
    placement.override_queue, placement.override_acuity, placement.override_code = queue.value, acuity, code
    inquiry = db.session.get_one(Inquiry, placement.inquiry_id)
    if reason:
        placement.override_reason = crypto.seal(
            reason, key_of=inquiry.person_id, at="placement.override_reason", row=placement.id
        )
    case = _answer(placement, PlacementState.OVERRIDDEN, queue, acuity, actor, now)
    audit.tell(
        kind="placement_overridden",
        actor=actor,
        now=now,
        case_id=case.id,
        inquiry_id=placement.inquiry_id,
        params={"proposed": placement.queue.value, "queue": queue.value, "acuity": acuity, "code": code},
        words=reason,
        words_key_of=case.person_id,
    )
    if is_lower(placement, queue, acuity):
        _owe_cosignature(placement, case, actor, now)
    return case


def usual_acuity(queue: Queue, placement: Placement) -> int:
    """The acuity of an override that names only a queue: the proposal's, but never later than that queue's usual."""
    usual = {Queue.EMERGENCY: 1, Queue.CLINICIAN_NOW: 2, Queue.DETOX: 2}.get(queue, 3)
    return (
        min(usual, placement.acuity)
        if ORDER.index(queue) < ORDER.index(placement.queue)
        else max(usual, placement.acuity)
    )


def _owe_cosignature(placement: Placement, case: Case, actor: Actor, now: datetime) -> None:
    hours = int(settings.value(placement.site_id, "cosign_hours"))
    tasks.owe(
        site_id=placement.site_id,
        kind="cosign",
        key=f"cosign:{placement.id}",
        role=Role.CLINICIAN,
        due_at=now + timedelta(hours=hours),
        cause="lower_level_than_proposed",
        case_id=case.id,
        inquiry_id=placement.inquiry_id,
        params={"proposed": placement.queue.value, "queue": placement.override_queue, "by": actor.id},
        actor=actor,
        now=now,
    )
