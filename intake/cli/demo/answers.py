"""Whole screenings for the invented stories."""

from __future__ import annotations

from typing import Any

from intake.cli.demo.people import Profile
from intake.clinical import instruments
from intake.screening.parts import DANGER

Answers = dict[str, dict[str, Any]]

_PATTERNS: dict[str, dict[str, str]] = {
    "oih": {"s1": "yes", "s2": "yes", "s3": "no", "s4": "no", "s5": "yes", "inc": "worse", "dec": "not_tried"},
    "tolerance": {"s1": "no", "s2": "no", "s3": "no", "s4": "yes", "s5": "no", "inc": "better_brief", "dec": "worse"},
    "withdrawal": {"s1": "yes", "s2": "no", "s3": "no", "s4": "yes", "s5": "no", "inc": "better_brief", "dec": "worse"},
    "overlap": {"s1": "yes", "s2": "no", "s3": "no", "s4": "no", "s5": "no", "inc": "none", "dec": "no_change"},
}


def spread(key: str, total: int) -> dict[str, int]:
    """Legal item values of an instrument that add up to `total`, as nearly as its points allow."""
    found: dict[str, int] = {}
    left = total
    for item in instruments.get(key).items:
        values = [o.value for o in item.options] or list(range((item.maximum or 0) + 1))
        value = max(v for v in values if v <= left)
        found[f"{key}-{item.id}"], left = value, left - value
    return found


def answers(profile: Profile, *, age: int, danger: str = "") -> Answers:
    """Every part, answered as the story says."""
    signs = {code: "yes" if code == danger else "no" for code in DANGER}
    risk = {"none": (0, 0, 0), "moderate": (1, 1, 0), "high": (1, 1, 1)}[profile.cssrs]
    cssrs = {f"cssrs_screen-q{n}": 0 for n in range(1, 7)}
    cssrs |= {"cssrs_screen-q1": risk[0], "cssrs_screen-q2": risk[1], "cssrs_screen-q3": risk[1]}
    cssrs |= {"cssrs_screen-q4": risk[2]}
    street = profile.opioid_use == "illicit"
    use: dict[str, Any] = {
        "opioid_use": profile.opioid_use,
        "last_opioid_hours": 14 if street else 4,
        "opioids-1-drug": profile.drug,
        "opioids-1-units": profile.units,
        "opioids-1-freq": profile.freq,
        "opioids-1-form": profile.form,
        "benzo": profile.benzo,
        "alcohol": profile.alcohol,
        "auditc-frequency": 2 if profile.alcohol == "some" else 0,
        "auditc-quantity": 1 if profile.alcohol == "some" else 0,
        "auditc-heavy": 0,
        "pregnancy": profile.pregnancy,
        "overdose_90d": "yes" if profile.key == "street_bad" else "no",
        "prior_complicated_withdrawal": "no",
        "naloxone_at_home": "no" if street else "yes",
        "pdmp_checked": "yes",
    }
    if profile.strength:
        use["opioids-1-strength"] = profile.strength
    use |= {f"oud_dsm5-c{n:02}": int(n <= profile.oud) for n in range(1, 12)}
    level = {
        "age": age,
        "living": profile.living,
        "support": "yes" if profile.living == "stable" else "no",
        "readiness": "ready",
        "speed_requested": profile.speed,
        "moud": "none",
        "outpatient_tries_12m": 0,
        "taper_ended_early": "no",
        "psych_unstable": "no",
        "medical_unstable": "no",
        "cannot_keep_fluids": "no",
        "treatable_problem": "yes",
        "pain_excluded": "no",
        "systolic": 118 + profile.cows,
        "diastolic": 74 + profile.cows // 2,
        "pulse": 72 + profile.cows,
    }
    return {
        "safety": {**signs, **cssrs, **spread("phq9", 9 if profile.cssrs == "none" else 16)},
        "use": use,
        "cows": spread("cows", profile.cows),
        "pain": _pain(profile),
        "level": level,
    }


def _pain(profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {
        "peg-pain": profile.peg,
        "peg-enjoyment": profile.peg,
        "peg-activity": max(0, profile.peg - 1),
        "pain_nrs-now": profile.peg,
    }
    pattern = _PATTERNS.get(profile.oih)
    if pattern is None:
        return found
    rest = dict.fromkeys(("relieved_by_usual_dose", "missed_or_cut_7d", "new_pathology"), "no")
    return (
        found
        | pattern
        | rest
        | {
            "end_of_dose": "yes" if profile.oih == "withdrawal" else "no",
            "exposure_days": 820,
        }
    )
