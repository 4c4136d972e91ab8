"""What a board says about a case in a word or two: codes stored with the entry, read from the facts of routing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Facts = Mapping[str, Any]

# code -> words, tone of the tag, condition on the facts; the order is the order on the board.
_TABLE: tuple[tuple[str, str, str, Callable[[Facts], bool]], ...] = (
    ("breathing", "Breathing trouble", "red", lambda f: f.get("breathing_problem") is True),
    ("overdose_24h", "Overdose, last 24 h", "red", lambda f: f.get("overdose_24h") is True),
    ("seizure_24h", "Seizure, last 24 h", "red", lambda f: f.get("seizure_24h") is True),
    ("delirium", "Confused", "red", lambda f: f.get("delirium") is True),
    ("red_flag", "Acute illness", "red", lambda f: f.get("medical_red_flag") is True),
    ("suicide_now", "Life in danger now", "red", lambda f: f.get("suicide_imminent") is True),
    ("violence_now", "Violence now", "red", lambda f: f.get("violence_imminent") is True),
    ("suicide_high", "C-SSRS high", "red", lambda f: f.get("cssrs") == "high"),
    ("suicide_moderate", "C-SSRS moderate", "amber", lambda f: f.get("cssrs") == "moderate"),
    ("pregnant", "Pregnant", "red", lambda f: f.get("pregnancy") == "yes"),
    ("withdrawal_now", "Withdrawal now", "red", lambda f: _at_least(f.get("cows"), 13)),
    ("benzo_daily", "Benzo daily", "red", lambda f: f.get("benzo") == "daily"),
    ("alcohol_heavy", "Heavy alcohol daily", "red", lambda f: f.get("alcohol") == "heavy_daily"),
    ("overdose_90d", "Overdose, last 90 days", "amber", lambda f: f.get("overdose_90d") is True),
    ("no_fluids", "Cannot keep fluids", "amber", lambda f: f.get("cannot_keep_fluids") is True),
    ("complicated_before", "Hard withdrawal before", "amber", lambda f: f.get("prior_complicated_withdrawal") is True),
    ("no_safe_place", "No safe place", "amber", lambda f: f.get("living") in {"homeless", "unsafe"}),
    ("unstable_home", "Unstable housing", "amber", lambda f: f.get("living") == "unstable"),
    ("oih", "OIH features", "violet", lambda f: f.get("oih") == "oih_features"),
    ("oih_possible", "Possible OIH", "violet", lambda f: f.get("oih") == "oih_suspected"),
    ("tolerance", "Tolerance pattern", "teal", lambda f: f.get("oih") == "tolerance_pattern"),
    (
        "offer_moud",
        "Offer MOUD",
        "amber",
        lambda f: _at_least(f.get("oud_criteria"), 2) and f.get("moud") in {None, "none"},
    ),
    ("on_moud", "On MOUD", "green", lambda f: f.get("moud") not in {None, "none"}),
    ("rapid", "Asks for a rapid taper", "line", lambda f: f.get("speed_requested") == "rapid"),
)

# Codes that other rooms set by hand, not from facts.
_MORE: dict[str, tuple[str, str]] = {
    "returning": ("Returning", "line"),
    "no_voicemail": ("No voicemail", "line"),
    "third_party": ("Third party: no consent yet", "line"),
    "referral": ("Referral", "blue"),
    "welcome_back": ("Welcome back", "teal"),
    "tolerance_lost": ("Overdose risk: tolerance lost", "red"),
    "interpreter": ("Interpreter", "line"),
    "withdrawal": ("Withdrawal now", "red"),
    "opioid_benzo": ("Opioid and benzo", "red"),
    "possible_oih": ("Possible OIH", "violet"),
    "no_phone": ("No phone", "line"),
}

_WORDS: dict[str, tuple[str, str]] = {code: (words, tone) for code, words, tone, _ in _TABLE} | _MORE


def _at_least(value: Any, low: int) -> bool:
    return isinstance(value, int) and value >= low


def read(facts: Facts) -> list[str]:
    """The signal codes that hold for routing facts (clinical.md 5.3); unknown facts give no signal."""
    return [code for code, _, _, holds in _TABLE if holds(facts)]


def shown(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Words and tone of each code, in the given order; an unknown code is shown as its own words."""
    return [_WORDS.get(code, (str(code).replace("_", " ").capitalize(), "line")) for code in codes]
