"""Invented people: drawn from the national counts of admissions, so that a simulated center looks like a real one."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from intake.cli.demo import people as cast

COUNTS = Path(__file__).with_name("teds_2017.csv")
AGES = {
    "3": (18, 20), "4": (21, 24), "5": (25, 29), "6": (30, 34), "7": (35, 39), "8": (40, 44), "9": (45, 49),
    "10": (50, 54), "11": (55, 64), "12": (65, 80),
}  # fmt: skip
LIVING = {"1": "homeless", "2": "unstable", "3": "stable", "-9": "stable"}
SEX = {"1": "male", "2": "female", "-9": "unknown"}
FUNDING = {"1": "private", "2": "medicaid", "3": "medicare", "4": "self_pay", "-9": "unsure"}
STREET = (cast.STREET_BAD, cast.STREET_MILD, cast.STREET_MILD, cast.MIXED)
TABLETS = (cast.PAIN_SLOW, cast.PAIN_MID, cast.PAIN_SMALL, cast.PAIN_SLOW, cast.RAPID, cast.PAIN_DETOX, cast.LOW_MOOD)


@cache
def counts() -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    """Codes and their counts, by variable of the codebook."""
    found: dict[str, list[tuple[str, int]]] = {}
    with COUNTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            found.setdefault(row["variable"], []).append((row["code"], int(row["count"])))
    return {name: (tuple(c for c, _ in rows), tuple(n for _, n in rows)) for name, rows in found.items()}


def draw(dice: random.Random, variable: str) -> str:
    """One code of a variable, as often as it was counted."""
    codes, weights = counts()[variable]
    return dice.choices(codes, weights)[0]


@dataclass(frozen=True)
class Somebody:
    """One invented person and how they come to the center."""

    n: int
    name: str
    age: int
    sex: str
    profile: cast.Profile
    source: str
    funding: str
    codes: dict[str, str]


SOCIAL = (
    "RACE", "ETHNIC", "EDUC", "EMPLOY", "MARSTAT", "VET", "PRIMINC", "PRIMPAY", "NOPRIOR", "FREQ1", "FRSTUSE1",
    "ROUTE1", "PSOURCE", "LIVARAG", "PSYPROB", "ARRESTS", "FREQ_ATND_SELF_HELP", "HLTHINS", "SUB1",
)  # fmt: skip


def somebody(n: int, dice: random.Random) -> Somebody:
    """The n-th person of a month; the same dice give the same person."""
    codes = {variable: draw(dice, variable) for variable in SOCIAL}
    low, high = AGES[draw(dice, "AGE")]
    sex = SEX[draw(dice, "GENDER")]
    pregnant = sex == "female" and low < 45 and draw(dice, "PREG") == "1"
    # Heroin and its like against tablets: the counts of SUB1 are the odds.
    base = dice.choice(STREET if codes["SUB1"] == "5" else TABLETS)
    profile = replace(
        base,
        living=LIVING[codes["LIVARAG"]],
        pregnancy="yes" if pregnant else "no",
        benzo="daily" if draw(dice, "BENZFLG") == "1" else base.benzo,
        cows=max(0, min(24, base.cows + dice.randint(-4, 4))),
        peg=max(1, min(10, base.peg + dice.randint(-2, 2))),
        cssrs=dice.choices((base.cssrs, "moderate"), (97, 3))[0],
    )
    name = f"{dice.choice(cast.GIVEN)} {dice.choice(cast.FAMILY)}"
    return Somebody(n, name, dice.randint(low, high), sex, profile, codes["PSOURCE"], FUNDING[codes["HLTHINS"]], codes)
