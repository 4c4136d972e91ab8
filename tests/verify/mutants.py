"""Change the clinical rules in one place at a time, and see that a test of them notices.

`verify mutants [NAME ...] [--every N] [--figures]`: NAME is part of a file's name; N tries each Nth change only. What
no test notices has survived; it is listed with the argument for it from `_argued.py`, where there is one. Types,
decorators and errors are left alone.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.figures import table, write
from tests.verify._argued import ARGUED

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "intake" / "clinical"
SECONDS = 60
# Which tests speak for which rules.
SPOKEN_FOR = (
    ("instruments/", ("instruments", "tables")),
    ("oih.py", ("oih",)),
    ("mme.py", ("mme",)),
    ("factors.py", ("mme", "tables")),
    ("exact.py", ("exact", "instruments", "mme")),
    ("taper/", ("taper", "review", "taper_properties")),
    ("products.py", ("taper", "taper_properties", "tables")),
    ("routing/", ("routing", "tables", "routing_properties")),
    ("cadence.py", ("cadence", "routing_properties")),
    ("alerts.py", ("alerts",)),
    ("wording.py", ("wording",)),
    ("stems.py", ("wording",)),
    ("language.py", ("language",)),
)
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
RECKONED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
OPPOSITE = {"min": "max", "max": "min", "any": "all", "all": "any"}
Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Mutant:
    """One change: the place of its node in the walk over the tree, and what is done to it."""

    place: int
    change: Change


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Every change of a module, in the order of the walk over its tree."""
    left_alone = {id(inner) for node in ast.walk(tree) for part in _not_rules(node) for inner in ast.walk(part)}
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in left_alone:
            yield from (Mutant(place, change) for change in _changes(node))


def _not_rules(node: ast.AST) -> Iterator[ast.AST]:
    """Types, decorators and imports are no rules."""
    for name in ("annotation", "returns"):
        part = getattr(node, name, None)
        if part is not None:
            yield part
    if isinstance(node, ast.ClassDef):
        yield from node.decorator_list
    if isinstance(node, ast.keyword) and node.arg in ("strict", "init", "frozen"):
        yield node
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom):
        yield node


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for n, sign in enumerate(node.ops):
            yield from (_compared(n, other) for other in COMPARED[type(sign)])
    elif isinstance(node, ast.BinOp) and type(node.op) in RECKONED:
        other = RECKONED[type(node.op)]
        yield lambda old: ast.BinOp(old.left, other(), old.right) if isinstance(old, ast.BinOp) else old
    elif isinstance(node, ast.BoolOp):
        swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield lambda old: ast.BoolOp(swapped, old.values) if isinstance(old, ast.BoolOp) else old
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield lambda old: old.operand if isinstance(old, ast.UnaryOp) else old
    elif isinstance(node, ast.IfExp):
        yield lambda old: ast.IfExp(old.test, old.orelse, old.body) if isinstance(old, ast.IfExp) else old
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OPPOSITE:
        name = OPPOSITE[node.func.id]
        yield (
            lambda old: (
                ast.Call(ast.Name(name, ast.Load()), old.args, old.keywords) if isinstance(old, ast.Call) else old
            )
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda old: ast.Constant(not old.value) if isinstance(old, ast.Constant) else old
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        value = node.value
        yield lambda _: ast.Constant(value + 1)


def _compared(n: int, other: type[ast.cmpop]) -> Change:
    def change(old: ast.AST) -> ast.AST:
        assert isinstance(old, ast.Compare)
        return ast.Compare(old.left, [other() if i == n else sign for i, sign in enumerate(old.ops)], old.comparators)

    return change


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Put the new node in place of the old one."""
        return self.new if node is self.old else self.generic_visit(node)


def changed(source: str, mutant: Mutant) -> tuple[ast.Module, int, str]:
    """The changed tree, the line, and “before -> after”."""
    tree = ast.parse(source)
    old = list(ast.walk(tree))[mutant.place]
    new = ast.copy_location(mutant.change(old), old)
    before, after = ast.unparse(old), ast.unparse(new)
    _Swap(old, new).visit(tree)
    return ast.fix_missing_locations(tree), getattr(old, "lineno", 0), f"{before[:90]} -> {after[:90]}"


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed module out under its own name."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name, self.path, self.tree = ".".join(parts[:-1] if self.is_package else parts), path, tree

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Answer for the one module."""
        inside = [str(self.path.parent)] if self.is_package else None
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self, submodule_search_locations=inside)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Leave the making of the module to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)


