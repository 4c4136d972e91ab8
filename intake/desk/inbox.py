"""The admissions inbox and its pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import distinct, func, select

from intake.accounts.models import Staff
from intake.actor import STAFF, Actor
from intake.cases.models import Case
from intake.cases.queries import visible
from intake.clock import utcnow
from intake.db import db
from intake.desk.listing import listed
from intake.desk.queries import today
from intake.desk.routes import bp
from intake.guard import current_actor, requires
from intake.inquiries import listed as requests
from intake.inquiries import queries as inquiries
from intake.inquiries.listed import InboxFilter, InboxRow
from intake.inquiries.models import Channel, Inquiry
from intake.queues import signals
from intake.queues.models import Queue
from intake.screening.models import Placement, PlacementState, Screening, ScreeningState

STAGES = ("open", "new", "contacting", "screening", "routed", "closed")
SOURCES = tuple(c.value for c in Channel)


@dataclass(frozen=True)
class Funnel:
    """How many inquiries of some days came how far; the median is in minutes to the first human contact."""

    days: int
    inquiries: int
    reached: int
    median_minutes: int | None
    screened: int
    routed: int
    queues: tuple[tuple[str, int], ...]
    admitted: int


def funnel(site_id: int, *, since: datetime, days: int) -> Funnel:
    """Count the inquiries received since a time, step by step; never more than came in."""
    mine = (Inquiry.site_id == site_id, Inquiry.received_at >= since)
    total, reached = db.session.execute(
        select(func.count(Inquiry.id), func.count(Inquiry.first_contact_at)).where(*mine)
    ).one()
    screened = select(func.count(distinct(Screening.inquiry_id))).join(Inquiry, Inquiry.id == Screening.inquiry_id)
    routed = (
        select(Placement.override_queue, Placement.queue, func.count(distinct(Placement.inquiry_id)))
        .join(Inquiry, Inquiry.id == Placement.inquiry_id)
        .where(*mine, Placement.state.in_((PlacementState.ACCEPTED, PlacementState.OVERRIDDEN)))
        .group_by(Placement.override_queue, Placement.queue)
    )
    admitted = (
        select(func.count(distinct(Case.id)))
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(*mine, Case.admitted_on.is_not(None))
    )
    by_queue: dict[str, int] = {}
    for override, queue, n in db.session.execute(routed):
        name = str(override or queue.value)
        by_queue[name] = by_queue.get(name, 0) + n
    return Funnel(
        days=days,
        inquiries=int(total),
        reached=int(reached),
        median_minutes=_median_first_contact(mine),
        screened=int(db.session.scalar(screened.where(*mine, Screening.state == ScreeningState.COMPLETE)) or 0),
        routed=sum(by_queue.values()),
        queues=tuple(sorted(by_queue.items())),
        admitted=int(db.session.scalar(admitted) or 0),
    )


def _median_first_contact(mine: Any) -> int | None:
    pairs = db.session.execute(
        select(Inquiry.received_at, Inquiry.first_contact_at).where(*mine, Inquiry.first_contact_at.is_not(None))
    )
    waits = sorted((met - got).total_seconds() / 60 for got, met in pairs if met is not None)
    return round(waits[len(waits) // 2]) if waits else None


@dataclass(frozen=True)
class Inbox:
    """Everything the inbox template reads."""

    wanted: InboxFilter
    rows: list[InboxRow]
    stages: dict[str, int]
    owners: dict[int, str]
    cases: dict[int, int]
    actor: Actor
    version: str

    def url(self, **more: Any) -> str:
        """The address of the inbox with its filters, and what `more` changes."""
        given: dict[str, Any] = {
            "stage": self.wanted.stage if self.wanted.stage != "open" else None,
            "source": self.wanted.source or None,
            "owner": "me" if self.wanted.owner_id == self.actor.id else None,
            "queue": self.wanted.queue or None,
            "late": "1" if self.wanted.late else None,
        }
        return url_for("desk.inbox", **{**given, **more})

    def tags(self, row: InboxRow) -> list[tuple[str, str]]:
        """What staff should see at a glance: danger first, then signals."""
        danger = signals.shown(signals.read(dict.fromkeys(row.danger, True)))
        return [*danger, *signals.shown(row.signals)]


FILTERS = frozenset({"stage", "source", "queue", "owner", "late"})


def _wanted(actor: Actor) -> InboxFilter:
    args = request.args
    stage, source, queue = args.get("stage", "open"), args.get("source", ""), args.get("queue", "")
    return InboxFilter(
        stage=stage if stage in STAGES else "open",
        source=source if source in SOURCES else "",
        owner_id=actor.id if args.get("owner") == "me" else None,
        queue=queue if queue in set(Queue) else "",
        late=args.get("late") == "1",
    )


def _version(site_id: int) -> str:
    open_ones = select(func.count(Inquiry.id), func.sum(Inquiry.version), func.max(Inquiry.received_at)).where(
        Inquiry.site_id == site_id, Inquiry.state.in_(inquiries.OPEN)
    )
    n, versions, newest = db.session.execute(open_ones).one()
    minute = int(utcnow().timestamp() // 60)
    return f"{n}.{versions or 0}.{int(newest.timestamp()) if newest else 0}.{minute}"


def _inbox(actor: Actor) -> Inbox:
    wanted = _wanted(actor)
    rows = requests.inbox_rows(actor, wanted, now=utcnow())
    owners = {row.owner_id for row in rows if row.owner_id is not None}
    names = {s.id: s.name for s in db.session.scalars(select(Staff).where(Staff.id.in_(owners)))} if owners else {}
    ids = [row.id for row in rows]
    opened = db.session.execute(select(Case.opened_from, Case.id).where(Case.opened_from.in_(ids), visible(actor)))
    return Inbox(
        wanted=wanted,
        rows=rows,
        stages=requests.stage_counts(actor),
        owners=names,
        cases={row.opened_from: row.id for row in opened},
        actor=actor,
        version=_version(actor.site_id),
    )


@bp.get("/inbox")
@requires(*STAFF, rule="center")
def inbox() -> ResponseReturnValue:
    """Every open request, most urgent first."""
    actor, now = current_actor(), utcnow()
    listed(actor, "inbox", request.query_string.decode()[:80], now)
    found = _inbox(actor)
    start, _end = today(actor.site_id, now)
    week = funnel(actor.site_id, since=start - timedelta(days=6), days=7)
    # Only filters go back into an address; url_for reads names like _method as orders of its own.
    asked = {name: value for name, value in request.args.items() if name in FILTERS}
    body = render_template("desk/inbox.html", inbox=found, week=week, asked=asked, page_count=_open(found) or None)
    return make_response(body)


def _open(found: Inbox) -> int:
    return found.stages["new"] + found.stages["contacting"] + found.stages["screening"]


@bp.get("/inbox/changes")
@requires(*STAFF, rule="center")
def inbox_changes() -> ResponseReturnValue:
    """Whether the inbox moved since a version: 204, or its rows as a fragment."""
    actor = current_actor()
    if request.args.get("since") == _version(actor.site_id):
        return "", 204
    found = _inbox(actor)
    return render_template("desk/inbox_changes.html", inbox=found, page_count=_open(found))


@bp.get("/inbox/pipeline")
@requires(*STAFF, rule="center")
def pipeline() -> ResponseReturnValue:
    """How far the requests of the last days came."""
    actor, now = current_actor(), utcnow()
    text = request.args.get("days", "7")
    days = int(text) if text in {"1", "7", "30", "90"} else 7
    start, _end = today(actor.site_id, now)
    listed(actor, "inbox/pipeline", f"{days} days", now)
    found = funnel(actor.site_id, since=start - timedelta(days=days - 1), days=days)
    return render_template(
        "desk/pipeline.html", week=found, stages=requests.stage_counts(actor), choices=(1, 7, 30, 90)
    )
