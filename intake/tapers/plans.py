"""Plans as stored and as computed: the request in JSON, the plan it gives, and what it needs to be reviewed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from intake.clinical import taper
from intake.clinical.exact import half_up
from intake.clinical.products import PRODUCTS
from intake.errors import RuleBroken

Steps = tuple[tuple[tuple[Decimal, ...], int], ...]


@dataclass(frozen=True)
class Ask:
    """What a draft asks for: a generated plan, or hand-made steps (`by_hand`: doses and days of each)."""

    product: str
    regimen: tuple[Decimal, ...]
    start_date: date
    rate_pct: Fraction = Fraction(10)
    interval_days: int = 28
    mode: str = "exponential"
    max_step_pct: Decimal = Decimal(20)
    goal: Decimal = Decimal(0)
    final: str = "stop"
    pauses: Mapping[int, int] = field(default_factory=dict)
    stretch: bool = False
    by_hand: Steps = ()
    then_hold: bool = False

    def as_json(self) -> dict[str, Any]:
        """Exact texts, so that nothing is lost in a binary number."""
        return {
            "product": self.product,
            "regimen": [str(d) for d in self.regimen],
            "start_date": self.start_date.isoformat(),
            "rate_pct": str(self.rate_pct),
            "interval_days": self.interval_days,
            "mode": self.mode,
            "max_step_pct": str(self.max_step_pct),
            "goal": str(self.goal),
            "final": self.final,
            "pauses": {str(k): v for k, v in self.pauses.items()},
            "stretch": self.stretch,
            "by_hand": [[[str(d) for d in doses], days] for doses, days in self.by_hand],
            "then_hold": self.then_hold,
        }


def ask_of(stored: Mapping[str, Any]) -> Ask:
    """The request of a stored version."""
    return Ask(
        product=stored["product"],
        regimen=tuple(Decimal(d) for d in stored["regimen"]),
        start_date=date.fromisoformat(stored["start_date"]),
        rate_pct=Fraction(stored["rate_pct"]),
        interval_days=stored["interval_days"],
        mode=stored["mode"],
        max_step_pct=Decimal(stored["max_step_pct"]),
        goal=Decimal(stored["goal"]),
        final=stored["final"],
        pauses={int(k): v for k, v in stored["pauses"].items()},
        stretch=stored["stretch"],
        by_hand=tuple((tuple(Decimal(d) for d in doses), days) for doses, days in stored["by_hand"]),
        then_hold=stored["then_hold"],
    )


def compute(ask: Ask, context: taper.TaperContext) -> taper.Plan:
    """The plan an Ask gives, generated or hand-made.

    Raises:
        RuleBroken: a code of clinical.md 4.5 and 4.6.
    """
    if ask.product not in PRODUCTS:
        raise RuleBroken("Choose a medicine from the list.", code="UNKNOWN_PRODUCT", fields={"product": "Choose one."})
    if ask.by_hand:
        return taper.check_by_hand(
            ask.product,
            ask.regimen,
            [(doses, days) for doses, days in ask.by_hand],
            ask.start_date,
            context,
            then_hold=ask.then_hold,
        )
    return taper.build(
        taper.TaperRequest(
            product=ask.product,
            regimen=ask.regimen,
            rate_pct=ask.rate_pct,
            interval_days=ask.interval_days,
            mode=cast(Any, ask.mode),
            start_date=ask.start_date,
            max_step_pct=ask.max_step_pct,
            goal=ask.goal,
            final=cast(Any, ask.final),
            pauses=ask.pauses,
            stretch=ask.stretch,
            context=context,
        )
    )


def result_of(plan: taper.Plan) -> dict[str, Any]:
    """What is stored of a computed plan beside its steps."""
    found = {k: v for k, v in plan.as_dict().items() if k != "steps"}
    found["actual_28d_pct"] = float(half_up(plan.actual_28d_pct, 1))
    found["baseline_mme"] = None if plan.baseline.mme is None else float(half_up(plan.baseline.mme, 2))
    found["stop_date"] = plan.stop_date.isoformat() if plan.stop_date else None
    found["hold_from"] = plan.hold_from.isoformat() if plan.hold_from else None
    return found


def steps_of(plan: taper.Plan) -> list[dict[str, Any]]:
    """The stored steps, always in the long shape."""
    return [step.as_dict() for step in plan.steps]


def content_hash(request: Mapping[str, Any], steps: Sequence[Any]) -> bytes:
    """SHA-256 over the canonical form of what is signed."""
    text = json.dumps([request, steps], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).digest()


def step_on(steps: Sequence[Mapping[str, Any]], day: date) -> Mapping[str, Any] | None:
    """The stored step that runs on a day, or the last one reached."""
    reached = [s for s in steps if s["start"] <= day.isoformat()]
    return reached[-1] if reached else None
