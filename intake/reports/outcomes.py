"""What came of taper plans: how far the dose went, what it did to pain and life (PEG), pauses and ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from statistics import median
from typing import Any

from sqlalchemy import select

from intake.db import db
from intake.reports.table import Table
from intake.screening.models import Screening, ScreeningState
from intake.tapers.models import PlanState, PlanVersion, TaperPlan

STANDS = {
    PlanState.ACTIVE: "Running",
    PlanState.PAUSED: "Paused now",
    PlanState.COMPLETED: "Completed",
    PlanState.STOPPED: "Stopped",
}


def plans(site_id: int, since: datetime, until: datetime) -> Table:
    """Plans whose first version was signed in the period, by how they stand at its end.

    MME at the start against the MME of the step reached by the end of the period; PEG (0 to 10) of the last complete
    screening before the plan against the last one after it; a pause is a version that begins with one.
    """
    versions: dict[int, list[Any]] = defaultdict(list)
    for row in db.session.execute(
        select(
            PlanVersion.plan_id, PlanVersion.n, PlanVersion.state, PlanVersion.change, PlanVersion.steps,
            PlanVersion.result, PlanVersion.signed_at, TaperPlan.person_id,
        )
        .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
        .where(TaperPlan.site_id == site_id, PlanVersion.state.not_in((PlanState.DRAFT, PlanState.AWAITING_SIGNATURE)))
        .order_by(PlanVersion.plan_id, PlanVersion.n)
    ):  # fmt: skip
        versions[row.plan_id].append(row)
    chosen = [v for v in versions.values() if v[0].signed_at is not None and since <= v[0].signed_at < until]
    pegs = _pegs(site_id, {v[0].person_id for v in chosen})
    groups: dict[PlanState, list[tuple[float | None, float | None, float | None, bool]]] = defaultdict(list)
    for found in chosen:
        first, last = found[0], found[-1]
        before = _number(first.result.get("baseline_mme"))
        paused = any(v.change == "pause" or v.state is PlanState.PAUSED for v in found)
        change = _change(pegs.get(first.person_id, []), first.signed_at)
        groups[last.state].append((before, _reached(found, until.date(), before), change, paused))
    return Table(
        "plans",
        "Taper plans and what came of them",
        ("State", "Plans", "MME first", "MME now", "PEG change", "Had a pause"),
        tuple(
            (
                words,
                len(groups[state]),
                _middle([g[0] for g in groups[state]]),
                _middle([g[1] for g in groups[state]]),
                _middle([g[2] for g in groups[state]]),
                sum(g[3] for g in groups[state]),
            )
            for state, words in STANDS.items()
            if state in groups
        ),
    )


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


def _middle(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(median(known), 1) if known else None


def _reached(found: Sequence[Any], day: date, before: float | None) -> float | None:
    """MME of the last step that had begun by a day, over all versions; the start's before any had."""
    begun = [
        (step["start"], _number(step.get("mme")))
        for version in found
        for step in version.steps
        if date.fromisoformat(step["start"]) <= day
    ]
    return max(begun, key=lambda each: each[0])[1] if begun else before


def _pegs(site_id: int, person_ids: set[int]) -> dict[int, list[tuple[datetime, float]]]:
    """PEG scores of complete screenings, oldest first."""
    found: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    rows = db.session.execute(
        select(Screening.person_id, Screening.completed_at, Screening.scores)
        .where(Screening.site_id == site_id, Screening.state == ScreeningState.COMPLETE)
        .where(Screening.person_id.in_(person_ids))
        .order_by(Screening.completed_at)
    )
    for person_id, at, scores in rows:
        for score in scores:
            if score.get("instrument") == "peg" and score.get("score") is not None:
                found[person_id].append((at, float(score["score"])))
    return found


def _change(scores: Sequence[tuple[datetime, float]], signed_at: datetime) -> float | None:
    before = [value for at, value in scores if at <= signed_at]
    after = [value for at, value in scores if at > signed_at]
    return round(after[-1] - before[-1], 1) if before and after else None
