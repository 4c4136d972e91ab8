"""The self-check at start: a sample of worked examples, run through the rules as they stand.

If one of them comes out otherwise, scoring is off until that is mended, and intake keeps working (clinical.md 7).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from . import wire

# What a broken rule may end in; anything else is a fault of the machine and no matter of the self-check.
_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How many examples were run, and the names of those that came out otherwise than written."""

    ok: bool
    failures: tuple[str, ...]
    cases: int


def run(examples: Sequence[dict[str, Any]] | None = None) -> SelfCheck:
    """Run the examples that ship with the product, or those given: {tool, id, case, expect}.

    Returns:
        SelfCheck; `ok` is true only when there was at least one example and all came out as written.
    """
    if examples is None:
        try:
            examples = shipped()
        except (OSError, ValueError):
            return SelfCheck(False, ("selfcheck.json cannot be read",), 0)
    failures = tuple(str(example.get("id", "?")) for example in examples if not _as_written(example))
    return SelfCheck(bool(examples) and not failures, failures, len(examples))


def same(found: object, wanted: object) -> bool:
    """Compare two JSON values: numbers by value (20 is 20.0), lists in order, yes/no values never as numbers."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(same(a, b) for a, b in zip(found, wanted, strict=True))
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted


def shipped() -> list[dict[str, Any]]:
    """Return the examples that ship with the product.

    Raises:
        ValueError: the file is no list of examples.
    """
    found = json.loads(_text())
    if not isinstance(found, list) or not found:
        raise ValueError("selfcheck.json holds no examples")
    return found


def _text() -> str:
    return files("intake.clinical").joinpath("selfcheck.json").read_text(encoding="utf-8")


def _as_written(example: dict[str, Any]) -> bool:
    try:
        found = wire.run(example["tool"], example["case"])
        return same(json.loads(json.dumps(found)), example["expect"])
    except _FAULTS:
        return False
