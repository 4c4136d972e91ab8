"""What the review of a plan needs to know about its person: read from screening, case and contact points."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from intake.cases.models import Case
from intake.clinical import taper
from intake.db import db
from intake.people.models import ContactKind, ContactPoint, Person
from intake.screening import queries as screening
from intake.tapers.models import PlanVersion


def context(case: Case, checklist: Mapping[str, Any]) -> taper.TaperContext:
    """The taper context of a case: facts of the newest complete screening, the MOUD answer, the setting."""
    found = screening.baseline(case.id)
    facts = found.facts
    return taper.TaperContext(
        pregnancy=(facts.pregnancy if facts else None) or "unknown",
        oud_criteria=None if facts is None or facts.oud_criteria is None else int(facts.oud_criteria),
        moud_offered=bool(checklist.get("moud")) or bool(case.moud.get("answer")),
        cssrs=facts.cssrs if facts else None,
        benzo=facts.benzo if facts else None,
        setting=checklist.get("setting") or "outpatient",
        use_days=found.exposure_days,
    )


def mail_ready(person_id: int) -> bool:
    """Whether a verified, consented, working email address exists."""
    return (
        db.session.scalar(
            select(ContactPoint.id)
            .where(
                ContactPoint.person_id == person_id,
                ContactPoint.kind == ContactKind.EMAIL,
                ContactPoint.may_email.is_(True),
                ContactPoint.verified_at.is_not(None),
                ContactPoint.consented_at.is_not(None),
                ContactPoint.stopped_at.is_(None),
                ContactPoint.bad_since.is_(None),
            )
            .limit(1)
        )
        is not None
    )


def review_facts(version: PlanVersion, case: Case, known: taper.TaperContext) -> taper.ReviewFacts:
    """Everything clinical.md 4.2 requires before activation, as far as it is known."""
    person = db.session.get_one(Person, case.person_id)
    checklist = version.checklist
    baseline = screening.baseline(case.id)
    return taper.ReviewFacts(
        context=known,
        naloxone_offered=bool(checklist.get("naloxone") or case.naloxone.get("answer")),
        pdmp_checked_on=_day(checklist.get("pdmp_checked_on")),
        goals=bool(checklist.get("has_goals")),
        agreement=bool(checklist.get("agreed")),
        follow_up_on=_day(checklist.get("follow_up_on")),
        baseline=frozenset(baseline.scores),
        vitals=baseline.vitals is not None,
        born_on=person.born_on is not None,
        mail_ready=mail_ready(person.id),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
