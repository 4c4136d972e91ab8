"""The words for codes on the desk's pages: flags, timeline lines, tasks, offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intake.cases import codes
from intake.queues.models import Queue
from intake.tasks.models import Task

FLAGS: dict[str, tuple[str, str]] = {
    "OFFER_NALOXONE": ("Offer naloxone", "amber"),
    "OFFER_MOUD": ("Offer MOUD", "amber"),
    "NO_TAPER_WITHOUT_OBSTETRIC_SPECIALIST": ("No taper without an obstetric specialist", "red"),
    "WITHDRAWAL_ALONE_NOT_RECOMMENDED": ("Withdrawal alone is not recommended", "red"),
    "MOTIVATIONAL_NO_PRESSURE": ("No pressure: still deciding", "blue"),
    "REVIEW_OIH": ("Review OIH", "violet"),
    "COORDINATE_BENZODIAZEPINE": ("Coordinate benzodiazepine", "amber"),
    "RETURNING": ("Returning", "blue"),
    "TOLERANCE_LOST": ("Overdose risk: tolerance lost", "red"),
    "WELCOME_BACK": ("Welcome back", "teal"),
}
QUEUES: dict[str, str] = {
    Queue.EMERGENCY: "emergency",
    Queue.CLINICIAN_NOW: "clinician now",
    Queue.REFER_OUT: "refer out",
    Queue.DETOX: "detox",
    Queue.CALLBACK: "callback",
    Queue.OUTPATIENT: "outpatient",
}

TASKS: dict[str, str] = {
    "danger": "Emergency: act and record what came of it",
    "alert": "Acknowledge the alert",
    "alert_escalated": "Alert nobody acknowledged",
    "schedule": "Offer a start date",
    "ask_more": "Ask what the clinician still needs",
    "answer_placement": "Accept or change the suggested queue",
    "cosign_override": "Co-sign the lower level of care",
    "first_contact": "Make first contact",
    "late_first_contact": "First contact is late",
    "late_in_queue": "Waits past its target",
    "overdue": "Late",
    "promised_callback": "Call back as promised",
    "promised_appointment": "Keep the promised appointment",
    "referral_reply": "Answer the referrer",
    "referral_outcome": "Ask what became of the person we could not take",
    "coverage_check": "Check who pays",
    "coverage_ending": "Coverage ends soon: check again",
    "decide_unreached": "Decide: not reached after all tries",
    "call_same_day": "Call today: did not come",
    "call_24h": "Safety call after 24 hours",
    "call_72h": "Safety call after 72 hours",
    "crisis_follow_up": "Follow up after the hand-over",
    "interim_service": "Offer interim service while waiting",
    "wait_contact": "Weekly call: still on the waitlist?",
    "wait_admit": "Place due within 14 days of the request",
    "wait_longest": "Place due within 120 days of the request",
    "tell_state": "Pregnant and no place: refer to the State",
    "offer_bed": "Call: a place is free and kept",
    "decide_place": "Place not taken again: decide",
    "hold_lapsed": "Bed hold ended: plan the start again",
    "transfer_outside": "Get the other center’s answer to the transfer",
    "transfer_arrival": "Transfer accepted: has the person arrived?",
    "capacity_notice": "Beds are full: tell the State",
    "rebook": "Offer a new start after the missed one",
    "naloxone": "Hand over naloxone, or write why not",
    "tolerance_warning": "Explain that tolerance is lost",
    "moud_offer": "Offer medication for opioid use disorder",
    "last_dose": "Missed in a taper: look at the last dose reached",
    "risk_letter": "Send the overdose-risk letter, if post is safe",
    "tell_referrer": "Tell the referrer of the arrival, as far as the person agreed",
    "ask_again": "Came back: ask identity, safe contact and consents again",
    "name_contact": "Ask for an emergency contact",
    "tell_contact": "Tell the emergency contact, as they asked",
    "first_visit": "First outpatient visit within a week",
    "transfer": "Answer the transfer",
    "emergency_access": "Review emergency access",
    "review_disclosure": "Look at a copy given out without consent",
    "unsafe_contact": "Somebody was reached in a way that was not safe",
    "check_in_review": "Review the check-in",
    "check_in_unanswered": "No answer to the check-in: call",
    "step_hold": "Decide about the held step",
    "new_owner": "Give this case an owner",
    "screening_waits": "Complete the screening that was answered by link",
    "birth_date_tries": "Birth date did not fit five times: call",
    "call_about_mail": "Call about an email",
    "message_not_sent": "An email was not sent",
    "delivery_uncertain": "An email may not have come: decide",
    "mail_refused_by_policy": "An email was held back: look at it",
    "pause_review": "Review the paused plan",
    "sign_plan": "Sign the taper plan, or send it back",
    "message_held": "A message is held: look at it",
    "bounced": "An email came back: ask for another address",
}

# why a task is owed, where the code's own words would not say it
CAUSES: dict[str, str] = {
    "accepted": "the case was accepted",
    "asked_for_more": "the decision waits for it",
    "asked_for_signature": "a colleague asked for it",
    "attempts_used_up": "every try is used up",
    "beds_full": "the beds are full",
    "bounced": "the email came back",
    "closed": "the case was closed",
    "danger_answer": "an emergency sign was told",
    "discharged": "the case ended",
    "first_contact_late": "the target has passed",
    "handed_over": "handed over in an emergency",
    "held_by_staff": "a colleague held it back",
    "inquiry_received": "a new request",
    "link": "asked for by a link",
    "lower_level_than_proposed": "a lower level than suggested",
    "missed_visit": "the visit was missed",
    "no_show": "did not come",
    "owner_left": "the owner left",
    "own_record": "it is the record of somebody who works here",
    "paused": "the plan is paused",
    "promise": "it was promised",
    "referral": "a referral",
    "referral_need_more": "the referrer has to send more",
    "referred_out": "sent to another place",
    "screening_completed": "the screening is complete",
    "stopped_by_link": "the person stopped the emails",
    "transfer": "a transfer",
    "waitlisted": "on the waitlist",
    "window_over": "its time was over",
}


def cause(code: str) -> str:
    """Why a task is owed, in words; the code of an alert is the alert's own name."""
    return CAUSES.get(code) or (codes.words(code) if code.isupper() else code.replace("_", " "))


