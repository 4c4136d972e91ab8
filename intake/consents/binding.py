"""A consent that is a condition of a criminal case: it is not taken back before its day or its event (42 CFR 2.35).

The law asks that the paper names when it can be taken back, and that this is no later than the final disposition of
the case. Counsel confirms the wording before live use.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_

from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.clock import db_now
from intake.consents.models import Consent, ConsentKind, ConsentState
from intake.consents.wanted import Wanted
from intake.errors import AlreadyDone, NotPermitted, RuleBroken

PURPOSE = "legal"
# Still bound, on the database's clock.
HELD = and_(
    or_(Consent.bound_until.is_not(None), Consent.bound_event.is_not(None)),
    Consent.freed_at.is_(None),
    or_(Consent.bound_until.is_(None), Consent.bound_until > db_now()),
)


def is_bound(row: Consent) -> bool:
    """Whether it was given as a condition of a criminal case."""
    return row.bound_until is not None or row.bound_event is not None


def holds(row: Consent, now: datetime) -> bool:
    """Whether it cannot be taken back yet: neither its day nor its event has come."""
    return is_bound(row) and row.freed_at is None and (row.bound_until is None or row.bound_until > now)


def problems(wanted: Wanted) -> dict[str, str]:
    """What is wrong with a consent that is to be bound: field -> sentence."""
    if not wanted.bound:
        return {}
    wrong: dict[str, str] = {}
    if wanted.kind is not ConsentKind.DISCLOSURE or wanted.purpose != PURPOSE:
        wrong["bound"] = "Only facts for a court, probation or another legal matter can be bound."
    elif wanted.recipient_kind != "named":
        wrong["recipient_kind"] = "Name the court or officer who gets the facts."
    if wanted.bound_until is None and not wanted.bound_event:
        wrong["bound_on"] = "Say from when it can be taken back: a day, or what has to happen."
    elif wanted.bound_until is not None and wanted.expires_at is not None and wanted.bound_until > wanted.expires_at:
        wrong["bound_on"] = "It can be taken back on its last day at the latest."
    return wrong


def refuse(row: Consent, now: datetime) -> None:
    """Stop whoever takes back a consent that is still bound.

    Raises:
        RuleBroken: BOUND.
    """
    if holds(row, now):
        sentence = (
            "This was given as a condition of a criminal case, so it cannot be taken back yet (42 CFR 2.35). "
            "The page says from when."
        )
        raise RuleBroken(sentence, code="BOUND", fields={"revoked_how": sentence})


def free(row: Consent, *, actor: Actor, now: datetime) -> None:
    """Record that what bound a consent is over: from now on the person may take it back. The row is locked.

    Raises:
        NotPermitted. AlreadyDone: it has ended, nothing binds it any more, or only its day does.
    """
    if not actor.may(*STAFF, Role.PRIVACY):
        raise NotPermitted("Your role does not include consents.")
    if row.state is not ConsentState.ACTIVE or not holds(row, now) or row.bound_event is None:
        raise AlreadyDone("Nothing binds this consent now.", code="NOT_BOUND")
    row.freed_at = now
    audit.record(
        actor=actor, verb="freed", record="consent", record_id=row.id, changed=("freed_at",), purpose="bound_event",
        now=now,
    )  # fmt: skip
