"""What is in force now: the site, a setting, the rule set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from intake.clinical import routing
from intake.clock import db_now
from intake.db import db, id_text
from intake.errors import Missing
from intake.settings import education as texts
from intake.settings.defaults import DEFAULTS
from intake.settings.editable import EDITABLE
from intake.settings.models import EducationReview, RuleSet, Setting, Site

# Where a session keeps what its transaction read of the settings.
_CHANGED = "settings_changed"
# What a room is about to write says nothing of what is read here, so it is not written for the sake of it.
_UNASKED = {"autoflush": False}
_IN_FORCE = (
    select(Setting.key, Setting.value)
    .where(Setting.site_id == bindparam("site"), Setting.valid_from <= db_now())
    .order_by(Setting.valid_from)
    .execution_options(**_UNASKED)
)
_RULES = (
    select(RuleSet)
    .where(RuleSet.site_id == bindparam("site"), RuleSet.active_from <= db_now())
    .order_by(RuleSet.n.desc())
    .limit(1)
    .execution_options(**_UNASKED)
)


def site(site_id: int) -> Site:
    """The site of an id.

    Raises:
        Missing: there is none.
    """
    found = db.session.get(Site, site_id, execution_options=_UNASKED)
    if found is None:
        raise Missing("There is no such center.")
    return found


def the_site() -> Site:
    """The site that public pages belong to: the first one made.

    Raises:
        Missing: nothing is set up yet.
    """
    found = db.session.scalar(select(Site).order_by(Site.created_at, Site.id).limit(1))
    if found is None:
        raise Missing("This center is not set up yet.")
    return found


def zone(of: Site) -> ZoneInfo:
    """The time zone of a site."""
    return ZoneInfo(of.time_zone)


def day(site_id: int, at: datetime) -> date:
    """The day it is at a center at a moment: what is written down in the evening happened that day."""
    return at.astimezone(zone(site(site_id))).date()


def value(site_id: int, key: str, *, session: Session | None = None) -> Any:
    """The value of a setting in force now; the coded default when the center never changed it."""
    chosen = _in_force(session or db.session(), site_id).get(key, DEFAULTS[key])
    # A value of several parts may be older than one of them.
    return {**DEFAULTS[key], **chosen} if isinstance(chosen, dict) and isinstance(DEFAULTS[key], dict) else chosen


def _in_force(session: Session, site_id: int) -> dict[str, Any]:
    """What the center changed, by key: one statement in a transaction, however many settings are asked for."""
    of, known = session.info.get(_CHANGED, (None, {}))
    if of is None or of is not session.get_transaction():
        known = {}
    if site_id not in known:
        rows = session.execute(_IN_FORCE, {"site": site_id})
        known = {**known, site_id: {key: value["value"] for key, value in rows}}
        session.info[_CHANGED] = (session.get_transaction(), known)
    found: dict[str, Any] = known[site_id]
    return found


def forget_values() -> None:
    """Read the settings again: one was changed in this transaction."""
    db.session().info.pop(_CHANGED, None)


def target_minutes(site_id: int, acuity: int) -> int:
    """Minutes to first human contact for an acuity of 1 to 4."""
    return int(value(site_id, "targets_minutes")[str(acuity)])


def rule_set(site_id: int) -> tuple[int, routing.RuleSet]:
    """Number and content of the routing rule set in force; 1 is the table as coded."""
    row = db.session.scalar(_RULES, {"site": site_id})
    return (1, routing.DEFAULT) if row is None else (row.n, _read(row))


def rule_set_numbered(site_id: int, n: int) -> routing.RuleSet:
    """The rule set of a number, so that an old placement can be explained by the rules it was made with.

    Raises:
        Missing: there is none of this number.
    """
    row = db.session.scalar(select(RuleSet).where(RuleSet.site_id == site_id, RuleSet.n == n))
    if row is not None:
        return _read(row)
    if n == 1:
        return routing.DEFAULT
    raise Missing("There is no such rule set.")


def _read(row: RuleSet) -> routing.RuleSet:
    return routing.RuleSet(str(row.n), row.approved_on, row.approver or None, row.overlay)


def editable_values(site_id: int) -> dict[str, Any]:
    """The values in force of everything the settings page can change, by name in its form."""
    found: dict[str, Any] = {}
    for each in EDITABLE:
        whole = value(site_id, each.key)
        found[each.name] = whole[each.part] if each.part else whole
    return found


def differences(site_id: int, asked: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What would change: words, value now, value asked for."""
    found = []
    for each in EDITABLE:
        now, new = value(site_id, each.key), asked[each.key]
        if each.part:
            now, new = now[each.part], new[each.part]
        if now != new:
            found.append((each.words, _said(now, each.unit), _said(new, each.unit)))
    return found


