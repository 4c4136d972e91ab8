"""The chain of the audit: every change to what was written is found, by the first bad entry (D04, D05)."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from intake import crypto
from intake.audit import anchors, service, verify
from intake.audit.models import AuditChain, AuditEntry
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from tests.people import Cast, make_cast
from tests.verify import tamper


def story(app: Flask, *, chains: int = 4, entries: int = 12) -> Cast:
    """Some cases with some entries each, beside the site's own chain; anchored."""
    with app.app_context():
        with transaction():
            cast = make_cast()
        for _ in range(chains):
            case_id = new_id()
            for n in range(entries):
                with transaction():
                    service.record(
                        actor=cast.cleo, verb="changed", record="care_case", record_id=case_id, case_id=case_id,
                        changed=("state", "owner_id")[: n % 3], after={"n": n}, purpose="a test", now=utcnow(),
                    )  # fmt: skip
        with transaction():
            assert anchors.drop(now=utcnow(), always=True) == 1
        for row in (cast.site, *cast.staff.values()):
            db.session.refresh(row)
        db.session.remove()
    return cast


def test_an_untouched_database_verifies_and_the_command_says_so(app: Flask) -> None:
    story(app)
    runner = app.test_cli_runner()
    result = runner.invoke(args=["intake", "audit", "verify", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["ok"] is True
    assert told["entries"] >= 48
    assert told["first"] is None
    with app.app_context():
        latest = verify.latest()
        assert latest is not None
        assert (latest.faults, latest.entries) == (0, told["entries"])
        db.session.remove()


@pytest.mark.parametrize("kind", tamper.KINDS)
def test_d04_each_way_to_tamper_is_found_and_the_first_bad_entry_named(app: Flask, kind: str) -> None:
    story(app)
    with app.app_context():
        expected = tamper.do(kind, random.Random(kind))
        report = verify.walk()
        db.session.remove()
    assert not report.ok
    first = report.faults[0]
    assert (first.chain, first.seq) in expected, (first, expected)
    result = app.test_cli_runner().invoke(args=["intake", "audit", "verify"])
    assert result.exit_code == 1
    assert str(first) in result.output


def test_d04_without_anchors_a_cut_tail_would_be_believed(app_sqlite: Flask) -> None:
    story(app_sqlite)
    with app_sqlite.app_context():
        anchors.path().unlink()
        tamper.do("cut_tail", random.Random(5))
        assert verify.walk().ok, "this is why the anchors stand outside"


def test_d04_an_anchor_file_kept_elsewhere_serves_as_well(app_sqlite: Flask, tmp_path: Path) -> None:
    story(app_sqlite)
    elsewhere = tmp_path / "copy.jsonl"
    with app_sqlite.app_context():
        elsewhere.write_bytes(anchors.path().read_bytes())
        anchors.path().unlink()
        tamper.do("rewrite", random.Random(5))
    result = app_sqlite.test_cli_runner().invoke(args=["intake", "audit", "verify", "--anchors", str(elsewhere)])
    assert result.exit_code == 1
    assert "anchor" in result.output


def test_d04_a_changed_anchor_file_is_found(app_sqlite: Flask) -> None:
    story(app_sqlite)
    with app_sqlite.app_context():
        where = anchors.path()
        lines = where.read_text().splitlines()
        changed = json.loads(lines[0])
        changed["moved"] = changed["moved"][1:]
        where.write_text(json.dumps(changed) + "\n")
        report = verify.walk()
    assert report.faults[0].what == "line 1 of the anchor file was changed"


def test_anchors_come_every_five_minutes_or_thousand_entries_and_only_when_something_moved(app: Flask) -> None:
    cast = story(app)
    now = utcnow()

    def look() -> None:
        with transaction():
            service.record(actor=cast.cleo, verb="looked", record="care_case", record_id=1, now=now)

    with app.app_context():
        with transaction():
            assert anchors.drop(now=now + timedelta(hours=1)) == 0, "nothing moved"
        look()
        with transaction():
            assert anchors.drop(now=now + timedelta(minutes=1)) == 0, "too early"
        with transaction():
            assert anchors.drop(now=now + timedelta(minutes=6)) == 1
        with transaction():
            for _ in range(anchors.ENTRIES):
                service.record(actor=cast.cleo, verb="looked", record="care_case", record_id=1, now=now)
        with transaction():
            assert anchors.drop(now=now + timedelta(minutes=7)) == 1
        lines = [json.loads(line) for line in anchors.path().read_text().splitlines()]
        assert [line["n"] for line in lines] == [1, 2, 3]
        assert len(lines[1]["moved"]) == 1, "only what moved"
        assert anchors.path().stat().st_mode & 0o777 == 0o600
        assert verify.walk().ok
        db.session.remove()


def test_a_line_that_a_crash_cut_short_is_left_out_and_taken_away(app_sqlite: Flask) -> None:
    cast = story(app_sqlite)
    with app_sqlite.app_context():
        with anchors.path().open("ab") as file:
            file.write(b'{"n": 2, "at": "20')
        assert verify.walk().ok
        with transaction():
            service.record(actor=cast.cleo, verb="looked", record="care_case", record_id=1, now=utcnow())
        with transaction():
            assert anchors.drop(now=utcnow(), always=True) == 1
        report = verify.walk()
        assert (report.ok, report.anchors) == (True, 2)


def test_d05_the_database_itself_refuses_to_change_or_delete_an_entry(app: Flask) -> None:
    story(app)
    with app.app_context():
        for statement in (update(AuditEntry).values(purpose="x"), delete(AuditEntry)):
            with pytest.raises(DBAPIError), transaction():
                db.session.execute(statement)
        assert verify.walk().ok
        db.session.remove()


def test_d08_erasing_a_person_leaves_the_chain_whole(app: Flask) -> None:
    cast = story(app)
    with app.app_context():
        with transaction():
            crypto.destroy_keys(cast.cleo.id, now=utcnow())
        assert verify.walk().ok
        db.session.remove()


def test_values_enter_the_chain_only_as_a_keyed_digest(app_sqlite: Flask) -> None:
    cast = story(app_sqlite)
    with app_sqlite.app_context():
        with transaction():
            service.record(
                actor=cast.cleo, verb="changed", record="person", record_id=7, changed=("used_name",),
                before={"used_name": "Canary Wren"}, after={"used_name": "Canary Finch"}, now=utcnow(),
            )  # fmt: skip
        stored = db.session.execute(select(AuditEntry.__table__).where(AuditEntry.record_id == 7)).one()
    assert "Canary" not in str(stored)
    assert len(stored.digest) == 32


def test_an_hourly_walk_is_kept_for_the_page(app_sqlite: Flask) -> None:
    story(app_sqlite)
    now = utcnow()
    with app_sqlite.app_context():
        with transaction():
            assert verify.check_if_due(now=now) == 0
        first = verify.latest()
        with transaction():
            verify.check_if_due(now=now + timedelta(minutes=30))
        assert verify.latest() == first
        tamper.do("edit", random.Random(1))
        with transaction():
            assert verify.check_if_due(now=now + timedelta(minutes=61)) > 0
        latest = verify.latest()
        assert latest is not None
        assert latest.first


def test_a_chain_of_a_case_goes_on_while_another_is_written(app: Flask) -> None:
    cast = story(app, chains=1, entries=2)
    with app.app_context():
        heads = {c.id: c.seq for c in db.session.scalars(select(AuditChain))}
        assert heads[cast.site.id] > 2
        assert sorted(heads.values())[0] == 2
        assert db.session.execute(text("SELECT count(*) FROM audit_chain")).scalar_one() == len(heads)
        db.session.remove()
