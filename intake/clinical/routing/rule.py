"""What a rule of placement is made of, the queues in their order, and the minutes to a first human contact.

Marks: V read in a source; K general clinical knowledge, to be confirmed; P project rule, to be confirmed by the
center's medical director. Source: clinical.md 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from intake.clinical.exact import Number

from .facts import Facts

Limits = Mapping[str, Number]
When = Callable[[Facts, Limits], bool]

VERSION = "1"
QUEUES = ("emergency", "clinician_now", "refer_out", "detox", "callback", "outpatient")
TARGET_MINUTES: Mapping[int, int] = MappingProxyType({1: 15, 2: 60, 3: 1440, 4: 4320})
PROTECTED_QUEUES = ("emergency", "clinician_now")
LAST = "O99"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `words` may name its limits; `reads` are the facts its condition looks at.

    limits: name to number; a name is the fact, then _from (at least), _to (at most) or _below.
    """

    id: str
    queue: str
    acuity: int
    words: str
    mark: str
    reads: tuple[str, ...]
    when: When
    limits: Limits

    @property
    def sentence(self) -> str:
        """The words with the limits that hold."""
        return self.words.format(**self.limits)

    @property
    def is_protected(self) -> bool:
        """Whether no rule set may switch it off or weaken it."""
        return self.id[0] in "EC"


@dataclass(frozen=True, slots=True)
class FlagRule:
    """One flag: it moves no queue."""

    id: str
    flag: str
    words: str
    reads: tuple[str, ...]
    when: Callable[[Facts], bool]


def rule(spot: str, words: str, reads: str, when: When, mark: str = "P", **limits: int) -> Rule:
    """Return a rule from its spot "id queue acuity" and its reads "fact fact"."""
    key, queue, acuity = spot.split()
    return Rule(key, queue, int(acuity), words, mark, tuple(reads.split()), when, MappingProxyType(limits))


def at_least(value: Number | None, limit: Number) -> bool:
    """Tell whether a known value reaches the limit; unknown never does."""
    return value is not None and value >= limit


def between(value: Number | None, low: Number, high: Number) -> bool:
    """Tell whether a known value lies from `low` to `high`, both included."""
    return value is not None and low <= value <= high
