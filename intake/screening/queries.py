"""Read screenings: documents, findings, series over time, and what other rooms ask for. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from intake import crypto
from intake.cases.models import Case
from intake.clinical import mme, routing
from intake.db import db
from intake.inquiries import placing
from intake.inquiries.models import Inquiry
from intake.people import queries as people
from intake.people.models import Person
from intake.screening.documents import (
    case_of,
    complete_of,
    document,
    draft,
    last_of_person,
    latest,
    newest_placement,
    values,
)
from intake.screening.findings import Findings, findings, opioid_line, opioid_use
from intake.screening.models import OpioidLine, Placement, PlacementState, Screening, Vitals
from intake.settings import queries as settings
from intake.settings import scoring

__all__ = [
    "Baseline",
    "OpioidView",
    "Reading",
    "baseline",
    "case_of",
    "complete_of",
    "contexts",
    "document",
    "draft",
    "earlier_scores",
    "facts",
    "facts_as_json",
    "facts_from_json",
    "facts_of",
    "findings_from",
    "findings_of",
    "first_contact_facts",
    "last_of_person",
    "latest",
    "latest_facts",
    "newest_placement",
    "opioid_lines",
    "over",
    "provisional",
    "replayable",
    "series",
    "values",
    "vitals",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """One score of a series: when it was taken, its points (None while incomplete), band code and bounds."""

    at: datetime
    score: int | Decimal | None
    band: str | None
    low: int | None = None
    high: int | None = None
    alerts: tuple[str, ...] = ()


def series(instrument: str, *, case_id: int | None = None, person_id: int | None = None) -> list[Reading]:
    """Every score of one instrument over the complete screenings of a case or person, oldest first."""
    found = []
    for row in complete_of(case_id=case_id, person_id=person_id):
        for score in row.scores:
            if score["instrument"] == instrument:
                found.append(_reading(row.taken_at, score))
    return found


def _reading(at: datetime, score: Mapping[str, Any]) -> Reading:
    points = score.get("score")
    exact = Decimal(str(points)) if isinstance(points, float) else points
    return Reading(
        at=at,
        score=exact,
        band=score.get("band") or score.get("risk"),
        low=score.get("low"),
        high=score.get("high"),
        alerts=tuple(score.get("alerts", ())),
    )


def earlier_scores(person_id: int, *, before: Screening | None = None) -> dict[str, Reading]:
    """The last complete-screening reading of each instrument of a person: instrument -> Reading."""
    found: dict[str, Reading] = {}
    for row in complete_of(person_id=person_id):
        if before is not None and row.id == before.id:
            continue
        for score in row.scores:
            found[score["instrument"]] = _reading(row.taken_at, score)
    return found


def contexts(person: Person, *, without: Screening | None = None) -> dict[str, dict[str, object]]:
    """What scoring needs beside the answers: sex for AUDIT-C, age for ORT-OUD, first PEG sum, last craving value."""
    age = people.opened(person).age
    young = {} if age is None else {"age_16_45": int(16 <= age <= 45)}
    found: dict[str, dict[str, object]] = {"auditc": {"sex": person.sex}, "ort_oud": {"derived": young}}
    for row in complete_of(person_id=person.id):
        if without is not None and row.id == without.id:
            continue
        for score in row.scores:
            if score["instrument"] == "peg" and "peg" not in found and score.get("sum") is not None:
                found["peg"] = {"baseline_sum": score["sum"]}
            if score["instrument"] == "craving_vas" and score.get("score") is not None:
                found["craving_vas"] = {"previous": score["score"]}
    return found


def findings_of(row: Screening, person: Person) -> Findings:
    """Work out the findings of a draft or complete screening as they stand now."""
    return findings_from(values(row), person, without=row)


def findings_from(answers: Mapping[str, Any], person: Person, *, without: Screening | None = None) -> Findings:
    """Work out the findings of some answers of a person; `without` is the screening they belong to.

    While scoring is off there are none: no score, no explanation, every fact unknown.
    """
    if scoring.is_off():
        return Findings({}, None, None, routing.Facts())
    return findings(answers, age=people.opened(person).age, contexts=contexts(person, without=without))


def facts_as_json(facts: routing.Facts) -> str:
    """Facts as canonical JSON: exact numbers as text, keys sorted; the same facts give the same text."""
    found = {f.name: getattr(facts, f.name) for f in fields(facts)}
    plain = {k: str(v) if isinstance(v, Fraction | Decimal) else v for k, v in found.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


_EXACT = ("mme", "days_since_last_opioid")


def facts_from_json(text: str) -> routing.Facts:
    """The facts of `facts_as_json`, exact again."""
    given: dict[str, Any] = json.loads(text)
    for name in _EXACT:
        if isinstance(given.get(name), str):
            given[name] = Fraction(given[name])
    return routing.Facts(**given)


def facts_of(placement: Placement) -> routing.Facts:
    """The facts a placement was made from; all unknown when the person was erased."""
    clear = crypto.open_(placement.facts, at="placement.facts", row=placement.id)
    return routing.Facts() if not clear or clear == crypto.ERASED else facts_from_json(clear)


def facts(*, inquiry: Inquiry) -> routing.Facts:
    """What is known now: the newest complete screening, else the draft, over what the first contact told."""
    row = latest(inquiry_id=inquiry.id) or draft(inquiry.id)
    person = db.session.get_one(Person, inquiry.person_id)
    told = first_contact_facts(inquiry, people.opened(person).age)
    if row is None:
        return told
    return over(told, findings_of(row, person).facts)


def first_contact_facts(inquiry: Inquiry, age: int | None) -> routing.Facts:
    """The facts an inquiry tells before any screening."""
    clear = crypto.open_(inquiry.facts, at="inquiry.facts", row=inquiry.id)
    told = json.loads(clear) if clear and clear != crypto.ERASED else {}
    return placing.facts(danger=inquiry.danger, told=told, age=age)


def over(base: routing.Facts, newer: routing.Facts) -> routing.Facts:
    """The newer facts, and the base's where the newer ones are not known."""
    found: dict[str, Any] = {}
    for field in fields(newer):
        value, before = getattr(newer, field.name), getattr(base, field.name)
        blank = value is None or value in ("unknown", "not_done")
        found[field.name] = before if blank and before is not None else value
    return routing.Facts(**found)


