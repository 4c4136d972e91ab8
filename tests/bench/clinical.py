"""Clinical rules: how long one score, one placement, one plan and a replay of 10,000 cases take on one core."""

from __future__ import annotations

import json as json_text
import random
from collections.abc import Callable, Iterator
from datetime import date
from statistics import median
from time import perf_counter
from typing import Any

from intake.clinical.instruments import every, score
from intake.clinical.instruments.model import Instrument
from intake.clinical.routing import DEFAULT, RULES, Facts, RuleSet, place, replay, what_would_change
from intake.clinical.routing.facts import NAMES, NUMBERS, WHOLE, WORDS, YES_NO
from intake.clinical.taper import TaperRequest, build
from tests.figures import table, write

STORED_CASES = 10_000
Figure = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Print the figures (and write them with `--figures`); the status is 1 when one of them is over its limit."""
    figures = run("--json" in arguments)
    if "--figures" in arguments:
        rows = [(f["what"], _shown(f["seconds"]), _shown(f["limit"]), f["note"]) for f in figures]
        write("Clinical rules on one core", table(("what", "took", "limit", "of"), rows))
    return int(any(figure["seconds"] > figure["limit"] for figure in figures))


def run(json: bool) -> list[Figure]:
    """Measure, print a table (or one JSON object) and return the figures: medians in seconds beside their limits."""
    figures = list(_measure())
    if json:
        print(json_text.dumps({"bench": "clinical", "figures": figures}))
        return figures
    for figure in figures:
        verdict = "within" if figure["seconds"] <= figure["limit"] else "OVER"
        took, limit = _shown(figure["seconds"]), _shown(figure["limit"])
        print(f"{figure['what']:42} {took:>10} {verdict:>7} {limit:>8}   {figure['note']}")
    return figures


def _measure() -> Iterator[Figure]:
    slowest, key = max((_median(_scoring(instrument), 500), instrument.key) for instrument in every())
    yield _figure("score an instrument", slowest, 50e-6, f"the slowest of {len(every())}: {key}")
    chance = random.Random(7)
    cases = [_somebody(chance) for _ in range(200)]
    yield _figure("place a case with its explanation", _each(cases, place), 1e-3, f"{len(RULES)} rules")
    yield _figure("say what would change it", _each(cases[:50], what_would_change), 20e-3, f"{len(NAMES)} facts")
    request = TaperRequest("morphine_er", (100, 100), 10, 28, "exponential", date(2027, 1, 4))
    steps = len(build(request).steps)
    yield _figure("build a taper", _median(lambda: build(request), 200), 5e-3, f"{steps} steps")
    stored = [(number, _somebody(chance)) for number in range(STORED_CASES)]
    new = RuleSet("new", changes={"D01": {"thresholds": {"cows_from": 11}}, "O04": {"thresholds": {"mme_from": 80}}})
    began = perf_counter()
    moved = replay(stored, DEFAULT, new)
    took = perf_counter() - began
    yield _figure("re-route stored cases, two rule sets", took, 15.0, f"{STORED_CASES} cases, {len(moved)} would move")


def _figure(what: str, seconds: float, limit: float, note: str) -> Figure:
    return {"what": what, "seconds": seconds, "limit": limit, "note": note}


def _scoring(instrument: Instrument) -> Callable[[], object]:
    answers = {item.id: item.options[-1].value if item.options else item.maximum for item in instrument.items}
    return lambda: score(instrument.key, answers)


def _median(act: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = perf_counter()
        act()
        times.append(perf_counter() - began)
    return median(times)


def _each(cases: list[Facts], act: Callable[[Facts], object]) -> float:
    """Return the median over different cases, each measured once after one run to warm up."""
    act(cases[0])
    times = []
    for case in cases:
        began = perf_counter()
        act(case)
        times.append(perf_counter() - began)
    return median(times)


def _somebody(chance: random.Random) -> Facts:
    """Return random facts, one in twenty of them unknown."""
    facts: dict[str, Any] = {}
    for name in NAMES:
        if chance.random() < 0.05:
            continue
        if name in YES_NO:
            facts[name] = chance.random() < 0.02 or name == "treatable_problem"
        elif name in WORDS:
            facts[name] = chance.choice(WORDS[name])
        else:
            facts[name] = chance.randint(0, min(NUMBERS[name], 200)) // (3 if name in WHOLE else 1)
    return Facts(**facts)


def _shown(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
