"""How the parts of the house are: database, schema, broker, lateness of mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import redis
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import select, text

from config import Config
from intake.accounts import service as accounts
from intake.accounts.models import Staff
from intake.db import db
from intake.messages import pulse
from intake.messages.models import Heartbeat


@dataclass(frozen=True)
class Part:
    """One part with a yes or no and a few words."""

    name: str
    ok: bool
    words: str


def config() -> Config:
    """The settings of this process."""
    found: Config = current_app.extensions["intake.config"]
    return found


def schema() -> Part:
    """Whether the database stands at the newest migration."""
    here = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    folder = Path(current_app.root_path).parent / "migrations"
    head = ScriptDirectory(str(folder)).get_current_head()
    return Part("schema", here == head, f"at {here}")


def broker() -> Part:
    """Whether the broker answers; without one the web process sends by itself."""
    url = config().redis_url
    if not url:
        return Part("broker", True, "none configured, the web process sends")
    try:
        policy = redis.Redis.from_url(url, socket_timeout=2).config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.RedisError as away:
        return Part("broker", False, type(away).__name__)
    return Part("broker", True, "answers" if policy == "noeviction" else f"answers, but evicts ({policy})")


def heartbeats(now: datetime) -> list[tuple[str, float]]:
    """Names of the runners and the seconds since their last work."""
    rows = db.session.execute(select(Heartbeat.name, Heartbeat.at).order_by(Heartbeat.name)).all()
    return [(name, (now - at).total_seconds()) for name, at in rows]


def parts() -> list[Part]:
    """All parts; the house is ready when the database, the schema and the mail are. A lost broker only costs time."""
    seen = pulse.pulse()
    return [
        Part("database", True, db.engine.dialect.name),
        schema(),
        broker(),
        Part("mail", not seen.is_late, f"oldest due message {seen.late:.0f} s late"),
        Part("runner", not seen.is_silent, _worked(seen.silent)),
    ]


def _worked(silent: float | None) -> str:
    return "has not worked yet" if silent is None else f"worked {silent:.0f} s ago"


def demo_codes() -> list[tuple[str, str, str, str]]:
    """Name, role, email and second-factor secret of the demo staff (development only)."""
    rows = db.session.scalars(select(Staff).where(Staff.is_demo.is_(True)).order_by(Staff.name))
    return [(s.name, s.role.value, s.email, accounts.totp_secret(s)) for s in rows]
