"""The table of `bench messages` as it grows, and the servers that are measured against."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tests import figures as pages
from tests.bench._relay import Relay
from tests.servers.postgres import Server
from tests.servers.valkey import Valkey
from workers.local.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Figure:
    """One line of the table: ours, what it is compared with, and whether the gate holds."""

    words: str
    ours: str
    beside: str = ""
    kept: bool = True


@dataclass
class Bench:
    """Servers, sizes and the figures so far."""

    rows: int
    due: int
    mails: int
    peer: bool
    folder: Path
    postgres: Server
    valkey: Valkey
    relay: Relay
    writes: bool = False
    part: str = ""
    figures: list[Figure] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every measured process."""
        return {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")},
            "INTAKE_DATA": str(self.folder),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": "5e" * 32,
            "INTAKE_MASTER_KEY": "4d" * 32,
            "INTAKE_BLIND_KEY": "b1" * 32,
            "PUBLIC_URL": "http://localhost",
            "SMTP_URL": self.relay.url,
            "MAIL_RATE_PER_MINUTE": "0",
            "ARGON2_MEMORY_KIB": "8",
            "ARGON2_TIME": "1",
        }

    def say(self, words: str) -> None:
        """Tell what is being done, so that a long run is no silent one."""
        print(f"{time.monotonic() - self.began:5.0f} s  {words} ...", file=sys.stderr, flush=True)

    def add(self, words: str, ours: str, beside: str = "", *, kept: bool = True, **numbers: Any) -> None:
        """Note one figure and print it at once."""
        self.figures.append(Figure(words, ours, beside, kept))
        self.numbers |= numbers
        print(f"  {'ok ' if kept else 'NOT'} {words:44} {ours:28} {beside}", file=sys.stderr, flush=True)
        if self.writes:
            self.write()

    def write(self) -> None:
        """Write what is known so far into docs/figures.md."""
        rows: list[tuple[str, ...]] = [(f.words, f.ours, f.beside, "yes" if f.kept else "no") for f in self.figures]
        load = os.getloadavg()[1]
        words = f"{os.cpu_count()} cores, load {load:.1f} while it ran (CPU and rates suffer from a load, ratios less)."
        pages.write(f"bench messages{self.part}", f"{words}\n\n{pages.table(('what', 'ours', 'beside', 'kept'), rows)}")

    def child(self, verb: str, seconds: float) -> subprocess.Popen[str]:
        """Start one measured process and wait until it stands: its start is not what is measured."""
        line = [sys.executable, "-m", "tests.bench._outbox.child", verb, str(seconds)]
        started = subprocess.Popen(
            line, env=self.environment, stdout=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=die_with_parent()
        )
        assert started.stdout is not None
        started.stdout.readline()
        return started

    def broker_mb(self) -> float:
        """Memory the broker uses."""
        found: dict[str, Any] = redis.Redis.from_url(self.valkey.url).info("memory")
        return float(found["used_memory"]) / 1e6


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a measured process printed."""
    out, _ = process.communicate()
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def servers(given: argparse.Namespace) -> Iterator[Bench]:
    """Start what is needed, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="intake-bench-") as name:
        folder = Path(name)
        postgres, valkey, relay = Server(), Valkey(folder), Relay()
        try:
            part = 10 if given.small else 1
            sizes = (given.rows // part, given.due // part, given.mails // part)
            yield Bench(*sizes, not given.no_peer, folder, postgres, valkey, relay, given.figures,
                        f" ({given.parts})" if given.parts else "")  # fmt: skip
        finally:
            relay.stop()
            valkey.kill()
            postgres.stop()
