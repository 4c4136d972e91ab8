"""The catalogue of attacks: which tests stand for each, and docs/security.md written by the test run.

A test carries the id in its name (`test_n05_...`), or its whole file is listed here under the id it proves. A case
without a test says why. `manage.py test --catalogue --write-security` runs these tests and writes the page.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "security.md"
BY_HAND = "## Looked at by hand and by scanners"
ID = re.compile(r"test_((?:[anixpd][0-9]{2}_)+)")

ATTACKS: dict[str, str] = {
    "A01": "every route, role, and own, foreign or missing id",
    "A02": "a route without a declaration",
    "A03": "a foreign id in the body",
    "A04": "a child of another parent",
    "A05": "fields that a form does not have (role, state, owner, site)",
    "A06": "a role changed or an account switched off while signed in",
    "A07": "lists, counts, search and exports that show foreign cases",
    "A08": "other methods and method overrides",
    "A09": "other spellings of a path",
    "A10": "emergency access without a reason, over its time, on one's own record",
    "A11": "one's own approval as the second person",
    "A12": "steps out of order",
    "N01": "learning who has an account",
    "N02": "guessing passwords, many on one and one on many",
    "N03": "fixed, stolen and overlong sessions",
    "N04": "cookies forged with known keys",
    "N05": "codes replayed, guessed, skipped",
    "N06": "password links reused, expired, poisoned",
    "N07": "redirects to other hosts",
    "N08": "default credentials and a second set-up",
    "I01": "SQL in every parameter",
    "I02": "stored script in every field",
    "I03": "template expressions in every field",
    "I04": "line breaks in mail headers",
    "I05": "formulas in CSV",
    "I06": "line breaks and control signs in logs",
    "I07": "uploads",
    "I08": "requests to inner addresses",
    "I09": "odd JSON",
    "I10": "odd Unicode",
    "I11": "input that makes a check slow",
    "X01": "forged forms",
    "X02": "frames, other origins, pages after sign-out",
    "X03": "missing headers",
    "X04": "cookie flags and what stays in the browser",
    "X05": "forged hosts, forwarded headers, slow and split requests",
    "X06": "traces, SQL or paths in errors",
    "P01": "people in logs, broker, addresses, files",
    "P02": "mails that tell what they are about",
    "P03": "links opened by scanners",
    "P04": "links guessed, reused, of another purpose",
    "P05": "mail after consent, address or person are gone",
    "P06": "exports without consent or wider than it",
    "P07": "floods, bots and crisis words on the public form",
    "D01": "two editors of one record",
    "D02": "one form sent many times",
    "D03": "many claims of one case",
    "D04": "a changed, cut or rewritten audit",
    "D05": "the database asked to change the audit",
    "D06": "plain words in copies of the database",
    "D07": "keys rotated while people work",
    "D08": "one person erased",
    "D09": "migrations under load",
    "D10": "taper plans that must not be",
    "D11": "clocks, zones and leap days",
    "D12": "a full disk, a lost database",
}

# Files whose every test stands for an id.
WHOLE: dict[str, tuple[str, ...]] = {
    "P07": ("tests/inquiries/test_danger.py",),
    "D10": ("tests/clinical/test_taper_properties.py",),
    "D11": ("tests/messages/test_reminders.py",),
}

# Why a case has no test of its own.
WHY_NOT: dict[str, str] = {
    "I08": "the product calls no address that somebody typed",
}


def named(name: str) -> set[str]:
    """The ids in the name of a test."""
    found = ID.search(name)
    return {part.upper() for part in found[1].strip("_").split("_")} & ATTACKS.keys() if found else set()


def ids_of(node: str) -> set[str]:
    """The ids a test stands for."""
    file, _, name = node.partition("::")
    return named(name) | {key for key, files in WHOLE.items() if file in files}


@cache
def standing() -> dict[str, set[str]]:
    """The tests that stand for each id, as `file::name`, read from the source."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for key in ids_of(f"{file}::{node.name}"):
                    found[key].add(f"{file}::{node.name}")
    return found


class Catalogue:
    """Gathers the results of one run by id."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """With `--catalogue` leave only tests that stand for an attack."""
        if config.getoption("--catalogue"):
            config.hook.pytest_deselected(items=[item for item in items if not ids_of(item.nodeid)])
            items[:] = [item for item in items if ids_of(item.nodeid)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst outcome of a test over its cases."""
        if report.when != "call" and report.outcome == "passed":
            return
        name = re.sub(r"\[.*", "", report.nodeid)
        if self.results.get(name) in (None, "passed"):
            self.results[name] = report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page at the end, by the process that sees every result."""
        if session.config.getoption("--write-security") and not hasattr(session.config, "workerinput"):
            old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
            PAGE.write_text(page(self.results, old), encoding="utf-8")


def cell(tests: set[str]) -> str:
    """The tests of an id by file; a file that stands as a whole is only counted."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests):
        file, _, name = test.partition("::")
        files[file].append(name)
    return "<br>".join(
        f"{file.removeprefix('tests/')}: "
        + (", ".join(name for name in names if named(name)) or f"all {len(names)} tests")
        for file, names in files.items()
    )


def page(results: dict[str, str], old: str) -> str:
    """docs/security.md: one line an id; what was written by hand at its end stays."""
    lines = [
        "# Attacks and the tests that stand for them",
        "",
        "The table is written by the test run: `python3 manage.py test --catalogue --write-security`.",
        "A test fails when an id or a test is missing here.",
        "",
        "| id | attack | tests | result |",
        "|---|---|---|---|",
    ]
    every, before = standing(), dict(re.findall(r"^\| ([A-Z][0-9]{2}) .*\| (\S+) \|$", old, re.MULTILINE))
    for key, attack in ATTACKS.items():
        tests = every.get(key, set())
        if not tests:
            lines.append(f"| {key} | {attack} | none: {WHY_NOT.get(key, 'NOT DONE')} | - |")
            continue
        # A run of some tests leaves what the page says of the others.
        ran = {results.get(test, before.get(key, "not-run")) for test in tests}
        lines.append(f"| {key} | {attack} | {cell(tests)} | {'/'.join(sorted(ran))} |")
    hand = old[old.index(BY_HAND) :] if BY_HAND in old else f"{BY_HAND}\n"
    return "\n".join(lines) + f"\n\n{hand.strip()}\n"
