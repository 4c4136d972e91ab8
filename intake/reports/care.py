"""Figures of the way into care and through it: where people are lost, beds, waiting, moves, leaving early."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from intake.audit.models import TimelineEntry
from intake.beds.models import Bed, BedUse, Unit, UseKind
from intake.cases.codes import LEVELS, WAIT_CLASSES, words
from intake.cases.models import Case, CaseState, Transfer, TransferState
from intake.clock import utcnow
from intake.db import db
from intake.inquiries.models import Inquiry, InquiryState
from intake.reports.table import Table, middle, minutes, ninetieth, share
from intake.screening.models import Screening, ScreeningState
from intake.settings import queries as settings

OPEN = (InquiryState.NEW, InquiryState.CONTACTING, InquiryState.SCREENING, InquiryState.CLINICAL_REVIEW)
LOSS_HEADS = (
    "Day", "People", "Before contact", "Before screening", "At the decision", "Before the start", "In care", "Open",
)  # fmt: skip
# Days of a stay as they are told: the first three decide most.
STAY_DAYS = ((1, 1, "Day 1"), (2, 2, "Day 2"), (3, 3, "Day 3"), (4, 7, "Days 4 to 7"), (8, 10**6, "Day 8 and later"))


def losses(site_id: int, since: datetime, until: datetime) -> Table:
    """Per day of the request, in the center's zone: at which step people were lost, came into care, or are still on
    their way. Each person is counted once."""
    zone = settings.zone(settings.site(site_id))
    screened = set(
        db.session.scalars(
            select(Screening.inquiry_id).where(Screening.site_id == site_id, Screening.state == ScreeningState.COMPLETE)
        )
    )
    cases = {
        row.opened_from: row
        for row in db.session.execute(
            select(Case.opened_from, Case.admitted_on, Case.state, Case.decision).where(Case.site_id == site_id)
        )
    }
    days: dict[date, Counter[str]] = {}
    for row in db.session.execute(
        select(Inquiry.id, Inquiry.received_at, Inquiry.first_contact_at, Inquiry.state).where(
            Inquiry.site_id == site_id, Inquiry.received_at >= since, Inquiry.received_at < until
        )
    ):
        day = row.received_at.astimezone(zone).date()
        days.setdefault(day, Counter())[_where(row, row.id in screened, cases.get(row.id))] += 1
    steps = ("contact", "screening", "decision", "start", "care", "open")
    return Table(
        "losses",
        "Lost per step, by day of the request",
        (
            "Day",
            "People",
            "Before contact",
            "Before screening",
            "At the decision",
            "Before the start",
            "In care",
            "Open",
        ),
        tuple((day, sum(c.values()), *(c[s] for s in steps)) for day, c in sorted(days.items())),
    )


def _where(row: Any, is_screened: bool, case: Any) -> str:
    if case is not None and case.admitted_on is not None:
        return "care"
    if row.state in OPEN or (case is not None and case.state is not CaseState.CLOSED):
        return "open"
    if case is not None and case.decision == "accept":
        return "start"
    if is_screened:
        return "decision"
    return "screening" if row.first_contact_at is not None else "contact"


def capacity(site_id: int, since: datetime, until: datetime) -> Table:
    """Per unit: beds, who lives in them and holds now, and the share of bed-days lived in over the period."""
    end = min(until, utcnow())
    beds = {
        row[0]: row[1:]
        for row in db.session.execute(
            select(Unit.id, Unit.name, Unit.kind, func.count(Bed.id))
            .join(Bed, Bed.unit_id == Unit.id)
            .where(Unit.site_id == site_id, Bed.closed_at.is_(None))
            .group_by(Unit.id, Unit.name, Unit.kind)
        )
    }
    lived: Counter[int] = Counter()
    now_in: Counter[tuple[int, UseKind]] = Counter()
    for row in db.session.execute(
        select(Bed.unit_id, BedUse.kind, BedUse.starts_at, BedUse.ended_at)
        .join(Bed, Bed.id == BedUse.bed_id)
        .where(Bed.unit_id.in_(beds), or_(BedUse.ended_at.is_(None), BedUse.ended_at > since), BedUse.starts_at < end)
    ):
        if row.ended_at is None:
            now_in[(row.unit_id, row.kind)] += 1
        if row.kind is UseKind.STAY:
            length = min(row.ended_at or end, end) - max(row.starts_at, since)
            lived[row.unit_id] += max(0, int(length.total_seconds()))
    whole = max(1.0, (end - since).total_seconds())
    return Table(
        "capacity",
        "Beds and slots",
        ("Unit", "Beds", "Lived in now", "Kept now", "Bed-days lived in, %"),
        tuple(
            (
                name, count, now_in[(unit, UseKind.STAY)], now_in[(unit, UseKind.HOLD)],
                round(100 * lived[unit] / (whole * count), 1) if kind == "bed" else None,
            )
            for unit, (name, kind, count) in sorted(beds.items(), key=lambda b: b[1][0])
        ),
    )  # fmt: skip


def waitlist(site_id: int, since: datetime, until: datetime) -> Table:
    """Per class of those who got a wait number for a request of the period: how many, interim services within 48 h,
    admitted within 14 and 120 days, and the days waited. Each number counts once, whoever waits twice."""
    zone = settings.zone(settings.site(site_id))
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    groups: dict[str, list[Any]] = {}
    for row in db.session.execute(
        select(
            Case.wait_class, Case.state, Case.request_on, Case.admitted_on, Case.waiting_from, Case.interim_at
        ).where(
            Case.site_id == site_id, Case.wait_number.is_not(None), Case.request_on >= first, Case.request_on < last
        )
    ):
        groups.setdefault(row.wait_class, []).append(row)
    return Table(
        "waitlist",
        "Waitlist",
        ("Class", "Numbers", "Waiting now", "Interim in 48 h", "Admitted in 14 days", "In 120 days", "Median days"),
        tuple(
            (
                WAIT_CLASSES[key],
                len(rows),
                sum(r.state is CaseState.WAITLISTED for r in rows),
                sum(_within(r.waiting_from, r.interim_at, timedelta(hours=48)) for r in rows),
                *(sum((d := _days(r)) is not None and d <= limit for r in rows) for limit in (14, 120)),
                middle([float(d) for r in rows if (d := _days(r)) is not None]),
            )
            for key in WAIT_CLASSES
            if (rows := groups.get(key, []))
        ),
    )


def _within(start: datetime | None, at: datetime | None, limit: timedelta) -> bool:
    return start is not None and at is not None and at - start <= limit


def _days(row: Any) -> int | None:
    return None if row.admitted_on is None or row.request_on is None else (row.admitted_on - row.request_on).days


def transfers(site_id: int, since: datetime, until: datetime) -> Table:
    """Per way between levels: asked, accepted, not accepted, arrived, and hours to the answer."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in db.session.execute(
        select(Transfer.from_level, Transfer.to_level, Transfer.state, Transfer.asked_at, Transfer.answered_at)
        .join(Case, Case.id == Transfer.case_id)
        .where(Case.site_id == site_id, Transfer.asked_at >= since, Transfer.asked_at < until)
    ):
        groups.setdefault((row.from_level, row.to_level), []).append(row)
    yes = (TransferState.ACCEPTED, TransferState.ARRIVED)
    return Table(
        "transfers",
        "Moves between levels",
        ("From and to", "Asked", "Accepted", "Not accepted", "Arrived", "Median h to answer", "90th percentile h"),
        tuple(
            (
                f"{LEVELS.get(start, '–')} to {LEVELS.get(to, to)}",
                len(rows),
                sum(r.state in yes for r in rows),
                sum(r.state is TransferState.REJECTED for r in rows),
                sum(r.state is TransferState.ARRIVED for r in rows),
                *(
                    cut([m / 60 for m in minutes((r.asked_at, r.answered_at) for r in rows)])
                    for cut in (middle, ninetieth)
                ),
            )
            for (start, to), rows in sorted(groups.items())
        ),
    )


