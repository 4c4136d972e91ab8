"""No address hands a record to somebody outside except through the gate: told from the source and from the answers.

A copy for staff of the center or for the person is a print of the inside (rulings 12): it stands in INSIDE with its
reason, or this test fails.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from intake.actor import Role
from intake.guard import access_of
from intake.messages import kinds
from tests import world

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"

# Addresses that hand out a record of a person to somebody outside the center. All of them go through the gate.
OUTWARD = {"release.fetch_copy"}
# Sheets, files and answers that stay inside, each with why it needs no disclosure.
INSIDE = {
    "release.print_consent": "a copy for the person, an audited print",
    "release.print_disclosures": "the accounting for the person, an audited print",
    "tapers.calendar": "the person's own plan, an audited print",
    "desk.coverage_card": "the card of the payer for those who check it, an audited read",
    "desk.sheet": "for the next shift of the same center, with case numbers instead of names",
    "desk.handover_sheet": "for the next shift of the same center, with case numbers instead of names",
    "desk.audit_csv": "the log: case numbers and codes, behind a fresh code",
    "desk.waitlist_report": "the center's own waitlist by wait number, without names",
    "reports.export": "counts of the center, small ones hidden",
}
FILE_TYPES = ("text/csv", "application/", "text/calendar", "image/", "text/plain", "text/xml")


def modules() -> Iterator[Path]:
    """Every source file of the product."""
    yield from sorted((ROOT / "intake").rglob("*.py"))


def calls(name: str, attribute: str) -> set[str]:
    """The files in which `name.attribute` is called or named."""
    found = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == attribute and ast.unparse(node.value) == name:
                found.add(str(path.relative_to(ROOT)))
    return found


def importers(module: str) -> set[str]:
    """The files that import a module of the product."""
    found = set()
    package, _dot, name = module.rpartition(".")
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (
                node.module == module or (node.module == package and name in {a.name for a in node.names})
            ):
                found.add(str(path.relative_to(ROOT)))
    return found


def test_only_the_gate_reads_a_record_in_order_to_give_it_out() -> None:
    assert importers("intake.release.record") == {"intake/release/service.py"}


def test_only_the_page_of_the_gate_turns_a_copy_into_bytes() -> None:
    # The second one hands the facts to the system that sent a referral, and has both checks in it.
    assert importers("intake.release.written") == {"intake/release/copies.py", "intake/release/referrers.py"}
    other = (ROOT / "intake/release/referrers.py").read_text()
    assert other.index("service.authorize(") < other.index("service.hand_out(") < other.index("written.as_dict(")
    rendering = {str(path.relative_to(ROOT)) for path in modules() if "release/copy.html" in path.read_text()}
    assert rendering == {"intake/release/copies.py"}


def test_a_copy_is_made_nowhere_but_behind_both_checks_of_the_gate() -> None:
    tree = ast.parse((ROOT / "intake/release/service.py").read_text())
    makers = [
        holder.name
        for holder in ast.walk(tree)
        if isinstance(holder, ast.FunctionDef)
        for node in ast.walk(holder)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Copy", "record.sections"}
    ]
    assert set(makers) == {"_read"}
    readers = [
        holder.name
        for holder in ast.walk(tree)
        if isinstance(holder, ast.FunctionDef)
        for node in ast.walk(holder)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_read"
    ]
    assert readers == ["hand_out"]


def sheets() -> set[str]:
    """Templates that are printed: on the layout of paper sheets."""
    return {
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.html")
        if '{% extends "layout/print.html" %}' in path.read_text()
    }


def source_of(app: Flask, endpoint: str) -> str:
    """The source of a view and of the functions of its module that it calls, to any depth."""
    view = inspect.unwrap(app.view_functions[endpoint])
    module = inspect.getmodule(view)
    todo, seen = [view], {}
    while todo:
        each = todo.pop()
        seen[each.__name__] = inspect.getsource(each)
        for name in set(re.findall(r"\b([a-z_]\w*)\(", seen[each.__name__])):
            other = getattr(module, name, None)
            if inspect.isfunction(other) and other.__module__ == each.__module__ and name not in seen:
                todo.append(other)
    return "\n".join(seen.values())


def hands_out(source: str) -> bool:
    """The view prints a sheet or sends a file."""
    named = re.findall(r"[\"']([\w/]+\.html)[\"']", source)
    return bool(set(named) & sheets()) or "Content-Disposition" in source or "send_file" in source


def staff_rules(app: Flask) -> Iterator[Rule]:
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        if access is not None and access.kind == "roles":
            yield rule


def test_p06_every_sheet_and_file_passes_the_gate_or_says_why_it_stays_inside(app_sqlite: Flask) -> None:
    found = {rule.endpoint for rule in staff_rules(app_sqlite) if hands_out(source_of(app_sqlite, rule.endpoint))}
    assert found - INSIDE.keys() == OUTWARD, "a new sheet or file: lead it through intake.release.service"
    for endpoint in OUTWARD:
        assert "service.hand_out(" in source_of(app_sqlite, endpoint)
        assert "service.authorize(" not in source_of(app_sqlite, endpoint), "the question and the copy are two steps"


@pytest.mark.parametrize("endpoint", sorted(INSIDE))
def test_what_stays_inside_is_still_written_down(app_sqlite: Flask, endpoint: str) -> None:
    source = source_of(app_sqlite, endpoint)
    counts_only = endpoint.startswith("reports.")
    assert counts_only or re.search(r"audit\.(record|looked|looked_at_board)\(|\blisted\(|_look\(", source)


@pytest.fixture(scope="module")
def center(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The demo center, whose pages are full."""
    app = world.application(world.copy(shared_folder, tmp_path_factory.mktemp("gate")))
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def test_no_answer_of_the_staff_pages_is_a_file_that_is_not_named_here(center: Flask) -> None:
    known: dict[str, list[Any]] = world.ids(center)
    client, wrong, asked = world.sign_in(center, Role.SUPERVISOR), [], 0
    for rule in staff_rules(center):
        access = access_of(center, rule.endpoint)
        if "GET" not in (rule.methods or set()) or access is None or Role.SUPERVISOR not in access.roles:
            continue
        for path in world.addresses(center, rule, known, 1):
            answer = client.get(path)
            asked += 1
            is_file = (answer.mimetype or "").startswith(FILE_TYPES) or "Content-Disposition" in answer.headers
            is_sheet = 'class="paper"' in answer.text if answer.mimetype == "text/html" else False
            if (is_file or is_sheet) and answer.status_code == 200 and rule.endpoint not in INSIDE:
                wrong.append((path, rule.endpoint, answer.mimetype))
    assert wrong == []
    assert asked > 40


def test_no_kind_of_mail_carries_facts_of_a_record() -> None:
    # A mail with facts of a record would have to be made by `release.service.outward`; none is.
    assert kinds.every(), "the application registers its kinds"
    folders = {path.name for path in (TEMPLATES / "email").iterdir() if path.is_dir()}
    told = re.compile(r"dose|mme|score|cows|sows|diagnos|level_of_care|discharge|medicine|screening")
    for name in folders:
        words = "".join(path.read_text().lower() for path in (TEMPLATES / "email" / name).iterdir())
        fields = " ".join(re.findall(r"{{(.*?)}}", words))
        assert not told.search(fields), (name, fields)