def latest_facts(case_id: int) -> routing.Facts | None:
    """The facts of the newest complete screening of a case, None when there is none."""
    row = latest(case_id=case_id)
    if row is None:
        return None
    return findings_of(row, db.session.get_one(Person, row.person_id)).facts


def provisional(inquiry: Inquiry) -> routing.Placement:
    """Where an inquiry would stand by what is known so far; computed here and stored nowhere (rulings 5)."""
    _n, rules = settings.rule_set(inquiry.site_id)
    return routing.place(facts(inquiry=inquiry), rules)


@dataclass(frozen=True, slots=True)
class OpioidView:
    """One opioid a person takes, opened: the row as answered and the line the MME calculator reads."""

    id: int
    row: Mapping[str, Any]
    line: mme.OpioidLine
    since: datetime


def opioid_lines(person_id: int) -> list[OpioidView]:
    """The opioids a person takes now, as last told in a complete screening."""
    rows = list(
        db.session.scalars(
            select(OpioidLine)
            .where(OpioidLine.person_id == person_id, OpioidLine.ended_at.is_(None))
            .order_by(OpioidLine.created_at, OpioidLine.id)
        )
    )
    crypto.prefetch(r.content for r in rows)
    return [view for r in rows if (view := _opened(r)) is not None]


def _opened(row: OpioidLine) -> OpioidView | None:
    clear = crypto.open_(row.content, at="opioid_line.content", row=row.id)
    if not clear or clear == crypto.ERASED:
        return None
    content: dict[str, Any] = json.loads(clear)
    return OpioidView(row.id, content, opioid_line(content), row.created_at)


def vitals(person_id: int) -> Vitals | None:
    """The newest measured vitals of a person."""
    return db.session.scalar(
        select(Vitals).where(Vitals.person_id == person_id).order_by(Vitals.at.desc(), Vitals.id).limit(1)
    )


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a taper plan is reviewed against: scores of the newest screenings and the facts beside them.

    scores: instrument -> newest Reading; `facts` of the newest complete screening; words are yes, no or None.
    """

    at: datetime | None
    scores: Mapping[str, Reading]
    facts: routing.Facts | None
    mme: Mapping[str, Any]
    vitals: Vitals | None
    pdmp_checked: str | None
    pdmp_by: str
    naloxone_at_home: str | None
    breathing_risk: str | None
    qt_risk: str | None
    opioid_use: str | None
    exposure_days: int | None


def baseline(case_id: int) -> Baseline:
    """The baseline of a case from its complete screenings; newer scores replace older ones, one by one."""
    rows = complete_of(case_id=case_id)
    scores: dict[str, Reading] = {}
    given: dict[str, Any] = {}
    daily: Mapping[str, Any] = {}
    for row in rows:
        scores |= {score["instrument"]: _reading(row.taken_at, score) for score in row.scores}
        given |= values(row)
        daily = row.mme or daily
    person_id = db.session.scalar(select(Case.person_id).where(Case.id == case_id))
    return Baseline(
        at=rows[-1].taken_at if rows else None,
        scores=scores,
        facts=latest_facts(case_id),
        mme=daily,
        vitals=None if person_id is None else vitals(person_id),
        pdmp_checked=given.get("pdmp_checked"),
        pdmp_by=str(given.get("pdmp_by") or ""),
        naloxone_at_home=given.get("naloxone_at_home"),
        breathing_risk=given.get("breathing_risk"),
        qt_risk=given.get("qt_risk"),
        opioid_use=opioid_use(given),
        exposure_days=given.get("exposure_days"),
    )


BATCH = 500


def replayable(site_id: int) -> Iterator[tuple[str, routing.Facts]]:
    """Reference and facts of every placement of a site that newer facts have not superseded.

    Read in batches, so that a large center fits in memory; placements of erased people are left out.
    """
    after = 0
    while True:
        rows = db.session.execute(
            select(Placement, Inquiry.reference)
            .join(Inquiry, Inquiry.id == Placement.inquiry_id)
            .where(Placement.site_id == site_id, Placement.state != PlacementState.SUPERSEDED, Placement.id > after)
            .order_by(Placement.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        crypto.prefetch(placement.facts for placement, _ in rows)
        for placement, reference in rows:
            clear = crypto.open_(placement.facts, at="placement.facts", row=placement.id)
            if clear and clear != crypto.ERASED:
                yield reference, facts_from_json(clear)
        after = rows[-1][0].id
        db.session.expunge_all()
