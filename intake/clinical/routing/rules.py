"""The rules of placement: which queue and how urgent, with the reason of each. A proposal; a clinician decides.

A rule sees unknown as None and None never satisfies a limit. Rules are listed in the order in which they are shown.
Source and marks: clinical.md 5.1.
"""

from __future__ import annotations

from .facts import EMERGENCY, Facts
from .rule import Limits, Rule, at_least, between, rule


def _never_screened(facts: Facts, _: Limits) -> bool:
    return facts.cssrs is None and facts.phq9_item9 is None


def _withdrawal_not_scored(facts: Facts, limits: Limits) -> bool:
    recent = facts.days_since_last_opioid is not None and (
        facts.days_since_last_opioid <= limits["days_since_last_opioid_to"]
    )
    likely = facts.street_opioids or at_least(facts.oud_criteria, limits["oud_criteria_from"])
    return facts.cows is None and facts.sows is None and facts.any_opioid and recent and likely


def _mild_withdrawal(facts: Facts, limits: Limits) -> bool:
    return between(facts.cows, limits["cows_from"], limits["cows_to"])


def _safe_home(facts: Facts) -> bool:
    return facts.living == "stable" and facts.support is True


_EMERGENCY = (
    rule(
        "E01 emergency 1",
        "not rousable, slow or stopped breathing, or overdose now",
        "breathing_problem",
        lambda f, n: f.breathing_problem is True,
        "K",
    ),
    rule(
        "E02 emergency 1",
        "overdose or reversal with naloxone in the last 24 h: re-sedation, observation",
        "overdose_24h",
        lambda f, n: f.overdose_24h is True,
        "K",
    ),
    rule(
        "E03 emergency 1",
        "seizure in the last 24 h: complicated withdrawal",
        "seizure_24h",
        lambda f, n: f.seizure_24h is True,
        "V",
    ),
    rule(
        "E04 emergency 1",
        "confusion, hallucinations or delirium: complicated withdrawal",
        "delirium",
        lambda f, n: f.delirium is True,
        "V",
    ),
    rule(
        "E05 emergency 1",
        "acute illness such as chest pain, stroke signs, severe bleeding, high fever with stiff neck",
        "medical_red_flag",
        lambda f, n: f.medical_red_flag is True,
        "K",
    ),
    rule(
        "E06 emergency 1",
        "suicide act under way or imminent",
        "suicide_imminent",
        lambda f, n: f.suicide_imminent is True,
        "K",
    ),
    rule("E07 emergency 1", "imminent violence", "violence_imminent", lambda f, n: f.violence_imminent is True, "K"),
)

_CLINICIAN_NOW = (
    rule("C01 clinician_now 1", "C-SSRS high", "cssrs", lambda f, n: f.cssrs == "high", "V"),
    rule(
        "C02 clinician_now 1",
        "CIWA-Ar {ciwa_from} or more",
        "ciwa",
        lambda f, n: at_least(f.ciwa, n["ciwa_from"]),
        "V",
        ciwa_from=19,
    ),
    rule(
        "C03 clinician_now 2",
        "COWS {cows_from} or more",
        "cows",
        lambda f, n: at_least(f.cows, n["cows_from"]),
        cows_from=25,
    ),
    rule(
        "C04 clinician_now 2",
        "pregnant and taking opioids: withdrawal harms the fetus, offer MOUD",
        "pregnancy opioid_use",
        lambda f, n: f.pregnancy == "yes" and f.any_opioid,
        "K",
    ),
    rule(
        "C05 clinician_now 2",
        "cannot keep fluids down: dehydration",
        "cannot_keep_fluids",
        lambda f, n: f.cannot_keep_fluids is True,
    ),
    rule(
        "C06 clinician_now 2",
        "PHQ-9 item 9 at {phq9_item9_from} or more and no C-SSRS yet: finish the screen",
        "phq9_item9 cssrs",
        lambda f, n: f.cssrs is None and at_least(f.phq9_item9, n["phq9_item9_from"]),
        phq9_item9_from=1,
    ),
    rule("C07 clinician_now 2", "C-SSRS moderate", "cssrs", lambda f, n: f.cssrs == "moderate", "V"),
    rule(
        "C08 clinician_now 2",
        "psychosis, mania or other unstable psychiatric state",
        "psych_unstable",
        lambda f, n: f.psych_unstable is True,
    ),
    rule(
        "C09 clinician_now 2",
        "medically unstable, not an emergency",
        "medical_unstable",
        lambda f, n: f.medical_unstable is True,
    ),
    rule(
        "C10 clinician_now 2",
        "opioids with daily benzodiazepine and daily heavy alcohol: breathing at risk, two withdrawals",
        "opioid_use benzo alcohol",
        lambda f, n: f.any_opioid and f.benzo == "daily" and f.alcohol == "heavy_daily",
    ),
)

