"""Tell somebody in words, through the gate: allowed and written down first, then said, then what came of it.

Each target is told under the consent bound to it, or under a legal ground with its facts; never more than its kind may
be told at the widest, and only in a way that is safe now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.cases import queries as cases
from intake.clock import db_now
from intake.consents import scope
from intake.consents import service as consents
from intake.consents.models import Consent, ConsentKind, Disclosure, DisclosureState
from intake.consents.queries import ConsentView
from intake.consents.wanted import Wanted
from intake.db import db
from intake.errors import Missing, RuleBroken
from intake.people import queries as people
from intake.release import service
from intake.release.service import Ask, Handed
from intake.settings import queries as settings
from intake.tasks import service as tasks

WAY, IN_PERSON = "spoken", "in_person"
OUTCOMES = ("told", "not_reached")


@dataclass(frozen=True)
class Target:
    """Somebody outside who may be told something about a case.

    `widest` are the kinds of facts that may be told at most, `ways` how they may be told now (code and words), `told`
    the kind of line in the story, and `ends` the key of the task that telling them ends.
    """

    name: str
    affiliation: str
    purpose: str
    consent_id: int | None
    widest: frozenset[str]
    ways: Sequence[tuple[str, str]]
    told: str
    ends: str


@dataclass(frozen=True)
class Terms:
    """What a consent to be written shall say: codes of facts, and when it ends."""

    parts: Sequence[str]
    expires_at: datetime | None
    end_event: str
    language: str = "en"


@dataclass(frozen=True)
class Open:
    """What was allowed a moment ago and is not said yet: which facts in words, and until when."""

    id: int
    parts: Sequence[str]
    until: datetime


def agree(case_id: int, target: Target, terms: Terms, *, actor: Actor, now: datetime) -> Consent:
    """Write down the consent that a target needs, for signing; the caller binds it.

    Raises:
        Missing, NotPermitted. RuleBroken: no facts, more than may be told at the widest, or no end.
    """
    case = cases.readable(actor, case_id)
    _check_widest(target, terms.parts)
    wanted = Wanted(
        kind=ConsentKind.DISCLOSURE, discloser=settings.site(case.site_id).name,
        recipient=f"{target.name}, {target.affiliation}", parts=tuple(terms.parts), purpose=target.purpose,
        expires_at=terms.expires_at, end_event=terms.end_event, language=terms.language,
    )  # fmt: skip
    return consents.draft(people.person(case.person_id), wanted, actor=actor, now=now)


def _check_widest(target: Target, parts: Sequence[str]) -> None:
    if not set(parts) <= target.widest:
        raise RuleBroken("Nobody is told more than this.", code="WIDEST", fields={"parts": "Pick from this list."})


def ask(
    case_id: int, target: Target, *, parts: Sequence[str], ground: str, facts: str, actor: Actor, now: datetime
) -> Disclosure:
    """Ask the gate whether a target may be told, under its consent or, with `ground`, without one.

    Raises:
        Missing, NotPermitted. RuleBroken: more than may be told at the widest.
    """
    _check_widest(target, parts)
    asked = Ask(
        parts, consent_id=None if ground else target.consent_id, ground=ground, recipient=target.name,
        affiliation=target.affiliation, facts=facts, way=WAY,
    )  # fmt: skip
    return service.authorize(case_id, asked, actor=actor, now=now)


def told(
    case_id: int, target: Target, disclosure_id: int, *, how: str, outcome: str, actor: Actor, now: datetime
) -> Handed:
    """Record that what was allowed was said, or that nobody was reached; the gate looks once more before it counts.

    Raises:
        Missing. RuleBroken: a way that is not safe now, or no outcome (by field).
    """
    wrong: dict[str, str] = {}
    if outcome not in OUTCOMES:
        wrong["outcome"] = "Say what came of it."
    if how not in {way for way, _words in target.ways}:
        wrong["how"] = "Pick a phone that is safe now, or face to face."
    if wrong:
        raise RuleBroken("This is not complete.", code="TOLD", fields=wrong)
    row = _allowed(disclosure_id, case_id, target, actor)
    if outcome == "told":
        handed = service.hand_out(row.id, way=WAY, actor=actor, now=now)
    else:
        handed = Handed(None, outcome)
        row.state, row.reason = DisclosureState.FAILED, outcome
        audit.record(
            actor=actor,
            verb="not_told",
            record="disclosure",
            record_id=row.id,
            case_id=case_id,
            purpose=outcome,
            now=now,
        )
    if handed.copy is not None or outcome != "told":
        audit.tell(kind=target.told, actor=actor, now=now, case_id=case_id, params={"answer": outcome})
    if handed.copy is not None:
        tasks.cancel(target.ends, site_id=actor.site_id, reason="told", actor=actor, now=now)
    return handed


def _allowed(disclosure_id: int, case_id: int, target: Target, actor: Actor) -> Disclosure:
    found = db.session.scalars(_waiting(case_id, actor).where(Disclosure.id == disclosure_id).with_for_update())
    row = next((each for each in found if _is_for(each, target)), None)
    if row is None:
        raise Missing(service.GONE)
    return row


def _waiting(case_id: int, actor: Actor) -> Select[Disclosure]:
    return select(Disclosure).where(
        Disclosure.case_id == case_id,
        Disclosure.way == WAY,
        Disclosure.state == DisclosureState.AUTHORIZED,
        Disclosure.actor_id == actor.id,
    )


def _is_for(row: Disclosure, target: Target) -> bool:
    """Allowed under the consent of this target, or under a ground that names them."""
    if row.consent_id is not None:
        return row.consent_id == target.consent_id
    return crypto.open_(row.recipient, at="disclosure.recipient", row=row.id) == target.name


def open_of(case_id: int, target: Target, *, actor: Actor) -> list[Open]:
    """What the actor was allowed to tell a target about a case and has not told yet, the newest first."""
    rows = db.session.scalars(
        _waiting(case_id, actor)
        .where(Disclosure.at > db_now(-service.COPY_FOR))
        .order_by(Disclosure.at.desc(), Disclosure.id)
    )
    return [
        Open(row.id, [str(scope.PARTS[code]) for code in row.scope], row.at + service.COPY_FOR)
        for row in rows
        if _is_for(row, target)
    ]


def may_carry(target: Target, signed: ConsentView) -> bool:
    """Whether a signed consent can be bound to a target: it names them, or all who treat the person."""
    words = set(re.findall(r"\w{3,}", target.name.casefold()))
    named = set(re.findall(r"\w{3,}", signed.recipient.casefold()))
    return bool(words & named) or (signed.needs_name and target.purpose == "treatment")
