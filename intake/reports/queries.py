"""Figures of a period, counted from the rows themselves; nothing is stored for a report."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from intake.audit.models import TimelineEntry
from intake.cases.models import Case
from intake.checkins.models import CheckIn
from intake.db import db
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessageAttempt, MessagePart, MessageState
from intake.messages.outcomes import Outcome
from intake.queues.models import QueueEntry
from intake.reports.table import Table, middle, minutes, ninetieth, share
from intake.screening.models import Placement, PlacementState, Screening, ScreeningState

PATTERNS = {
    "oih_features": "OIH features",
    "tolerance_pattern": "Tolerance pattern",
    "withdrawal_mediated": "Withdrawal pain",
    "indeterminate": "Not clear yet",
    "": "Pattern not asked",
}


def funnel(site_id: int, since: datetime, until: datetime) -> Table:
    """From inquiry to admission: how many came to each step, and the median and 90th percentile of minutes to it."""
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
    decided: dict[int, datetime] = {}
    admitted: set[int] = set()
    opened: dict[int, int] = {}
    for row in db.session.execute(
        select(Case.id, Case.opened_from, Case.decided_at, Case.admitted_on).where(Case.site_id == site_id)
    ):
        if row.opened_from in inquiries:
            opened[row.id] = row.opened_from
            if row.decided_at is not None:
                decided[row.opened_from] = row.decided_at
            if row.admitted_on is not None:
                admitted.add(row.opened_from)
    arrived = _arrivals(opened, admitted)
    reached = minutes((r.received_at, r.first_contact_at) for r in inquiries.values())
    to_screen = minutes((inquiries[i].received_at, at) for i, at in screened.items())
    to_route = minutes((inquiries[i].received_at, at) for i, at in routed.items())
    to_decide = minutes((inquiries[i].received_at, at) for i, at in decided.items())
    to_care = minutes((inquiries[i].received_at, at) for i, at in arrived.items())
    counts = (len(inquiries), len(reached), len(screened), len(routed), len(decided), len(admitted))
    names = ("Inquiries", "Reached", "Screened", "Routed", "Decided", "Admitted")
    times: tuple[list[float], ...] = ([], reached, to_screen, to_route, to_decide, to_care)
    rows = tuple(
        (name, count, share(count, counts[max(0, i - 1)]), middle(times[i]), ninetieth(times[i]))
        for i, (name, count) in enumerate(zip(names, counts, strict=True))
    )
    return Table(
        "funnel",
        "From inquiry to care",
        ("Step", "People", "% of the step before", "Median min", "90th percentile min"),
        rows,
    )


def _arrivals(opened: dict[int, int], admitted: set[int]) -> dict[int, datetime]:
    """When each came, by the line of the move in its story; the admission itself is only a day."""
    found: dict[int, datetime] = {}
    for case_id, at, params in db.session.execute(
        select(TimelineEntry.case_id, TimelineEntry.at, TimelineEntry.params)
        .where(TimelineEntry.kind == "case_moved", TimelineEntry.case_id.in_(opened))
        .order_by(TimelineEntry.at)
    ):
        inquiry_id = opened[case_id]
        if params.get("to") == "admitted" and inquiry_id in admitted:
            found.setdefault(inquiry_id, at)
    return found


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
        ("Queue", "Priority", "Entries", "In time, %", "Median, min"),
        tuple(
            (
                queue.replace("_", " ").capitalize(),
                f"P{acuity}",
                len(found),
                share(sum(ok for _w, ok in found), len(found)),
                middle([w for w, _ok in found if w is not None]),
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
    twice = (
        select(MessageAttempt.message_id)
        .join(Message, Message.id == MessageAttempt.message_id)
        .where(*inside, MessageAttempt.outcome == Outcome.ACCEPTED)
        .group_by(MessageAttempt.message_id)
        .having(func.count() > 1)
        .subquery()
    )
    sent_twice = db.session.scalar(select(func.count()).select_from(twice)) or 0
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
        ("Sent twice", sent_twice, share(sent_twice, due)),
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
        ("Result", "People", "To detox, %", "Changed by staff, %"),
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


def first_contact(site_id: int, since: datetime, until: datetime) -> tuple[float | None, float | None]:
    """Median minutes to the first human contact, and the percent met within the promised time."""
    rows = db.session.execute(
        select(Inquiry.received_at, Inquiry.first_contact_at, Inquiry.first_contact_due_at).where(
            Inquiry.site_id == site_id, Inquiry.received_at >= since, Inquiry.received_at < until
        )
    ).all()
    met = [c is not None and c <= due for _r, c, due in rows]
    return middle(minutes((r, c) for r, c, _d in rows)), share(sum(met), len(met))
