"""The tables of a screening, one line an opioid or another substance: their columns, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from intake.clinical import mme

UNKNOWN = "unknown"
Options = tuple[tuple[str, str], ...]

YES_NO: Options = (("yes", "Yes"), ("no", "No"), (UNKNOWN, "Unknown"))


def cell_name(table: str, n: int, column: str) -> str:
    """The field name of one cell of a table; rows count from 1."""
    return f"{table}-{n}-{column}"


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a row of a table: a choice, an exact number, a whole number, a box, or text."""

    name: str
    words: str
    kind: str
    options: Options = ()
    high: int = 0
    unit: str = ""
    hint: str = ""
    main: bool = True
    limit: int = 120


STREET = "street"
DRUGS: Options = (
    *((name, name.replace("_", " ").capitalize()) for name in mme.FACTOR_TABLES["cdc2022"]),
    ("buprenorphine", "Buprenorphine"),
    *((name, name.replace("_", " ").capitalize()) for name in mme.EXTENDED),
    (STREET, "Street opioid (heroin, street fentanyl, pressed pills)"),
    ("other", "Another opioid"),
)
_FREQUENCY_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "qd": "once a day",
        "qhs": "at night",
        "q24h": "every 24 h",
        "bid": "2 times a day",
        "q12h": "every 12 h",
        "tid": "3 times a day",
        "q8h": "every 8 h",
        "qid": "4 times a day",
        "q6h": "every 6 h",
        "q4h": "every 4 h",
        "q3h": "every 3 h",
        "q4-6h": "every 4 to 6 h",
        "q6-8h": "every 6 to 8 h",
        "q72h": "patch, every 72 h",
        "q48h_patch": "patch, every 48 h",
        "weekly_patch": "patch, weekly",
    }
)
FREQUENCIES: Options = tuple((word, _FREQUENCY_WORDS[word]) for word in mme.FREQUENCIES)
ROUTES: Options = (
    ("oral", "By mouth"),
    ("transdermal", "On the skin"),
    ("buccal", "In the cheek"),
    ("sublingual", "Under the tongue"),
    ("nasal", "In the nose"),
    ("iv", "Injected"),
    ("inhaled", "Smoked or inhaled"),
    ("other", "Another way"),
)

OPIOID_COLUMNS: tuple[Column, ...] = (
    Column("drug", "Opioid", "choice", DRUGS),
    Column("strength", "Strength", "decimal", high=100_000, unit="mg, patch mcg/h"),
    Column("units", "Units at once", "decimal", high=1_000, hint="(0.5 is half)"),
    Column("freq", "How often", "choice", FREQUENCIES),
    Column("prn", "As needed", "box"),
    Column("last_hours", "Last taken", "whole", high=87_600, unit="hours ago"),
    Column("since", "Taken since", "text", hint="(month, year)", limit=40),
    Column(
        "form",
        "Form",
        "choice",
        (
            ("ir", "Tablet, short acting"),
            ("er", "Tablet, long acting"),
            ("patch", "Patch"),
            ("liquid", "Liquid"),
            ("other", "Another form"),
        ),
        main=False,
    ),
    Column("route", "How it is taken", "choice", ROUTES, main=False),
    Column("indication", "Taken for", "choice", (("pain", "Pain"), ("oud", "Opioid use disorder")), main=False),
    Column("units_max", "At most at one time", "decimal", high=1_000, main=False),
    Column("max_per_day", "At most a day", "decimal", high=10_000, unit="units", main=False),
    Column("per_day", "Really taken a day", "decimal", high=10_000, unit="units", main=False),
    Column("apap_mg", "Acetaminophen in one unit", "decimal", high=10_000, unit="mg", main=False),
    Column("mg_per_ml", "Liquid, strength", "decimal", high=10_000, unit="mg per mL", main=False),
    Column("ml", "Liquid, at one time", "decimal", high=10_000, unit="mL", main=False),
    Column("patches", "Patches worn at once", "decimal", high=100, main=False),
    Column("prescriber", "Prescriber", "text", main=False),
)
# How much and how often is asked again at each screening: an old dose copied forward can be too much.
_LASTING = frozenset({"drug", "since", "form", "route", "indication", "prescriber"})
DOSES = frozenset(column.name for column in OPIOID_COLUMNS) - _LASTING
SUBSTANCE_COLUMNS: tuple[Column, ...] = (
    Column("what", "Substance", "text", limit=80),
    Column("how", "How it is taken", "choice", ROUTES),
    Column(
        "often",
        "How often, last 30 days",
        "choice",
        (
            ("none", "Not in 30 days"),
            ("monthly", "1 to 3 times"),
            ("weekly", "1 or 2 times a week"),
            ("most_days", "3 to 6 times a week"),
            ("daily", "Daily"),
            (UNKNOWN, "Unknown"),
        ),
    ),
    Column("first_age", "Age at first use", "whole", high=120),
    Column("prescribed", "Prescribed", "choice", YES_NO),
    Column("injected", "Ever injected", "choice", YES_NO),
    Column("injected_30d", "Injected, last 30 days", "choice", YES_NO),
)
TABLES: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {"opioids": OPIOID_COLUMNS, "substances": SUBSTANCE_COLUMNS}
)
ROW_LIMITS: Mapping[str, int] = MappingProxyType({"opioids": 8, "substances": 3})
