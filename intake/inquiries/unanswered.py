"""Requests past their first-contact time, and requests whose owner went away: nobody stays waiting unseen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from intake.accounts import absence, calling
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.db import db
from intake.inquiries import moving
from intake.inquiries.models import Inquiry
from intake.settings.models import Site
from intake.tasks import service as tasks
from intake.tasks.models import Task


def escalate_late(*, now: datetime, limit: int = 500) -> int:
    """Tell the supervisors, once each, of open inquiries past their first-contact time; returns how many were new."""
    known = select(Task.id).where(Task.kind == moving.LATE, Task.inquiry_id == Inquiry.id)
    late = db.session.scalars(
        select(Inquiry)
        .where(
            Inquiry.state.in_(moving.STILL_OWED),
            Inquiry.first_contact_at.is_(None),
            Inquiry.first_contact_due_at < now,
            ~known.exists(),
        )
        .order_by(Inquiry.first_contact_due_at)
        .limit(limit)
    ).all()
    for row in late:
        owed = tasks.owe(
            site_id=row.site_id,
            kind=moving.LATE,
            key=f"{moving.LATE}:{row.id}",
            role=Role.SUPERVISOR,
            due_at=now,
            cause="first_contact_late",
            inquiry_id=row.id,
            now=now,
        )
        calling.call(owed, now=now)
    return len(late)


def give_back_all(staff_id: int, *, actor: Actor, now: datetime) -> int:
    """Give every open inquiry of somebody back to all, at the end of a shift; returns how many."""
    rows = db.session.scalars(
        select(Inquiry)
        .where(Inquiry.site_id == actor.site_id, Inquiry.owner_id == staff_id, Inquiry.state.in_(moving.STILL_OWED))
        .with_for_update()
    ).all()
    _free(rows, actor, now)
    return len(rows)


def free_of_absent(*, now: datetime) -> int:
    """Give open inquiries past their first-contact time back when their owner is away; returns how many."""
    done = 0
    for site_id in db.session.scalars(select(Site.id)):
        rows = db.session.scalars(
            select(Inquiry)
            .where(
                Inquiry.site_id == site_id,
                Inquiry.state.in_(moving.STILL_OWED),
                Inquiry.first_contact_at.is_(None),
                Inquiry.first_contact_due_at < now,
                Inquiry.owner_id.in_(absence.away(site_id, now=now)),
            )
            .with_for_update()
        ).all()
        _free(rows, system(site_id), now)
        done += len(rows)
    return done


def _free(rows: Sequence[Inquiry], actor: Actor, now: datetime) -> None:
    for row in rows:
        row.owner_id = None
        audit.record(actor=actor, verb="released", record="inquiry", record_id=row.id, changed=("owner_id",), now=now)
