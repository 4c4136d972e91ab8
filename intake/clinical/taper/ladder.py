"""Which doses can be made from whole units, and the ladder of small steps from the start regimen down to zero.

Source: clinical.md 4.4 (doses, ladder, dispensing).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType

from intake.clinical.products import Product

from .model import Pieces

Doses = tuple[Fraction, ...]


@lru_cache(maxsize=256)
def _makeable(product: Product) -> Mapping[Fraction, Pieces]:
    """Return every dose one administration can be, with its pieces: fewest, then fewest halves, then larger ones.

    The way to a dose adds up piece by piece, so the best way to it is a best way to one piece less, plus that piece.
    """
    half = product.strengths[0] / 2
    pieces = list(product.strengths[::-1]) + ([half] if product.halves else [])
    start = (0, *(0 for _ in product.strengths))
    best: dict[Fraction, tuple[int, ...]] = {Fraction(0): start}
    newest = dict(best)
    for _ in range(product.max_units):
        longer: dict[Fraction, tuple[int, ...]] = {}
        for total, key in newest.items():
            for place, piece in enumerate(pieces):
                halves, *counts = key
                if place == len(product.strengths):
                    halves += 1
                else:
                    counts[place] -= 1
                reached = total + piece
                if reached not in best:
                    found = (halves, *counts)
                    longer[reached] = min(found, longer.get(reached, found))
        best |= longer
        newest = longer
    return MappingProxyType({total: _pieces(product, key) for total, key in sorted(best.items())})


def _pieces(product: Product, key: tuple[int, ...]) -> Pieces:
    halves, *negative = key
    units = {strength: Fraction(-count) for strength, count in zip(product.strengths[::-1], negative, strict=True)}
    units[product.strengths[0]] += Fraction(halves, 2)
    return tuple((strength, count) for strength, count in units.items() if count)


def dispense(product: Product, dose: Fraction) -> Pieces | None:
    """Return the pieces that make one dose, larger strength first; empty for 0, None when no whole units make it.

    Args:
        product: its strengths (mg, patches mcg/h), the most units in a dose, whether halves exist.
        dose: mg (mcg/h) of one administration.

    Source: clinical.md 4.4 (fewest pieces, then fewest halves, then larger strengths).
    """
    return _makeable(product).get(Fraction(dose))


def deliverable(product: Product, largest: Fraction) -> tuple[Fraction, ...]:
    """Return every dose one administration can be, from 0 up to `largest`, ascending (the D of clinical.md 4.4)."""
    return tuple(dose for dose in _makeable(product) if dose <= largest)


def rungs(doses: Sequence[Fraction], start: Doses) -> Iterator[Doses]:
    """Yield the states below `start`, the last one all zero: each lowers the slot with the largest dose once.

    Ties go to inner slots in day order, then to the first, then to the last slot of the day, so that the plan ends with
    one smallest dose at night. A start dose outside `doses` falls to the next lower one when its turn comes.
    """
    last = len(start) - 1
    order = [*range(1, last), 0] + ([last] if last else [])
    state = list(start)
    while any(state):
        slot = max(order, key=lambda place: state[place])
        state[slot] = doses[bisect_left(doses, state[slot]) - 1]
        yield tuple(state)


def is_endgame(doses: Sequence[Fraction], state: Doses) -> bool:
    """Tell whether every slot that is not empty holds the smallest dose above 0."""
    return all(dose in (0, doses[1]) for dose in state)
