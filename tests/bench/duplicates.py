"""Duplicates: pairs, precision and recall on files in the shape of the FEBRL data sets, without their national number.

`bench duplicates FILE` finds pairs within one file, `bench duplicates FILE FILE` pairs between two. The columns are
rec_id, given_name, surname, street_number, address_1, address_2, suburb, postcode, state, date_of_birth; two records
are of one person when their rec_id agree but for its ending (-org, -dup-0).
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from time import perf_counter
from typing import Any

from intake.people.likeness import Traits, blocks, weigh
from tests.figures import table, write

LEAST_RECALL = 0.99
LEAST_PRECISION = 0.999
Record = tuple[str, Traits]
Keys = Callable[[Record], set[str]]


def main(arguments: list[str]) -> int:
    """Print the figures of one or two files; the status is 1 below a bar and 2 without a file."""
    files = [a for a in arguments if not a.startswith("-")]
    if len(files) not in (1, 2):
        print(__doc__)
        return 2
    began = perf_counter()
    figures = measure([read(Path(f)) for f in files])
    figures |= {"seconds": round(perf_counter() - began, 2), "files": [Path(f).name for f in files]}
    if "--figures" in arguments:
        _write(figures)
    good = figures["recall"] >= LEAST_RECALL and figures["precision"] >= LEAST_PRECISION
    if "--json" in arguments:
        print(json.dumps({"bench": "duplicates", **figures}))
    else:
        print(f"{' and '.join(figures['files'])}: {figures['records']} records, {figures['pairs']} true pairs")
        print(f"  weighed    {figures['weighed']:>8}   ({figures['blocked_recall']:.4f} of the true pairs)")
        print(f"  found      {figures['found']:>8}   in {figures['seconds']} s")
        print(f"  recall     {figures['recall']:>8.4f}   at least {LEAST_RECALL}")
        print(f"  precision  {figures['precision']:>8.4f}   at least {LEAST_PRECISION}   {'' if good else 'BELOW'}")
    return 0 if good else 1


def _write(figures: dict[str, Any]) -> None:
    names = " and ".join(figures["files"])
    rows = [
        ("records, true pairs", f"{figures['records']}, {figures['pairs']}", ""),
        ("recall", f"{figures['recall']:.4f}", f"at least {LEAST_RECALL}"),
        ("precision", f"{figures['precision']:.4f}", f"at least {LEAST_PRECISION}"),
    ]
    write(f"Duplicates in {names}", table(("what", "found", "bar"), rows))


def read(path: Path) -> list[Record]:
    """The records of a file: whose they are, and their traits."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            {k.strip(): (v or "").strip() for k, v in row.items() if k}
            for row in csv.DictReader(file, skipinitialspace=True)
        ]
    return [(_whose(row["rec_id"]), _traits(row)) for row in rows]


def _whose(rec_id: str) -> str:
    return "-".join(rec_id.split("-")[:2])


def _traits(row: dict[str, str]) -> Traits:
    return Traits(
        given=row["given_name"],
        surname=row["surname"],
        born=row["date_of_birth"],
        number=row["street_number"],
        street=row["address_1"],
        place=row["address_2"],
        suburb=row["suburb"],
        postcode=row["postcode"],
        state=row["state"],
    )


def measure(sides: list[list[Record]]) -> dict[str, Any]:
    """Pairs found at the limit that stops a second record, against the true ones."""
    one, other = sides[0], sides[-1]
    linked = len(sides) == 2
    true = _pairs(one, other, linked, lambda record: {record[0]})
    weighed = _pairs(one, other, linked, lambda record: blocks(record[1]))
    found = {(i, j) for i, j in weighed if weigh(one[i][1], other[j][1]).is_same}
    right = len(found & true)
    return {
        "records": len(one) + (len(other) if linked else 0),
        "pairs": len(true),
        "weighed": len(weighed),
        "blocked_recall": len(weighed & true) / len(true) if true else 0.0,
        "found": len(found),
        "recall": right / len(true) if true else 0.0,
        "precision": right / len(found) if found else 0.0,
    }


def _pairs(one: list[Record], other: list[Record], linked: bool, keys: Keys) -> set[tuple[int, int]]:
    """Pairs of places that share a key: between two lists, or within one, each pair once."""
    left, right = _places(one, keys), _places(other, keys)
    if linked:
        return {pair for key in left.keys() & right.keys() for pair in product(left[key], right[key])}
    return {pair for places in left.values() for pair in combinations(places, 2)}


def _places(records: list[Record], keys: Keys) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        for key in keys(record):
            found[key].append(place)
    return found
