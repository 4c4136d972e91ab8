"""What the review of a plan needs to know about its person: read from screening, case and contact points."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from intake.cases import care_plan
from intake.cases.models import Case
from intake.clinical import mme, products, taper
from intake.db import db
from intake.errors import RuleBroken
from intake.people import queries as people
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


def email_point(person_id: int) -> ContactPoint | None:
    """The email contact point that mail would go to; None when there is none that works."""
    return db.session.scalar(
        select(ContactPoint)
        .where(
            ContactPoint.person_id == person_id,
            ContactPoint.kind == ContactKind.EMAIL,
            ContactPoint.may_email.is_(True),
            ContactPoint.stopped_at.is_(None),
            ContactPoint.bad_since.is_(None),
        )
        .order_by(ContactPoint.verified_at.desc(), ContactPoint.created_at.desc())
        .limit(1)
    )


def review_facts(version: PlanVersion, case: Case, known: taper.TaperContext) -> taper.ReviewFacts:
    """Everything clinical.md 4.2 requires before activation, as far as it is known."""
    person = db.session.get_one(Person, case.person_id)
    checklist = version.checklist
    found = screening.baseline(case.id)
    scores, facts = found.scores, found.facts
    email = email_point(person.id)
    return taper.ReviewFacts(
        context=known,
        moud_answer=checklist.get("moud") or case.moud.get("answer"),
        naloxone_offered=bool(checklist.get("naloxone") or case.naloxone.get("answer")),
        pdmp_checked_on=_day(checklist.get("pdmp_checked_on")),
        goals=bool(checklist.get("has_goals")) or bool(care_plan.of(case).goals),
        agreement=bool(checklist.get("agreed")),
        peg="peg" in scores,
        phq9="phq9" in scores,
        cssrs="cssrs_screen" in scores,
        cows_or_sows="cows" in scores or "sows" in scores,
        vitals=found.vitals is not None,
        follow_up_on=_day(checklist.get("follow_up_on")),
        age=people.opened(person).age,
        pain_excluded=facts.pain_excluded if facts else None,
        methadone_program=facts is not None and facts.moud == "methadone_otp",
        mail=email is not None,
        born_on=person.born_on is not None,
        email_verified=email is not None and email.verified_at is not None,
        email_consented=email is not None and email.consented_at is not None and email.mail_scope == "all",
        pieces_by_hand=frozenset(checklist.get("pieces_by_hand", [])),
        current_total=taken_now(person.id, version.product),
        total_mme=facts.mme if facts else None,
    )


def taken_now(person_id: int, product: str) -> Fraction | None:
    """What the person takes a day of the product's drug, as last told: mg (patch mcg/h); None when not known."""
    lines = [view.line for view in screening.opioid_lines(person_id)]
    try:
        return mme.daily_dose(products.drug_of(product), lines)
    except RuleBroken:
        # A line that was told in part cannot be counted; the review then knows no dose of today.
        return None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
