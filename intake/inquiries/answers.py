"""The answers people can pick, as codes with their words, for the form, the check page and the staff pages."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

Options = Sequence[tuple[str, LazyString]]

NONE = "none"

# The order is that of the first page; the codes are the seven facts of clinical.md section 5.
DANGER: Options = (
    ("overdose_24h", _("Overdose, or naloxone given")),
    ("breathing_problem", _("Trouble breathing, or cannot wake up")),
    ("seizure_24h", _("A seizure")),
    ("delirium", _("Confused, or seeing things that are not there")),
    ("medical_red_flag", _("Chest pain, face or arm weak, heavy bleeding, high fever")),
    ("suicide_imminent", _("About to end their life, or has started to")),
    ("violence_imminent", _("Someone may get hurt by another person")),
)
DANGER_CODES = tuple(code for code, _label in DANGER)
NO_DANGER = _("None of these")

WHO: Sequence[tuple[str, LazyString, LazyString | str]] = (
    ("self", _("Me"), ""),
    (
        "family",
        _("Someone I care about"),
        _("We will ask how you know them, and if they know you are asking."),
    ),
    ("professional", _("A patient or client of mine"), _("For doctors, hospitals, courts and case workers.")),
)
WHO_CODES = tuple(code for code, _label, _hint in WHO)

TIES: Options = (
    ("partner", _("Partner")),
    ("parent", _("Parent")),
    ("child", _("Son or daughter")),
    ("sibling", _("Brother or sister")),
    ("friend", _("Friend")),
    ("other", _("Another way")),
)
KNOWS: Options = (
    ("yes", _("Yes, they know")),
    ("no", _("No, not yet")),
    ("unsure", _("I am not sure")),
)

TAKES: Options = (
    ("prescribed", _("Pain pills from a doctor")),
    ("pills", _("Pain pills I got another way")),
    ("fentanyl", _("Fentanyl")),
    ("heroin", _("Heroin")),
    ("methadone", _("Methadone")),
    ("buprenorphine", _("Buprenorphine, like Suboxone")),
    ("benzo", _("Calming pills, like Xanax or Valium")),
    ("alcohol", _("Alcohol")),
    ("stimulant", _("Cocaine or meth")),
    ("other", _("Something else")),
    ("later", _("I would rather say it on the phone")),
)
OPIOIDS = frozenset({"prescribed", "pills", "fentanyl", "heroin", "methadone", "buprenorphine"})
STREET = frozenset({"pills", "fentanyl", "heroin"})
PRESCRIBED = frozenset({"prescribed"})
SINCE: Options = (
    ("month", _("Less than a month")),
    ("year", _("Less than a year")),
    ("two_years", _("1 to 2 years")),
    ("longer", _("More than 2 years")),
    ("unsure", _("I am not sure")),
)

PAIN: Options = (
    ("more_with_dose", _("It got worse as the dose went up")),
    ("spread", _("It has spread to new places")),
    ("touch", _("A light touch hurts")),
    ("same", _("It hurts, but none of these")),
    ("no_pain", _("I have no pain")),
)
OIH_SIGNS = frozenset({"more_with_dose", "spread", "touch"})

FEELS: Options = (
    ("sweating", _("Sweating or chills")),
    ("shaky", _("Shaky")),
    ("sleepless", _("Cannot sleep")),
    ("aches", _("Aches in bones or muscles")),
    ("sick", _("Sick to the stomach")),
    ("no_fluids", _("I throw up and cannot keep water down")),
    ("anxious", _("Worried or restless")),
    ("fine", _("None of these. I feel OK")),
)
WITHDRAWAL_SIGNS = frozenset({"sweating", "shaky", "sleepless", "aches", "sick", "no_fluids", "anxious"})

VOICEMAIL: Options = (("yes", _("Yes")), ("no", _("No, just call again")))
YES_NO: Options = (("yes", _("Yes")), ("no", _("No")))
BEST_TIME: Options = (
    ("any", _("Any time")),
    ("morning", _("In the morning")),
    ("afternoon", _("In the afternoon")),
    ("evening", _("After 5 pm")),
)
FUNDING: Options = (
    ("private", _("Insurance from a job or bought")),
    ("medicaid", _("Medicaid")),
    ("medicare", _("Medicare")),
    ("self_pay", _("No insurance")),
    ("unsure", _("I am not sure")),
)

# What only the call page asks.
MESSAGE_SAFE: Options = (("yes", _("Yes")), ("no", _("No")), ("text", _("Text only")))
SUBSTANCES: Options = (
    ("fentanyl", _("Fentanyl")),
    ("heroin", _("Heroin")),
    ("prescribed", _("Rx opioid")),
    ("pills", _("Rx opioid, not theirs")),
    ("methadone", _("Methadone")),
    ("buprenorphine", _("Bupe")),
    ("alcohol", _("Alcohol")),
    ("benzo", _("Benzo")),
    ("stimulant", _("Stimulant")),
    ("other", _("Other")),
)
LAST_USE: Options = (
    ("under_6h", _("0–6 h")),
    ("under_24h", _("6–24 h")),
    ("under_3d", _("1–3 d")),
    ("over_3d", _("over 3 d")),
)
# Days since the last opioid for the routing rule on a missing withdrawal score; over three days is not known better.
LAST_USE_DAYS = {"under_6h": 0, "under_24h": 1, "under_3d": 3, "over_3d": 4}
WITHDRAWAL: Options = (("no", _("No")), ("some", _("Some")), ("bad", _("Bad")))
PREGNANT: Options = (("no", _("No")), ("yes", _("Yes")), ("unknown", _("Unknown")), ("na", _("N/A")))
CALLING_FOR: Options = (("self", _("Self")), ("family", _("Family")), ("professional", _("Pro")))
SOURCES: Options = (
    ("friend", _("Friend or family")),
    ("doctor", _("Doctor or hospital")),
    ("web", _("Web search")),
    ("court", _("Court or probation")),
    ("returning", _("Was here before")),
    ("other", _("Other")),
)

ATTEMPT_CHANNELS: Options = (
    ("phone", _("Call")),
    ("text", _("Text")),
    ("in_person", _("In person")),
    ("post", _("Letter")),
)
REACHED = "reached"
ATTEMPT_OUTCOMES: Options = (
    (REACHED, _("Spoke with the person")),
    ("spoke_inquirer", _("Spoke with the one who asked")),
    ("voicemail", _("Left a voice message")),
    ("no_answer", _("No answer")),
    ("wrong_number", _("Wrong number")),
    ("call_later", _("Asked us to call later")),
)
# A conversation is a human contact; a voice message is not.
HUMAN_OUTCOMES = frozenset({REACHED, "spoke_inquirer", "call_later"})
# A message left is an attempt that needs leave to leave one.
HAND_OVER: Options = (
    ("services_there", _("911 or crisis team is with them")),
    ("line_988", _("988 took over the call")),
    ("went_to_hospital", _("On the way to a hospital")),
    ("safe_now", _("Safe now, somebody is with them")),
    ("lost_contact", _("We lost contact, welfare check asked for")),
)
CLOSING: Options = (
    ("declined_by_person", _("The person chose not to go on")),
    ("unreachable", _("Not reached after all attempts")),
    ("referred_out", _("Referred to another place")),
    ("duplicate", _("Same request twice")),
)


def codes(options: Options) -> tuple[str, ...]:
    """The codes of a set of options."""
    return tuple(code for code, _label in options)


def label(options: Options, code: str) -> str:
    """The words of a code in the reader's language; the code itself when it is not of this set."""
    return next((str(text) for known, text in options if known == code), code)


def labels(options: Options, picked: Sequence[str]) -> str:
    """The words of several codes, comma between, in the order of the options."""
    return ", ".join(str(text) for code, text in options if code in picked)


SAFETY_FIRST = _("Safety signs")
CALL_WORDS = {
    "relation": _("Calling for"),
    "name": _("Name to use"),
    "phone": _("Phone"),
    "age": _("Age or date of birth"),
    "message": _("Safe to leave a message?"),
    "takes": _("Main substance"),
    "last_use": _("Last use"),
    "withdrawal": _("Feels withdrawal now?"),
    "pregnant": _("Pregnant?"),
    "consent": _("OK to keep these notes"),
}
