"""What is free, kept or lived in, derived from the uses of each bed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select

from intake.beds.models import Bed, BedUse, Unit, UseKind
from intake.clock import db_now
from intake.db import db


@dataclass(frozen=True)
class UnitCount:
    """One unit: how many beds it has, how many are lived in and how many are kept."""

    unit_id: int
    name: str
    level: str
    kind: str
    beds: int
    stays: int
    holds: int

    @property
    def free(self) -> int:
        """Beds that nobody lives in and that are not kept."""
        return max(0, self.beds - self.stays - self.holds)


@dataclass(frozen=True)
class BedView:
    """One bed with its live use, if any."""

    id: int
    name: str
    unit: str
    level: str
    kind: str
    sex: str
    payer: str
    use: UseKind | None
    case_id: int | None
    until: datetime | None
    unit_id: int
    since: datetime | None


def _alive() -> ColumnElement[bool]:
    return and_(
        BedUse.bed_id == Bed.id,
        BedUse.ended_at.is_(None),
        or_(BedUse.kind == UseKind.STAY, BedUse.until >= db_now()),
    )


# In the order of a BedView.
_BEDS = (
    select(
        Bed.id, Bed.name, Unit.name, Unit.level, Unit.kind, Bed.sex, Bed.payer, BedUse.kind, BedUse.case_id,
        BedUse.until, Unit.id, BedUse.starts_at,
    )
    .join(Unit, Unit.id == Bed.unit_id)
    .join(BedUse, _alive(), isouter=True)
    .where(Unit.site_id == bindparam("site"), Bed.closed_at.is_(None))
    .order_by(Unit.name, Bed.name)
)  # fmt: skip


def counts(site_id: int) -> list[UnitCount]:
    """Every unit of a site with its occupancy; a lapsed hold counts as free. One statement."""
    rows = db.session.execute(
        select(
            Unit.id,
            Unit.name,
            Unit.level,
            Unit.kind,
            func.count(Bed.id),
            func.coalesce(func.sum(case((BedUse.kind == UseKind.STAY, 1), else_=0)), 0),
            func.coalesce(func.sum(case((BedUse.kind == UseKind.HOLD, 1), else_=0)), 0),
        )
        .join(Bed, and_(Bed.unit_id == Unit.id, Bed.closed_at.is_(None)), isouter=True)
        .join(BedUse, _alive(), isouter=True)
        .where(Unit.site_id == site_id)
        .group_by(Unit.id, Unit.name, Unit.level, Unit.kind)
        .order_by(Unit.kind, Unit.name)
    )
    return [UnitCount(*row) for row in rows]


def beds(site_id: int, *, kind: str | None = None) -> list[BedView]:
    """Every open bed of a site with what it is used for now, by unit and name."""
    rows = db.session.execute(_BEDS, {"site": site_id})
    found = (BedView(*row) for row in map(tuple, rows))
    return [bed for bed in found if kind is None or bed.kind == kind]


def occupancy(site_id: int) -> tuple[int, int]:
    """Beds lived in, and open beds of a site; outpatient slots do not count. Derived from the stays, never stored."""
    found = [c for c in counts(site_id) if c.kind == "bed"]
    return sum(c.stays for c in found), sum(c.beds for c in found)


def units(site_id: int) -> list[Unit]:
    """The units of a site, wards first."""
    return list(db.session.scalars(select(Unit).where(Unit.site_id == site_id).order_by(Unit.kind, Unit.name)))


def census(site_id: int, moments: Sequence[datetime]) -> dict[int, list[int]]:
    """How many beds of each unit were lived in at each moment (ascending), from the stays; two statements."""
    found = {unit.id: [0] * len(moments) for unit in units(site_id)}
    if not moments:
        return found
    rows = db.session.execute(
        select(Bed.unit_id, BedUse.starts_at, BedUse.ended_at)
        .join(Bed, Bed.id == BedUse.bed_id)
        .join(Unit, Unit.id == Bed.unit_id)
        .where(
            Unit.site_id == site_id,
            BedUse.kind == UseKind.STAY,
            BedUse.starts_at <= moments[-1],
            or_(BedUse.ended_at.is_(None), BedUse.ended_at > moments[0]),
        )
    )
    for unit_id, start, end in rows:
        for n, moment in enumerate(moments):
            if start <= moment and (end is None or end > moment):
                found[unit_id][n] += 1
    return found


def of_case(case_id: int) -> tuple[BedUse, Bed] | None:
    """The live stay of a case, else its live hold, with the bed; None when there is neither."""
    rows = db.session.execute(
        select(BedUse, Bed)
        .join(Bed, Bed.id == BedUse.bed_id)
        .where(BedUse.case_id == case_id, BedUse.ended_at.is_(None))
        .order_by(BedUse.kind.desc())
    )
    found = next(iter(rows), None)
    return None if found is None else (found[0], found[1])


def held_by(bed_id: int, site_id: int) -> int | None:
    """The case a bed of the site is kept for, a lapsed hold too; None when it is not kept."""
    return db.session.scalar(
        select(BedUse.case_id)
        .join(Bed, Bed.id == BedUse.bed_id)
        .join(Unit, Unit.id == Bed.unit_id)
        .where(BedUse.bed_id == bed_id, Unit.site_id == site_id, BedUse.ended_at.is_(None), BedUse.kind == UseKind.HOLD)
    )
