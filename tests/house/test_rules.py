"""The rules of the house (docs/architecture.md), each one a test over the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask

from config import SETTINGS
from intake.guard import access_of

ROOT = Path(__file__).resolve().parents[2]

# Low to high; a module imports only from its own room and from lower ones.
ORDER = [
    ["errors", "clock"],
    ["clinical"],
    ["actor", "config", "sqlite", "triggers"],
    ["fields"],
    ["db"],
    ["crypto"],
    ["guard"],
    ["limits", "logs", "problems"],
    ["audit"],
    ["settings"],
    ["tasks"],
    ["messages"],
    ["accounts"],
    ["people"],
    ["consents"],
    ["beds"],
    ["visits"],
    ["inquiries"],
    ["queues"],
    ["cases"],
    ["screening"],
    ["tapers"],
    ["checkins"],
    ["release"],
    ["desk"],
    ["reports"],
    ["ops"],
    ["tables", "pages", "house"],
    ["cli"],
    ["__init__"],
]
HEIGHT = {room: height for height, rooms in enumerate(ORDER) for room in rooms}


def sources(*folders: str) -> Iterator[Path]:
    """Every Python file below the given folders, plus config.py."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The parsed source of a file."""
    return ast.parse(path.read_text(), str(path))


def room_of(path: Path) -> str:
    """The room a file of intake/ stands in."""
    return path.relative_to(ROOT / "intake").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module a file imports, as dotted names, with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            for alias in node.names:
                yield ".".join(filter(None, (*above, node.module, alias.name))), node.lineno


def rooms_imported(path: Path) -> Iterator[tuple[str, int]]:
    """The rooms of intake/ that a file imports."""
    for name, line in imported(path):
        parts = name.split(".")
        if parts[0] == "config":
            yield "config", line
        elif parts[0] == "intake" and len(parts) > 1 and parts[1] in HEIGHT:
            yield parts[1], line


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {room_of(p) for p in sources("intake")} - {"static"}
    assert rooms <= HEIGHT.keys(), rooms - HEIGHT.keys()


def test_a_module_imports_only_from_lower_rooms() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {room}"
        for path in sources("intake")
        for room, line in rooms_imported(path)
        if room != room_of(path) and HEIGHT[room] >= HEIGHT[room_of(path)]
    ]
    assert wrong == []


def test_the_clinical_floor_is_pure() -> None:
    allowed = {"errors", "clinical"}
    wrong = []
    for path in sources("intake/clinical"):
        for name, line in imported(path):
            parts = name.split(".")
            if parts[0] in {"flask", "sqlalchemy", "celery", "redis", "config", "workers"} or (
                parts[0] == "intake" and parts[1] not in allowed
            ):
                wrong.append(f"{path.relative_to(ROOT)}:{line} {name}")
    assert wrong == []


def test_no_import_hides_in_a_function() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("intake", "workers")
        for holder in ast.walk(tree(path))
        if isinstance(holder, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(holder)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert wrong == []


def test_intake_knows_neither_workers_nor_celery() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources("intake")
        for name, line in imported(path)
        if name.split(".")[0] in {"workers", "celery", "kombu"}
    ]
    assert wrong == []


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names of everything a file calls."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_commit_stands_in_one_room_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sources("intake", "workers")
        for name, line in calls(path)
        if name.endswith(".commit") and path != ROOT / "intake/db.py"
    ]
    assert wrong == []


def test_the_time_is_asked_in_one_room_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sources("intake", "workers")
        for name, line in calls(path)
        if re.search(r"\b(datetime\.(now|utcnow|today)|date\.today)$", name) and path != ROOT / "intake/clock.py"
    ]
    assert wrong == []


def test_the_day_is_asked_of_a_place() -> None:
    """In the evening of half the world the day of UTC is tomorrow; demo data alone may take it."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sources("intake", "workers")
        if "cli" not in path.parts
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\b(now|utcnow\(\)|_at)\.date\(\)", line)
    ]
    assert found == []


def test_views_touch_no_session() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sources("intake")
        if path.name == "views.py"
        for name, line in calls(path)
        if name.startswith("db.session") or name.endswith("session.execute") or name.endswith("session.get")
        if name.startswith("db.")
    ]
    assert wrong == []


def test_queries_write_nothing() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sources("intake")
        if path.name == "queries.py"
        for name, line in calls(path)
        if re.search(r"session\.(add|add_all|delete|merge|flush)$", name) or name == "transaction"
    ]
    assert wrong == []


def test_services_know_no_request_and_no_current_person() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sources("intake")
        if path.name == "service.py"
        for name, line in imported(path)
        if name in {"flask.request", "flask.session", "flask.current_user", "intake.guard.current_actor"}
        or name.startswith("flask_login")
    ]
    assert wrong == []


def test_celery_holds_no_time() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("intake", "workers")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in {"eta", "countdown", "autoretry_for"} or ast.unparse(node.func).endswith(".retry")
    ]
    assert wrong == []


def test_only_the_mail_room_speaks_smtp() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources("intake", "workers")
        for name, line in imported(path)
        if name.split(".")[0] == "smtplib" and path != ROOT / "workers/mail.py"
    ]
    assert wrong == []


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "constants.py", "misc.py"}
    assert [p for p in sources("intake", "workers", "tests") if p.name in drawers] == []


@pytest.mark.parametrize("room", ["service.py", "queries.py"])
def test_public_functions_say_what_they_do(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in [*sources("intake/clinical"), *(p for p in sources("intake") if p.name == room)]
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert wrong == []


def test_every_route_is_declared(app_sqlite: Flask) -> None:
    undeclared = [r.rule for r in app_sqlite.url_map.iter_rules() if access_of(app_sqlite, r.endpoint) is None]
    assert undeclared == []


def test_the_readme_names_every_setting() -> None:
    text = (ROOT / "README.md").read_text()
    assert [s.variable for s in SETTINGS if f"`{s.variable}`" not in text] == []
    example = (ROOT / ".env.example").read_text()
    assert [s.variable for s in SETTINGS if s.variable not in example] == []


def test_config_reads_no_variable_that_it_does_not_name() -> None:
    text = (ROOT / "config.py").read_text()
    read = set(re.findall(r"self\.(?:text|number|listed|secret|key)\(\"([A-Z0-9_]+)\"", text))
    assert read <= {s.variable for s in SETTINGS}


def test_the_repository_speaks_of_itself_alone() -> None:
    words = re.compile(
        "|".join((r"pypi\.org", r"pythonhosted", r"registry\.npmjs", r"\.\./sha" + "red", r"/work/ma" + "in"))
    )
    wrong = [
        str(path.relative_to(ROOT))
        for folder in ("intake", "workers", "tests", "templates", "migrations", "docs", "requirements", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".md", ".html", ".txt", ".toml", ".js", ".css", ".json", ""}
        if words.search(path.read_text(errors="ignore")) and path != Path(__file__)
    ]
    assert wrong == []
