"""The dated tables behind MME: factors, frequencies, and the scale of methadone in 2016. Data, each with its source.

A new table is a new entry with its own name; results that were worked out with an older one keep theirs.

Sources: CDC 2022 and CDC 2016 guidelines; CDC data file 2017; clinical.md 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from intake.errors import RuleBroken


def _table(**factors: str) -> Mapping[str, Fraction]:
    return MappingProxyType({drug: Fraction(text) for drug, text in factors.items()})


FACTOR_TABLES: Mapping[str, Mapping[str, Fraction]] = MappingProxyType(
    {
        "cdc2022": _table(
            codeine="0.15",
            fentanyl_transdermal="2.4",
            hydrocodone="1",
            hydromorphone="5",
            methadone="4.7",
            morphine="1",
            oxycodone="1.5",
            oxymorphone="3",
            tapentadol="0.4",
            tramadol="0.2",
        ),
        "cdc2016": _table(
            codeine="0.15",
            fentanyl_transdermal="2.4",
            hydrocodone="1",
            hydromorphone="4",
            morphine="1",
            oxycodone="1.5",
            oxymorphone="3",
            tapentadol="0.4",
            tramadol="0.1",
        ),
    }
)
TABLE_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "cdc2022": "CDC clinical practice guideline 2022 (globalrph.com table)",
        "cdc2016": "CDC guideline 2016 (jabfm.org table 2; CMS sheet 2014)",
        "extended": "CDC data file 2017 (docslib.org 6360357)",
    }
)
# (highest summed mg a day, factor); above the last edge METHADONE_2016_ABOVE.
METHADONE_2016: tuple[tuple[int, Fraction], ...] = ((20, Fraction(4)), (40, Fraction(8)), (60, Fraction(10)))
METHADONE_2016_ABOVE = Fraction(12)
EXTENDED: Mapping[str, Fraction] = _table(
    levorphanol="11",
    meperidine="0.1",
    pentazocine="0.37",
    butorphanol="7",
    dihydrocodeine="0.25",
    opium="1",
    fentanyl_buccal_sl_lozenge_mcg="0.13",
    fentanyl_film_oral_spray_mcg="0.18",
    fentanyl_nasal_mcg="0.16",
)
# Patches dispensed: factor per mcg/h and patch a day; equal to 2.4 only when a patch is worn for 72 hours.
DISPENSING = Fraction("7.2")

FREQUENCIES: Mapping[str, int] = MappingProxyType(
    {
        "qd": 1,
        "qhs": 1,
        "q24h": 1,
        "bid": 2,
        "q12h": 2,
        "tid": 3,
        "q8h": 3,
        "qid": 4,
        "q6h": 4,
        "q4h": 6,
        "q3h": 8,
        "q4-6h": 6,
        "q6-8h": 4,
        "q72h": 1,
        "q48h_patch": 1,
        "weekly_patch": 1,
    }
)


def table_of(table: str) -> Mapping[str, Fraction]:
    """Return the factors of one table.

    Raises:
        RuleBroken: UNKNOWN_TABLE.
    """
    found = FACTOR_TABLES.get(table) if isinstance(table, str) else None
    if found is None:
        sentence = "Choose the factor table of 2022 or of 2016."
        raise RuleBroken(sentence, code="UNKNOWN_TABLE", fields={"table": sentence})
    return found


def factor(
    drug: str, table: str = "cdc2022", *, daily_dose: Fraction = Fraction(0), extended: bool = False
) -> Fraction | None:
    """Return the factor of a drug, None when it has none (buprenorphine never has one).

    `daily_dose`, mg, matters for methadone in the 2016 table only: its factor grows with the summed daily dose.

    Raises:
        RuleBroken: UNKNOWN_TABLE.
    """
    factors = table_of(table)
    if drug == "methadone" and table == "cdc2016":
        return next((f for edge, f in METHADONE_2016 if daily_dose <= edge), METHADONE_2016_ABOVE)
    return factors.get(drug, EXTENDED.get(drug) if extended else None)
