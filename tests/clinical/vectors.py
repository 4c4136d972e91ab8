"""The golden vectors as the specification writes them, numbers with a decimal point kept as decimals."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent.parent / "vectors"


def vectors(name: str) -> dict[str, Any]:
    """Return one vector file."""
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)
    return found


def by_id(cases: list[dict[str, Any]]) -> list[Any]:
    """Return the cases as parameters that pytest names by their ids."""
    return [pytest.param(case, id=case["id"]) for case in cases]