def same_examples() -> None:
    """Let the property tests of every change try the same examples."""
    few = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    settings.register_profile(
        "mutants", database=None, deadline=None, derandomize=True, suppress_health_check=few, phases=[Phase.generate]
    )
    settings.load_profile("mutants")


def survives(path: Path, tree: ast.Module, tests: Sequence[str]) -> bool:
    """Run the tests over the changed module in a process of its own; whatever ends otherwise than well has noticed."""
    child = os.fork()
    if child == 0:
        # Seconds of work, not of waiting: a busy machine must not look like a test that noticed.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        sys.meta_path.insert(0, _Loader(path, tree))
        # The rules stand alone: without the application around them a change is tried in a second.
        alone = ModuleType("intake")
        alone.__path__ = [str(ROOT / "intake")]
        sys.modules["intake"] = alone
        files = [str(ROOT / "tests" / "clinical" / f"test_{name}.py") for name in tests]
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--noconftest", *files])))
    return os.waitpid(child, 0)[1] == 0


def main(arguments: list[str]) -> int:
    """Try every change; the status is 1 when fewer than nine of ten are noticed, or one survives without argument."""
    asked = argparse.ArgumentParser(prog="verify mutants")
    asked.add_argument("names", nargs="*")
    asked.add_argument("--every", type=int, default=1)
    asked.add_argument("--figures", action="store_true")
    options = asked.parse_args(arguments)
    same_examples()
    rows: list[tuple[str, ...]] = []
    survivors: list[tuple[str, ...]] = []
    began = time.monotonic()
    for path in sorted(RULES.rglob("*.py")):
        name = path.relative_to(RULES).as_posix()
        tests = next((tests for start, tests in SPOKEN_FOR if name.startswith(start)), ())
        if not tests or (options.names and not any(w in name for w in options.names)):
            continue
        tried, lived = _try(path, name, tests, options.every)
        survivors += lived
        if tried:
            rows.append((name, str(tried), str(len(lived)), f"{100 * (tried - len(lived)) / tried:.1f} %"))
            print(" ".join(f"{cell:>24}" for cell in rows[-1]), flush=True)
    total, alive = sum(int(r[1]) for r in rows), len(survivors)
    unargued = [s for s in survivors if not s[2]]
    killed = 100 * (total - alive) / max(1, total)
    last = (
        f"{total} changes, {total - alive} noticed ({killed:.1f} %), {alive} survived, {alive - len(unargued)} argued"
    )
    print(f"{last}, {time.monotonic() - began:.0f} s")
    if options.figures:
        head = ("file", "changes", "survived", "noticed")
        argued = table(
            ("place", "change", "why it may stand"), [(a, f"`{b}`".replace("|", "/"), c) for a, b, c in survivors]
        )
        share = "" if options.every == 1 else f" One of every {options.every} changes was tried."
        write("Mutation check of the clinical core", f"{last}.{share}\n\n{table(head, rows)}\n\nSurvivors:\n\n{argued}")
    return int(killed < 90 or bool(unargued))


def _try(path: Path, name: str, tests: Sequence[str], every: int) -> tuple[int, list[tuple[str, ...]]]:
    source = path.read_text(encoding="utf-8")
    assert survives(path, ast.parse(source), tests), f"{name}: its tests do not pass unchanged"
    tried = 0
    lived: list[tuple[str, ...]] = []
    for mutant in list(mutants(ast.parse(source)))[::every]:
        tree, line, words = changed(source, mutant)
        tried += 1
        if survives(path, tree, tests):
            why = ARGUED.get(f"{name}: {words}", "")
            lived.append((f"{name}:{line}", words, why))
            print(f"    {name}:{line}: {words}", flush=True)
    return tried, lived
