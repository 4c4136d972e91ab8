"""Change what a center decides; forward only, audited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from intake.actor import Actor, system
from intake.audit import service as audit
from intake.db import db, new_id
from intake.settings.defaults import DEFAULTS
from intake.settings.models import Setting, Site


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
    audit.record(actor=actor, verb="changed", record="setting", record_id=row.id, changed=(key,), purpose=key, now=now)
    return row
