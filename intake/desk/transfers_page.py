"""The transfers page: what waits for an answer, what was asked, what is on its way, what ended lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from intake.accounts.models import Staff
from intake.actor import CARE, Actor
from intake.cases import codes
from intake.cases.models import Case, Transfer, TransferState
from intake.cases.queries import place_of, visible
from intake.clock import utcnow
from intake.db import db
from intake.desk.beds_page import Who, known
from intake.desk.listing import listed
from intake.desk.routes import bp
from intake.guard import current_actor, requires
from intake.settings import queries as settings

LATELY = timedelta(days=7)
OPEN = (TransferState.REQUESTED, TransferState.ACCEPTED)


@dataclass(frozen=True)
class Move:
    """One transfer with its case, who asked and who answered; `due_at` is when an answer is owed."""

    row: Transfer
    who: Who
    asked_by: str
    answered_by: str
    due_at: datetime
    now: datetime
    place: str = ""

    @property
    def late(self) -> bool:
        """Asked, and not answered in time."""
        return self.row.state is TransferState.REQUESTED and self.due_at < self.now


def moves(actor: Actor, *, now: datetime) -> list[Move]:
    """Open transfers and those that ended lately, of cases the actor may read; newest first. Four statements."""
    rows = list(
        db.session.scalars(
            select(Transfer)
            .join(Case, Case.id == Transfer.case_id)
            .where(visible(actor), or_(Transfer.state.in_(OPEN), Transfer.answered_at >= now - LATELY))
            .order_by(Transfer.asked_at.desc())
            .limit(200)
        )
    )
    who = known(actor, {t.case_id for t in rows})
    ids = {i for t in rows for i in (t.asked_by, t.answered_by) if i}
    names = {s.id: s.name for s in db.session.scalars(select(Staff).where(Staff.id.in_(ids)))}
    hours = timedelta(hours=int(settings.value(actor.site_id, "transfer_answer_hours")))
    return [
        Move(
            t,
            who[t.case_id],
            names.get(t.asked_by, ""),
            names.get(t.answered_by or 0, ""),
            t.asked_at + hours,
            now,
            place_of(t),
        )
        for t in rows
    ]


def split(actor: Actor, found: Sequence[Move]) -> list[tuple[str, list[Move]]]:
    """The parts of the page: to_answer (asked by others), asked (by me), outside (another center), coming, ended."""
    parts: dict[str, list[Move]] = {"to_answer": [], "asked": [], "outside": [], "coming": [], "ended": []}
    for each in found:
        if each.row.state is TransferState.ACCEPTED:
            parts["coming"].append(each)
        elif each.row.state is not TransferState.REQUESTED:
            parts["ended"].append(each)
        elif each.place:
            parts["outside"].append(each)
        else:
            parts["asked" if each.row.asked_by == actor.id else "to_answer"].append(each)
    return list(parts.items())


@bp.get("/transfers")
@requires(*CARE, rule="case")
def transfers() -> ResponseReturnValue:
    """Both sides of every move: the sender sees the answer, the receiver what waits."""
    actor, now = current_actor(), utcnow()
    listed(actor, "transfers", "", now)
    found = moves(actor, now=now)
    zone: ZoneInfo = settings.zone(settings.site(actor.site_id))
    parts = split(actor, found)
    waits = len(dict(parts)["to_answer"])
    return render_template("desk/transfers.html", parts=parts, zone=zone, codes=codes, page_count=waits or None)
