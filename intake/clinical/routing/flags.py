"""The flags of a placement: offers and cautions that move no queue. Source: clinical.md 5.2."""

from __future__ import annotations

from collections.abc import Callable

from .facts import Facts
from .rule import FlagRule, at_least


def _flag(spot: str, words: str, reads: str, when: Callable[[Facts], bool]) -> FlagRule:
    key, flag = spot.split()
    return FlagRule(key, flag, words, tuple(reads.split()), when)


FLAG_RULES: tuple[FlagRule, ...] = (
    _flag(
        "M01 OFFER_NALOXONE",
        "50 MME a day or more, opioids with a benzodiazepine, OUD criteria, an overdose, or street opioids",
        "mme opioid_use benzo oud_criteria overdose_24h overdose_90d",
        lambda f: (
            at_least(f.mme, 50)
            or (f.any_opioid and f.benzo in ("daily", "prn"))
            or at_least(f.oud_criteria, 2)
            or f.overdose_24h is True
            or f.overdose_90d is True
            or f.street_opioids
        ),
    ),
    _flag(
        "M02 OFFER_MOUD",
        "OUD criteria met and no medication for it",
        "oud_criteria moud",
        lambda f: at_least(f.oud_criteria, 2) and f.moud == "none",
    ),
    _flag(
        "M03 NO_TAPER_WITHOUT_OBSTETRIC_SPECIALIST",
        "pregnant and taking opioids",
        "pregnancy opioid_use",
        lambda f: f.pregnancy == "yes" and f.any_opioid,
    ),
    _flag(
        "M04 WITHDRAWAL_ALONE_NOT_RECOMMENDED",
        "OUD criteria met, no medication for it, and a taper asked for",
        "oud_criteria moud speed_requested",
        lambda f: at_least(f.oud_criteria, 2) and f.moud == "none" and f.speed_requested != "none",
    ),
    _flag(
        "M05 MOTIVATIONAL_NO_PRESSURE",
        "not ready yet: talk, no pressure",
        "readiness",
        lambda f: f.readiness in ("ambivalent", "refusing"),
    ),
    _flag("M06 REVIEW_OIH", "pain pattern of OIH: review it", "oih", lambda f: f.oih == "oih_features"),
    _flag(
        "M07 COORDINATE_BENZODIAZEPINE",
        "opioids and a benzodiazepine: coordinate with its prescriber",
        "opioid_use benzo",
        lambda f: f.any_opioid and f.benzo in ("daily", "prn"),
    ),
)
