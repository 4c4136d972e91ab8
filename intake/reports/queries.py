"""Figures of a period, counted from the rows themselves; nothing is stored for a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from sqlalchemy import func, select

from intake.cases.models import Case
from intake.checkins.models import CheckIn
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessagePart, MessageState
from intake.queues.models import QueueEntry
from intake.screening.models import Placement, PlacementState, Screening, ScreeningState
from intake.tapers.models import PlanState, PlanVersion, TaperPlan

LEAST_SHOWN = 5
PATTERNS = {
    "oih_features": "OIH features",
    "tolerance_pattern": "Tolerance pattern",
    "withdrawal_mediated": "Withdrawal pain",
    "indeterminate": "Not clear yet",
    "": "No pain pattern asked",
}


@dataclass(frozen=True)
class Table:
    """One report: its address word, a caption, heads and rows; counts are whole numbers."""

    key: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def guarded(value: Any) -> str:
    """A CSV cell that no spreadsheet reads as a formula (ASVS 1.2.10)."""
    text = "" if value is None else str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def hidden(value: Any) -> Any:
    """A count of one to four is not exported: it could point at somebody."""
    return f"<{LEAST_SHOWN}" if isinstance(value, int) and 0 < value < LEAST_SHOWN else value


def share(part: int, whole: int) -> float | None:
    """Percent with one decimal, None of nothing."""
    return None if not whole else round(100 * part / whole, 1)


def _minutes(pairs: Iterable[tuple[datetime, datetime | None]]) -> list[float]:
    return [(b - a).total_seconds() / 60 for a, b in pairs if b is not None]


def _middle(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None


def _ninetieth(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return round(values[0], 1) if values else None
    return round(quantiles(values, n=10, method="inclusive")[8], 1)


def funnel(site_id: int, since: datetime, until: datetime) -> Table:
    """Inquiry, reached, screened, routed, admitted: how many, and the median and 90th percentile of hours to each."""
    inquiries = {
        row.id: row
        for row in db.session.execute(
            select(Inquiry.id, Inquiry.received_at, Inquiry.first_contact_at).where(
                Inquiry.site_id == site_id, Inquiry.received_at >= since, Inquiry.received_at < until
            )
        )
    }
    screened = _first(
        select(Screening.inquiry_id, Screening.completed_at).where(
            Screening.site_id == site_id, Screening.state == ScreeningState.COMPLETE
        ),
        inquiries,
    )
    routed = _first(
        select(Placement.inquiry_id, Placement.answered_at).where(
            Placement.site_id == site_id, Placement.answered_at.is_not(None)
        ),
        inquiries,
    )
    admitted = {
        row.opened_from
        for row in db.session.execute(
            select(Case.opened_from).where(Case.site_id == site_id, Case.admitted_on.is_not(None))
        )
        if row.opened_from in inquiries
    }
    reached = _minutes((r.received_at, r.first_contact_at) for r in inquiries.values())
    to_screen = _minutes((inquiries[i].received_at, at) for i, at in screened.items())
    to_route = _minutes((inquiries[i].received_at, at) for i, at in routed.items())
    counts = (len(inquiries), len(reached), len(screened), len(routed), len(admitted))
    names = ("Inquiries", "Reached", "Screened", "Routed", "Admitted")
    times: tuple[list[float], ...] = ([], reached, to_screen, to_route, [])
    rows = tuple(
        (name, count, share(count, counts[max(0, i - 1)]), _middle(times[i]), _ninetieth(times[i]))
        for i, (name, count) in enumerate(zip(names, counts, strict=True))
    )
    return Table(
        "funnel",
        "From inquiry to care",
        ("Step", "People", "% of the step before", "Median min", "90th percentile min"),
        rows,
    )


def _first(statement: Any, wanted: dict[int, Any]) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for inquiry_id, at in db.session.execute(statement):
        if inquiry_id in wanted and (inquiry_id not in found or at < found[inquiry_id]):
            found[inquiry_id] = at
    return found


def waits(site_id: int, since: datetime, until: datetime) -> Table:
    """Per queue and priority: entries, claimed within target, median minutes to the claim."""
    groups: dict[tuple[str, int], list[tuple[float | None, bool]]] = {}
    rows = db.session.execute(
        select(
            QueueEntry.queue, QueueEntry.acuity, QueueEntry.entered_at, QueueEntry.target_at, QueueEntry.claimed_at
        ).where(QueueEntry.site_id == site_id, QueueEntry.entered_at >= since, QueueEntry.entered_at < until)
    )
    for queue, acuity, entered, target, claimed in rows:
        waited = (claimed - entered).total_seconds() / 60 if claimed else None
        groups.setdefault((queue.value, acuity), []).append((waited, claimed is not None and claimed <= target))
    return Table(
        "waits",
        "Waits against target",
        ("Queue", "Priority", "Entries", "Claimed in time, %", "Median min to claim"),
        tuple(
            (
                queue.replace("_", " ").capitalize(),
                f"P{acuity}",
                len(found),
                share(sum(ok for _w, ok in found), len(found)),
                _middle([w for w, _ok in found if w is not None]),
            )
            for (queue, acuity), found in sorted(groups.items(), key=lambda g: (g[0][1], g[0][0]))
        ),
    )


def mail(site_id: int, since: datetime, until: datetime) -> Table:
    """Reminders due in the period by what became of them, and the check-ins answered."""
    inside = (Message.site_id == site_id, Message.kind == "reminder", Message.due_at >= since, Message.due_at < until)
    states = Counter(
        {
            state.value: count
            for state, count in db.session.execute(
                select(Message.state, func.count()).where(*inside).group_by(Message.state)
            )
        }
    )
    bounced = db.session.scalar(select(func.count()).where(*inside, Message.bounced_at.is_not(None))) or 0
    doubt = db.session.scalar(select(func.count()).where(*inside, Message.in_doubt_count > 0)) or 0
    asked = (
        db.session.scalar(
            select(func.count(func.distinct(Message.id)))
            .join(MessagePart, MessagePart.message_id == Message.id)
            .where(*inside, MessagePart.kind == "CHECKIN", Message.state == MessageState.SENT)
        )
        or 0
    )
    answered = (
        db.session.scalar(
            select(func.count())
            .select_from(CheckIn)
            .join(Message, Message.id == CheckIn.message_id)
            .where(*inside, CheckIn.answered_at.is_not(None))
        )
        or 0
    )
    due = sum(states.values()) - states["cancelled"]
    rows = (
        ("Due", due, 100.0 if due else None),
        ("Sent", states["sent"], share(states["sent"], due)),
        ("Still open", sum(states[s] for s in ("scheduled", "claimed", "sending")), None),
        ("Delivery uncertain", states["uncertain"] + doubt, share(states["uncertain"] + doubt, due)),
        ("Not allowed or no address", states["suppressed"], share(states["suppressed"], due)),
        ("Too late, not sent", states["expired"], share(states["expired"], due)),
        ("Failed", states["failed_permanent"], share(states["failed_permanent"], due)),
        ("Bounced, staff task made", bounced, share(bounced, due)),
        ("Check-ins asked", asked, None),
        ("Check-ins answered", answered, share(answered, asked)),
    )
    return Table("mail", "Reminder emails", ("State", "Count", "% of due"), rows)


def patterns(site_id: int, since: datetime, until: datetime) -> Table:
    """The pain pattern at screening: people, those sent to detox, and how often staff changed the suggestion."""
    groups: dict[str, list[tuple[str, bool]]] = {}
    rows = db.session.execute(
        select(Screening.explanation, Placement.queue, Placement.state)
        .join(Placement, Placement.screening_id == Screening.id)
        .where(
            Screening.site_id == site_id,
            Screening.completed_at >= since,
            Screening.completed_at < until,
            Placement.state != PlacementState.SUPERSEDED,
        )
    )
    for explanation, queue, state in rows:
        key = (explanation or {}).get("class", "")
        groups.setdefault(key, []).append((queue.value, state is PlacementState.OVERRIDDEN))
    return Table(
        "patterns",
        "Pain pattern at screening",
        ("Result", "People", "To detox, %", "Staff changed the suggestion, %"),
        tuple(
            (
                words,
                len(groups.get(key, [])),
                share(sum(q == "detox" for q, _o in groups.get(key, [])), len(groups.get(key, []))),
                share(sum(o for _q, o in groups.get(key, [])), len(groups.get(key, []))),
            )
            for key, words in PATTERNS.items()
        ),
    )


def overrides(site_id: int, since: datetime, until: datetime) -> Table:
    """Per rule that fired: how often, and how often staff chose another queue."""
    fired: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    rows = db.session.execute(
        select(Placement.fired, Placement.state).where(
            Placement.site_id == site_id, Placement.answered_at >= since, Placement.answered_at < until
        )
    )
    for rules, state in rows:
        for rule in rules:
            key = rule["id"] if isinstance(rule, dict) else str(rule)
            fired[key] += 1
            changed[key] += state is PlacementState.OVERRIDDEN
    return Table(
        "overrides",
        "Rules and changes by staff",
        ("Rule", "Fired", "Changed", "Changed, %"),
        tuple((rule, n, changed[rule], share(changed[rule], n)) for rule, n in sorted(fired.items())),
    )


def plans(site_id: int, since: datetime, until: datetime) -> Table:
    """Taper plans signed in the period, by how they stand, with the MME at the start."""
    rows = db.session.execute(
        select(PlanVersion.state, PlanVersion.change, PlanVersion.result)
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(TaperPlan.site_id == site_id, PlanVersion.created_at >= since, PlanVersion.created_at < until)
    ).all()
    groups: dict[str, list[float]] = {}
    for state, _change, result in rows:
        groups.setdefault(state.value, []).append(float(result.get("baseline_mme") or 0))
    order = [s.value for s in PlanState]
    return Table(
        "plans",
        "Taper plans",
        ("State", "Versions", "Median MME at the start"),
        tuple((s.replace("_", " ").capitalize(), len(groups[s]), _middle(groups[s])) for s in order if s in groups),
    )


REPORTS = {r.__name__: r for r in (funnel, waits, mail, patterns, overrides, plans)}


def first_contact(site_id: int, since: datetime, until: datetime) -> tuple[float | None, float | None]:
    """Median minutes to the first human contact, and the percent met within the promised time."""
    rows = db.session.execute(
        select(Inquiry.received_at, Inquiry.first_contact_at, Inquiry.first_contact_due_at).where(
            Inquiry.site_id == site_id, Inquiry.received_at >= since, Inquiry.received_at < until
        )
    ).all()
    met = [c is not None and c <= due for _r, c, due in rows]
    return _middle(_minutes((r, c) for r, c, _d in rows)), share(sum(met), len(met))
