"""Morphine milligram equivalents (MME) a day: dated factor tables, exact arithmetic, and what could not be counted.

A total is a measure of overdose risk, never a dose for changing one opioid to another. Thresholds are prompts: the 2022
guideline speaks of caution at 50, and 90 survives as an older marker and in state rules.

Sources: CDC 2022 (table of factors); CDC 2016 and the CDC 2017 data file (older and further factors); clinical.md 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from intake.errors import RuleBroken

from .exact import Number, half_up, number
from .factors import DISPENSING, EXTENDED, FACTOR_TABLES, FREQUENCIES, METHADONE_2016, factor, table_of

__all__ = [
    "DISPENSING",
    "EXTENDED",
    "FACTOR_TABLES",
    "FLAG_WORDS",
    "FREQUENCIES",
    "METHADONE_2016",
    "NOT_FOR_CONVERSION",
    "VERSION",
    "MmeLine",
    "MmeTotal",
    "OpioidLine",
    "band",
    "check",
    "dispensed_patches",
    "dispensed_units",
    "factor",
    "total",
]

VERSION = "1"
NOT_FOR_CONVERSION = "Not for changing one opioid to another: it is a measure of risk, not a dose."

# No number on a prescription is larger; anything above is a slip of the keyboard.
HIGHEST = 100_000


ROUTES = ("oral", "transdermal", "buccal", "sublingual", "nasal")
PATCH = "fentanyl_transdermal"

FLAG_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "APAP_OVER_3000": "More than 3000 mg of acetaminophen a day",
        "APAP_OVER_4000": "More than 4000 mg of acetaminophen a day: stop and look",
        "BUPRENORPHINE_NOT_CONVERTED": "Buprenorphine is listed and never converted",
        "FACTOR_NOT_IN_CDC2022_TABLE": "A factor comes from the CDC data file of 2017, not from the 2022 table",
        "FENTANYL_TD_CAUTION": "Patches: counted as worn at one time",
        "METHADONE_CAUTION": "Methadone: long and uneven half-life, the factor is uncertain",
        "MOUD_METHADONE_EXCLUDED": "Methadone dispensed for opioid use disorder is not counted",
        "NO_FACTOR": "An opioid has no factor: the total is a lower bound",
        "OFFER_NALOXONE": "Offer naloxone",
        "ROUTE_NOT_CONVERTIBLE": "A route has no factor: the total is a lower bound",
        "UNQUANTIFIED_ILLICIT": "Street opioids cannot be counted: the total is a lower bound",
    }
)
_LOWER_BOUND = {"UNQUANTIFIED_ILLICIT", "ROUTE_NOT_CONVERTIBLE", "NO_FACTOR"}


@dataclass(frozen=True, slots=True)
class OpioidLine:
    """One opioid as prescribed or as taken.

    strength: mg per unit (patch: mcg/h; transmucosal fentanyl: mcg), None only with `illicit`. units: at one time (0.5
    is half a tablet), `units_max` the upper end of a range. max_per_day: stated cap. per_day: units a day as the
    person reports them, in place of units and freq. mg_per_ml, ml: a liquid, per administration. patches: worn at one
    time. apap_mg: acetaminophen per unit (liquid: per mL). freq: a word of `FREQUENCIES`. prn changes no arithmetic.
    """

    drug: str
    strength: Number | None = None
    freq: str | None = None
    units: Number | None = None
    units_max: Number | None = None
    max_per_day: Number | None = None
    per_day: Number | None = None
    mg_per_ml: Number | None = None
    ml: Number | None = None
    patches: Number | None = None
    apap_mg: Number | None = None
    route: str | None = None
    indication: str | None = None
    illicit: bool = False
    prn: bool = False


@dataclass(frozen=True, slots=True)
class MmeLine:
    """One converted drug: summed daily dose (mg, patch mcg/h, transmucosal mcg), factor and MME, all exact."""

    drug: str
    daily_dose: Fraction
    factor: Fraction
    mme: Fraction


@dataclass(frozen=True, slots=True)
class MmeTotal:
    """The daily total. `total`, `apap_mg` are exact; `band` is lt50, 50to89 or ge90 from the exact total.

    `display` is rounded to one decimal for the screen (49.99 shows 50.0 and stays lt50). `is_lower_bound`: something
    that is an opioid could not be counted. `flags`: codes, sorted, each once.
    """

    table: str
    lines: tuple[MmeLine, ...]
    total: Fraction
    apap_mg: Fraction
    band: str
    is_lower_bound: bool
    flags: tuple[str, ...]
    version: str = VERSION

    @property
    def display(self) -> Decimal:
        """The total with one decimal, half-up from the exact value."""
        return half_up(self.total, 1)

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values: lines, total_mme, display, band, is_lower_bound, flags."""
        return {
            "lines": [
                {
                    "drug": line.drug,
                    "daily_dose": float(half_up(line.daily_dose, 3)),
                    "mme": float(half_up(line.mme, 2)),
                }
                for line in self.lines
            ],
            "total_mme": float(half_up(self.total, 2)),
            "display": float(self.display),
            "band": self.band,
            "is_lower_bound": self.is_lower_bound,
            "flags": list(self.flags),
        }


