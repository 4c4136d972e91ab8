"""Give an accepted person a day: the start with a bed kept, further visits, and how each ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from intake.actor import STAFF, Actor
from intake.audit import service as audit
from intake.beds import service as beds
from intake.beds.models import UseKind
from intake.cases import waitlist
from intake.cases.models import CaseState
from intake.cases.states import locked, move, must
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.visits import service as visits
from intake.visits.models import Appointment

# What is agreed about the way here (flow C4): it stands in the story, sealed.
COMING = {"transport": "How they get here", "arrival": "Arrives between", "nurse_note": "From nurse to nurse"}


def schedule(
    case_id: int,
    *,
    starts_at: datetime,
    actor: Actor,
    now: datetime,
    kind: str = "admission",
    bed_id: int | None = None,
    coming: Mapping[str, str] | None = None,
    version: int | None = None,
) -> Appointment:
    """Give an accepted, waitlisted or no-show case its start: an appointment, and the bed held until then.

    `coming` says by the keys of COMING what is agreed about the way here.

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
    owed = (f"{kind}:{case.id}" for kind in ("schedule", "rebook", "hold_lapsed"))
    tasks.cancel(*owed, site_id=case.site_id, reason="scheduled", actor=actor, now=now)
    waitlist.end_wait(case, reason="scheduled", actor=actor, now=now)
    told = [f"{label}: {coming[name]}" for name, label in COMING.items() if coming and coming.get(name)]
    if told:
        audit.tell(
            kind="arrival_planned", actor=actor, now=now, case_id=case.id, words="\n".join(told),
            words_key_of=case.person_id,
        )  # fmt: skip
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
        case.last_contact_on = settings.day(case.site_id, now)
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
