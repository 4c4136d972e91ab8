"""Taper plans: built from a rate, checked when made by hand, reviewed before signing.

Nothing here prescribes: a plan is a draft until a prescriber signs it.
"""

from .build import build, check_by_hand
from .ladder import deliverable, dispense
from .model import Baseline, Plan, Step, TaperContext, TaperRequest
from .review import Concern, ReviewFacts, review

__all__ = [
    "Baseline",
    "Concern",
    "Plan",
    "ReviewFacts",
    "Step",
    "TaperContext",
    "TaperRequest",
    "build",
    "check_by_hand",
    "deliverable",
    "dispense",
    "review",
]
