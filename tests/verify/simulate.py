"""`verify simulate`: a month with 2,000 requests in under three minutes, nothing broken, the same seed the same."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import flask_migrate

from config import Config
from intake import create_app
from intake.ops import digest, invariants
from tests.world import ROOT, environment

LIMIT_SECONDS = 180.0


def _center(folder: Path, days: int, inquiries: int, seed: int) -> tuple[float, str, int]:
    """Fill a folder with a process of its own; returns seconds, digest and how many invariants are broken."""
    more = {"INTAKE_DATA": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}"}
    application = create_app(Config.read(environment(folder)))
    with application.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
    started = time.monotonic()
    line = ["--days", str(days), "--inquiries", str(inquiries), "--seed", str(seed), "--ending", "2026-06-15"]
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "intake", "intake", "simulate", *line],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", **environment(folder), **more}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    took = time.monotonic() - started
    print(re.sub(r"(?m)^.*alembic.*\n", "", done.stdout).strip() or done.stderr[-2000:])
    if done.returncode:
        return took, "", -1
    with application.app_context():
        broken = 0
        for each in invariants.check():
            broken += bool(each.faults)
            for fault in each.faults:
                print(f"BROKEN {each.rule.key}: {fault}")
        return took, digest.center(), broken


def main(arguments: list[str]) -> int:
    """Simulate twice with one seed and compare; the first run is the measured one."""
    options = argparse.ArgumentParser(prog="verify simulate")
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--inquiries", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--once", action="store_true", help="do not repeat the seed")
    asked = options.parse_args(arguments)
    found = []
    for turn in range(1 if asked.once else 2):
        with tempfile.TemporaryDirectory() as folder:
            found.append(_center(Path(folder), asked.days, asked.inquiries, asked.seed))
        took, hash_, broken = found[-1]
        print(f"run {turn + 1}: {took:6.1f} s of {LIMIT_SECONDS:.0f}   {broken} broken   digest {hash_[:16]}")
    same = len({hash_ for _, hash_, _ in found}) == 1
    print(f"{len(invariants.RULES)} invariants; same seed, same center: {'yes' if same else 'NO'}")
    return 0 if same and found[0][0] <= LIMIT_SECONDS and all(broken == 0 for _, _, broken in found) else 1