def flag(code: str) -> str:
    """The words of a flag."""
    return FLAGS.get(code, (code.replace("_", " ").capitalize(), ""))[0]


def flag_tag(code: str) -> tuple[str, str]:
    """Words and tone of a flag."""
    return FLAGS.get(code, (code.replace("_", " ").capitalize(), "line"))


def offer(kind: str, answer: str) -> str:
    """The words of the answer to the naloxone or MOUD offer."""
    table = codes.NALOXONE_ANSWERS if kind == "naloxone" else codes.MOUD_ANSWERS
    return table.get(answer, "Not offered yet")


def task(kind: str) -> str:
    """The words of a kind of task; an unknown one is shown as its own words."""
    return TASKS.get(kind, kind.replace("_", " ").capitalize())


def task_line(row: Task) -> str:
    """The words of one task; a late one says what is late."""
    if row.kind == "overdue":
        return f"{task('overdue')}: {task(str(row.params.get('kind', ''))).lower()}"
    if row.kind == "last_dose" and row.params.get("dose"):
        return f"{task('last_dose')}: {row.params['dose']}"
    if row.kind in {"transfer", "transfer_outside", "transfer_arrival"} and row.params.get("to"):
        return f"{task(row.kind)} ({codes.words(str(row.params['to'])).lower()})"
    return task(row.kind)


def queue(code: str) -> str:
    """The words of a queue."""
    return QUEUES.get(code, code.replace("_", " "))


def state(code: str) -> str:
    """The words of any state code."""
    return code.replace("_", " ").capitalize()