def total(lines: Sequence[OpioidLine], *, table: str = "cdc2022", extended: bool = False) -> MmeTotal:
    """Add up the daily MME of all lines.

    The doses of a drug are summed before its factor is chosen. Lines as needed count their prescribed maximum unless a
    reported amount is given; a case keeps both totals and takes the band of the higher one.

    Args:
        lines: opioids, in the order in which they are to be shown; may be empty.
        table: cdc2022 or cdc2016.
        extended: also use the factors of the CDC data file of 2017, with a flag.

    Raises:
        RuleBroken: whatever `check` refuses; UNKNOWN_TABLE.

    Source: clinical.md 3.1 to 3.3.
    """
    table_of(table)
    flags: set[str] = set()
    doses: dict[str, Fraction] = {}
    apap = Fraction(0)
    for line in lines:
        check(line)
        skipped = _skipped(line)
        if skipped:
            flags.add(skipped)
            continue
        dose, units = _daily(line)
        doses[line.drug] = doses.get(line.drug, Fraction(0)) + dose
        apap += _given(line.apap_mg, "apap_mg") * units
    converted: list[MmeLine] = []
    for drug, dose in doses.items():
        found = factor(drug, table, daily_dose=dose, extended=extended)
        if found is None:
            flags.add("NO_FACTOR")
            continue
        flags.update(_cautions(drug, table))
        converted.append(MmeLine(drug, dose, found, dose * found))
    exact = sum((line.mme for line in converted), Fraction(0))
    flags.update(_prompts(exact, apap))
    lower = not flags.isdisjoint(_LOWER_BOUND)
    return MmeTotal(table, tuple(converted), exact, apap, band(exact), lower, tuple(sorted(flags)))


def daily_dose(drug: str, lines: Sequence[OpioidLine]) -> Fraction | None:
    """Return the exact daily dose of one drug over its lines, mg (patch mcg/h); None when it is not among them.

    Raises:
        RuleBroken: whatever `check` refuses.
    """
    counted = [line for line in lines if line.drug == drug and not line.illicit]
    for line in counted:
        check(line)
    return sum((_daily(line)[0] for line in counted), Fraction(0)) if counted else None


def band(total_mme: Fraction) -> str:
    """Return the band of an exact total: lt50, 50to89 (from 50 to below 90) or ge90."""
    if total_mme < 50:
        return "lt50"
    return "50to89" if total_mme < 90 else "ge90"


def check(line: OpioidLine) -> None:
    """Refuse a line that cannot be counted as it is written; nothing is computed with it.

    Raises:
        RuleBroken: NUMBER_NOT_ALLOWED (negative, not finite, absurd, or no number), STRENGTH_NEEDED, UNKNOWN_FREQUENCY,
            FREQUENCY_NEEDED, ML_NEEDED, DRUG_NEEDED.
    """
    if not isinstance(line.drug, str) or not line.drug.strip():
        raise _broken("DRUG_NEEDED", "drug", "Name the opioid.")
    for name in _NUMBERS:
        _given(getattr(line, name), name)
    if line.freq is not None and (not isinstance(line.freq, str) or line.freq not in FREQUENCIES):
        raise _broken("UNKNOWN_FREQUENCY", "freq", "Choose how often from the list, for example q6h.")
    if not _is_illicit(line) and (not line.strength or line.mg_per_ml == 0):
        raise _broken("STRENGTH_NEEDED", "strength", "Give the strength of one unit, above 0.")
    if _skipped(line) or line.drug == PATCH:
        return
    if line.mg_per_ml is not None and line.ml is None:
        raise _broken("ML_NEEDED", "ml", "Give how many mL are taken at one time.")
    if line.freq is None and (line.per_day is None or line.mg_per_ml is not None):
        raise _broken("FREQUENCY_NEEDED", "freq", "Say how often it is taken, or how many units a day.")


