"""Opioid products a taper can be built from: strengths, the most units in one dose, MME factor, release class.

Strengths are US marketed ones and are data which a center edits: the table is an argument wherever it is used.
Extended-release units are never cut: halves exist for the smallest immediate-release strength only.
Source: clinical.md 4.3 (general labelling knowledge, partly PMC2386360); factors: CDC 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from intake.errors import RuleBroken

from .exact import number

Release = Literal["ir", "er", "patch", "methadone"]

VERSION = "1"
_LIQUID_WORDS = ("solution", "liquid", "syrup")


@dataclass(frozen=True, slots=True)
class Product:
    """One product as it is dispensed.

    strengths: mg per unit (patch: mcg/h), ascending. max_units: the most pieces in one dose. factor: MME per mg (or per
    mcg/h) of 2022, None where none exists. halves: the smallest strength may be cut in two.
    """

    key: str
    name: str
    strengths: tuple[Fraction, ...]
    max_units: int
    factor: Fraction | None
    unit: str
    form: str
    release: Release
    halves: bool

    @property
    def is_liquid(self) -> bool:
        """Whether it is measured in mL, so that pieces are no tablets."""
        return any(word in self.form for word in _LIQUID_WORDS)

    @property
    def is_patch(self) -> bool:
        """Whether it is worn, so that "every second day" makes no sense."""
        return self.release == "patch"

    @property
    def largest_dose(self) -> Fraction:
        """The largest dose one administration can be."""
        return self.max_units * max(self.strengths)


def make(
    key: str,
    name: str,
    strengths: str,
    *,
    max_units: int,
    factor: str | None,
    release: Release,
    form: str = "tablet",
    unit: str = "mg",
    halves: bool = False,
) -> Product:
    """Return a product from plain words; `strengths` is a list of decimals separated by blanks.

    Raises:
        RuleBroken: PRODUCT_NOT_VALID when a strength or the number of units cannot be; nothing is computed with it.
    """
    texts = strengths.split()
    if not texts or not 1 <= max_units <= 1000:
        raise RuleBroken(
            f"{name} needs at least one strength and at least one unit in a dose.", code="PRODUCT_NOT_VALID"
        )
    exact = {_strength(text, name) for text in texts}
    exact_factor = (
        None
        if factor is None
        else number(
            _fraction(factor, name), f"The factor of {name}", field="factor", highest=100, code="PRODUCT_NOT_VALID"
        )
    )
    return Product(key, name, tuple(sorted(exact)), max_units, exact_factor, unit, form, release, halves)


def _fraction(text: str, name: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as wrong:
        raise RuleBroken(f"{name}: “{text}” is not a number.", code="PRODUCT_NOT_VALID") from wrong


def _strength(text: str, name: str) -> Fraction:
    found = number(
        _fraction(text, name), f"A strength of {name}", field="strengths", highest=10_000, code="PRODUCT_NOT_VALID"
    )
    if found == 0:
        raise RuleBroken(f"{name}: a strength has to be above 0.", code="PRODUCT_NOT_VALID")
    return found


_ALL = (
    make("oxycodone_ir", "Oxycodone IR", "5 10 15 20 30", max_units=4, factor="1.5", release="ir"),
    make(
        "oxycodone_ir_halves",
        "Oxycodone IR, halves",
        "5 10 15 20 30",
        max_units=4,
        factor="1.5",
        release="ir",
        form="tablet, halves",
        halves=True,
    ),
    make("oxycodone_apap", "Oxycodone with acetaminophen", "2.5 5 7.5 10", max_units=2, factor="1.5", release="ir"),
    make(
        "oxycodone_er",
        "Oxycodone ER",
        "10 15 20 30 40 60 80",
        max_units=3,
        factor="1.5",
        release="er",
        form="ER tablet",
    ),
    make("hydrocodone_apap", "Hydrocodone with acetaminophen", "5 7.5 10", max_units=2, factor="1", release="ir"),
    make(
        "hydrocodone_er_24h",
        "Hydrocodone ER 24 h",
        "20 30 40 60 80 100 120",
        max_units=2,
        factor="1",
        release="er",
        form="ER tablet",
    ),
    make(
        "hydrocodone_er_12h",
        "Hydrocodone ER 12 h",
        "10 15 20 30 40 50",
        max_units=3,
        factor="1",
        release="er",
        form="ER capsule",
    ),
    make("morphine_ir", "Morphine IR", "15 30", max_units=4, factor="1", release="ir"),
    make(
        "morphine_ir_halves",
        "Morphine IR, halves",
        "15 30",
        max_units=4,
        factor="1",
        release="ir",
        form="tablet, halves",
        halves=True,
    ),
    make("morphine_er", "Morphine ER", "15 30 60 100 200", max_units=4, factor="1", release="er", form="ER tablet"),
    make("hydromorphone_ir", "Hydromorphone IR", "2 4 8", max_units=4, factor="5", release="ir"),
    make("hydromorphone_er", "Hydromorphone ER", "8 12 16 32", max_units=2, factor="5", release="er", form="ER tablet"),
    make("methadone", "Methadone", "5 10", max_units=8, factor="4.7", release="methadone"),
    make(
        "methadone_halves",
        "Methadone, halves",
        "5 10",
        max_units=8,
        factor="4.7",
        release="methadone",
        form="tablet, halves",
        halves=True,
    ),
    make(
        "methadone_liquid",
        "Methadone liquid 1 mg/mL",
        "1",
        max_units=200,
        factor="4.7",
        release="methadone",
        form="oral solution, 1 mg steps",
    ),
    make("oxymorphone_ir", "Oxymorphone IR", "5 10", max_units=4, factor="3", release="ir"),
    make(
        "oxymorphone_er",
        "Oxymorphone ER",
        "5 7.5 10 15 20 30 40",
        max_units=3,
        factor="3",
        release="er",
        form="ER tablet",
    ),
    make("tramadol_ir", "Tramadol IR", "50 100", max_units=2, factor="0.2", release="ir"),
    make("tramadol_er", "Tramadol ER", "100 200 300", max_units=1, factor="0.2", release="er", form="ER tablet"),
    make("tapentadol_ir", "Tapentadol IR", "50 75 100", max_units=2, factor="0.4", release="ir"),
    make(
        "tapentadol_er",
        "Tapentadol ER",
        "50 100 150 200 250",
        max_units=2,
        factor="0.4",
        release="er",
        form="ER tablet",
    ),
    make("codeine", "Codeine", "15 30 60", max_units=2, factor="0.15", release="ir"),
    make("codeine_apap", "Codeine with acetaminophen", "15 30 60", max_units=2, factor="0.15", release="ir"),
    make(
        "fentanyl_patch",
        "Fentanyl patch",
        "12 25 37.5 50 62.5 75 87.5 100",
        max_units=1,
        factor="2.4",
        release="patch",
        form="72 h patch",
        unit="mcg/h",
    ),
    make(
        "buprenorphine_sl", "Buprenorphine SL tablet", "2 8", max_units=4, factor=None, release="ir", form="SL tablet"
    ),
    make(
        "buprenorphine_sl_film",
        "Buprenorphine SL film",
        "2 4 8 12",
        max_units=3,
        factor=None,
        release="ir",
        form="SL film",
    ),
)

PRODUCTS: Mapping[str, Product] = MappingProxyType({product.key: product for product in _ALL})


def drug_of(key: str) -> str:
    """Return the drug of a product as the MME calculator names it: oxycodone of oxycodone_er."""
    return "fentanyl_transdermal" if key == "fentanyl_patch" else key.split("_", 1)[0]


def release_class(key: str, products: Mapping[str, Product] = PRODUCTS) -> Release:
    """Return ir, er, patch or methadone: from the table, else from the key itself.

    Source: clinical.md 6.1 (methadone products, fentanyl_patch, keys with _er, else ir).
    """
    if key in products:
        return products[key].release
    if key.startswith("methadone"):
        return "methadone"
    if key == "fentanyl_patch":
        return "patch"
    return "er" if "_er" in key else "ir"
