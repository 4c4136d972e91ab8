"""`verify properties`: the property tests on many thousands of examples each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.depth import VARIABLE

PLACES = (
    "tests/clinical/test_taper_properties.py",
    "tests/clinical/test_routing_properties.py",
    "tests/screening/test_findings.py",
    "tests/messages/test_machine.py",
    "tests/beds/test_occupancy.py",
    "tests/cases/test_transfers.py",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run them; the first argument is the depth, 30 when absent (about 3,000 to 6,000 examples each)."""
    depth = (argv or ["30"])[0]
    line = [sys.executable, "-m", "pytest", "-n", str(os.cpu_count() or 1), *PLACES]
    return subprocess.run(line, env={**os.environ, VARIABLE: depth}, check=False).returncode
