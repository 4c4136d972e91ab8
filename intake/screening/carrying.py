"""What an earlier contact already told: shown beside its question, counted only once somebody confirms it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from intake import crypto
from intake.inquiries import placing
from intake.inquiries.models import Inquiry
from intake.screening import queries
from intake.screening.lines import DOSES, UNKNOWN
from intake.screening.parts import DANGER, PARTS

# Danger is about today; an older answer has to be asked again.
DANGER_HOLDS = timedelta(hours=24)
_FIRST_CONTACT = {"opioid_use": "use", "pregnancy": "use"}


def over(inquiry: Inquiry, *, now: datetime) -> dict[str, dict[str, Any]]:
    """Return name -> {part, value, at, source} of what may still hold.

    From the person's last complete screening everything but what changes within days, and never a dose. Before there is
    any screening, the few facts the inquiry told, and its danger answers of the last 24 hours.
    """
    last = queries.last_of_person(inquiry.person_id)
    if last is None or last.completed_at is None:
        return _from_inquiry(inquiry, now)
    document = queries.document(last)
    at = last.completed_at.isoformat()
    told: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        given = document.get(part.key, {})
        for name in _lasting(part.key):
            if given.get(name) not in (None, UNKNOWN):
                told[name] = {"part": part.key, "value": given[name], "at": at, "source": "screening"}
    return told


def _lasting(part: str) -> tuple[str, ...]:
    page = next(p for p in PARTS if p.key == part)
    names: list[str] = []
    for block in page.blocks:
        names += [q.name for q in block.questions if not q.state]
        if block.rows:
            names += [n for n in block.names() if n.startswith(f"{block.rows}-") and n.split("-")[2] not in DOSES]
    return tuple(names)


def _from_inquiry(inquiry: Inquiry, now: datetime) -> dict[str, dict[str, Any]]:
    at = inquiry.received_at.isoformat()

    def told(part: str, value: Any) -> dict[str, Any]:
        return {"part": part, "value": value, "at": at, "source": "inquiry"}

    recent = now - inquiry.received_at < DANGER_HOLDS
    found = {n: told("safety", inquiry.danger[n]) for n in DANGER if recent and inquiry.danger.get(n) in ("yes", "no")}
    clear = crypto.open_(inquiry.facts, at="inquiry.facts", row=inquiry.id)
    if clear and clear != crypto.ERASED:
        facts = placing.facts(danger={}, told=json.loads(clear), age=None)
        for name, part in _FIRST_CONTACT.items():
            value = getattr(facts, name)
            if value not in (None, UNKNOWN):
                found[name] = told(part, value)
    return found
