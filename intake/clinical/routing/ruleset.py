"""Rule sets: dated changes laid over the coded rules (rulings 13).

A change may switch a rule off, move its queue or acuity, or set its named limits; conditions stay code. Emergency and
clinician_now rules can be made stricter, never weaker, and never switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from intake.clinical.exact import Number, number
from intake.errors import RuleBroken

from .facts import NUMBERS, WHOLE
from .rule import LAST, QUEUES, TARGET_MINUTES, VERSION, Rule
from .rules import RULES

_ENDINGS = ("_from", "_to", "_below")
_KEYS = frozenset({"enabled", "queue", "acuity", "thresholds"})


@dataclass(frozen=True)
class RuleSet:
    """One version of the rules. `changes`: rule id to {enabled, queue, acuity, thresholds: {name: number}}.

    Raises:
        RuleBroken: RULE_UNKNOWN, RULE_PROTECTED (switching off or weakening what protects life), RULE_SET_NOT_VALID.
    """

    version: str = VERSION
    from_date: date | None = None
    approver: str | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Lay the changes over the coded rules once."""
        if not isinstance(self.changes, Mapping):
            raise _not_valid("Give the changes as rule id and what changes.")
        unknown = sorted(map(str, set(self.changes) - {rule.id for rule in RULES}))
        if unknown:
            raise RuleBroken(
                f"There is no rule {unknown[0]}.", code="RULE_UNKNOWN", fields={unknown[0]: "Unknown rule."}
            )
        laid = (_laid(rule, self.changes[rule.id]) if rule.id in self.changes else rule for rule in RULES)
        object.__setattr__(self, "rules", tuple(rule for rule in laid if rule is not None))

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> RuleSet:
        """Return a rule set from {version, from, approver, rules}; `from` is an ISO date or absent."""
        if not isinstance(given, Mapping) or not isinstance(given.get("version"), str) or not given["version"].strip():
            raise _not_valid("A rule set needs a version.")
        try:
            starts = None if given.get("from") is None else date.fromisoformat(given["from"])
        except (TypeError, ValueError) as wrong:
            raise _not_valid("Give the first day of the rule set as YYYY-MM-DD.") from wrong
        approver = given.get("approver")
        if approver is not None and not isinstance(approver, str):
            raise _not_valid("Name the approver.")
        return cls(given["version"], starts, approver, given.get("rules") or {})

    def as_json(self) -> dict[str, Any]:
        """Return the rule set as it can be read again by `from_json`."""
        starts = self.from_date.isoformat() if self.from_date else None
        rules = {key: dict(change) for key, change in self.changes.items()}
        return {"version": self.version, "from": starts, "approver": self.approver, "rules": rules}


def fact_of(limit: str) -> str:
    """Return the fact that a named limit is about: cows for cows_from."""
    return next(limit.removesuffix(ending) for ending in _ENDINGS if limit.endswith(ending))


def _laid(rule: Rule, change: Mapping[str, Any]) -> Rule | None:
    """Return the rule with its change, None when it is switched off."""
    if not isinstance(change, Mapping) or not set(change) <= _KEYS:
        raise _not_valid(f"Rule {rule.id}: only enabled, queue, acuity and thresholds can change.")
    enabled = change.get("enabled", True)
    queue, acuity = change.get("queue", rule.queue), change.get("acuity", rule.acuity)
    if not isinstance(enabled, bool) or queue not in QUEUES:
        raise _not_valid(f"Rule {rule.id}: choose on or off and a queue from the list.")
    if type(acuity) is not int or acuity not in TARGET_MINUTES:
        raise _not_valid(f"Rule {rule.id}: the acuity is 1, 2, 3 or 4.")
    changed = replace(rule, queue=queue, acuity=acuity, limits=_limits(rule, change.get("thresholds", {})))
    if rule.id == LAST and (not enabled or changed != rule):
        raise _protected(rule, "it catches everybody no other rule catches")
    if rule.is_protected and (not enabled or _is_weaker(changed, rule)):
        raise _protected(rule, "it protects life")
    return changed if enabled else None


def _limits(rule: Rule, given: object) -> Mapping[str, Number]:
    if not isinstance(given, Mapping) or not set(given) <= set(rule.limits):
        named = ", ".join(rule.limits) or "none"
        raise _not_valid(f"Rule {rule.id} has these thresholds: {named}.")
    limits = dict(rule.limits)
    for name, value in given.items():
        fact = fact_of(name)
        found = number(value, f"Rule {rule.id}: {name}", field=name, highest=NUMBERS[fact], code="RULE_SET_NOT_VALID")
        if fact in WHOLE and found.denominator != 1:
            raise _not_valid(f"Rule {rule.id}: {name} has to be a whole number.")
        limits[name] = int(found) if found.denominator == 1 else found
    low = [value for name, value in limits.items() if name.endswith("_from")]
    high = [value - (name.endswith("_below")) for name, value in limits.items() if not name.endswith("_from")]
    same_fact = len({fact_of(name) for name in limits}) == 1
    if same_fact and low and high and low[0] > high[0]:
        raise _not_valid(f"Rule {rule.id}: the lower threshold is above the upper one.")
    return MappingProxyType(limits)


def _is_weaker(changed: Rule, coded: Rule) -> bool:
    """Tell whether a protected rule would place somebody lower or later, or catch fewer; its limits are all minima."""
    lower = QUEUES.index(changed.queue) > QUEUES.index(coded.queue) or changed.acuity > coded.acuity
    return lower or any(changed.limits[name] > coded.limits[name] for name in coded.limits)


def _not_valid(sentence: str) -> RuleBroken:
    return RuleBroken(sentence, code="RULE_SET_NOT_VALID")


def _protected(rule: Rule, why: str) -> RuleBroken:
    sentence = f"Rule {rule.id} cannot be switched off or weakened: {why}."
    return RuleBroken(sentence, code="RULE_PROTECTED", fields={rule.id: sentence})


DEFAULT = RuleSet()
