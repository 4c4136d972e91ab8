"""Another name of `crash`: the fault drill."""

from __future__ import annotations

from tests.verify.crash import main

__all__ = ["main"]