_REFER_OUT = (
    rule(
        "X01 refer_out 3",
        "under {age_below}: this is a center for adults",
        "age",
        lambda f, n: f.age is not None and f.age < n["age_below"],
        age_below=18,
    ),
    rule(
        "X02 refer_out 4",
        "nothing this center treats",
        "treatable_problem",
        lambda f, n: f.treatable_problem is False,
    ),
    rule(
        "X03 refer_out 3",
        "active cancer pain, palliative care or sickle cell disease",
        "pain_excluded",
        lambda f, n: f.pain_excluded is True,
        "V",
    ),
    rule(
        "X04 refer_out 3",
        "on methadone from another program and asks to taper: coordinate with that program",
        "moud speed_requested",
        lambda f, n: f.moud == "methadone_otp" and f.speed_requested != "none",
    ),
)

_DETOX = (
    rule(
        "D01 detox 2",
        "COWS {cows_from} or more",
        "cows",
        lambda f, n: at_least(f.cows, n["cows_from"]),
        cows_from=13,
    ),
    rule(
        "D02 detox 2",
        "SOWS {sows_from} or more and no COWS",
        "sows cows",
        lambda f, n: f.cows is None and at_least(f.sows, n["sows_from"]),
        sows_from=21,
    ),
    rule(
        "D03 detox 2",
        "CIWA-Ar {ciwa_from} or more",
        "ciwa",
        lambda f, n: at_least(f.ciwa, n["ciwa_from"]),
        "V",
        ciwa_from=10,
    ),
    rule(
        "D04 detox 2",
        "earlier withdrawal seizure or delirium, now daily alcohol or benzodiazepine",
        "prior_complicated_withdrawal alcohol benzo",
        lambda f, n: f.prior_complicated_withdrawal is True and (f.alcohol == "heavy_daily" or f.benzo == "daily"),
        "K",
    ),
    rule(
        "D05 detox 3",
        "opioids and daily benzodiazepine",
        "opioid_use benzo",
        lambda f, n: f.any_opioid and f.benzo == "daily",
    ),
    rule(
        "D06 detox 3",
        "opioids and daily heavy alcohol or AUDIT-C {auditc_from} or more",
        "opioid_use alcohol auditc",
        lambda f, n: f.any_opioid and (f.alcohol == "heavy_daily" or at_least(f.auditc, n["auditc_from"])),
        auditc_from=8,
    ),
    rule(
        "D07 detox 3",
        "OUD criteria {oud_criteria_from} or more and no stable home",
        "oud_criteria living",
        lambda f, n: at_least(f.oud_criteria, n["oud_criteria_from"]) and f.living != "stable",
        oud_criteria_from=6,
    ),
    rule(
        "D08 detox 3",
        "{failed_outpatient_12m_from} or more outpatient attempts in 12 months that did not hold and "
        "OUD criteria {oud_criteria_from} or more",
        "failed_outpatient_12m oud_criteria",
        lambda f, n: (
            at_least(f.failed_outpatient_12m, n["failed_outpatient_12m_from"])
            and at_least(f.oud_criteria, n["oud_criteria_from"])
        ),
        failed_outpatient_12m_from=2,
        oud_criteria_from=4,
    ),
    rule(
        "D09 detox 3",
        "rapid taper asked for: supervised only",
        "speed_requested opioid_use",
        lambda f, n: f.speed_requested == "rapid" and f.any_opioid,
    ),
    rule(
        "D10 detox 3",
        "COWS {cows_from} to {cows_to} without a safe home or support",
        "cows living support",
        lambda f, n: _mild_withdrawal(f, n) and not _safe_home(f),
        cows_from=5,
        cows_to=12,
    ),
    rule(
        "D11 detox 3",
        "OIH features and an earlier taper that did not hold",
        "oih failed_taper",
        lambda f, n: f.oih == "oih_features" and f.failed_taper is True,
    ),
)

