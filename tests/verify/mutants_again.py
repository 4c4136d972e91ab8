"""`verify mutants_again [--figures]`: try once more what the last whole run of `verify mutants` did not notice.

Tests and arguments are added after a run of an hour; this asks of each survivor in docs/figures.md whether a test
notices it now, and else which argument stands for it.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter

from tests.figures import FILE, table, write
from tests.verify import mutants
from tests.verify._argued import ARGUED

RUN = "Mutation check of the clinical core"
SECTION = "Mutation check, what had survived"
ROW = re.compile(r"^\| ([\w/]+\.py):\d+ \| `(.*?)` \|", re.MULTILINE)


def survivors() -> Counter[tuple[str, str]]:
    """File and change of each survivor of the last whole run, with how often it stands there."""
    page = FILE.read_text(encoding="utf-8")
    section = page.partition(f"<!-- {RUN} -->")[2].partition(f"<!-- /{RUN} -->")[0]
    return Counter((name, words) for name, words in ROW.findall(section))


def main(arguments: list[str]) -> int:
    """Try them; the status is 1 when one still lives without an argument."""
    asked = argparse.ArgumentParser(prog="verify mutants_again")
    asked.add_argument("--figures", action="store_true")
    options = asked.parse_args(arguments)
    mutants.same_examples()
    before = survivors()
    rows: list[tuple[str, ...]] = []
    for name in sorted({name for name, _ in before}):
        path = mutants.RULES / name
        source = path.read_text(encoding="utf-8")
        tests = next(tests for start, tests in mutants.SPOKEN_FOR if name.startswith(start))
        assert mutants.survives(path, ast.parse(source), tests), f"{name}: its tests do not pass unchanged"
        for mutant in mutants.mutants(ast.parse(source)):
            tree, line, words = mutants.changed(source, mutant)
            if (name, words.replace("|", "/")) in before and mutants.survives(path, tree, tests):
                rows.append((f"{name}:{line}", f"`{words}`".replace("|", "/"), ARGUED.get(f"{name}: {words}", "")))
                print(" ".join(rows[-1]), flush=True)
    bare = [row for row in rows if not row[2]]
    last = f"{before.total()} had survived the whole run; {len(rows)} still do, {len(rows) - len(bare)} of them argued."
    print(last)
    if options.figures:
        write(SECTION, f"{last}\n\n{table(('place', 'change', 'why it may stand'), rows)}")
    return int(bool(bare))
