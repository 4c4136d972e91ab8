"""What half a call means already: queue and rules now, what is missing, who may be the same person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from intake.actor import Actor
from intake.clinical import routing
from intake.db import db
from intake.inquiries import call_forms, placing
from intake.inquiries.answers import OPIOIDS
from intake.inquiries.models import Inquiry, InquiryDraft, InquiryState
from intake.inquiries.queries import Match, matches
from intake.inquiries.values import kept_danger
from intake.people import queries as people
from intake.settings import queries as settings


@dataclass(frozen=True)
class LiveRead:
    """The right side of the call page."""

    placement: routing.Placement
    signals: tuple[str, ...]
    danger: tuple[str, ...]
    handed_over: bool
    missing: tuple[tuple[str, str], ...]
    asked: int
    opioid_and_benzo: bool
    matches: tuple[Match, ...]
    inquiry_id: int | None


def read(draft: InquiryDraft, told: Mapping[str, Any], *, actor: Actor, now: datetime) -> LiveRead:
    """Read a draft's answers as typed; nothing is stored."""
    today = settings.day(actor.site_id, now)
    said = call_forms.so_far(told, today=today)
    _n, rules = settings.rule_set(actor.site_id)
    row = db.session.get(Inquiry, draft.inquiry_id) if draft.inquiry_id else None
    danger = kept_danger(row.danger, said.danger) if row else dict(said.danger)
    age = people.age_on(said.born_on, said.age_years, today)
    missing = tuple(call_forms.missing(told))
    takes = set(said.facts.get("takes", ()))
    return LiveRead(
        placement=placing.place(danger=danger, told=said.facts, age=age, rules=rules),
        signals=placing.signals(said.facts, third_party=False, may_voicemail=True),
        danger=tuple(code for code, answer in danger.items() if answer == "yes"),
        handed_over=row is not None and row.state is InquiryState.CRISIS_HANDED_OVER,
        missing=missing,
        asked=len(call_forms.ASKED),
        opioid_and_benzo=bool(takes & OPIOIDS) and "benzo" in takes,
        matches=matches(
            actor,
            name=said.name or said.inquirer,
            phone=said.reach.phone,
            born_on=said.born_on,
            age=age,
            leave_out=(row.person_id, row.inquirer_id) if row else (),
        ),
        inquiry_id=draft.inquiry_id,
    )
