"""Capacity: keep a bed for a case, let the case live in it, free it. Occupancy is derived, never counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from intake.actor import Actor, system
from intake.audit import service as audit
from intake.beds.models import Bed, BedUse, Unit, UseKind
from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken

UNIT_KINDS = ("bed", "slot")


def add_unit(*, site_id: int, name: str, level: str, kind: str = "bed", actor: Actor, now: datetime) -> Unit:
    """Set up a ward (`kind` bed) or an outpatient clinic (`kind` slot) of one level of care."""
    if kind not in UNIT_KINDS or not name.strip() or not level.strip():
        raise RuleBroken("A unit needs a name, a level and a kind.", code="UNIT")
    row = Unit(id=new_id(), site_id=site_id, name=name, level=level, kind=kind, created_at=now, created_by=actor.id)
    db.session.add(row)
    db.session.flush()
    audit.record(actor=actor, verb="added", record="unit", record_id=row.id, site_id=site_id, now=now)
    return row


def add_bed(unit: Unit, *, name: str, actor: Actor, now: datetime, sex: str = "any", payer: str = "any") -> Bed:
    """Add one bed or slot; `sex` and `payer` limit who may have it."""
    row = Bed(id=new_id(), unit_id=unit.id, name=name, sex=sex, payer=payer, created_at=now, created_by=actor.id)
    db.session.add(row)
    audit.record(actor=actor, verb="added", record="bed", record_id=row.id, site_id=unit.site_id, now=now)
    return row


_OPEN = (
    select(Bed, Unit)
    .join(Unit, Unit.id == Bed.unit_id)
    .where(Bed.id == bindparam("bed"), Unit.site_id == bindparam("site"), Bed.closed_at.is_(None))
)


def _bed(bed_id: int, actor: Actor) -> tuple[Bed, Unit]:
    found = db.session.execute(_OPEN, {"bed": bed_id, "site": actor.site_id}).one_or_none()
    if found is None:
        raise Missing("There is no such bed.")
    return found[0], found[1]


def _end_lapsed(bed_id: int, now: datetime) -> None:
    # In the same transaction as the hold that follows, so that a lapsed hold never blocks a bed (rulings 7).
    db.session.execute(
        update(BedUse)
        .where(
            BedUse.bed_id == bed_id,
            BedUse.ended_at.is_(None),
            BedUse.kind == UseKind.HOLD,
            BedUse.until < db_now(),
        )
        .values(ended_at=now, outcome="expired", version=BedUse.version + 1)
        .execution_options(synchronize_session=False)
    )


def hold(bed_id: int, case_id: int, *, until: datetime, actor: Actor, now: datetime) -> BedUse:
    """Keep a bed for a case until a time; of many asking at once exactly one gets it.

    Raises:
        Missing: no such bed here. RuleBroken: a time that is not ahead. AlreadyDone: the bed is taken or held.
    """
    if until <= now:
        raise RuleBroken("A hold ends in the future.", code="UNTIL", fields={"until": "Pick a later time."})
    bed, unit = _bed(bed_id, actor)
    _end_lapsed(bed_id, now)
    return _use(bed, unit, case_id, UseKind.HOLD, until, actor, now)


def _use(
    bed: Bed, unit: Unit, case_id: int, kind: UseKind, until: datetime | None, actor: Actor, now: datetime
) -> BedUse:
    row = BedUse(
        id=new_id(), bed_id=bed.id, case_id=case_id, kind=kind, level=unit.level, starts_at=now, until=until,
        created_at=now, created_by=actor.id,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(row)
            db.session.flush()
    except IntegrityError:
        raise AlreadyDone(f"Bed {bed.name} is already taken.", code="BED_TAKEN") from None
    audit.record(
        actor=actor, verb="held" if kind is UseKind.HOLD else "moved_in", record="bed_use", record_id=row.id,
        site_id=unit.site_id, case_id=case_id, purpose=unit.level, now=now,
    )  # fmt: skip
    audit.tell(
        kind="bed_held" if kind is UseKind.HOLD else "moved_in",
        actor=actor,
        now=now,
        case_id=case_id,
        params={"bed": bed.name, "unit": unit.name},
    )
    return row


_LIVE = select(BedUse).where(BedUse.case_id == bindparam("case"), BedUse.ended_at.is_(None)).order_by(BedUse.starts_at)


def live_of(case_id: int) -> list[BedUse]:
    """The holds and stays of a case that have not ended, a lapsed hold too."""
    return list(db.session.scalars(_LIVE, {"case": case_id}))


def stay(case_id: int, *, bed_id: int | None = None, actor: Actor, now: datetime) -> BedUse | None:
    """Let a case live in its held bed, or in `bed_id`; an open stay elsewhere ends. None: nothing held or named.

    Raises:
        Missing: no such bed here. AlreadyDone: the bed is taken by somebody else.
    """
    uses = live_of(case_id)
    target = bed_id or next((u.bed_id for u in uses if u.kind is UseKind.HOLD), None)
    if target is None:
        return None
    bed, unit = _bed(target, actor)
    if any(u.kind is UseKind.STAY and u.bed_id == target for u in uses):
        raise AlreadyDone(f"This case already lives in bed {bed.name}.")
    _end(uses, now, lambda use: "used" if use.bed_id == target else "moved")
    _end_lapsed(target, now)
    return _use(bed, unit, case_id, UseKind.STAY, None, actor, now)


def release(case_id: int, *, outcome: str, actor: Actor, now: datetime, kind: UseKind | None = None) -> int:
    """Free whatever a case holds or lives in (only holds or stays with `kind`); returns how many."""
    uses = [u for u in live_of(case_id) if kind is None or u.kind is kind]
    _end(uses, now, lambda use: outcome)
    for use in uses:
        audit.record(
            actor=actor, verb="freed", record="bed_use", record_id=use.id, case_id=case_id, purpose=outcome, now=now
        )
    return len(uses)


def _end(uses: list[BedUse], now: datetime, outcome: Callable[[BedUse], str]) -> None:
    for use in uses:
        use.ended_at, use.outcome = now, outcome(use)
    # The index allows one live use per bed, so the old one must be gone before the next is written.
    db.session.flush()


def lapse(*, now: datetime) -> list[BedUse]:
    """End every hold whose time is over (an upkeep job); returns them, so that the next case can be offered the bed."""
    rows = list(
        db.session.scalars(
            select(BedUse)
            .where(BedUse.ended_at.is_(None), BedUse.kind == UseKind.HOLD, BedUse.until < db_now())
            .with_for_update()
        )
    )
    for row in rows:
        row.ended_at, row.outcome = now, "expired"
        site_id = db.session.scalar(select(Unit.site_id).join(Bed, Bed.unit_id == Unit.id).where(Bed.id == row.bed_id))
        audit.record(
            actor=system(site_id or 0), verb="lapsed", record="bed_use", record_id=row.id, case_id=row.case_id, now=now
        )
    return rows


def extend(case_id: int, bed_id: int, *, until: datetime, actor: Actor, now: datetime) -> BedUse | None:
    """Keep a bed that this case holds already until another time; None when it holds no such bed."""
    use = next((u for u in live_of(case_id) if u.bed_id == bed_id and u.kind is UseKind.HOLD), None)
    if use is not None:
        use.until = until
        audit.record(
            actor=actor, verb="extended", record="bed_use", record_id=use.id, case_id=case_id, now=now
        )  # fmt: skip
    return use


def _unit(unit_id: int, actor: Actor) -> Unit:
    found = db.session.scalar(select(Unit).where(Unit.id == unit_id, Unit.site_id == actor.site_id).with_for_update())
    if found is None:
        raise Missing("There is no such unit.")
    return found


def confirm(unit_id: int, *, in_use: int, actor: Actor, now: datetime) -> Unit:
    """A person looked at the unit and counted who is in it; the count stands beside the derived one, never for it.

    Raises:
        Missing: no such unit here. RuleBroken: a number below zero.
    """
    if in_use < 0:
        raise RuleBroken("Count the beds in use.", code="COUNT", fields={"in_use": "Enter a number from 0."})
    row = _unit(unit_id, actor)
    row.confirmed_at, row.confirmed_by, row.confirmed_in_use = now, actor.name, in_use
    audit.record(actor=actor, verb="confirmed", record="unit", record_id=row.id, site_id=row.site_id, now=now)
    return row


def new_bed(unit_id: int, *, name: str, sex: str, payer: str, actor: Actor, now: datetime) -> Bed:
    """Add a bed or slot to a unit of the actor's center; its name is unused there.

    Raises:
        Missing: no such unit here. RuleBroken: no name, or a name that is taken.
    """
    unit = _unit(unit_id, actor)
    taken = select(Bed.id).where(Bed.unit_id == unit.id, Bed.name == name.strip(), Bed.closed_at.is_(None))
    if not name.strip() or db.session.scalar(taken) is not None:
        raise RuleBroken(
            "Give the bed a name of its own.", code="BED_NAME", fields={"name": "Give the bed a name of its own."}
        )
    return add_bed(unit, name=name.strip(), sex=sex, payer=payer, actor=actor, now=now)


def close_bed(bed_id: int, *, actor: Actor, now: datetime) -> Bed:
    """Take an empty bed out of use; what was in it before stays on record.

    Raises:
        Missing: no such bed here. AlreadyDone: somebody is in it, or it is kept for somebody.
    """
    bed, unit = _bed(bed_id, actor)
    _end_lapsed(bed_id, now)
    if db.session.scalar(select(BedUse.id).where(BedUse.bed_id == bed_id, BedUse.ended_at.is_(None))) is not None:
        raise AlreadyDone(f"Bed {bed.name} is in use. Free it first.", code="BED_TAKEN")
    bed.closed_at = now
    audit.record(actor=actor, verb="closed", record="bed", record_id=bed.id, site_id=unit.site_id, now=now)
    return bed
