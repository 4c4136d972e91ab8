"""Change what a center decides; forward only, audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from intake.actor import Actor, system
from intake.audit import service as audit
from intake.clinical import routing
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.settings import education, forms, queries
from intake.settings.defaults import DEFAULTS
from intake.settings.models import EducationReview, RuleSet, Setting, Site


def add_site(
    *,
    slug: str,
    name: str,
    discreet_name: str,
    phone: str,
    email_from: str,
    time_zone: str,
    now: datetime,
    place_code: str = "A",
    aliases: tuple[str, ...] = (),
    reference_prefix: str = "NL",
    leave_url: str = "https://www.weather.gov/",
    is_demo: bool = False,
) -> Site:
    """Set up a center."""
    row = Site(
        id=new_id(),
        slug=slug,
        name=name,
        discreet_name=discreet_name,
        phone=phone,
        place_code=place_code,
        email_from=email_from,
        aliases=list(aliases),
        time_zone=time_zone,
        reference_prefix=reference_prefix,
        leave_url=leave_url,
        is_demo=is_demo,
        created_at=now,
        created_by=0,
    )
    db.session.add(row)
    db.session.flush()
    audit.record(actor=system(row.id), verb="added", record="site", record_id=row.id, now=now)
    return row


def change(site_id: int, key: str, new: Any, *, approver: str, actor: Actor, now: datetime) -> Setting:
    """Put a new value of a setting in force from now on.

    Raises:
        KeyError: no such setting.
    """
    if key not in DEFAULTS:
        raise KeyError(key)
    row = Setting(
        id=new_id(),
        site_id=site_id,
        key=key,
        value={"value": new},
        valid_from=now,
        approver=approver,
        created_at=now,
        created_by=actor.id,
    )
    db.session.add(row)
    # What is in force is read without writing what waits.
    db.session.flush()
    queries.forget_values()
    audit.record(actor=actor, verb="changed", record="setting", record_id=row.id, changed=(key,), purpose=key, now=now)
    return row


def change_many(values: Mapping[str, Any], *, seen: str, approver: str, actor: Actor, now: datetime) -> int:
    """Put every value that differs in force from now on; returns how many.

    Raises:
        AlreadyDone: somebody changed a setting since the page was opened (`seen` is an older state).
    """
    # The site's row is the one lock of its settings.
    db.session.scalars(select(Site.id).where(Site.id == actor.site_id).with_for_update()).one()
    if seen != queries.newest_change(actor.site_id):
        raise AlreadyDone("Somebody changed a setting while you had this open. Look at what is there now.")
    count = 0
    for key, new in values.items():
        now_value = queries.value(actor.site_id, key)
        # Other parts of the same key stay as they are.
        wanted = {**now_value, **new} if isinstance(now_value, dict) else new
        if wanted != now_value:
            change(actor.site_id, key, wanted, approver=approver, actor=actor, now=now)
            count += 1
    return count


def change_site(asked: forms.Center, *, version: int, actor: Actor, now: datetime) -> tuple[str, ...]:
    """Change what the center is called and where it stands; returns the names of the changed fields.

    A new time zone counts from now on: what is owed stays due at the moment it was owed for, and each person keeps a
    zone of their own.

    Raises:
        AlreadyDone: somebody changed it since version `version` was read.
    """
    row = db.session.scalars(select(Site).where(Site.id == actor.site_id).with_for_update()).one()
    if row.version != version:
        raise AlreadyDone("Somebody changed the center while you had this open. Look at what is there now.")
    wanted = {**asdict(asked), "aliases": list(asked.aliases)}
    changed = tuple(name for name, value in wanted.items() if getattr(row, name) != value)
    moved = f"{row.time_zone} to {asked.time_zone}" if "time_zone" in changed else ""
    for name in changed:
        setattr(row, name, wanted[name])
    if changed:
        audit.record(
            actor=actor, verb="changed", record="site", record_id=row.id, changed=changed, purpose=moved,
            now=now,
        )  # fmt: skip
    return changed


def activate_rules(
    of: Site, changes: dict[str, Any], *, approver: str, approved_on: date | None = None, actor: Actor, now: datetime
) -> RuleSet:
    """Put a routing rule set in force from `now` on; forward only, with its approver and day of approval.

    `changes` lie over the coded table: rule id -> {enabled, queue, acuity, thresholds} (rulings 13). The first set
    without any change is number 1: the coded table, approved.

    Raises:
        RuleBroken: no approver is named, the approval lies in the future, or the changes are refused by
            `routing.RuleSet` (RULE_UNKNOWN, RULE_PROTECTED, RULE_SET_NOT_VALID).
    """
    name = approver.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise RuleBroken("Name the clinician who approves these rules.", code="APPROVER_NEEDED")
    today = now.astimezone(ZoneInfo(of.time_zone)).date()
    day = approved_on or today
    if day > today:
        raise RuleBroken("The day of approval cannot be in the future.", code="APPROVED_IN_FUTURE")
    routing.RuleSet("new", day, name, changes)
    db.session.scalars(select(Site.id).where(Site.id == of.id).with_for_update()).one()
    last = db.session.scalar(select(func.max(RuleSet.n)).where(RuleSet.site_id == of.id))
    row = RuleSet(
        id=new_id(),
        site_id=of.id,
        n=(1 if not changes else 2) if last is None else last + 1,
        overlay=changes,
        active_from=now,
        approved_on=day,
        approver=name,
        approver_id=actor.id or None,
        created_at=now,
        created_by=actor.id,
    )
    db.session.add(row)
    # The rules in force are read without writing what waits.
    db.session.flush()
    audit.record(
        actor=actor,
        verb="activated",
        record="rule_set",
        record_id=row.id,
        changed=sorted(changes),
        purpose=name,
        now=now,
    )
    return row


def review_text(asked: forms.Review, *, actor: Actor, now: datetime) -> EducationReview:
    """Enter who reviewed an education text, when, and until when; from now on it may be shown and sent.

    Raises:
        AlreadyDone: the words changed since the page was opened.
    """
    words = education.text(asked.topic, asked.locale)
    if words.digest.hex() != asked.seen:
        raise AlreadyDone("The text was changed while you had this open. Read it again, then enter the review.")
    zone = queries.zone(queries.site(actor.site_id))
    row = EducationReview(
        id=new_id(),
        site_id=actor.site_id,
        topic=asked.topic,
        locale=asked.locale,
        digest=words.digest,
        reviewer=asked.reviewer,
        reviewed_on=asked.reviewed_on,
        expires_on=asked.expires_on,
        # It holds through its last day, in the center's own zone.
        ends_at=datetime.combine(asked.expires_on + timedelta(days=1), time(0), tzinfo=zone),
        created_at=now,
        created_by=actor.id,
    )
    db.session.add(row)
    purpose = f"{asked.topic}.{asked.locale}"
    audit.record(
        actor=actor, verb="reviewed", record="education_text", record_id=row.id, purpose=purpose,
        after={"until": asked.expires_on}, now=now,
    )  # fmt: skip
    return row


def withdraw_review(topic: str, locale: str, *, actor: Actor, now: datetime) -> int:
    """Take a text back: it is neither shown nor sent from now on; returns how many reviews ended.

    Raises:
        Missing: no review of this text holds here.
    """
    rows = db.session.scalars(
        select(EducationReview)
        .where(
            EducationReview.site_id == actor.site_id,
            EducationReview.topic == topic,
            EducationReview.locale == locale,
            EducationReview.withdrawn_at.is_(None),
        )
        .with_for_update()
    ).all()
    if not rows:
        raise Missing("Nobody has reviewed this text here.")
    for row in rows:
        row.withdrawn_at, row.withdrawn_by = now, actor.id
        audit.record(
            actor=actor, verb="withdrew", record="education_text", record_id=row.id, purpose=f"{topic}.{locale}",
            now=now,
        )  # fmt: skip
    return len(rows)
