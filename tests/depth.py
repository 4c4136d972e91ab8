"""How many examples a property is tried on: few and always the same in the test command, many new ones in `verify`."""

from __future__ import annotations

import os

from hypothesis import settings

VARIABLE = "INTAKE_TEST_DEPTH"
LEAST = 20


def choose() -> None:
    """Draw the same examples on every run of the test command, so that a red test means a change and not chance.

    `verify properties` asks for a depth, and with it come new examples each time.
    """
    if VARIABLE not in os.environ:
        settings.register_profile("command", derandomize=True, database=None)
        settings.load_profile("command")


def worlds(usual: int) -> int:
    """The number of worlds of a machine of rules, each of them many steps."""
    return max(1, int(usual * float(os.environ.get(VARIABLE, "1"))))


def examples(usual: int) -> int:
    """The number of examples: a third of the usual one, times what the environment asks for."""
    return max(LEAST, int(usual * float(os.environ.get(VARIABLE, "1")) / 3))
