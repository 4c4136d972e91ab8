"""Routing: which queue, how urgent, why, and what would change it. A proposal that a clinician accepts or overrides."""

from .changes import Change, Moved, replay, what_would_change
from .facts import Facts
from .flags import FLAG_RULES
from .place import FiredRule, Placement, place, unscored
from .priority import Part
from .rule import QUEUES, TARGET_MINUTES, FlagRule, Rule
from .rules import RULES
from .ruleset import DEFAULT, RuleSet

__all__ = [
    "DEFAULT",
    "FLAG_RULES",
    "QUEUES",
    "RULES",
    "TARGET_MINUTES",
    "Change",
    "Facts",
    "FiredRule",
    "FlagRule",
    "Moved",
    "Part",
    "Placement",
    "Rule",
    "RuleSet",
    "place",
    "replay",
    "unscored",
    "what_would_change",
]
