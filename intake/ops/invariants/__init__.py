"""What must hold at any moment: each invariant says in one sentence what it promises, and finds what breaks it.

Numbers in keys point to product.md 2.3 where an invariant stands there. Read only; works on both engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from intake.db import end_read
from intake.ops.invariants import beds_and_queues, cases, messages, people, plans
from intake.ops.invariants.rule import Rule

RULES: tuple[Rule, ...] = (*people.RULES, *cases.RULES, *beds_and_queues.RULES, *plans.RULES, *messages.RULES)


@dataclass(frozen=True)
class Checked:
    """One invariant after the check: the first places where it is broken, none when it holds."""

    rule: Rule
    faults: tuple[str, ...]


def check() -> Iterator[Checked]:
    """Check every invariant, one after the other."""
    for rule in RULES:
        yield Checked(rule, tuple(rule.faults()))
        end_read()
