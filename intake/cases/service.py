"""Every verb of the cases room, under one name for the rooms above."""

from __future__ import annotations

from intake.cases.alerts import acknowledge, escalate, raise_alert
from intake.cases.deciding import book_visit, close, decide, schedule, waitlist, when_ended
from intake.cases.glass import break_glass, restrict, review
from intake.cases.notes import flag, note, save_draft
from intake.cases.opening import go_on, hand_over, open, open_for_danger, place
from intake.cases.stays import admit, after_care, answer_transfer, ask_transfer, discharge, no_show, record_offer

__all__ = [
    "acknowledge",
    "admit",
    "after_care",
    "answer_transfer",
    "ask_transfer",
    "book_visit",
    "break_glass",
    "close",
    "decide",
    "discharge",
    "escalate",
    "flag",
    "go_on",
    "hand_over",
    "no_show",
    "note",
    "open",
    "open_for_danger",
    "place",
    "raise_alert",
    "record_offer",
    "restrict",
    "review",
    "save_draft",
    "schedule",
    "waitlist",
    "when_ended",
]
