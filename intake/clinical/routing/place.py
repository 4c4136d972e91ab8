"""Place one person: a proposal with its reasons. A clinician accepts or overrides it. Source: clinical.md 5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from . import priority
from .facts import EMERGENCY, SAID_UNKNOWN, Facts, cleaned
from .flags import FLAG_RULES
from .priority import Part
from .rule import LAST, PROTECTED_QUEUES, QUEUES, TARGET_MINUTES, Rule
from .rules import RULES
from .ruleset import DEFAULT, RuleSet

_AFTERWARDS = ("refer_out", "detox", "outpatient")
_LAST_RULE = next(rule for rule in RULES if rule.id == LAST)


@dataclass(frozen=True, slots=True)
class FiredRule:
    """One rule that matched, with the facts it read and their values."""

    id: str
    queue: str
    acuity: int
    words: str
    reads: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where to place a person and why.

    acuity: 1 emergent, 2 urgent, 3 soon, 4 routine; target_minutes: to the first human contact. next_queue: where the
    case goes after an emergency or clinician_now. priority: 0 to 100, higher first. missing: facts to ask for.
    incomplete: a safety fact is missing. unmatched: ids of the rules that did not match.
    """

    queue: str
    acuity: int
    target_minutes: int
    next_queue: str | None
    priority: int
    priority_parts: tuple[Part, ...]
    fired: tuple[FiredRule, ...]
    flags: tuple[str, ...]
    incomplete: bool
    missing: tuple[str, ...]
    unmatched: tuple[str, ...]
    rule_set: str

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values in the shape of clinical.md 5.3."""
        return {
            "queue": self.queue,
            "acuity": self.acuity,
            "target_minutes": self.target_minutes,
            "next_queue": self.next_queue,
            "priority": self.priority,
            "fired": [rule.id for rule in self.fired],
            "flags": list(self.flags),
            "incomplete": self.incomplete,
        }


def place(facts: Facts, ruleset: RuleSet = DEFAULT) -> Placement:
    """Run all rules over the facts and return queue, acuity, priority and the reasons.

    The queue is the first of the queue order among the matched rules, the acuity the most urgent among all of them.

    Raises:
        RuleBroken: INPUT_NOT_VALID for a number that cannot be.

    Source: clinical.md 5; thresholds and acuity minutes are project rules to be confirmed by the medical director.
    """
    known = cleaned(facts)
    fired = tuple(rule for rule in ruleset.rules if rule.when(known, rule.limits)) or (_LAST_RULE,)
    ids = {rule.id for rule in fired}
    queue, acuity, next_queue = outcome(fired)
    points = priority.parts(known)
    return Placement(
        queue=queue,
        acuity=acuity,
        target_minutes=TARGET_MINUTES[acuity],
        next_queue=next_queue,
        priority=priority.total(points),
        priority_parts=points,
        fired=tuple(_explained(rule, known) for rule in fired),
        flags=tuple(rule.flag for rule in FLAG_RULES if rule.when(known)),
        incomplete=any(key.startswith("N") for key in ids),
        missing=tuple(dict.fromkeys(_missing(known, ids))),
        unmatched=tuple(rule.id for rule in ruleset.rules if rule.id not in ids),
        rule_set=ruleset.version,
    )


def unscored(*, in_danger: bool, rules: RuleSet) -> Placement:
    """Where somebody goes while no rule may be trusted: danger to emergency, anyone else to a call back, incomplete."""
    queue, acuity = ("emergency", 1) if in_danger else ("callback", 2)
    return Placement(
        queue=queue,
        acuity=acuity,
        target_minutes=TARGET_MINUTES[acuity],
        next_queue=None,
        priority=0,
        priority_parts=(),
        fired=(),
        flags=(),
        incomplete=True,
        missing=(),
        unmatched=(),
        rule_set=rules.version,
    )


def outcome(fired: tuple[Rule, ...]) -> tuple[str, int, str | None]:
    """Return queue, acuity and next queue of the rules that matched (at least one)."""
    queues = {rule.queue for rule in fired}
    queue = next(name for name in QUEUES if name in queues)
    following = next((name for name in _AFTERWARDS if name in queues), None)
    return queue, min(rule.acuity for rule in fired), following if queue in PROTECTED_QUEUES else None


def _explained(rule: Rule, known: Facts) -> FiredRule:
    reads = MappingProxyType({name: getattr(known, name) for name in rule.reads})
    return FiredRule(rule.id, rule.queue, rule.acuity, rule.sentence, reads)


def _missing(known: Facts, ids: set[str]) -> Iterator[str]:
    """Yield the facts that have to be asked for, most pressing first."""
    if "N06" in ids:
        yield from (name for name in EMERGENCY if getattr(known, name) is None)
    if "N01" in ids:
        yield "cssrs"
    if "N07" in ids:
        yield "ciwa"
    if "N02" in ids:
        yield "cows"
    yield from (name for name in SAID_UNKNOWN if getattr(known, name) == "unknown")
    if known.age is None:
        yield "age"
    if known.street_opioids and known.days_since_last_opioid is None:
        yield "days_since_last_opioid"
