"""The demo center as a database to copy, and real ids for every address of the URL map."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from werkzeug.routing import AnyConverter, Rule

from config import Config
from intake import create_app
from intake.accounts.models import ApiToken, Passkey, Staff, StaffSession
from intake.actor import Role
from intake.beds.models import Bed, CapacityMark, Unit
from intake.cases.models import Case, CaseAlert, Grant, LegalHold
from intake.checkins.models import CheckIn
from intake.cli.demo.command import demo
from intake.clock import utcnow
from intake.consents.models import Consent, Disclosure
from intake.crypto import token_digest
from intake.db import db, new_id, transaction
from intake.inquiries.models import Inquiry, InquiryDraft, OutsidePlace, Referral, ReferralOut
from intake.messages.models import Message
from intake.people.models import ContactPoint, Coverage, EmergencyContact
from intake.queues.models import QueueEntry
from intake.screening.models import Placement
from intake.tapers.models import PlanVersion, TaperPlan
from intake.tasks.models import Task
from intake.visits.models import Appointment

ROOT = Path(__file__).resolve().parents[1]

# The argument of an address, and the table whose ids fit it.
TABLES: dict[str, type[DeclarativeBase]] = {
    "case_id": Case,
    "inquiry_id": Inquiry,
    "plan_id": TaperPlan,
    "placement_id": Placement,
    "message_id": Message,
    "draft_id": InquiryDraft,
    "check_in_id": CheckIn,
    "entry_id": QueueEntry,
    "alert_id": CaseAlert,
    "task_id": Task,
    "staff_id": Staff,
    "appointment_id": Appointment,
    "session_id": StaffSession,
    "referral_id": Referral,
    "token_id": ApiToken,
    "coverage_id": Coverage,
    "hold_id": LegalHold,
    "passkey_id": Passkey,
    "unit_id": Unit,
    "bed_id": Bed,
    "mark_id": CapacityMark,
    "consent_id": Consent,
    "disclosure_id": Disclosure,
    "contact_id": ContactPoint,
    "grant_id": Grant,
    "named_id": EmergencyContact,
    "out_id": ReferralOut,
    "place_id": OutsidePlace,
}
WORDS: dict[str, tuple[str, ...]] = {
    "part": ("safety", "use", "cows", "pain", "level"),
    "name": ("now", "who", "you", "use", "pain", "reach", "feel", "pay"),
    "queue": ("now", "detox", "outpatient", "callback"),
    "key": ("funnel", "waits", "peg"),
    "n": ("1",),
    "a": ("1",),
    "b": ("1",),
    "token": ("0" * 64,),
    "filename": ("ui.css",),
}


NOBODY = 1


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a process on the demo center in `folder`."""
    return {
        "INTAKE_ENV": "development",
        "INTAKE_DATA": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}",
        "SECRET_KEY": "5e" * 32,
        "INTAKE_MASTER_KEY": "4d" * 32,
        "INTAKE_BLIND_KEY": "b1" * 32,
        "PUBLIC_URL": "http://localhost",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME": "1",
        **more,
    }


def template(shared: Path) -> Path:
    """The folder of the demo center, made once per run whoever asks first."""
    folder = shared / "demo-center"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            application = create_app(Config.read(environment(folder)))
            with application.app_context():
                flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            result = application.test_cli_runner().invoke(demo)
            assert result.exit_code == 0, (result.output, result.exception)
            with application.app_context():
                with db.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                db.engine.dispose()
            (folder / "made").touch()
    return folder


def copy(shared: Path, target: Path) -> Path:
    """A demo center of one's own."""
    source = template(shared)
    for name in ("demo.sqlite3", "demo-sign-ins.json"):
        shutil.copy(source / name, target / name)
    os.makedirs(target / "mail", exist_ok=True)
    return target


def application(folder: Path) -> Flask:
    """The application on a copied demo center."""
    return create_app(Config.read(environment(folder)))


def sign_in(app: Flask, role: Role, *, email: str = "") -> FlaskClient:
    """A browser of the first demo person of a role, or of `email`; its session is a row like any other."""
    client = app.test_client()
    with client.session_transaction("/inbox") as session:
        session["_user_id"] = session_secret(app, role, email=email)
        session["_fresh"] = True
    return client


def session_secret(app: Flask, role: Role, *, email: str = "") -> str:
    """The secret of a new, fully signed-in session of a role."""
    secret = secrets.token_hex(32)
    with app.app_context(), transaction():
        named = [Staff.email == email] if email else []
        staff = db.session.scalars(select(Staff).where(Staff.role == role, *named).order_by(Staff.email).limit(1)).one()
        now = utcnow()
        db.session.add(
            StaffSession(
                id=new_id(),
                digest=token_digest(secret),
                staff_id=staff.id,
                created_at=now,
                seen_at=now,
                ends_at=now + timedelta(hours=8),
                second_factor=True,
                step_up_at=now,
                browser="test",
            )
        )
    return secret


def ids(app: Flask) -> dict[str, list[Any]]:
    """Some real values for each argument of an address."""
    with app.app_context():
        found: dict[str, list[Any]] = {
            name: list(db.session.scalars(select(table.__table__.c.id).order_by(table.__table__.c.id).limit(4)))
            for name, table in TABLES.items()
        }
        # Plans first whose first version is signed, so that their pages have something to show.
        signed = select(PlanVersion.plan_id).where(PlanVersion.n == 1, PlanVersion.signed_at.is_not(None))
        found["plan_id"] = list(db.session.scalars(signed))
        _one_told_of(found)
    return found


def _one_told_of(found: dict[str, list[Any]]) -> None:
    """Put a case first that has a consent, a copy given out and a contact point, and those of it first too."""
    told = db.session.execute(
        select(Disclosure.case_id, Disclosure.id, Disclosure.consent_id, Case.person_id)
        .join(Case, Case.id == Disclosure.case_id)
        .where(Disclosure.consent_id.is_not(None), Case.restricted.is_(False))
        .order_by(Disclosure.at)
        .limit(1)
    ).one_or_none()
    if told is None:
        return
    found["case_id"] = [told.case_id, *(i for i in found["case_id"] if i != told.case_id)]
    found["consent_id"], found["disclosure_id"] = [told.consent_id], [told.id]
    points = select(ContactPoint.id).where(ContactPoint.person_id == told.person_id)
    named = select(EmergencyContact.id).where(EmergencyContact.person_id == told.person_id)
    found["named_id"] = list(db.session.scalars(named)) or found["named_id"]
    found["contact_id"] = list(db.session.scalars(points.order_by(ContactPoint.created_at)))


def addresses(app: Flask, rule: Rule, known: dict[str, list[Any]], most: int = 2) -> Iterator[str]:
    """Addresses of one rule with real values; an argument nobody knows raises, so that a new one is noticed."""
    numeric = {name for name, converter in rule._converters.items() if type(converter).__name__ == "IntegerConverter"}
    with app.test_request_context():
        for turn in range(most):
            values: dict[str, Any] = {}
            for name, converter in rule._converters.items():
                if isinstance(converter, AnyConverter):
                    values[name] = sorted(converter.items)[turn % len(converter.items)]
                    continue
                pool = known.get(name) or WORDS.get(name) or ([NOBODY] if name in TABLES else None)
                if pool is None:
                    raise LookupError(f"{rule.rule}: say in tests/world.py what {name} may be")
                value = pool[turn % len(pool)]
                values[name] = int(value) if name in numeric else value
            yield str(app.url_map.bind("localhost").build(rule.endpoint, values))
            if not rule._converters:
                return
