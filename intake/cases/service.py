"""Every verb of the cases room, under one name for the rooms above."""

from __future__ import annotations

from intake.cases.alerts import acknowledge, escalate, raise_alert
from intake.cases.booking import COMING, book_visit, schedule, settle_visit
from intake.cases.closing import close, when_ended
from intake.cases.deciding import decide
from intake.cases.glass import break_glass, restrict, review
from intake.cases.leveling import bill, external_level
from intake.cases.notes import flag, note, save_draft
from intake.cases.offering import record_offer
from intake.cases.opening import go_on, hand_over, open, open_for_danger, place
from intake.cases.places import hold_bed, release_bed
from intake.cases.reaching import attempt
from intake.cases.stays import admit, after_care, discharge, no_show, when_missed
from intake.cases.transfers import answer_transfer, ask_transfer
from intake.cases.waitlist import interim, rank, refuse_place, waitlist, weekly

__all__ = [
    "COMING",
    "acknowledge",
    "admit",
    "after_care",
    "answer_transfer",
    "ask_transfer",
    "attempt",
    "bill",
    "book_visit",
    "break_glass",
    "close",
    "decide",
    "discharge",
    "escalate",
    "external_level",
    "flag",
    "go_on",
    "hand_over",
    "hold_bed",
    "interim",
    "no_show",
    "note",
    "open",
    "open_for_danger",
    "place",
    "raise_alert",
    "rank",
    "record_offer",
    "refuse_place",
    "release_bed",
    "restrict",
    "review",
    "save_draft",
    "schedule",
    "settle_visit",
    "waitlist",
    "weekly",
    "when_ended",
    "when_missed",
]
