"""A sitting for tests: complete sets of answers, and a browser that is signed in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from intake.accounts.models import Staff, StaffSession
from intake.clinical import instruments
from intake.clock import utcnow
from intake.crypto import token_digest
from intake.db import db, id_text, new_id, transaction
from intake.inquiries.models import Inquiry
from intake.screening import service
from intake.screening.models import Screening
from intake.screening.parts import DANGER
from tests.people import Cast

NO_DANGER = dict.fromkeys(DANGER, "no")
CALM = {"cssrs_screen-q1": 0, "cssrs_screen-q2": 0, "cssrs_screen-q6": 0}


def phq9(value: int = 0, **more: Any) -> dict[str, Any]:
    """Nine answers of one value, some of them changed."""
    return {f"phq9-p{n}": value for n in range(1, 10)} | {f"phq9-{k}": v for k, v in more.items()}


def cows(total: int) -> dict[str, int]:
    """Eleven COWS answers that add up to `total` (0 to 48)."""
    found, left = {}, total
    for item in instruments.get("cows").items:
        value = max(o.value for o in item.options if o.value <= left)
        found[f"cows-{item.id}"], left = value, left - value
    assert left == 0, f"no COWS answers add up to {total}"
    return found


SAFETY = {**NO_DANGER, **CALM, **phq9()}
USE = {
    "opioid_use": "prescribed",
    "last_opioid_hours": 20,
    "opioids-1-drug": "oxycodone",
    "opioids-1-strength": "30",
    "opioids-1-units": "1",
    "opioids-1-freq": "tid",
    "opioids-1-form": "er",
    "benzo": "none",
    "alcohol": "none",
    "auditc-frequency": 0,
    "auditc-quantity": 0,
    "auditc-heavy": 0,
    "pregnancy": "no",
    "overdose_90d": "no",
    "prior_complicated_withdrawal": "no",
}
PAIN = {
    "s1": "yes",
    "s2": "yes",
    "s3": "no",
    "s4": "no",
    "s5": "yes",
    "inc": "worse",
    "dec": "not_tried",
    "end_of_dose": "no",
    "relieved_by_usual_dose": "no",
    "missed_or_cut_7d": "no",
    "new_pathology": "no",
    "exposure_days": 800,
    "peg-pain": 7,
    "peg-enjoyment": 8,
    "peg-activity": 7,
}
LEVEL = {
    "age": 46,
    "living": "stable",
    "support": "yes",
    "readiness": "ready",
    "speed_requested": "standard",
    "moud": "none",
    "outpatient_tries_12m": 0,
    "taper_ended_early": "no",
    "psych_unstable": "no",
    "medical_unstable": "no",
    "cannot_keep_fluids": "no",
    "treatable_problem": "yes",
    "pain_excluded": "no",
    "systolic": 128,
    "diastolic": 82,
    "pulse": 96,
}
DANA: Mapping[str, Mapping[str, Any]] = {"safety": SAFETY, "use": USE, "cows": cows(15), "pain": PAIN, "level": LEVEL}
"""The person of the pictures: COWS 15, 135 MME a day, features of OIH."""


def sit(
    inquiry: Inquiry,
    cast: Cast,
    answers: Mapping[str, Mapping[str, Any]] = DANA,
    *,
    by: str = "cleo",
    mode: str = "full",
    now: datetime | None = None,
    **changed: Mapping[str, Any],
) -> Screening:
    """Answer all given parts (with some answers changed), one transaction each; the screening stays a draft."""
    actor, at = getattr(cast, by), now or utcnow()
    with transaction():
        row = service.start(inquiry, mode=mode, actor=actor, now=at)
    for part, values in answers.items():
        with transaction():
            service.answer(row.id, part, {**values, **changed.get(part, {})}, actor=actor, now=at)
    return row


class Browser:
    """A signed-in browser that sends forms with their token."""

    def __init__(self, app: Flask, who: str = "cleo") -> None:
        self.client: FlaskClient = app.test_client()
        secret = secrets.token_hex(16)
        with app.app_context(), transaction():
            staff = db.session.scalars(select(Staff).where(Staff.email.startswith(f"{who}@"))).one()
            now = utcnow()
            row = StaffSession(
                id=new_id(), digest=token_digest(secret), staff_id=staff.id, created_at=now, seen_at=now,
                ends_at=now + timedelta(hours=8), second_factor=True, browser="test",
            )  # fmt: skip
            db.session.add(row)
        with self.client.session_transaction("/inbox") as session:
            session["_user_id"] = secret
            session["_fresh"] = True

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **more)

    def post(self, path: str, data: Mapping[str, Any], *, page: str = "/sign-in", **more: Any) -> TestResponse:
        """Send a form with the token of `page`."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(page).text)
        assert token is not None
        return self.client.post(path, data={"csrf_token": token[1], **data}, **more)


def url(inquiry_id: int, part: str = "safety") -> str:
    """The address of one part."""
    return f"/inquiries/{id_text(inquiry_id)}/screening/{part}"