# kind of a timeline line -> words with its params, icon, tone
_LINES: dict[str, tuple[str, str, str]] = {
    "case_opened": ("Case opened", "folder", "t"),
    "queued": ("Waits in {queue}, P{acuity}", "route", "g"),
    "confirmed": ("Accepted for {queue}, P{acuity}", "route", "g"),
    "claimed": ("Claimed", "person", ""),
    "released": ("Given back", "person", ""),
    "assigned": ("Handed to {to}", "person", ""),
    "parked": ("Set aside", "pause", ""),
    "unparked": ("Taken up again", "person", ""),
    "left": ("Left {queue}: {outcome}", "out", ""),
    "alert_on_top": ("On top of the queue: {code}", "alert", "r"),
    "alert": ("Alert: {code}", "alert", "r"),
    "alert_seen": ("Alert seen: {code}", "ok", "g"),
    "alert_escalated": ("Alert handed to the supervisor: {code}", "alert", "r"),
    "case_moved": ("Case is now {to}", "swap", "t"),
    "decided": ("Decided: {decision} {level} {code}", "ok", "g"),
    "handed_over": ("Emergency: {outcome}", "phone", "r"),
    "offered": ("{what} offered: {answer}", "heart", ""),
    "note": ("Note", "pen", ""),
    "disclosed": ("Copy for somebody outside: {purpose}", "out", "r"),
    "emergency_contact": ("Emergency contact: {answer}", "phone", ""),
    "contact_told": ("Emergency contact: {answer}", "phone", "r"),
    "heard_elsewhere": ("What became of them elsewhere: {answer} {code}", "out", ""),
    "referral_completed": ("The referrer told what was missing", "task", "t"),
    "referrer_told": ("Referrer: {answer}", "phone", "r"),
    "arrival_planned": ("Arrival planned", "clock", ""),
    "restricted": ("Record restricted", "lock", "r"),
    "unrestricted": ("Record open again", "lock", ""),
    "emergency_access": ("Emergency access", "alert", "r"),
    "care_planned": ("Care plan saved", "heart", "g"),
    "external_level": ("Level assessed elsewhere: {level} ({tool})", "info", ""),
    "left_against_advice": ("Left against advice; counselled by {counselled_by}", "out", "r"),
    "follow_up_offered": ("Next appointment: {follow_up}", "clock", ""),
    "medicines_reconciled": ("Medicines gone through with them", "pill", ""),
    "hold_lapsed": ("Bed hold ended", "bed", "r"),
    "place_offered": ("A place is free: bed {bed} kept", "bed", "g"),
    "place_declined": ("Did not take the place", "bed", ""),
    "interim_given": ("Interim services given", "heart", "g"),
    "wait_contact": ("Weekly call: {outcome}", "phone", ""),
    "ranked": ("Wait class changed", "swap", ""),
    "bed_held": ("Bed {bed} kept", "bed", ""),
    "moved_in": ("In bed {bed}, {unit}", "bed", "t"),
    "transfer": ("Transfer to {to}: {answer}", "swap", "t"),
    "discharge_reason": ("In their own words", "out", ""),
    "visit_booked": ("Visit booked", "clock", ""),
    "visit_moved": ("Visit moved", "clock", ""),
    "visit_cancelled": ("Visit cancelled", "close", ""),
    "visit_kept": ("Came to the visit", "ok", "g"),
    "visit_missed": ("Did not come to the visit", "alert", "r"),
    "inquiry_received": ("Request received: {channel}", "globe", ""),
    "danger_told": ("Emergency sign told", "alert", "r"),
    "danger_taken_back": ("Says the emergency sign was picked by mistake", "alert", "r"),
    "attempt": ("Tried to reach them: {outcome}", "phone", ""),
    "promise": ("Promised: {what}", "clock", ""),
    "placement_accepted": ("Suggestion accepted: {queue}", "route", "g"),
    "placement_overridden": ("Changed to {queue}", "route", "v"),
    "inquiry_closed": ("Request closed", "close", ""),
    "inquiry_reopened": ("Request opened again", "plus", ""),
    "plan_signed": ("Taper plan signed", "taper", "g"),
    "asked_to_sign": ("Taper plan waits for a signature", "taper", "v"),
    "plan_sent_back": ("Taper plan sent back", "taper", "v"),
    "plan_paused": ("Taper plan paused", "pause", "v"),
    "plan_stopped": ("Taper plan stopped", "close", "r"),
    "step_held": ("Next step held", "pause", "v"),
    "step_hold": ("Next step held", "pause", "v"),
    "hold_cleared": ("Hold cleared", "ok", "g"),
    "hard_stop_released": ("Hard stop released", "shield", "r"),
    "check_in": ("Check-in answered", "task", "t"),
    "check_in_reviewed": ("Check-in reviewed", "ok", "g"),
    "check_in_unanswered": ("Check-in not answered", "clock", "r"),
    "delivery_uncertain": ("Email: delivery uncertain", "mail", "r"),
    "contact_agreed": ("Agreed to be contacted", "person", "g"),
    "crisis_handed_over": ("Emergency handed over: {outcome}", "phone", "r"),
    "override_cosigned": ("Override co-signed", "ok", "g"),
    "override_reversed": ("Override turned back to the suggestion", "route", "v"),
    "passed_on": ("Case passed on to {to}", "person", ""),
    "screening_completed": ("Screening complete", "task", "t"),
    "questions_sent": ("Questions sent by email", "mail", ""),
    "questions_answered": ("Answered the questions by link", "task", "t"),
}


class _Params(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _shown(key: str, value: Any) -> str:
    text = str(value)
    if key in {"queue", "proposed"}:
        return queue(text)
    if key in {"code", "level", "decision", "outcome", "follow_up"} or (key == "to" and text in codes.LEVELS):
        return codes.words(text) if text else ""
    if key == "channel":
        return {"web": "web form", "walk_in": "walk-in"}.get(text, text)
    if key in {"to", "answer", "what"}:
        return text.replace("_", " ")
    return text


def line(kind: str, params: Mapping[str, Any]) -> tuple[str, str, str]:
    """Title, icon and tone of a timeline line."""
    words, icon, tone = _LINES.get(kind, (kind.replace("_", " ").capitalize(), "task", ""))
    filled = words.format_map(_Params({k: _shown(k, v) for k, v in params.items()}))
    return " ".join(filled.split()).rstrip(":, "), icon, tone
