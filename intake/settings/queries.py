"""What is in force now: the site, a setting, the rule set."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.clock import db_now
from intake.db import db
from intake.errors import Missing
from intake.settings.defaults import DEFAULTS
from intake.settings.models import Setting, Site


def site(site_id: int) -> Site:
    """The site of an id.

    Raises:
        Missing: there is none.
    """
    found = db.session.get(Site, site_id)
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


def value(site_id: int, key: str) -> Any:
    """The value of a setting in force now; the coded default when the center never changed it."""
    found = db.session.scalar(
        select(Setting.value)
        .where(Setting.site_id == site_id, Setting.key == key, Setting.valid_from <= db_now())
        .order_by(Setting.valid_from.desc())
        .limit(1)
    )
    return DEFAULTS[key] if found is None else found["value"]


def target_minutes(site_id: int, acuity: int) -> int:
    """Minutes to first human contact for an acuity of 1 to 4."""
    return int(value(site_id, "targets_minutes")[str(acuity)])
