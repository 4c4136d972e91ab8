"""Priority points from 0 to 100: the order inside a queue and acuity. Source: clinical.md 5.2 (project numbers)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from intake.clinical.exact import Number

from .facts import FACT_WORDS, Facts

HIGHEST = 100
_COWS = ((37, 35), (25, 25), (13, 15), (5, 5))
_SOWS = ((21, 12), (11, 6))
_CIWA = ((19, 30), (10, 20))
_MME = ((90, 10), (50, 5))
_CSSRS = MappingProxyType({"low": 5, "moderate": 20, "high": 40})
_LIVING = MappingProxyType({"unstable": 5, "homeless": 10, "unsafe": 10})


@dataclass(frozen=True, slots=True)
class Part:
    """Where points come from: one fact and its points."""

    fact: str
    points: int

    @property
    def words(self) -> str:
        """The fact as a person calls it."""
        return FACT_WORDS[self.fact]


def parts(facts: Facts) -> tuple[Part, ...]:
    """Return the points of each fact that adds any; their sum is capped by `total`."""
    return tuple(Part(fact, points) for fact, points in _points(facts) if points)


def total(found: tuple[Part, ...]) -> int:
    """Return the sum of the points, at most 100."""
    return min(HIGHEST, sum(part.points for part in found))


def _points(facts: Facts) -> Iterator[tuple[str, int]]:
    yield "pregnancy", 30 if facts.pregnancy == "yes" else 0
    yield "cows", _steps(facts.cows, _COWS)
    yield "sows", _steps(facts.sows, _SOWS) if facts.cows is None else 0
    yield "ciwa", _steps(facts.ciwa, _CIWA)
    yield "cssrs", _CSSRS.get(facts.cssrs or "", 0)
    yield "benzo", 15 if facts.benzo == "daily" else 0
    yield "alcohol", 15 if facts.alcohol == "heavy_daily" else 0
    yield "prior_complicated_withdrawal", 15 if facts.prior_complicated_withdrawal is True else 0
    if facts.overdose_24h is True:
        yield "overdose_24h", 30
    else:
        yield "overdose_90d", 20 if facts.overdose_90d is True else 0
    yield "opioid_use", 10 if facts.street_opioids else 0
    yield "mme", _steps(facts.mme, _MME)
    yield "living", _LIVING.get(facts.living or "", 0)
    yield "oud_criteria", 5 if facts.oud_criteria is not None and facts.oud_criteria >= 6 else 0


def _steps(value: Number | None, table: tuple[tuple[int, int], ...]) -> int:
    """Return the points of the highest edge a known value reaches."""
    if value is None:
        return 0
    return next((points for edge, points in table if value >= edge), 0)