_CALLBACK = (
    rule("N01 callback 2", "no suicide screen at all", "cssrs phq9_item9", _never_screened),
    rule(
        "N02 callback 3",
        "no withdrawal score within {days_since_last_opioid_to} days of opioid use by someone with OUD criteria or "
        "street opioids",
        "cows sows opioid_use days_since_last_opioid oud_criteria",
        _withdrawal_not_scored,
        days_since_last_opioid_to=7,
        oud_criteria_from=2,
    ),
    rule("N03 callback 3", "pregnancy not known", "pregnancy", lambda f, n: f.pregnancy in (None, "unknown")),
    rule(
        "N04 callback 3",
        "alcohol or sedative use not known",
        "alcohol benzo",
        lambda f, n: f.alcohol in (None, "unknown") or f.benzo in (None, "unknown"),
    ),
    rule("N05 callback 3", "age not known", "age", lambda f, n: f.age is None),
    rule(
        "N06 callback 2",
        "an emergency question was not answered",
        " ".join(EMERGENCY),
        lambda f, n: any(getattr(f, name) is None for name in EMERGENCY),
    ),
    rule(
        "N07 callback 2",
        "daily heavy alcohol and no CIWA-Ar",
        "alcohol ciwa",
        lambda f, n: f.alcohol == "heavy_daily" and f.ciwa is None,
    ),
)

_OUTPATIENT = (
    rule(
        "O01 outpatient 3",
        "COWS {cows_from} to {cows_to}, safe home and support",
        "cows living support",
        lambda f, n: _mild_withdrawal(f, n) and _safe_home(f),
        cows_from=5,
        cows_to=12,
    ),
    rule(
        "O02 outpatient 3",
        "OUD criteria {oud_criteria_from} or more: offer medication treatment first",
        "oud_criteria",
        lambda f, n: at_least(f.oud_criteria, n["oud_criteria_from"]),
        "V",
        oud_criteria_from=2,
    ),
    rule(
        "O03 outpatient 4",
        "OIH features or tolerance pattern: pain and taper visit",
        "oih",
        lambda f, n: f.oih in ("oih_features", "tolerance_pattern"),
    ),
    rule(
        "O04 outpatient 3",
        "{mme_from} MME a day or more",
        "mme",
        lambda f, n: at_least(f.mme, n["mme_from"]),
        mme_from=90,
    ),
    rule(
        "O05 outpatient 4",
        "{mme_from} to under {mme_below} MME a day",
        "mme",
        lambda f, n: f.mme is not None and n["mme_from"] <= f.mme < n["mme_below"],
        mme_from=50,
        mme_below=90,
    ),
    rule(
        "O06 outpatient 3",
        "SOWS {sows_from} to {sows_to} and no COWS",
        "sows cows",
        lambda f, n: f.cows is None and between(f.sows, n["sows_from"], n["sows_to"]),
        sows_from=11,
        sows_to=20,
    ),
    rule("O99 outpatient 4", "no other queue rule fired", "", lambda f, n: False),
)

RULES: tuple[Rule, ...] = (*_EMERGENCY, *_CLINICIAN_NOW, *_REFER_OUT, *_DETOX, *_CALLBACK, *_OUTPATIENT)
