"""What an audit entry says, in words: the verb and the record of an entry as one short phrase."""

from __future__ import annotations

# Verbs that say all by themselves, whatever the record.
_ALONE: dict[str, str] = {
    "broke_glass": "Emergency access used",
    "signed_in": "Signed in",
    "sign_in_refused": "Sign-in refused",
    "code_refused": "Code refused",
    "password_accepted": "Password accepted",
    "password_changed": "Password changed",
    "password_reset_asked": "New password asked for",
    "passkey_added": "Passkey added",
    "passkey_removed": "Passkey removed",
    "recovery_codes_made": "Recovery codes made",
    "session_ended": "Session ended",
    "invited": "Person invited",
    "invitation_accepted": "Invitation accepted",
    "switched_on": "Person switched on",
    "switched_off": "Person switched off",
    "role_changed": "Role changed",
    "alert_on_top": "Put on top of the queue",
    "planned_care": "Care plan saved",
    "transfer_requested": "Transfer asked for",
    "unsafe_contact": "Reached in an unsafe way",
    "told_state": "State told",
    "interim_given": "Interim services given",
    "assessed_elsewhere": "Level assessed elsewhere",
    "became_known": "Person became known",
    "named_nobody": "Nobody named to be told",
    "chose_time": "Hour of emails chosen",
}
_RECORDS: dict[str, str] = {
    "api_token": "Token",
    "audit": "Audit log",
    "bed_use": "Bed",
    "board": "List",
    "capacity_mark": "Count of beds",
    "care_case": "Case",
    "case_alert": "Alert",
    "case_grant": "Emergency access",
    "check_in": "Check-in",
    "contact_point": "Phone or address",
    "disclosure": "Copy",
    "draft": "Draft of a call",
    "education_text": "Text",
    "entry": "Place in a queue",
    "handover": "Hand-over sheet",
    "inquiry": "Request",
    "message": "Email",
    "plan": "Taper plan",
    "plan_version": "Taper plan",
    "queue_entry": "Place in a queue",
    "referral_out": "Sending on",
    "rule_set": "Rules",
    "site": "Center",
    "staff": "Person at work",
    "step_hold": "Held step",
    "transfer": "Transfer",
}
_VERBS: dict[str, str] = {
    "looked": "opened",
    "listed": "looked at",
    "held": "kept",
    "moved_in": "taken",
    "not_sent": "not sent",
    "went_bad": "does not work",
    "queued": "given",
    "tried": ": a try to reach them",
    "owed": "made",
    "billed": ": what is billed",
    "noted": "written",
    "told": ": somebody was told",
    "flagged": ": a flag changed",
    "uncertain": ": delivery uncertain",
    "left_after_all": "left after all",
    "stopped_by_link": "stopped by the person",
    "resumed_by_link": "wanted again by the person",
}
# A read is what is asked for most; the day a case begins must not look like one.
_PAIRS: dict[tuple[str, str], str] = {
    ("opened", "care_case"): "Case begun",
    ("disclosed", "disclosure"): "Copy written down",
    ("released", "disclosure"): "Copy given out",
    ("not_told", "disclosure"): "Nobody reached, nothing told",
    ("heard", "referral_out"): "What became of them elsewhere",
}


def done(verb: str, record: str) -> str:
    """The phrase of an entry, like "Case opened" or "Access refused: consent"."""
    if verb in _ALONE:
        return _ALONE[verb]
    noun = _RECORDS.get(record, record.replace("_", " ").capitalize())
    if verb == "denied":
        return f"Access refused: {noun.lower()}"
    if (verb, record) in _PAIRS:
        return _PAIRS[verb, record]
    return f"{noun} {_VERBS.get(verb, verb.replace('_', ' '))}".replace(" :", ":")


def details(purpose: str) -> str:
    """The purpose of an entry as people read it: no code words, no room before a dot."""
    words = purpose if " " in purpose else purpose.rpartition(".")[2] or purpose
    words = words.capitalize() if words.isupper() else words
    return words.replace("_", " ").replace("/", " ").replace("?", ", ")
