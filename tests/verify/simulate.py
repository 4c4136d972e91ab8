"""`verify simulate`: a month with 2,000 requests in under three minutes, nothing broken, the same seed the same."""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import flask_migrate

from config import Config
from intake import create_app
from intake.ops import digest, invariants
from tests import figures
from tests.world import ROOT, environment

LIMIT_SECONDS = 180.0


@dataclass(frozen=True)
class Lived:
    """One simulated month: seconds, of them on the CPU, what it left, its digest and how many invariants broke."""

    took: float
    cpu: float
    told: str
    digest: str
    broken: int


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _center(folder: Path, days: int, inquiries: int, seed: int) -> Lived:
    """Fill a folder with a process of its own."""
    more = {"INTAKE_DATA": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}"}
    application = create_app(Config.read(environment(folder)))
    with application.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
    started, before = time.monotonic(), _children()
    line = ["--days", str(days), "--inquiries", str(inquiries), "--seed", str(seed), "--ending", "2026-06-15"]
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "intake", "intake", "simulate", *line],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", **environment(folder), **more}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    took, cpu = time.monotonic() - started, _children() - before
    told = re.sub(r"(?m)^.*alembic.*\n", "", done.stdout).strip()
    print(told or done.stderr[-2000:])
    if done.returncode:
        return Lived(took, cpu, told, "", -1)
    with application.app_context():
        broken = 0
        for each in invariants.check():
            broken += bool(each.faults)
            for fault in each.faults:
                print(f"BROKEN {each.rule.key}: {fault}")
        return Lived(took, cpu, told, digest.center(), broken)


def main(arguments: list[str]) -> int:
    """Simulate twice with one seed and compare; the first run is the measured one."""
    options = argparse.ArgumentParser(prog="verify simulate")
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--inquiries", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    options.add_argument("--once", action="store_true", help="do not repeat the seed")
    asked = options.parse_args(arguments)
    found: list[Lived] = []
    for turn in range(1 if asked.once else 2):
        with tempfile.TemporaryDirectory() as folder:
            lived = _center(Path(folder), asked.days, asked.inquiries, asked.seed)
        found.append(lived)
        print(
            f"run {turn + 1}: {lived.took:6.1f} s of {LIMIT_SECONDS:.0f}, {lived.cpu:.1f} s of CPU   "
            f"{lived.broken} broken   digest {lived.digest[:16]}"
        )
    same = len({each.digest for each in found}) == 1 and all(each.digest for each in found)
    print(f"{len(invariants.RULES)} invariants; same seed, same center: {'yes' if same else 'NO'}")
    if asked.figures and all(each.digest for each in found):
        _write(found, asked.seed)
    kept = same and found[0].took <= LIMIT_SECONDS and not any(each.broken for each in found)
    return 0 if kept else 1


def _write(found: list[Lived], seed: int) -> None:
    rows: list[tuple[str, ...]] = [
        (str(n), f"{each.took:.1f} s", f"{each.cpu:.1f} s", str(each.broken), each.digest[:16])
        for n, each in enumerate(found, start=1)
    ]
    words = f"{found[0].told.rsplit(' in ', 1)[0]}; seed {seed}; limit {LIMIT_SECONDS:.0f} s on two cores; "
    words += f"{len(invariants.RULES)} invariants checked at the end."
    head = ("run", "took", "of it CPU", "invariants broken", "digest")
    figures.write("verify simulate", f"{words}\n\n{figures.table(head, rows)}")
