"""A consent of a case's person, written and signed, for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents import service
from intake.consents.models import ConsentKind
from intake.consents.service import Signature
from intake.consents.wanted import Wanted
from intake.db import transaction
from intake.people import queries as people
from tests.people import Cast

CLINIC = "Dr. Ana Ruiz, Lakeside Clinic"


def wanted(**more: Any) -> Wanted:
    """A complete consent to tell a clinic that the person is in care; with `kind`, one of another kind."""
    kind = more.pop("kind", ConsentKind.DISCLOSURE)
    values: dict[str, Any] = {
        "discloser": "Northlight", "recipient": CLINIC, "parts": ("presence",), "purpose": "treatment",
        "expires_at": utcnow() + timedelta(days=90),
    }  # fmt: skip
    if kind is not ConsentKind.DISCLOSURE:
        values |= {"recipient": "", "parts": (), "purpose": ""}
    return Wanted(kind=kind, **{**values, **more})


def agreed(cast: Cast, case: Case, *, guardian: str = "", **more: Any) -> int:
    """The id of a signed consent."""
    with transaction():
        row = service.draft(people.person(case.person_id), wanted(**more), actor=cast.ada, now=utcnow())
        consent_id = row.id
    with transaction():
        signature = Signature("paper", "Theo Lane", utcnow(), guardian=guardian)
        service.sign(consent_id, signature, actor=cast.ada, now=utcnow())
    return consent_id
