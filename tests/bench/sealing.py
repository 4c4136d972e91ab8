"""What sealing costs a queue page: the same page of 25 with its fields sealed, and with the opening step left out.

`bench sealing [--json] [--figures]`; both are asked in turn in one run, and the gate is 30 % more CPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flask.testing import FlaskClient

from intake import crypto
from tests.bench.pages import SHOWN, Figures, crowded
from tests.desk.door import browser
from tests.servers import Unavailable

ROWS = 1_000
ROUNDS = 120
PAGE = "/queues/detox?n=25"
MOST_TIMES_OPEN = 1.30


@contextmanager
def nothing_sealed(known: dict[bytes, str]) -> Iterator[None]:
    """Opening answers what it answered before, and no key is read."""
    opening, fetching = crypto.open_, crypto.prefetch

    def identity(blob: bytes | None, *, at: str, row: int) -> str:
        return known[blob] if blob else ""

    def no_keys(blobs: Iterable[bytes | None]) -> None:
        return

    crypto.open_, crypto.prefetch = identity, no_keys
    try:
        yield
    finally:
        crypto.open_, crypto.prefetch = opening, fetching


@contextmanager
def remembered(known: dict[bytes, str]) -> Iterator[None]:
    """Keep what every sealed field says."""
    opening = crypto.open_

    def noting(blob: bytes | None, *, at: str, row: int) -> str:
        words = opening(blob, at=at, row=row)
        if blob:
            known[blob] = words
        return words

    crypto.open_ = noting
    try:
        yield
    finally:
        crypto.open_ = opening


def cost(client: FlaskClient) -> float:
    """Milliseconds of CPU of one page."""
    began = time.process_time()
    shown = client.get(PAGE)
    took = 1000 * (time.process_time() - began)
    assert shown.text.count("data-row=") == SHOWN
    return took


def measure(client: FlaskClient, found: Figures, rounds: int) -> None:
    """The page in turn with and without opening; CPU is the median of all rounds."""
    known: dict[bytes, str] = {}
    with remembered(known):
        client.get(PAGE)
    sealed, plain = [], []
    for turn in range(rounds + 5):
        one = cost(client)
        with nothing_sealed(known):
            other = cost(client)
        if turn >= 5:
            sealed.append(one)
            plain.append(other)
    times = statistics.median(sealed) / statistics.median(plain)
    found.add(
        f"a page of {SHOWN} with {len(known)} sealed fields, CPU", f"{statistics.median(sealed):.2f} ms",
        f"{statistics.median(plain):.2f} ms without opening: {times:.2f} times, limit {MOST_TIMES_OPEN:.2f}",
        times <= MOST_TIMES_OPEN, sealed_ms=statistics.median(sealed), plain_ms=statistics.median(plain), times=times,
    )  # fmt: skip


def main(arguments: list[str]) -> int:
    """Measure, print the line, and answer 1 when the gate is missed."""
    parser = argparse.ArgumentParser(prog="bench sealing", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args(arguments)
    found = Figures()
    try:
        with crowded(ROWS) as (app, cast):
            measure(browser(app, cast, "cleo"), found, given.rounds)
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    return found.tell("bench sealing", given)
