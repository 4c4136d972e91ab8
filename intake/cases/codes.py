"""The coded answers of the cases room, each with the words a page shows."""

from __future__ import annotations

LEVELS: dict[str, str] = {
    "inpatient_detox": "Inpatient detox",
    "residential": "Residential",
    "day_program": "Day program",
    "intensive_outpatient": "Intensive outpatient",
    "outpatient": "Outpatient",
    "medication": "Medication program",
}
DETOX_LEVELS = frozenset({"inpatient_detox"})

DECISIONS: dict[str, str] = {
    "accept": "Accept",
    "refer": "Refer to another program",
    "decline": "Do not accept",
    "ask_more": "Ask for more first",
}

DECLINE_CODES: dict[str, str] = {
    "not_treated_here": "Nothing this center treats",
    "higher_level_needed": "Needs a higher level of care than we have",
    "other_site_closer": "Another program fits better",
    "person_declined": "The person decided against it",
    "outside_age": "Outside our age range",
    "legal_hold": "A legal hold prevents it",
}

TOLD: dict[str, str] = {
    "person": "The person",
    "referrer": "The referrer, with consent",
    "family": "Family, with consent",
    "not_yet": "Nobody yet",
}

DISCHARGE_TYPES: dict[str, str] = {
    "completed": "Completed",
    "against_advice": "Left against advice",
    "administrative": "Administrative",
    "transferred": "Transferred",
    "incarcerated": "Incarcerated",
    "died": "Died",
    "other": "Other",
}
# How the person was when care ended; the types say how it ended.
DISCHARGE_STATUS: dict[str, str] = {
    "goals_met": "Goals met",
    "goals_part": "Goals met in part",
    "goals_not": "Goals not met",
    "worse": "Worse than at admission",
    "status_unknown": "Not known",
}
FOLLOW_UPS: dict[str, str] = {
    "follow_up_taken": "Offered and taken",
    "follow_up_declined": "Offered, not wanted",
    "follow_up_none": "Could not be offered",
}
# Rulings 22: after these two the after-care messages stay owed; after all others none does.
KEEPS_AFTER_CARE = frozenset({"completed", "transferred"})

WAIT_CLASSES: dict[str, str] = {
    "pregnant_injecting": "Pregnant and injecting",
    "pregnant": "Pregnant",
    "injecting": "Injecting",
    "other": "All others",
}

# 45 CFR 96.126 and 96.131 name these; their clocks always run.
CLOCK_CLASSES = frozenset({"pregnant_injecting", "pregnant", "injecting"})
INTERIM_SERVICES: dict[str, str] = {
    "infection": "Counselling on HIV, hepatitis and TB",
    "needles": "Counselling on needle sharing and how infection is passed on",
    "tests": "Referral for HIV and TB care, if wanted",
    "prenatal": "Referral to prenatal care",
    "naloxone": "Naloxone given",
    "other_program": "Another program offered",
}
WAIT_OUTCOMES: dict[str, str] = {
    "still_wants": "Still wants the place",
    "changed": "Still wants it, something changed",
    "danger": "New danger",
    "not_reached": "Not reached",
}

READINESS: dict[str, dict[str, str]] = {
    "withdrawal": {"none": "None now", "falling": "Falling", "steady": "The same", "rising": "Rising"},
    "vitals": {"stable": "Stable", "watch": "To be watched", "not_stable": "Not stable"},
    "moud": {"on_it": "On medication", "starting": "Starting", "declined": "Chose not to", "not_needed": "Not needed"},
}
TRANSFER_DECLINES: dict[str, str] = {
    "no_place": "No place free",
    "not_stable": "Not stable enough yet",
    "other_level": "Another level fits better",
    "missing_information": "Something is missing",
    "person_changed_mind": "The person changed their mind",
}
CAPACITY: dict[str, str] = {
    "full": "Understands and can decide",
    "doubtful": "In doubt: a second person looked",
    "not_able": "Not able to decide now",
}
LEAVING_REASONS: dict[str, str] = {
    "withdrawal": "Withdrawal or pain too strong",
    "urge": "Strong wish to use",
    "home_or_work": "Family, children or work",
    "people": "People or rules here",
    "cost": "Cost or insurance",
    "well": "Feels well enough",
    "other_reason": "Another reason",
}
LEAVING_OFFERS: dict[str, str] = {
    "dose_change": "Another dose or a slower plan",
    "pause": "A pause",
    "outpatient": "Going on as an outpatient",
    "moud": "Medication for opioid use disorder",
    "other_program": "Another program",
    "nothing": "Nothing could be offered",
}

NALOXONE_ANSWERS: dict[str, str] = {
    "accepted": "Accepted",
    "declined": "Chose not to take it",
    "has_it": "Already has it",
}
MOUD_ANSWERS: dict[str, str] = {
    "accepted": "Wants medication",
    "declined": "Chose not to now",
    "on_it": "Already on medication",
    "later": "Wants to think about it",
}

HANDED_OVER: dict[str, str] = {
    "called_911": "911 called",
    "warm_ed": "Handed over to an emergency department",
    "crisis_988": "Connected to 988",
    "safe_now": "Reached, safe now",
    "by_mistake": "Answered by mistake",
    "not_reached": "Not reached, welfare check asked",
}
# These end the inquiry as crisis_handed_over; the others go on to the next queue.
HANDS_OVER = frozenset({"called_911", "warm_ed", "crisis_988"})
# With these somebody of ours spoke with them.
SPOKE = frozenset({"called_911", "warm_ed", "crisis_988", "safe_now", "by_mistake"})

ALERTS: dict[str, str] = {
    "CHECK_IN_DANGER": "Thoughts of not wanting to live",
    "CHECK_IN_STOP_AND_LOOK": "A check-in asks for a look",
    "CHECKIN_THOUGHTS": "Thoughts of not wanting to live",
    "CHECKIN_USED": "Used something else",
    "CHECKIN_PAIN": "Pain is much worse",
    "CHECKIN_WITHDRAWAL": "Withdrawal feelings",
    "SUICIDE_HIGH": "C-SSRS high",
    "SUICIDE_MODERATE": "C-SSRS moderate",
    "SUICIDE_ITEM": "Thoughts of death or self-harm",
    "COWS_MODERATE": "COWS 13 or more",
    "COWS_SEVERE": "COWS 25 or more",
    "WAIT_DANGER": "New danger while waiting for a place",
}

# Tasks that must be done, or ended with a reason, before a case closes (invariant 33).
SAFETY_TASKS = frozenset(
    {
        "danger",
        "alert",
        "call_24h",
        "call_72h",
        "call_same_day",
        "naloxone",
        "tolerance_warning",
        "moud_offer",
        "last_dose",
        "crisis_follow_up",
    }
)


_TABLES = (
    ALERTS, LEVELS, DECISIONS, DECLINE_CODES, TOLD, DISCHARGE_TYPES, LEAVING_REASONS, WAIT_CLASSES, HANDED_OVER,
    WAIT_OUTCOMES, TRANSFER_DECLINES, DISCHARGE_STATUS, FOLLOW_UPS,
)  # fmt: skip


def words(code: str) -> str:
    """The words of any code of this room; an unknown one is shown as its own words."""
    for table in _TABLES:
        if code in table:
            return table[code]
    return code.replace("_", " ").capitalize()
