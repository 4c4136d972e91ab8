"""What was measured and told in a case: medicines with their MME, scores over time, screenings and placements."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.cases.models import Case
from intake.clinical import mme
from intake.db import db
from intake.errors import RuleBroken
from intake.screening import queries as screening
from intake.screening import told
from intake.screening.models import Placement, Screening

TRENDS = (("cows", "COWS", ""), ("sows", "SOWS", "blue"), ("pain_nrs", "Pain", "violet"), ("peg", "PEG", "violet"))


@dataclass(frozen=True)
class Medicine:
    """One opioid as last told: mg a day, factor and MME, exact; None where it cannot be counted."""

    name: str
    told: str
    daily: Decimal | None
    factor: Decimal | None
    mme: Decimal | None


@dataclass(frozen=True)
class Trend:
    """Scores over time: labels, and per instrument its values beside them."""

    labels: list[str]
    series: list[tuple[str, list[float | None], str]]
    words: str


def medicines(person_id: int) -> list[Medicine]:
    """The opioids a person takes now, as last told, each with its part of the MME."""
    found = []
    for view in screening.opioid_lines(person_id):
        try:
            lines = mme.total((view.line,), extended=True).lines
        except RuleBroken:
            lines = ()
        line = lines[0] if lines else None
        daily = Decimal(str(round(float(line.daily_dose), 2))) if line else None
        counted = Decimal(str(round(float(line.mme), 1))) if line else None
        factor = Decimal(str(round(float(line.mme / line.daily_dose), 3))) if line and line.daily_dose else None
        found.append(Medicine(told.drug(view.row), told.opioid(view.row), daily, factor, counted))
    return found


def trend(case_id: int, zone: ZoneInfo) -> Trend | None:
    """The last twelve moments with a score of the scales people watch; None for fewer than two."""
    found = {key: [r for r in screening.series(key, case_id=case_id) if r.score is not None] for key, _, _ in TRENDS}
    times = sorted({r.at for rows in found.values() for r in rows})[-12:]
    if len(times) < 2:
        # One point is no line; the screens tab and the header say it in words.
        return None
    series: list[tuple[str, list[float | None], str]] = []
    said = []
    for key, name, tone in TRENDS:
        by_time = {r.at: float(r.score) for r in found[key] if r.score is not None}
        values = [by_time.get(t) for t in times]
        known = [v for v in values if v is not None]
        if known:
            series.append((name, values, tone))
            said.append(f"{name} {' then '.join(f'{v:g}' for v in known)}")
    labels = [t.astimezone(zone).strftime("%b %-d %H:%M") for t in times]
    return Trend(labels, series, "; ".join(said))


def screens(case_id: int) -> list[Screening]:
    """The complete screenings of a case, newest first."""
    return screening.complete_of(case_id=case_id)[::-1]


def placements(case: Case) -> list[Placement]:
    """The placements of the case's request, newest first."""
    return list(
        db.session.scalars(
            select(Placement).where(Placement.inquiry_id == case.opened_from).order_by(Placement.created_at.desc())
        )
    )
