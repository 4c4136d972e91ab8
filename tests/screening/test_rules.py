"""Trying a changed rule set on stored cases, and putting it in force."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, transaction
from intake.screening import service
from intake.screening.models import Placement
from intake.settings import queries as settings
from intake.settings.models import RuleSet
from tests.cases.folk import center, inquiry_of
from tests.screening.sitting import sit

LOWER_COWS = {"D01": {"thresholds": {"cows_from": 16}}}


def _file(folder: Path, content: object) -> str:
    path = folder / "rules.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def _one_placement(app: Flask) -> str:
    with center(app) as cast:
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=46)
        row = sit(inquiry, cast)
        with transaction():
            service.complete(row.id, actor=cast.cleo, now=utcnow())
        return inquiry.reference


def test_a_trial_lists_who_would_move_and_why_and_writes_nothing(app: Flask, tmp_path: Path) -> None:
    reference = _one_placement(app)
    run = app.test_cli_runner().invoke(
        args=["intake", "rules", "try", "--ruleset", _file(tmp_path, {"rules": LOWER_COWS})]
    )
    assert run.exit_code == 0, run.output
    assert f"{reference}  detox P2 -> outpatient P3" in run.output
    assert "D01 no longer matches" in run.output
    assert "1 of 1 stored cases would move" in run.output
    with app.app_context():
        assert db.session.scalars(select(RuleSet)).all() == []


def test_a_rule_set_is_put_in_force_forward_only_and_audited(app: Flask, tmp_path: Path) -> None:
    _one_placement(app)
    args = ["intake", "rules", "activate", _file(tmp_path, LOWER_COWS), "--approver", "Dr. A. Osei"]
    run = app.test_cli_runner().invoke(args=args)
    assert run.exit_code == 0, run.output
    with app.app_context():
        n, rules = settings.rule_set(settings.the_site().id)
        assert (n, rules.approver) == (2, "Dr. A. Osei")
        placement = db.session.scalars(select(Placement)).one()
        assert (placement.rules_version, placement.queue.value) == (1, "detox")
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "activated")).one()
        assert entry.changed == ["D01"]


def test_the_coded_table_itself_can_be_approved_as_rule_set_one(app_sqlite: Flask, tmp_path: Path) -> None:
    _one_placement(app_sqlite)
    args = ["intake", "rules", "activate", _file(tmp_path, {}), "--approver", "Dr. A. Osei"]
    run = app_sqlite.test_cli_runner().invoke(args=args)
    assert run.output.startswith("Rule set 1, approved by Dr. A. Osei")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"E01": {"enabled": False}}, "cannot be switched off"),
        ({"C01": {"acuity": 3}}, "cannot be switched off or weakened"),
        ({"Z99": {}}, "There is no rule Z99"),
        ({"D01": {"thresholds": {"cows_from": "x"}}}, "number"),
        ({"D01": 7}, "only enabled, queue, acuity and thresholds"),
        ([1, 2], "one JSON object"),
        ("{", "no JSON"),
    ],
)
@pytest.mark.parametrize("command", ["try", "activate"])
def test_a_rule_set_that_cannot_be_is_refused_in_a_sentence(
    app_sqlite: Flask, tmp_path: Path, command: str, content: object, words: str
) -> None:
    with center(app_sqlite):
        pass
    path = _file(tmp_path, content)
    more = ["--ruleset", path] if command == "try" else [path, "--approver", "Dr. A. Osei"]
    run = app_sqlite.test_cli_runner().invoke(args=["intake", "rules", command, *more])
    assert run.exit_code == 1
    assert words in run.output


@pytest.mark.parametrize("more", [["--approver", "  "], ["--approver", "Dr. A. Osei", "--approved-on", "2999-01-01"]])
def test_an_activation_needs_a_named_approver_and_a_day_that_has_come(
    app_sqlite: Flask, tmp_path: Path, more: list[str]
) -> None:
    with center(app_sqlite):
        pass
    args = ["intake", "rules", "activate", _file(tmp_path, LOWER_COWS), *more]
    assert app_sqlite.test_cli_runner().invoke(args=args).exit_code == 1