def dispensed_patches(mcg_per_h: Number, patches: Number, days: Number) -> Fraction:
    """Return MME a day of patches as dispensed: mcg/h x patches / days x 7.2, exact. Never used for intake.

    Raises:
        RuleBroken: NUMBER_NOT_ALLOWED.

    Source: CDC data files; equal to 2.4 per mcg/h only when each patch is worn for 72 hours.
    """
    per_day = _given(patches, "patches") / _days(days)
    return _given(mcg_per_h, "strength") * per_day * DISPENSING


def dispensed_units(drug: str, strength: Number, units: Number, days: Number) -> Fraction:
    """Return MME a day of units as dispensed: strength x units / days x factor of 2022, exact.

    Raises:
        RuleBroken: NUMBER_NOT_ALLOWED; NO_FACTOR.
    """
    found = factor(drug)
    if found is None:
        raise _broken("NO_FACTOR", "drug", "This opioid has no factor in the table of 2022.")
    return _given(strength, "strength") * _given(units, "units") / _days(days) * found


_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "strength": "The strength",
        "units": "The number of units at one time",
        "units_max": "The highest number of units at one time",
        "max_per_day": "The most units a day",
        "per_day": "The number of units a day",
        "mg_per_ml": "The strength per mL",
        "ml": "The mL at one time",
        "patches": "The number of patches",
        "apap_mg": "The acetaminophen per unit",
    }
)


def _broken(code: str, field: str, sentence: str) -> RuleBroken:
    return RuleBroken(sentence, code=code, fields={field: sentence})


def _given(value: Number | None, name: str, default: int = 0) -> Fraction:
    """Return a number of a line exactly, `default` when it is not given."""
    return Fraction(default) if value is None else number(value, _NUMBERS[name], field=name, highest=HIGHEST)


def _days(days: Number) -> Fraction:
    found = number(days, "The number of days", field="days", highest=HIGHEST)
    if found == 0:
        raise _broken("NUMBER_NOT_ALLOWED", "days", "Give the number of days, above 0.")
    return found


def _is_illicit(line: OpioidLine) -> bool:
    return line.illicit is True


def _skipped(line: OpioidLine) -> str | None:
    """Return why a line is not converted at all (first match), None when it is."""
    if _is_illicit(line):
        return "UNQUANTIFIED_ILLICIT"
    if line.route is not None and line.route not in ROUTES:
        return "ROUTE_NOT_CONVERTIBLE"
    if line.drug.startswith("buprenorphine"):
        return "BUPRENORPHINE_NOT_CONVERTED"
    if line.drug == "methadone" and line.indication == "oud":
        return "MOUD_METHADONE_EXCLUDED"
    return None


def _daily(line: OpioidLine) -> tuple[Fraction, Fraction]:
    """Return the daily dose of a line and the units (tablets, patches, mL) it is made of."""
    if line.drug == PATCH:
        units = _given(line.patches, "patches", 1)
    elif line.mg_per_ml is not None:
        ml = _given(line.ml, "ml") * FREQUENCIES[line.freq or ""]
        return _given(line.mg_per_ml, "mg_per_ml") * ml, ml
    elif line.per_day is not None:
        units = _given(line.per_day, "per_day")
    else:
        at_once = line.units if line.units_max is None else line.units_max
        units = _given(at_once, "units", 1) * FREQUENCIES[line.freq or ""]
        if line.max_per_day is not None:
            units = min(units, _given(line.max_per_day, "max_per_day"))
    return _given(line.strength, "strength") * units, units


def _cautions(drug: str, table: str) -> Iterable[str]:
    if drug == "methadone":
        yield "METHADONE_CAUTION"
    elif drug == PATCH:
        yield "FENTANYL_TD_CAUTION"
    elif drug not in FACTOR_TABLES[table]:
        yield "FACTOR_NOT_IN_CDC2022_TABLE"


def _prompts(total_mme: Fraction, apap_mg: Fraction) -> Iterable[str]:
    if total_mme >= 50:
        yield "OFFER_NALOXONE"
    if apap_mg > 4000:
        yield "APAP_OVER_4000"
    elif apap_mg > 3000:
        yield "APAP_OVER_3000"
