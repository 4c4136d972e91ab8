"""Keep a bed for a case, offer the next free one to whoever is first in line, and let go of what lapsed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from intake.actor import STAFF, Actor, Role, system
from intake.audit import service as audit
from intake.beds import queries as bed_queries
from intake.beds import service as beds
from intake.beds.models import BedUse, UseKind
from intake.beds.queries import BedView
from intake.cases.models import Case, CaseState
from intake.cases.states import LOCK, locked, must
from intake.db import db
from intake.errors import AlreadyDone
from intake.inquiries.models import Inquiry
from intake.people.models import Person
from intake.settings import queries as settings
from intake.tasks import service as tasks

HOLDERS = frozenset(
    {
        CaseState.ACCEPTED,
        CaseState.WAITLISTED,
        CaseState.SCHEDULED,
        CaseState.NO_SHOW,
        CaseState.ADMITTED,
        CaseState.TRANSFER_PENDING,
    }
)
ANSWER_HOURS = 4


def hold_bed(case_id: int, bed_id: int, *, hours: int, actor: Actor, now: datetime) -> BedUse:
    """Keep a bed for an accepted or admitted case for some hours; of many asking at once exactly one gets it.

    Raises:
        Missing, NotPermitted. AlreadyDone: the bed is taken, or the case is not at a point where it may hold one.
    """
    must(actor, *STAFF)
    case = locked(case_id, actor)
    if case.state not in HOLDERS:
        raise AlreadyDone(f"This case is {case.state.value.replace('_', ' ')}; no bed is kept for it.")
    until = now + timedelta(hours=hours)
    return beds.extend(case.id, bed_id, until=until, actor=actor, now=now) or beds.hold(
        bed_id, case.id, until=until, actor=actor, now=now
    )


def release_bed(case_id: int, *, actor: Actor, now: datetime) -> int:
    """Give back whatever is kept for a case; returns how many.

    Raises:
        Missing, NotPermitted. AlreadyDone: nothing is kept.
    """
    must(actor, *STAFF)
    case = locked(case_id, actor)
    count = beds.release(case.id, outcome="released", kind=UseKind.HOLD, actor=actor, now=now)
    if not count:
        raise AlreadyDone("Nothing is kept for this case now.")
    tasks.cancel(f"offer_bed:{case.id}", site_id=case.site_id, reason="released", actor=actor, now=now)
    return count


def lapse(*, now: datetime) -> int:
    """End every hold whose time is over and tell who has to act (an upkeep job); returns how many.

    Somebody who waits keeps their place and is called; a planned start needs a new bed.
    """
    uses = [u for u in beds.lapse(now=now) if u.case_id]
    for use in uses:
        case = db.session.get_one(Case, use.case_id, with_for_update=LOCK)
        by = system(case.site_id)
        if case.state is CaseState.WAITLISTED:
            case.offer_after = now + timedelta(hours=int(settings.value(case.site_id, "offer_pause_hours")))
            tasks.cancel(f"offer_bed:{case.id}", site_id=case.site_id, reason="lapsed", actor=by, now=now)
            _owe(case, "wait_contact", now, "offer_not_answered", by, now)
        elif case.state is CaseState.SCHEDULED:
            _owe(case, "hold_lapsed", now + timedelta(hours=ANSWER_HOURS), "hold_lapsed", by, now)
        audit.tell(kind="hold_lapsed", actor=by, now=now, case_id=case.id)
    return len(uses)


def _owe(case: Case, kind: str, due_at: datetime, cause: str, actor: Actor, now: datetime) -> None:
    tasks.owe(
        site_id=case.site_id, kind=kind, key=f"{kind}:{case.id}", role=Role.ADMISSIONS, due_at=due_at, cause=cause,
        case_id=case.id, actor=actor, now=now,
    )  # fmt: skip


def in_line(site_id: int) -> list[Case]:
    """Everybody who waits, in the order of the law: wait class by the center's ranks, request date, number."""
    ranks = settings.value(site_id, "wait_ranks")
    rows = db.session.scalars(select(Case).where(Case.site_id == site_id, Case.state == CaseState.WAITLISTED))
    return sorted(
        rows,
        key=lambda c: (
            int(ranks.get(c.wait_class, len(ranks))),
            c.request_on or settings.day(site_id, c.opened_at),
            c.wait_number or 0,
        ),
    )


def offer(*, now: datetime) -> int:
    """Keep every free bed for the first who may have it (an upkeep job, so within a minute of a release).

    A bed fits by its unit's level, its sex limit and its payer limit. Somebody who has a place kept, or who did not
    take one lately, is passed over and keeps the place in line. Returns how many were kept.
    """
    done = 0
    sites = db.session.scalars(select(Case.site_id).where(Case.state == CaseState.WAITLISTED).distinct()).all()
    for site_id in sites:
        free = [bed for bed in bed_queries.beds(site_id) if bed.use is None]
        line = in_line(site_id) if free else []
        for bed in free:
            chosen = next((case for case in line if _may_have(case, bed, now)), None)
            if chosen is not None:
                line.remove(chosen)
                done += _offer(chosen, bed, now)
    return done


def _may_have(case: Case, bed: BedView, now: datetime) -> bool:
    if bed.level != case.decision_level or (case.offer_after is not None and case.offer_after > now):
        return False
    if bed_queries.of_case(case.id) is not None:
        return False
    if bed.sex != "any" and bed.sex != db.session.get_one(Person, case.person_id).sex:
        return False
    return bed.payer in ("any", db.session.get_one(Inquiry, case.opened_from).funding)


def _offer(case: Case, bed: BedView, now: datetime) -> int:
    by = system(case.site_id)
    hours = int(settings.value(case.site_id, "bed_hold_hours"))
    try:
        beds.hold(bed.id, case.id, until=now + timedelta(hours=hours), actor=by, now=now)
    except AlreadyDone:
        # Somebody took it between the look and the hold; the next round offers what is left.
        return 0
    case.slot_offered_at = case.slot_offered_at or now
    _owe(case, "offer_bed", now + timedelta(hours=ANSWER_HOURS), "bed_free", by, now)
    audit.tell(
        kind="place_offered", actor=by, now=now, case_id=case.id, params={"bed": bed.name, "unit": bed.unit}
    )  # fmt: skip
    return 1


def who_may_hold(site_id: int) -> Sequence[Case]:
    """Cases that need a place now: in line first, then accepted, planned and not come ones, oldest first."""
    rows = db.session.scalars(
        select(Case)
        .where(
            Case.site_id == site_id,
            Case.state.in_((CaseState.ACCEPTED, CaseState.SCHEDULED, CaseState.NO_SHOW)),
        )
        .order_by(Case.request_on, Case.id)
    )
    return [*in_line(site_id), *rows]
