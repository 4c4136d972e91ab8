"""`python3 manage.py test`: lint, types, import contracts, then every test; arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKS = {
    "ruff": [str(BIN / "ruff"), "check", "--quiet", "."],
    "mypy": [str(BIN / "mypy")],
}
MOST_PROCESSES = 4
NOTHING_COLLECTED = 5


def checks() -> list[str]:
    """Run all checks side by side; the names of those that found something, after printing what."""
    running = {
        name: subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for name, line in CHECKS.items()
    }
    failed = []
    for name, process in running.items():
        said, _ = process.communicate()
        print(f"{name}: {'passed' if process.returncode == 0 else 'FAILED'}", flush=True)
        if process.returncode:
            failed.append(name)
            print(said, flush=True)
    return failed


def tests(arguments: list[str]) -> int:
    """Run pytest over several processes, unless the arguments say how many."""
    given = any(argument.startswith(("-n", "--numprocesses")) for argument in arguments)
    spread = [] if given else ["-n", str(min(os.cpu_count() or 2, MOST_PROCESSES)), "--dist", "worksteal"]
    status = subprocess.run([sys.executable, "-m", "pytest", *spread, *arguments], check=False).returncode
    if status == NOTHING_COLLECTED:
        print("No test matches; that counts as a failure.", flush=True)
    return status


def main(arguments: list[str]) -> int:
    """Checks are left out when arguments choose some tests, except in CI."""
    began = time.monotonic()
    strict = os.environ.get("CI", "").lower() == "true"
    failed = checks() if strict or not arguments else []
    status = tests(arguments)
    print(f"{time.monotonic() - began:.0f} s in all; checks that failed: {', '.join(failed) or 'none'}", flush=True)
    return status or len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
