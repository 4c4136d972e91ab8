"""The demo center itself: its words, its invented staff with their sign-ins, and its reviewed texts."""

from __future__ import annotations

import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
from sqlalchemy import event

from config import Config
from intake import crypto
from intake.accounts import service as accounts
from intake.accounts.models import Staff
from intake.actor import Actor, Role
from intake.db import db, transaction
from intake.settings import education, forms
from intake.settings import service as settings
from intake.settings.models import Site

STAFF = (
    ("rosa", "Rosa Diaz", Role.ADMISSIONS),
    ("nina", "Nina Park", Role.CLINICIAN),
    ("cyrus", "Cyrus Bell", Role.CLINICIAN),
    ("amara", "Dr. Amara Osei", Role.PRESCRIBER),
    ("peter", "Dr. Peter Lund", Role.PRESCRIBER),
    ("sol", "Sol Reyes", Role.SUPERVISOR),
    ("drew", "Drew Hale", Role.PRIVACY),
    ("alex", "Alex Moor", Role.ADMIN),
)
FILE = "demo-sign-ins.json"


def make(config: Config, now: datetime) -> tuple[Site, dict[str, Actor]]:
    """Set the center up in an empty database; sign-ins go to a file that only its owner reads."""
    with transaction():
        site = settings.add_site(
            slug="northlight",
            name="Northlight Intake",
            discreet_name="Northlight",
            phone="(555) 014-2200",
            email_from="hello@northlight.example",
            time_zone="America/New_York",
            aliases=("Northlight Detox", "Northlight Recovery Center"),
            is_demo=True,
            now=now,
        )
        passwords = {key: "-".join(secrets.token_hex(2) for _ in range(4)) for key, _name, _role in STAFF}
        staff = {
            key: accounts.add_staff(
                site_id=site.id,
                email=f"{key}@northlight.example",
                name=name,
                role=role,
                password=passwords[key],
                is_demo=True,
                now=now,
            )
            for key, name, role in STAFF
        }
        for row in staff.values():
            _enrol(row)
        _review_texts(accounts.actor_of(staff["alex"]), now)
    _write(config.data, [(staff[k].name, r.value, staff[k].email, passwords[k]) for k, _n, r in STAFF])
    return site, {key: accounts.actor_of(row) for key, row in staff.items()}


def _review_texts(actor: Actor, now: datetime) -> None:
    """Every education text but one is reviewed, so that both looks can be seen."""
    day = now.date() - timedelta(days=30)
    for text in education.texts():
        if (text.topic, text.locale) != ("pain", "es"):
            seen, until = text.digest.hex(), day + timedelta(days=365)
            asked = forms.Review(text.topic, text.locale, "Dr. Amara Osei", day, until, seen)
            settings.review_text(asked, actor=actor, now=now)


def hurry() -> None:
    """On SQLite, do not wait for the disk: data that is made again in a minute needs no care."""
    if db.engine.dialect.name == "sqlite":
        event.listen(db.engine, "connect", _careless)
        db.session.remove()
        db.engine.dispose()


def careful() -> None:
    """Take `hurry` back, for whatever this process does next."""
    if db.engine.dialect.name == "sqlite":
        event.remove(db.engine, "connect", _careless)
        db.session.remove()
        db.engine.dispose()


def _careless(connection: Any, _record: Any) -> None:
    for pragma in ("synchronous=OFF", "cache_size=-200000", "temp_store=MEMORY", "wal_autocheckpoint=20000"):
        connection.execute(f"PRAGMA {pragma}")


def _enrol(row: Staff) -> None:
    row.totp_sealed = crypto.seal(pyotp.random_base32(), key_of=row.id, at="staff.totp", row=row.id)
    row.second_factor_at = row.created_at


def _write(folder: Path, rows: list[tuple[str, str, str, str]]) -> None:
    keys = ("name", "role", "email", "password")
    path = folder / FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump([dict(zip(keys, row, strict=True)) for row in rows], file, indent=1)