def _hours(rows: list[Any]) -> tuple[float | None, float | None]:
    hours = [m / 60 for m in minutes((r.asked_at, r.answered_at) for r in rows)]
    return middle(hours), ninetieth(hours)


def leaving(site_id: int, since: datetime, until: datetime) -> Table:
    """Stays that ended in the period, by day of the stay: how many against advice, and of all who were still there."""
    rows = _ended(site_id, since, until)
    lengths = [((row.discharged_on - row.admitted_on).days + 1, row.discharge_type) for row in rows]
    found = []
    for low, high, name in STAY_DAYS:
        there = [length for length, _ in lengths if length >= low]
        ended = [type_ for length, type_ in lengths if low <= length <= high]
        early = sum(type_ == "against_advice" for type_ in ended)
        found.append((name, len(there), len(ended), early, share(early, len(there))))
    return Table(
        "leaving",
        "Left against advice, by day of the stay",
        ("Day of the stay", "Still there", "Ended", "Against advice", "Against advice, %"),
        tuple(found) if lengths else (),
    )


def reasons(site_id: int, since: datetime, until: datetime) -> Table:
    """How stays ended, and for those against advice the coded reason that was given."""
    rows = _ended(site_id, since, until)
    types = Counter(row.discharge_type for row in rows)
    left = [row.id for row in rows if row.discharge_type == "against_advice"]
    told = {
        row.case_id: str(row.params.get("why") or "")
        for row in db.session.execute(
            select(TimelineEntry.case_id, TimelineEntry.params).where(
                TimelineEntry.case_id.in_(left), TimelineEntry.kind == "left_against_advice"
            )
        )
    }
    why = Counter(told.get(case_id, "") for case_id in left)
    return Table(
        "reasons",
        "How stays ended, and why early",
        ("End or reason", "People", "%"),
        (
            *((words(type_), n, share(n, len(rows))) for type_, n in sorted(types.items())),
            *_early(why, len(left)),
        ),
    )


def _early(why: Counter[str], whole: int) -> list[tuple[str, int, float | None]]:
    return [(f"Early: {words(c) if c else 'no coded reason'}", n, share(n, whole)) for c, n in sorted(why.items())]


def _ended(site_id: int, since: datetime, until: datetime) -> list[Any]:
    zone = settings.zone(settings.site(site_id))
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    return list(
        db.session.execute(
            select(Case.id, Case.admitted_on, Case.discharged_on, Case.discharge_type).where(
                Case.site_id == site_id, Case.admitted_on.is_not(None), Case.discharged_on >= first,
                Case.discharged_on < last,
            )
        )
    )  # fmt: skip
