"""Placements: propose one from the facts of a screening, and let a case into the queue it names."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import bindparam, select

from intake import crypto
from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.cases import service as cases
from intake.cases.models import Case
from intake.clinical import routing
from intake.clinical.exact import half_up
from intake.db import db, new_id
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues import service as queues
from intake.queues import signals as boards
from intake.queues.models import Queue
from intake.screening import queries
from intake.screening.findings import Findings
from intake.screening.models import Placement, PlacementState, Screening
from intake.screening.parts import REPEAT
from intake.screening.short import in_short
from intake.settings import queries as settings
from intake.tasks import service as tasks

AT_ONCE = (Queue.EMERGENCY, Queue.CLINICIAN_NOW)
_PROPOSED = (
    select(Placement)
    .where(Placement.inquiry_id == bindparam("inquiry"), Placement.state == PlacementState.PROPOSED)
    .with_for_update()
)


def task_key(inquiry_id: int) -> str:
    """The key of the task "answer the placement" of an inquiry."""
    return f"placement:{inquiry_id}"


def propose(row: Screening, inquiry: Inquiry, found: Findings, *, actor: Actor, now: datetime) -> Placement:
    """Store what the rules in force propose for the facts of a screening just completed.

    Earlier open proposals of the inquiry are superseded. emergency and clinician_now enter their queue at once,
    provisional, until a person answers. Somebody whose inquiry is already accepted is in care: nothing moves, and an
    urgent result raises an alert on the case instead. A repeat that proposes what was answered already moves nothing.
    """
    n, rules = settings.rule_set(row.site_id)
    placed = routing.place(found.facts, rules)
    stands = queries.newest_placement(inquiry.id)
    _supersede(inquiry, actor, now)
    placement = _stored(row, inquiry, n, found.facts, placed, actor, now)
    audit.record(
        actor=actor,
        verb="proposed",
        record="placement",
        record_id=placement.id,
        site_id=row.site_id,
        case_id=row.case_id,
        purpose=placement.queue,
        now=now,
    )
    urgent = placement.queue in AT_ONCE
    if inquiry.state is InquiryState.ACCEPTED:
        placement.state = PlacementState.SUPERSEDED
        if urgent and row.case_id is not None:
            code = placement.queue.value.upper()
            cases.raise_alert(row.case_id, code=code, triggers=list(placement.fired), now=now, actor=actor)
        return placement
    if row.mode == REPEAT and stands is not None and _is_same(stands, placement):
        placement.state = PlacementState.SUPERSEDED
        if row.case_id is not None:
            acuity = stands.override_acuity or stands.acuity
            queues.refresh(row.case_id, acuity=acuity, priority=placement.priority, actor=actor, now=now)
        return placement
    if urgent:
        case = let_in(placement, inquiry, found, placement.queue, placement.acuity, True, actor, now)
        row.case_id = placement.case_id = case.id
    _owe_answer(placement, inquiry, actor, now)
    return placement


def _is_same(stands: Placement, placement: Placement) -> bool:
    """Tell whether an answered placement already sent the person where a repeat proposes."""
    answered = stands.state in (PlacementState.ACCEPTED, PlacementState.OVERRIDDEN)
    return answered and (stands.queue, stands.acuity) == (placement.queue, placement.acuity)


def _supersede(inquiry: Inquiry, actor: Actor, now: datetime) -> None:
    for earlier in db.session.scalars(_PROPOSED, {"inquiry": inquiry.id}):
        earlier.state = PlacementState.SUPERSEDED
    tasks.cancel(task_key(inquiry.id), site_id=inquiry.site_id, reason="new_facts", now=now, actor=actor)


def _stored(
    row: Screening,
    inquiry: Inquiry,
    n: int,
    facts: routing.Facts,
    placed: routing.Placement,
    actor: Actor,
    now: datetime,
) -> Placement:
    text = queries.facts_as_json(facts)
    placement = Placement(
        id=new_id(),
        site_id=row.site_id,
        inquiry_id=inquiry.id,
        case_id=row.case_id,
        screening_id=row.id,
        rules_version=n,
        facts_hash=crypto.keyed_digest("placement-facts", text.encode()),
        queue=Queue(placed.queue),
        acuity=placed.acuity,
        priority=placed.priority,
        next_queue=placed.next_queue or "",
        fired=[rule.id for rule in placed.fired],
        flags=list(placed.flags),
        missing=list(placed.missing),
        incomplete=placed.incomplete,
        state=PlacementState.PROPOSED,
        created_at=now,
        created_by=actor.id,
    )
    placement.facts = crypto.seal(text, key_of=row.person_id, at="placement.facts", row=placement.id)
    db.session.add(placement)
    db.session.flush()
    return placement


def _owe_answer(placement: Placement, inquiry: Inquiry, actor: Actor, now: datetime) -> None:
    minutes = settings.target_minutes(placement.site_id, placement.acuity)
    tasks.owe(
        site_id=placement.site_id,
        kind="answer_placement",
        key=task_key(inquiry.id),
        role=Role.ADMISSIONS,
        due_at=now + timedelta(minutes=minutes),
        cause="screening_completed",
        case_id=placement.case_id,
        inquiry_id=inquiry.id,
        params={"queue": placement.queue.value, "acuity": placement.acuity},
        actor=actor,
        now=now,
    )


def shown_mme(found: Findings) -> str | None:
    """MME a day as a board shows it, None when nothing was counted."""
    return None if found.facts.mme is None else str(half_up(Fraction(found.facts.mme), 1))


def signals(found: Findings) -> list[str]:
    """The signal codes of a board for these findings."""
    plain = {name: getattr(found.facts, name) for name in routing.Facts.__dataclass_fields__}
    if found.explanation is not None and found.explanation.oih_suspected and plain["oih"] != "oih_features":
        plain["oih"] = "oih_suspected"
    return boards.read(plain)


# A week or more without an opioid takes tolerance away (flow D4), whatever was the reason: custody, illness, a plan.
OPIOID_FREE_DAYS = 7


def let_in(
    placement: Placement,
    inquiry: Inquiry,
    found: Findings,
    queue: Queue,
    acuity: int,
    provisional: bool,
    actor: Actor,
    now: datetime,
) -> Case:
    """Open the case, or find it open, and let it wait in `queue`."""
    cows = found.scores.get("cows")
    days = found.facts.days_since_last_opioid
    lost = ["TOLERANCE_LOST"] if days is not None and days >= OPIOID_FREE_DAYS else []
    return cases.open(
        inquiry,
        placement=placement,
        flags=[*placement.flags, *lost],
        queue=queue,
        acuity=acuity,
        priority=placement.priority,
        next_queue=placement.next_queue if queue == placement.queue else "",
        fired=list(placement.fired),
        signals=signals(found),
        cows=cows.score if cows is not None and isinstance(cows.score, int) else None,
        mme=shown_mme(found),
        summary=in_short(found),
        provisional=provisional,
        actor=actor,
        now=now,
    )
