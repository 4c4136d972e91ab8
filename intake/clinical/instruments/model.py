"""The shape of a published instrument, of its items, and of what scoring one returns.

Wording here is the project's own; official wording is imported by the center, which records its right to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from intake.errors import RuleBroken

Missing = Literal["none", "bounds", "prorate2", "cssrs"]


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that may be chosen: the value that is stored and the words on its button."""

    value: int
    label: str


@dataclass(frozen=True, slots=True)
class Gate:
    """An item is asked only when item `item` was answered with `value`."""

    item: str
    value: int


@dataclass(frozen=True, slots=True)
class Item:
    """One question: either `options`, or a whole number from `minimum` to `maximum`.

    `reversed`: the item scores 1 minus the answer. `scored` false: the answer steers, it carries no points.
    `derived` names the fact the answer is worked out from, so it is never asked.
    """

    id: str
    topic: str
    options: tuple[Option, ...] = ()
    hint: str = ""
    gate: Gate | None = None
    minimum: int | None = None
    maximum: int | None = None
    loinc: str | None = None
    reversed: bool = False
    scored: bool = True
    derived: str = ""

    @property
    def highest(self) -> int:
        """The most points the item can add to a total."""
        if not self.scored:
            return 0
        return max(o.value for o in self.options) if self.options else (self.maximum or 0)

    def allows(self, value: int) -> bool:
        """Tell whether `value` is one of the item's answers."""
        if self.options:
            return any(option.value == value for option in self.options)
        return self.minimum is not None and self.maximum is not None and self.minimum <= value <= self.maximum

    def points(self, value: int) -> int:
        """The points that the answer `value` adds to the total."""
        if not self.scored:
            return 0
        return 1 - value if self.reversed else value


@dataclass(frozen=True, slots=True)
class Band:
    """A named range of scores, both ends included."""

    code: str
    label: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """An alert that fires when the score (or the low end of an open one) reaches `at`."""

    code: str
    at: int


@dataclass(frozen=True)
class Instrument:
    """One published instrument as data. `low` and `high` are the range of its total, None where there is no total.

    `missing` says what happens to unanswered items: none (all are needed), bounds (low and high instead of a total),
    prorate2 (up to two may be missing), cssrs (the branching of the suicide risk screener).
    `positive_at` holds the least positive value, by sex where the source sets one.
    """

    key: str
    version: str
    title: str
    short: str
    rater: str
    items: tuple[Item, ...]
    low: int | None
    high: int | None
    missing: Missing
    rights: str
    source: str
    bands: tuple[Band, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    positive_at: Mapping[str, int] = field(default_factory=dict)
    loinc: Mapping[str, str | None] = field(default_factory=dict)
    note: str = ""
    enabled: bool = True

    def band_of(self, score: int) -> Band | None:
        """Return the band that holds `score`, None for an instrument without bands or a score outside them."""
        return next((band for band in self.bands if band.low <= score <= band.high), None)

    def item(self, item_id: str) -> Item:
        """Return one item.

        Raises:
            RuleBroken: UNKNOWN_ITEM.
        """
        for item in self.items:
            if item.id == item_id:
                return item
        raise RuleBroken(f"{self.short} has no question called {item_id}.", code="UNKNOWN_ITEM")


@dataclass(frozen=True, slots=True)
class Score:
    """What one set of answers comes to.

    `status`: complete, prorated or incomplete. `missing`: unanswered needed items, in the order of the instrument.
    `alerts`: codes, each once, sorted. `score`: points (PEG: mean to one decimal), None when not scored; then `low` and
    `high` bound it under the missing rule `bounds`. `positive`: a yes or no, or for TAPS-1 the positive items.
    `shown` names the fields that this instrument reports beside status, missing and alerts.
    """

    instrument: str
    version: str
    status: Literal["complete", "prorated", "incomplete"]
    missing: tuple[str, ...]
    alerts: tuple[str, ...]
    shown: tuple[str, ...]
    score: int | Decimal | None = None
    band: str | None = None
    low: int | None = None
    high: int | None = None
    positive: bool | tuple[str, ...] | None = None
    risk: str | None = None
    colour: str | None = None
    score_whole: int | None = None
    change: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values: status, missing, alerts and the fields that this instrument reports."""
        found: dict[str, object] = {
            "status": self.status,
            "missing": list(self.missing),
            "alerts": list(self.alerts),
        }
        for name in self.shown:
            value = getattr(self, name)
            if isinstance(value, Decimal):
                value = float(value)
            found[name] = list(value) if isinstance(value, tuple) else value
        return found


def options(*labels: str) -> tuple[Option, ...]:
    """Return options with the values 0, 1, 2, ... and these labels."""
    return tuple(Option(value, label) for value, label in enumerate(labels))


def pointed(**labels: str) -> tuple[Option, ...]:
    """Return options with uneven points, written `_0="None", _3="Felt"`."""
    return tuple(Option(int(value[1:]), label) for value, label in labels.items())


def yes_no() -> tuple[Option, ...]:
    """Return the two options No (0) and Yes (1)."""
    return options("No", "Yes")


def scale(highest: int, anchors: Mapping[int, str]) -> tuple[Option, ...]:
    """Return options 0 to `highest`; anchored values carry their words, the others their number."""
    return tuple(Option(v, f"{v}, {anchors[v]}" if v in anchors else str(v)) for v in range(highest + 1))


def bands(*rows: tuple[str, str, int], low: int = 0) -> tuple[Band, ...]:
    """Return bands without a gap from rows of (code, label, highest score), the first one from `low`."""
    made: list[Band] = []
    for code, label, high in rows:
        made.append(Band(code, label, low, high))
        low = high + 1
    return tuple(made)


def asked(rows: Iterable[tuple[str, str]], answers: tuple[Option, ...], gate: Gate | None = None) -> tuple[Item, ...]:
    """Return items that share one list of answers from rows of (id, topic)."""
    return tuple(Item(item_id, topic, answers, gate=gate) for item_id, topic in rows)
