"""What would change a placement: a search over changes of one fact, and the replay of many cases under other rules.

Source: rulings 13; the search is done by trying, never written by hand.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Generic, TypeVar

from intake.clinical.exact import Number

from .facts import FACT_WORDS, NUMBERS, WORDS, YES_NO, Facts, cleaned
from .place import Placement, outcome, place
from .rule import LAST, TARGET_MINUTES
from .rules import RULES
from .ruleset import DEFAULT, RuleSet, fact_of

Key = TypeVar("Key", bound=Hashable)
Spot = tuple[str, int, str | None]
_LAST = next(rule for rule in RULES if rule.id == LAST)
_BROKEN = "mme"
"""The one number that is not counted in whole units."""


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that would place the person elsewhere if it were `to`.

    to: a value with that effect (of a range its lower end). value_words: the whole range, "12 or less". is_fired: a
    matched rule reads the fact.
    """

    fact: str
    from_: object
    to: object
    value_words: str
    queue: str
    acuity: int
    target_minutes: int
    next_queue: str | None
    is_fired: bool

    @property
    def words(self) -> str:
        """The change as a person says it: COWS 12 or less; Pregnancy: yes."""
        return f"{FACT_WORDS[self.fact]}{' ' if self.fact in NUMBERS else ': '}{self.value_words}"


@dataclass(frozen=True, slots=True)
class Moved(Generic[Key]):
    """One case that another rule set would place elsewhere, and the rules that make the difference."""

    id: Key
    before: Placement
    after: Placement
    why: tuple[str, ...]


def what_would_change(facts: Facts, ruleset: RuleSet = DEFAULT) -> tuple[Change, ...]:
    """Return every change of a single fact that leads to another queue, acuity or next queue.

    Of a known number only the nearest range on either side is named. Facts that a matched rule reads come first.

    Raises:
        RuleBroken: INPUT_NOT_VALID for a number that cannot be.
    """
    known = cleaned(facts)
    here = _spot(known, ruleset)
    fired = {name for rule in ruleset.rules if rule.when(known, rule.limits) for name in rule.reads}
    found = [
        Change(name, getattr(known, name), to, words, spot[0], spot[1], TARGET_MINUTES[spot[1]], spot[2], name in fired)
        for name in FACT_WORDS
        for to, words, spot in _elsewhere(name, known, here, ruleset)
    ]
    return tuple(sorted(found, key=lambda change: not change.is_fired))


def _spot(known: Facts, ruleset: RuleSet) -> Spot:
    """Return queue, acuity and next queue without the explanation, which a search does not need."""
    return outcome(tuple(rule for rule in ruleset.rules if rule.when(known, rule.limits)) or (_LAST,))


def _elsewhere(name: str, known: Facts, here: Spot, ruleset: RuleSet) -> Iterator[tuple[object, str, Spot]]:
    """Yield the values of one fact that lead elsewhere, in words, with where they lead."""
    now = getattr(known, name)

    def at(value: object) -> Spot:
        other: dict[str, Any] = {name: value}
        return _spot(replace(known, **other), ruleset)

    if name in NUMBERS:
        yield from _ranges(name, now, here, [(edge, at(edge)) for edge in _edges(name, ruleset)])
    elif name in YES_NO:
        yield from ((value, "yes" if value else "no", at(value)) for value in (True, False) if at(value) != here)
    else:
        words = [word for word in WORDS[name] if word not in (now, "unknown")]
        for spot in dict.fromkeys(at(word) for word in words):
            same = [word for word in words if at(word) == spot]
            if spot != here:
                yield same[0], " or ".join(word.replace("_", " ") for word in same), spot


def _edges(name: str, ruleset: RuleSet) -> list[Number]:
    """Return 0 and every value at which a rule starts or stops to match, ascending."""
    edges: set[Number] = {0}
    for rule in ruleset.rules:
        for limit, value in rule.limits.items():
            if fact_of(limit) == name:
                edges.add(value + 1 if limit.endswith("_to") else value)
    return sorted(edge for edge in edges if edge <= NUMBERS[name])


def _ranges(
    name: str, now: Number | None, here: Spot, tried: list[tuple[Number, Spot]]
) -> Iterator[tuple[object, str, Spot]]:
    """Yield the ranges of a number that lead elsewhere: all of an unknown one, the nearest two of a known one."""
    runs = [(list(group), spot) for spot, group in groupby(tried, key=lambda entry: entry[1])]
    lows = [group[0][0] for group, _ in runs]
    ends: list[Number | None] = [*lows[1:], None]
    elsewhere = [(low, end, spot) for low, end, (_, spot) in zip(lows, ends, runs, strict=True) if spot != here]
    if now is not None:
        below = [entry for entry in elsewhere if entry[0] <= now]
        above = [entry for entry in elsewhere if entry[0] > now]
        elsewhere = below[-1:] + above[:1]
    for low, end, spot in elsewhere:
        yield low, _range_words(name, low, end), spot


def _range_words(name: str, low: Number, end: Number | None) -> str:
    if end is None:
        return f"{low} or more"
    if name == _BROKEN:
        return f"{low} to under {end}" if low else f"under {end}"
    last = end - 1
    return f"{last} or less" if low == 0 else str(low) if low == last else f"{low} to {last}"


def replay(cases: Iterable[tuple[Key, Facts]], old: RuleSet, new: RuleSet) -> list[Moved[Key]]:
    """Return the cases that `new` would place in another queue or acuity than `old`, in the order given, and why.

    Args:
        cases: id and facts of each stored case; read once.

    Raises:
        RuleBroken: INPUT_NOT_VALID for stored facts that cannot be.
    """
    moved: list[Moved[Key]] = []
    for key, facts in cases:
        known = cleaned(facts)
        if _spot(known, old) != _spot(known, new):
            before, after = place(known, old), place(known, new)
            moved.append(Moved(key, before, after, tuple(_differences(before, after))))
    return moved


def _differences(before: Placement, after: Placement) -> Iterator[str]:
    """Yield a sentence for each rule that matches under one rule set only, or asks for something else."""
    old = {rule.id: rule for rule in before.fired}
    new = {rule.id: rule for rule in after.fired}
    for key, rule in old.items():
        if key not in new:
            yield f"{key} no longer matches: {rule.words}"
        elif (rule.queue, rule.acuity) != (new[key].queue, new[key].acuity):
            yield f"{key} now asks for {new[key].queue} {new[key].acuity} instead of {rule.queue} {rule.acuity}"
    for key, rule in new.items():
        if key not in old:
            yield f"{key} now matches: {rule.words}"