def _said(value_: Any, unit: str) -> str:
    if isinstance(value_, bool):
        return "yes" if value_ else "no"
    return f"{value_} {unit}".strip()


def newest_change(site_id: int) -> str:
    """A word for the state of all settings; another one after any change."""
    newest = db.session.scalar(
        select(Setting.id).where(Setting.site_id == site_id).order_by(Setting.valid_from.desc(), Setting.id).limit(1)
    )
    return id_text(newest) if newest else "none"


def history(site_id: int, limit: int = 20) -> list[Setting]:
    """The latest changes of settings, newest first."""
    return list(
        db.session.scalars(
            select(Setting).where(Setting.site_id == site_id).order_by(Setting.valid_from.desc()).limit(limit)
        )
    )


def rule_sets(site_id: int) -> list[RuleSet]:
    """Every rule set that was put in force, newest first."""
    return list(db.session.scalars(select(RuleSet).where(RuleSet.site_id == site_id).order_by(RuleSet.n.desc())))


@dataclass(frozen=True)
class Lesson:
    """An education text that may be shown and sent: the words, and the review that holds."""

    text: texts.Text
    review: EducationReview


def education(topic: str, locale: str, now: datetime, *, site_id: int) -> Lesson | None:
    """The text of a topic in the reader's language if this center may show it now, else None.

    None while nobody reviewed these words, after the review's last day, and once it was withdrawn.

    Raises:
        KeyError: no such topic.
    """
    return lessons((site_id,), now, topics=(topic,)).get((site_id, topic, texts.short(locale)))


def lessons(
    site_ids: Collection[int], now: datetime, *, topics: Collection[str] = texts.TOPICS
) -> dict[tuple[int, str, str], Lesson]:
    """Every text that may be shown now, by (site, topic, language); one statement."""
    rows = db.session.scalars(
        select(EducationReview)
        .where(
            EducationReview.site_id.in_(site_ids),
            EducationReview.topic.in_(topics),
            EducationReview.withdrawn_at.is_(None),
            EducationReview.ends_at > now,
        )
        .order_by(EducationReview.created_at, EducationReview.id)
    )
    found: dict[tuple[int, str, str], Lesson] = {}
    for row in rows:
        words = texts.text(row.topic, row.locale)
        if row.digest == words.digest:
            found[(row.site_id, row.topic, row.locale)] = Lesson(words, row)
    return found


def lessons_for(site_id: int, locale: str, now: datetime) -> list[Lesson]:
    """What a reader may be shown now, in the order of the topics."""
    found = lessons((site_id,), now)
    wanted = ((site_id, topic, texts.short(locale)) for topic in texts.TOPICS)
    return [found[key] for key in wanted if key in found]


@dataclass(frozen=True)
class Shelf:
    """One text on the settings page: its state is "reviewed", "stale", "changed" or "not_reviewed"."""

    text: texts.Text
    state: str
    review: EducationReview | None


def shelf(site_id: int, now: datetime) -> list[Shelf]:
    """Every text with what this center made of it, newest review first in line."""
    newest: dict[tuple[str, str], EducationReview] = {}
    for row in db.session.scalars(
        select(EducationReview)
        .where(EducationReview.site_id == site_id, EducationReview.withdrawn_at.is_(None))
        .order_by(EducationReview.created_at, EducationReview.id)
    ):
        newest[(row.topic, row.locale)] = row
    return [Shelf(t, _standing(t, newest.get((t.topic, t.locale)), now), newest.get((t.topic, t.locale)))
            for t in texts.texts()]  # fmt: skip


def _standing(words: texts.Text, review: EducationReview | None, now: datetime) -> str:
    if review is None:
        return "not_reviewed"
    if review.digest != words.digest:
        return "changed"
    return "reviewed" if review.ends_at > now else "stale"
