"""When a center fills up to its notice limit the State is told within days (42 USC 300x-27); one mark per time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.beds import queries
from intake.beds.models import CapacityMark
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing
from intake.settings import queries as settings
from intake.settings.models import Site
from intake.tasks import service as tasks
from intake.tasks.models import Task

KIND = "capacity_notice"


def key(mark_id: int) -> str:
    """The key of the task that tells the State."""
    return f"{KIND}:{mark_id}"


def watch(*, now: datetime) -> int:
    """Mark every site that reached its limit or fell below it again (an upkeep job); returns how many changed."""
    changed = 0
    for site_id in db.session.scalars(select(Site.id)):
        in_use, all_beds = queries.occupancy(site_id)
        limit = int(settings.value(site_id, "capacity_notice_percent"))
        full = all_beds > 0 and in_use * 100 >= limit * all_beds
        open_mark = current(site_id)
        if full and open_mark is None:
            _reach(site_id, in_use, all_beds, now)
        elif not full and open_mark is not None:
            open_mark.below_at = now
        else:
            continue
        changed += 1
    return changed


def current(site_id: int) -> CapacityMark | None:
    """The mark of a site that is full now."""
    return db.session.scalar(
        select(CapacityMark).where(CapacityMark.site_id == site_id, CapacityMark.below_at.is_(None))
    )


def _reach(site_id: int, in_use: int, all_beds: int, now: datetime) -> None:
    due = now + timedelta(days=int(settings.value(site_id, "capacity_notice_days")))
    row = CapacityMark(
        id=new_id(), site_id=site_id, reached_at=now, notice_due_at=due, in_use=in_use, beds=all_beds, created_at=now
    )
    db.session.add(row)
    tasks.owe(
        site_id=site_id, kind=KIND, key=key(row.id), role=Role.SUPERVISOR, due_at=due, cause="beds_full",
        params={"in_use": in_use, "beds": all_beds}, now=now,
    )  # fmt: skip


def told(mark_id: int, *, actor: Actor, now: datetime) -> CapacityMark:
    """Record that the State was told; ends the task.

    Raises:
        Missing: no such mark here. AlreadyDone: it was told before.
    """
    row = db.session.scalar(
        select(CapacityMark).where(CapacityMark.id == mark_id, CapacityMark.site_id == actor.site_id).with_for_update()
    )
    if row is None:
        raise Missing("There is no such notice.")
    if row.told_at is not None:
        raise AlreadyDone("The State was told already.")
    row.told_at = now
    owed = db.session.scalar(select(Task).where(Task.key == key(row.id), Task.state.in_(tasks.LIVE)))
    if owed is not None:
        tasks.finish(owed.id, actor=actor, outcome="told", now=now)
    audit.record(actor=actor, verb="told_state", record="capacity_mark", record_id=row.id, now=now)
    return row


def marks(site_id: int, *, limit: int = 12) -> list[CapacityMark]:
    """The latest times a site was full, newest first."""
    return list(
        db.session.scalars(
            select(CapacityMark)
            .where(CapacityMark.site_id == site_id)
            .order_by(CapacityMark.reached_at.desc())
            .limit(limit)
        )
    )
