"""What the waitlist page and its report read: everybody in line with their clocks, by unique number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.actor import Actor
from intake.beds import capacity
from intake.beds.models import BedUse, CapacityMark, UseKind
from intake.cases import codes, places, waitlist
from intake.cases.models import Case
from intake.db import db
from intake.desk.beds_page import Who, known
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task

HEADS = (
    "number", "wait_class", "requested_on", "days_waiting", "interim_due", "interim_at", "first_limit", "last_limit",
    "place_offered_at", "places_not_taken", "admitted_on", "state", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Clock:
    """One clock of somebody who waits: its words, when it runs out, when it was met; late is past it, unmet."""

    words: str
    due_at: datetime
    met_at: datetime | None
    now: datetime

    @property
    def late(self) -> bool:
        """Past its time and not met."""
        return self.met_at is None and self.due_at < self.now


@dataclass(frozen=True)
class WaitRow:
    """One case in line."""

    case: Case
    who: Who
    place: int
    days: int
    clocks: Sequence[Clock]
    call_due: datetime | None
    kept_until: datetime | None


@dataclass(frozen=True)
class WaitPage:
    """Everything the waitlist template reads."""

    rows: Sequence[WaitRow]
    marks: Sequence[CapacityMark]
    zone: ZoneInfo
    now: datetime

    def at(self, moment: datetime | None) -> str:
        """A time in the center's zone."""
        return moment.astimezone(self.zone).strftime("%b %-d, %H:%M") if moment else ""

    def by(self, moment: datetime) -> str:
        """The last moment of a clock; one that runs to midnight is named by its last day."""
        local = moment.astimezone(self.zone)
        return f"{local - timedelta(days=1):%b %-d}" if (local.hour, local.minute) == (0, 0) else self.at(moment)


def _today(site_id: int, now: datetime) -> date:
    return settings.day(site_id, now)


def clocks_of(case: Case, *, now: datetime) -> list[Clock]:
    """The statutory clocks of a case; none where they do not run."""
    if not waitlist.has_clocks(case):
        return []
    return [
        Clock("48 h", waitlist.interim_due(case), case.interim_at, now),
        Clock("14 d", waitlist.limit(case, "wait_admit_days"), None, now),
        Clock("120 d", waitlist.limit(case, "wait_longest_days"), None, now),
    ]


def read(actor: Actor, *, now: datetime) -> WaitPage:
    """Everybody in line, first in line first; five statements, whatever the number."""
    line = places.in_line(actor.site_id)
    ids = [c.id for c in line]
    who = known(actor, set(ids))
    calls = {
        row.case_id: row.due_at
        for row in db.session.scalars(
            select(Task).where(Task.case_id.in_(ids), Task.kind == "wait_contact", Task.state.in_(tasks.LIVE))
        )
    }
    kept = {
        row.case_id: row.until
        for row in db.session.scalars(
            select(BedUse).where(BedUse.case_id.in_(ids), BedUse.kind == UseKind.HOLD, BedUse.ended_at.is_(None))
        )
    }
    today = _today(actor.site_id, now)
    rows = [
        WaitRow(
            case=case,
            who=who[case.id],
            place=n,
            days=max(0, (today - (case.request_on or today)).days),
            clocks=clocks_of(case, now=now),
            call_due=calls.get(case.id),
            kept_until=kept.get(case.id),
        )
        for n, case in enumerate(line, 1)
    ]
    zone = settings.zone(settings.site(actor.site_id))
    return WaitPage(rows, capacity.marks(actor.site_id), zone, now)


def report(site_id: int, *, now: datetime) -> list[list[str]]:
    """The report by unique number, without a name: everybody who ever waited, also those who left; HEADS name it."""
    rows = db.session.scalars(
        select(Case).where(Case.site_id == site_id, Case.wait_number.is_not(None)).order_by(Case.wait_number)
    )
    today = _today(site_id, now)
    return [_reported(case, today, now) for case in rows]


def _reported(case: Case, today: date, now: datetime) -> list[str]:
    start = case.request_on or today
    clocks = {c.words: c for c in clocks_of(case, now=now)}

    def day(moment: datetime | None) -> str:
        return moment.isoformat(timespec="minutes") if moment else ""

    return [
        str(case.wait_number),
        codes.WAIT_CLASSES.get(case.wait_class, case.wait_class),
        start.isoformat(),
        str(((case.admitted_on or case.discharged_on or today) - start).days),
        day(clocks["48 h"].due_at if clocks else None),
        day(case.interim_at),
        day(clocks["14 d"].due_at if clocks else None),
        day(clocks["120 d"].due_at if clocks else None),
        day(case.slot_offered_at),
        str(case.offers_refused),
        case.admitted_on.isoformat() if case.admitted_on else "",
        case.state.value,
        "" if case.admitted_on else case.closing_reason,
    ]
