"""How many examples a property is tried on: few in the test command, many in `verify properties`."""

from __future__ import annotations

import os

VARIABLE = "INTAKE_TEST_DEPTH"
LEAST = 20


def examples(usual: int) -> int:
    """The number of examples: a third of the usual one, times what the environment asks for."""
    return max(LEAST, int(usual * float(os.environ.get(VARIABLE, "1")) / 3))
