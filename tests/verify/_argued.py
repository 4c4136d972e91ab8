"""Why a change of the rules may go unnoticed: “file: before -> after” to the argument."""

from __future__ import annotations

ARGUED: dict[str, str] = {}
