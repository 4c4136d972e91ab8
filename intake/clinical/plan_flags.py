"""The codes of a taper plan for the table that is signed; what the page says about them stands in taper/review.py.

Source: clinical.md 4.2 and 4.6.
"""

from __future__ import annotations

# Each row: code, rule, source.
PLAN_FLAGS: tuple[tuple[str, str, str], ...] = (
    ("HARD_PREGNANCY_SPECIALIST", "pregnant: only with an obstetric specialist", "K, V in part"),
    ("HARD_OFFER_MOUD_FIRST", "2 or more OUD criteria and no offer of medication recorded", "BCCSU [V]"),
    ("HARD_SUICIDE_RISK", "suicide risk high in the C-SSRS screener", "P"),
    ("HARD_RAPID_NEEDS_SUPERVISED_SETTING", "more than 40 percent in 28 days, outpatient or setting unknown", "P"),
    ("ACK_FASTER_THAN_20PCT_PER_4_WEEKS", "more than 20 percent in 28 days", "HHS 2019 [V in part]"),
    (
        "ACK_FASTER_THAN_10PCT_PER_MONTH_LONG_TERM",
        "a year or more of use and more than 10 percent in 28 days",
        "CDC 2022",
    ),
    ("ACK_BENZO_COORDINATE_ONE_TAPER", "daily benzodiazepine: one taper at a time, with its prescriber", "CDC 2022"),
    ("ACK_PREGNANCY_UNKNOWN", "pregnancy not known", "P"),
    ("ACK_METHADONE_LONG_HALF_LIFE", "methadone: long half-life, late withdrawal", "K"),
    ("ACK_BUPRENORPHINE_TAPER_RELAPSE_RISK", "buprenorphine: risk of return to use", "K"),
)
