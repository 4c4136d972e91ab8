"""The words of routing: queues, flags, facts and their values, and where the answer behind a fact stands."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from intake.clinical import routing

QUEUE_WORDS: Mapping[str, str] = {
    "emergency": "Emergency",
    "clinician_now": "Clinician now",
    "refer_out": "Refer out",
    "detox": "Detox",
    "callback": "Callback",
    "outpatient": "Outpatient",
}
QUEUE_TONES: Mapping[str, str] = {
    "emergency": "red",
    "clinician_now": "red",
    "refer_out": "blue",
    "detox": "amber",
    "callback": "line",
    "outpatient": "teal",
}
QUEUE_ICONS: Mapping[str, str] = {
    "emergency": "alert",
    "clinician_now": "now",
    "refer_out": "out",
    "detox": "detox",
    "callback": "phone",
    "outpatient": "outpatient",
}
QUEUE_HINTS: Mapping[str, str] = {
    "emergency": "911, 988 or the nearest emergency department",
    "clinician_now": "15 or 60 min",
    "refer_out": "Hospital, pregnancy care, another program",
    "detox": "Supervised stabilisation",
    "callback": "More facts are needed first",
    "outpatient": "Visits, medicine, slow taper",
}
FLAG_WORDS: Mapping[str, tuple[str, str]] = {
    "OFFER_NALOXONE": ("Offer naloxone", ""),
    "OFFER_MOUD": ("Offer medication for opioid use disorder", "before any taper"),
    "NO_TAPER_WITHOUT_OBSTETRIC_SPECIALIST": ("No taper without an obstetric specialist", "withdrawal harms the fetus"),
    "WITHDRAWAL_ALONE_NOT_RECOMMENDED": ("Withdrawal alone is not recommended", "risk of overdose afterwards"),
    "MOTIVATIONAL_NO_PRESSURE": ("Talk, no pressure", "the person is not ready yet"),
    "REVIEW_OIH": ("Review OIH", "before any change of dose"),
    "COORDINATE_BENZODIAZEPINE": ("Coordinate the benzodiazepine", "with its prescriber"),
}
# Where the answer behind a fact stands: part and field.
PLACES: Mapping[str, tuple[str, str]] = {
    **{name: ("safety", name) for name in routing.Facts.__dataclass_fields__ if name.endswith("_imminent")},
    "breathing_problem": ("safety", "breathing_problem"),
    "overdose_24h": ("safety", "overdose_24h"),
    "seizure_24h": ("safety", "seizure_24h"),
    "delirium": ("safety", "delirium"),
    "medical_red_flag": ("safety", "medical_red_flag"),
    "cssrs": ("safety", "cssrs_screen-q1"),
    "phq9_item9": ("safety", "phq9-p9"),
    "opioid_use": ("use", "opioid_use"),
    "days_since_last_opioid": ("use", "last_opioid_hours"),
    "mme": ("use", "opioids-1-drug"),
    "benzo": ("use", "benzo"),
    "alcohol": ("use", "alcohol"),
    "auditc": ("use", "auditc-frequency"),
    "pregnancy": ("use", "pregnancy"),
    "overdose_90d": ("use", "overdose_90d"),
    "prior_complicated_withdrawal": ("use", "prior_complicated_withdrawal"),
    "oud_criteria": ("use", "oud_dsm5-c01"),
    "cows": ("cows", "cows-pulse"),
    "sows": ("cows", "sows-s01"),
    "ciwa": ("cows", "ciwa_ar-nausea_vomiting"),
    "oih": ("pain", "s1"),
    "age": ("level", "age"),
    "living": ("level", "living"),
    "support": ("level", "support"),
    "readiness": ("level", "readiness"),
    "speed_requested": ("level", "speed_requested"),
    "moud": ("level", "moud"),
    "failed_outpatient_12m": ("level", "outpatient_tries_12m"),
    "failed_taper": ("level", "taper_ended_early"),
    "psych_unstable": ("level", "psych_unstable"),
    "medical_unstable": ("level", "medical_unstable"),
    "cannot_keep_fluids": ("level", "cannot_keep_fluids"),
    "treatable_problem": ("level", "treatable_problem"),
    "pain_excluded": ("level", "pain_excluded"),
}
VALUE_WORDS: Mapping[str, str] = {
    "illicit": "street",
    "both": "prescribed and street",
    "prn": "as needed",
    "heavy_daily": "heavy, daily",
    "homeless": "no home",
    "refusing": "does not want a change",
    "ambivalent": "not sure",
    "methadone_otp": "methadone program",
    "oih_features": "OIH features",
    "tolerance_pattern": "tolerance pattern",
    "withdrawal_mediated": "goes with withdrawal",
    "indeterminate": "not clear yet",
    "not_done": "not done",
}


def said(value: object) -> str:
    """The value of a fact in words."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Fraction):
        return f"{float(value):.1f}".removesuffix(".0")
    return VALUE_WORDS.get(str(value), str(value).replace("_", " "))
