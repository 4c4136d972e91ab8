"""What the beds page reads: every bed with who is in it, counts by unit, and the census by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.actor import Actor
from intake.beds import capacity
from intake.beds import queries as beds
from intake.beds.models import CapacityMark, Unit, UseKind
from intake.beds.queries import BedView, UnitCount
from intake.cases import places
from intake.cases.models import Case
from intake.cases.queries import can_read
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.people import queries as people
from intake.settings import queries as settings

HOURS = 24


@dataclass(frozen=True)
class Who:
    """The case behind a bed, as far as the actor may know it; a restricted one shows no name."""

    case_id: int | None
    name: str
    reference: str


@dataclass(frozen=True)
class UnitPage:
    """One unit: its row, its derived count, and its beds."""

    unit: Unit
    count: UnitCount
    beds: Sequence[BedView]


@dataclass(frozen=True)
class BedsPage:
    """Everything the beds template reads; the census is hour -> number per unit."""

    units: Sequence[UnitPage]
    who: dict[int, Who]
    waiting: Sequence[tuple[int, str]]
    hours: Sequence[str]
    census: dict[int, list[int]]
    in_use: int
    all_beds: int
    limit: int
    mark: CapacityMark | None
    zone: ZoneInfo
    now: datetime

    @property
    def ward_hours(self) -> list[tuple[str, int]]:
        """Beds lived in at each hour, outpatient slots left out."""
        wards = [u.unit.id for u in self.units if u.unit.kind == "bed"]
        return [(hour, sum(self.census[w][n] for w in wards)) for n, hour in enumerate(self.hours)]

    def at(self, moment: datetime | None) -> str:
        """A time in the center's zone."""
        return moment.astimezone(self.zone).strftime("%b %-d, %H:%M") if moment else ""


def known(actor: Actor, case_ids: set[int]) -> dict[int, Who]:
    """Names and numbers of cases for a list, as far as the actor may read them; three statements."""
    rows = list(db.session.scalars(select(Case).where(Case.id.in_(case_ids))))
    mine = [c for c in rows if can_read(actor, c)]
    views = people.opened_many(c.person_id for c in mine)
    numbers = {
        row.id: row.reference
        for row in db.session.execute(
            select(Inquiry.id, Inquiry.reference).where(Inquiry.id.in_([c.opened_from for c in rows]))
        )
    }
    readable = {c.id for c in mine}
    return {
        c.id: Who(c.id, views[c.person_id].name, numbers[c.opened_from])
        if c.id in readable
        else Who(None, "", numbers[c.opened_from])
        for c in rows
    }


def read(actor: Actor, *, now: datetime) -> BedsPage:
    """Read the page of one center."""
    site = actor.site_id
    zone = settings.zone(settings.site(site))
    every = beds.beds(site)
    counts = {c.unit_id: c for c in beds.counts(site)}
    units = [UnitPage(u, counts[u.id], [b for b in every if b.unit_id == u.id]) for u in beds.units(site)]
    line = places.who_may_hold(site)
    who = known(actor, {b.case_id for b in every if b.case_id} | {c.id for c in line})
    top = now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    moments = [top - timedelta(hours=n) for n in range(HOURS - 1, -1, -1)]
    in_use, all_beds = beds.occupancy(site)
    return BedsPage(
        units=units,
        who=who,
        waiting=[(c.id, f"{w.name}, {w.reference}") for c in line if (w := who[c.id]).case_id],
        hours=[m.strftime("%H") for m in moments],
        census=beds.census(site, moments),
        in_use=in_use,
        all_beds=all_beds,
        limit=int(settings.value(site, "capacity_notice_percent")),
        mark=capacity.current(site),
        zone=zone,
        now=now,
    )


def is_stay(bed: BedView) -> bool:
    """True when somebody lives in the bed."""
    return bed.use is UseKind.STAY
