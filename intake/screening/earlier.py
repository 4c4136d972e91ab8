"""What a screening asks about earlier treatment and withdrawal (product.md 2.1): told, kept, and counted by no rule."""

from __future__ import annotations

from intake.screening.lines import UNKNOWN
from intake.screening.questions import Block, Question

EARLIER = Block(
    "earlier",
    "Earlier treatment and withdrawal",
    "",
    (
        Question(
            "earlier_type",
            "Last treatment",
            (
                ("none", "None so far"),
                ("detox", "Detox"),
                ("residential", "Residential"),
                ("outpatient", "Outpatient"),
                ("medication", "Medication program"),
                ("other", "Another"),
                (UNKNOWN, "Unknown"),
            ),
        ),
        Question(
            "earlier_outcome",
            "How it ended",
            (
                ("completed", "Completed"),
                ("left_early", "Left early"),
                ("goes_on", "Goes on"),
                ("ended_by_program", "Ended by the program"),
                (UNKNOWN, "Unknown"),
            ),
        ),
        Question("longest_without_days", "Longest time without opioids", low=0, high=30_000, unit="days"),
        Question("worst_withdrawal", "Worst withdrawal so far, in their words", long=True, limit=500),
        Question("withdrawal_complications", "What went wrong in it, and what helped", long=True, limit=500),
    ),
    optional=True,
)
