"""Times we gave: a call back or a visit; kept, missed or replaced, never edited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import RuleBroken
from intake.inquiries import moving
from intake.inquiries.models import Inquiry, Promise
from intake.settings import queries as settings
from intake.tasks import service as tasks

PROMISE_KINDS = ("callback", "appointment")


def promise(inquiry_id: int, *, kind: str, due_at: datetime, actor: Actor, now: datetime) -> Promise:
    """Give a time to call back or to come; an open promise of the kind is replaced, never edited.

    Raises:
        Missing: no such inquiry here. RuleBroken: unknown kind, or a time that has passed.
    """
    if kind not in PROMISE_KINDS:
        raise RuleBroken("Pick a call or a visit.", code="PROMISE_KIND", fields={"kind": "Pick a call or a visit."})
    if due_at <= now:
        raise RuleBroken(
            "Give a time that is still to come.",
            code="PROMISE_PAST",
            fields={"due_at": "Give a time that is still to come."},
        )
    row = moving.locked(inquiry_id, actor)
    made = Promise(id=new_id(), inquiry_id=row.id, kind=kind, due_at=due_at, created_at=now, created_by=actor.id)
    db.session.add(made)
    db.session.flush()
    for old in db.session.scalars(
        select(Promise).where(
            Promise.inquiry_id == row.id,
            Promise.kind == kind,
            Promise.id != made.id,
            Promise.kept_at.is_(None),
            Promise.missed_at.is_(None),
            Promise.replaced_by.is_(None),
        )
    ):
        old.replaced_by = made.id
        tasks.cancel(moving.promise_key(old.id), site_id=row.site_id, reason="replaced", now=now, actor=actor)
    tasks.owe(
        site_id=row.site_id,
        kind=f"promised_{kind}",
        key=moving.promise_key(made.id),
        role=Role.ADMISSIONS,
        due_at=due_at,
        cause="promise",
        inquiry_id=row.id,
        owner_id=row.owner_id,
        actor=actor,
        now=now,
    )
    audit.record(actor=actor, verb="promised", record="inquiry", record_id=row.id, purpose=kind, now=now)
    audit.tell(
        kind="promise", actor=actor, inquiry_id=row.id, params={"what": kind, "due_at": due_at.isoformat()}, now=now
    )
    return made


def keep_callbacks(row: Inquiry, now: datetime) -> None:
    """A conversation keeps every open promise to call back."""
    _keep(moving.open_promises(row.id, "callback"), site_id=row.site_id, now=now)


def came(inquiry_id: int, *, site_id: int, now: datetime) -> int:
    """The person came: promised visits of their request are kept; returns how many."""
    found = moving.open_promises(inquiry_id, "appointment")
    _keep(found, site_id=site_id, now=now)
    return len(found)


def _keep(promises: Sequence[Promise], *, site_id: int, now: datetime) -> None:
    for promise in promises:
        promise.kept_at = now
    if promises:
        owed = (moving.promise_key(promise.id) for promise in promises)
        tasks.cancel(*owed, site_id=site_id, reason="kept", now=now)


def miss_promises(*, now: datetime, limit: int = 500) -> int:
    """Mark promises whose time passed more than the grace ago as missed; their tasks stay owed. Returns how many.

    The grace in minutes is the center's setting for appointments.
    """
    open_ = (
        select(Promise, Inquiry.site_id)
        .join(Inquiry, Inquiry.id == Promise.inquiry_id)
        .where(
            Promise.kept_at.is_(None),
            Promise.missed_at.is_(None),
            Promise.replaced_by.is_(None),
            Promise.due_at < now,
        )
        .limit(limit)
    )
    missed = 0
    for found, site_id in db.session.execute(open_):
        grace = timedelta(minutes=int(settings.value(site_id, "appointment_grace_minutes")))
        if found.due_at + grace < now:
            found.missed_at = now
            missed += 1
    return missed
