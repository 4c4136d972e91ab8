"""The 36 facts a placement is read from. Unknown is None, and unknown is never "no"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from intake.clinical.exact import Number, number
from intake.errors import RuleBroken

EMERGENCY = (
    "breathing_problem",
    "overdose_24h",
    "seizure_24h",
    "delirium",
    "medical_red_flag",
    "suicide_imminent",
    "violence_imminent",
)

YES_NO = (
    *EMERGENCY,
    "overdose_90d",
    "cannot_keep_fluids",
    "prior_complicated_withdrawal",
    "medical_unstable",
    "psych_unstable",
    "support",
    "failed_taper",
    "pain_excluded",
    "treatable_problem",
)

# Highest value of each number; those in WHOLE are scores and counts, which have no halves.
NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "age": 130,
        "phq9_item9": 3,
        "cows": 48,
        "sows": 64,
        "ciwa": 67,
        "auditc": 12,
        "mme": 100_000,
        "days_since_last_opioid": 36_600,
        "oud_criteria": 11,
        "failed_outpatient_12m": 365,
    }
)
WHOLE = ("phq9_item9", "cows", "sows", "ciwa", "auditc", "oud_criteria", "failed_outpatient_12m")

WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cssrs": ("none", "low", "moderate", "high"),
        "alcohol": ("none", "some", "heavy_daily", "unknown"),
        "benzo": ("none", "prn", "daily", "unknown"),
        "pregnancy": ("yes", "no", "unknown"),
        "living": ("stable", "unstable", "unsafe", "homeless"),
        "readiness": ("ready", "ambivalent", "refusing"),
        "opioid_use": ("none", "prescribed", "illicit", "both"),
        "oih": ("not_done", "oih_features", "tolerance_pattern", "withdrawal_mediated", "indeterminate"),
        "speed_requested": ("none", "standard", "rapid"),
        "moud": ("none", "methadone_otp", "buprenorphine"),
    }
)
# These three carry the word unknown instead of None.
SAID_UNKNOWN = ("alcohol", "benzo", "pregnancy")

FACT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "age": "Age",
        "breathing_problem": "Breathing problem or not rousable",
        "overdose_24h": "Overdose in the last 24 hours",
        "overdose_90d": "Overdose in the last 90 days",
        "seizure_24h": "Seizure in the last 24 hours",
        "delirium": "Confusion or hallucinations",
        "medical_red_flag": "Acute illness",
        "suicide_imminent": "Suicide act under way or imminent",
        "violence_imminent": "Imminent violence",
        "cssrs": "C-SSRS risk",
        "phq9_item9": "PHQ-9 item 9",
        "cows": "COWS",
        "sows": "SOWS",
        "ciwa": "CIWA-Ar",
        "cannot_keep_fluids": "Cannot keep fluids down",
        "alcohol": "Alcohol",
        "auditc": "AUDIT-C",
        "benzo": "Benzodiazepine",
        "prior_complicated_withdrawal": "Earlier complicated withdrawal",
        "pregnancy": "Pregnancy",
        "medical_unstable": "Medically unstable",
        "psych_unstable": "Psychiatrically unstable",
        "living": "Living situation",
        "support": "Support at home",
        "readiness": "Readiness",
        "mme": "MME a day",
        "opioid_use": "Opioid use",
        "days_since_last_opioid": "Days since the last opioid",
        "oud_criteria": "OUD criteria met",
        "failed_outpatient_12m": "Outpatient attempts that did not hold, 12 months",
        "failed_taper": "An earlier taper that did not hold",
        "oih": "Pain pattern",
        "speed_requested": "Speed asked for",
        "moud": "Medication for OUD",
        "pain_excluded": "Cancer pain, palliative care or sickle cell disease",
        "treatable_problem": "A problem this center treats",
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one person; every fact is None until somebody asked.

    Numbers: scores as totals, `mme` as the exact total a day, `age` in years. Words: see `WORDS`; `moud` may be any
    other word, which then means that the person is on medication for OUD.
    """

    age: Number | None = None
    breathing_problem: bool | None = None
    overdose_24h: bool | None = None
    overdose_90d: bool | None = None
    seizure_24h: bool | None = None
    delirium: bool | None = None
    medical_red_flag: bool | None = None
    violence_imminent: bool | None = None
    suicide_imminent: bool | None = None
    cssrs: str | None = None
    phq9_item9: int | None = None
    cows: int | None = None
    sows: int | None = None
    ciwa: int | None = None
    cannot_keep_fluids: bool | None = None
    alcohol: str | None = None
    auditc: int | None = None
    benzo: str | None = None
    prior_complicated_withdrawal: bool | None = None
    pregnancy: str | None = None
    medical_unstable: bool | None = None
    psych_unstable: bool | None = None
    living: str | None = None
    support: bool | None = None
    readiness: str | None = None
    mme: Number | None = None
    opioid_use: str | None = None
    days_since_last_opioid: Number | None = None
    oud_criteria: int | None = None
    failed_outpatient_12m: int | None = None
    failed_taper: bool | None = None
    oih: str | None = None
    speed_requested: str | None = None
    moud: str | None = None
    pain_excluded: bool | None = None
    treatable_problem: bool | None = None

    @property
    def any_opioid(self) -> bool:
        """Whether any opioid is known to be used, prescribed or not."""
        return self.opioid_use in ("prescribed", "illicit", "both")

    @property
    def street_opioids(self) -> bool:
        """Whether street opioids are known to be used."""
        return self.opioid_use in ("illicit", "both")


NAMES = tuple(field.name for field in fields(Facts))
_SPOKEN: Mapping[str, bool] = MappingProxyType({"yes": True, "no": False})


def cleaned(facts: Facts) -> Facts:
    """Return the facts with every value in its list, numbers exact, words outside the lists unknown.

    Raises:
        RuleBroken: INPUT_NOT_VALID for a number that is no number, not finite, out of range, or half a score, and for a
            value of the wrong kind.
    """
    values: dict[str, Any] = {name: clean(name, getattr(facts, name)) for name in NAMES}
    return Facts(**values)


def clean(name: str, value: object) -> object:
    """Return one fact as the rules read it; what is refused is said at `cleaned`."""
    if name in SAID_UNKNOWN:
        return value if value in WORDS[name] else "unknown"
    if value is None:
        return None
    if name in NUMBERS:
        return _count(name, value)
    if name not in WORDS:
        return _yes_no(name, value)
    if not isinstance(value, str):
        raise _refused(name)
    return value if value in WORDS[name] or (name == "moud" and value not in ("", "unknown")) else None


def _yes_no(name: str, value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _SPOKEN.get(value)
    raise _refused(name)


def _count(name: str, value: object) -> Number:
    if type(value) is int and 0 <= value <= NUMBERS[name]:
        return value
    found = number(value, FACT_WORDS[name], field=name, highest=NUMBERS[name], code="INPUT_NOT_VALID")
    if name in WHOLE and found.denominator != 1:
        raise _refused(name)
    return int(found) if found.denominator == 1 else found


def _refused(name: str) -> RuleBroken:
    sentence = f"“{FACT_WORDS[name]}” has a value that cannot be."
    return RuleBroken(sentence, code="INPUT_NOT_VALID", fields={name: sentence})
