"""Backup and restore: all comes back, no mail goes twice, a damaged or foreign file is refused (D06, D08)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from config import Config, ConfigError
from intake import create_app
from intake.accounts.models import StaffSession
from intake.audit import anchors, verify
from intake.audit.models import AuditEntry
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.crypto import ERASED
from intake.db import db, id_text, new_id, transaction
from intake.messages.models import Message, MessageState
from intake.ops import erased
from intake.people import queries as people
from intake.people.models import Person
from tests.cases.folk import waiting
from tests.conftest import process_environment
from tests.messages.outbox import Outbox, outbox
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink

Fresh = Callable[[], Database]


@contextmanager
def house(database: Database, **more: str) -> Iterator[Flask]:
    app = create_app(Config.read(process_environment(database, **more)))
    app.testing = True
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Fresh:
    """Makes an empty, migrated database with a data folder of its own; on PostgreSQL it takes the first one's place."""

    def make() -> Database:
        folder = tmp_path / f"new-{new_id()}"
        folder.mkdir()
        name = "sqlite_template" if database.engine == "sqlite" else "postgres_template"
        made: Database = request.getfixturevalue(name).copy(folder)
        return made

    return make


def run(app: Flask, *line: str | Path, fails: bool = False) -> str:
    """Run `flask intake ...`; returns what it says."""
    result = app.test_cli_runner().invoke(args=["intake", *map(str, line)])
    assert (result.exit_code != 0) is fails, (result.output, result.exception)
    assert not result.exception or isinstance(result.exception, SystemExit)
    return result.output


def lived_in(box: Outbox) -> dict[str, int]:
    """A center at work: a case, a mail that was sent, one that is due, one for later, one in flight, a session."""
    pat = box.person(name="Canarybird Wren")
    ids = {"pat": pat, "sent": box.owe(pat)}
    assert box.run() == 1
    case, _ = waiting(box.cast, name="Theo")
    ids |= {"case": case.id, "theo": case.person_id}
    ids["due"] = box.owe(pat)
    ids["later"] = box.owe(pat, due=utcnow() + timedelta(days=1))
    ids["sending"] = box.owe(box.person("sam@mail.example"))
    with transaction():
        row = db.session.get_one(Message, ids["sending"])
        row.state = MessageState.CLAIMED
    with transaction():
        row.state, row.lease_until = MessageState.SENDING, utcnow() - timedelta(minutes=1)
        db.session.add(
            StaffSession(
                id=new_id(), digest=b"x" * 32, staff_id=box.cast.ada.id, created_at=utcnow(), seen_at=utcnow(),
                ends_at=utcnow() + timedelta(hours=8),
            )
        )  # fmt: skip
        anchors.drop(now=utcnow(), always=True)
    db.session.remove()
    return ids


def test_d06_everything_comes_back_and_no_mail_goes_again(
    database: Database, elsewhere: Fresh, mailsink: MailSink, tmp_path: Path
) -> None:
    file = tmp_path / "center.backup"
    with house(database) as app, outbox(app, mailsink.url) as box:
        ids = lived_in(box)
        said = run(app, "backup", file)
        assert "audit entries" in said
        entries = verify.walk().entries
    for part in (file, tmp_path / "center.backup.keys"):
        assert part.stat().st_mode & 0o077 == 0
        assert b"Northlight" not in part.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("backup-") or p.suffix == ".part") == []
    target = elsewhere()
    with house(target) as app:
        said = run(app, "restore", file, "--verify")
        assert "Verified" in said
        assert "3 messages are held" in said
        with app.app_context():
            assert people.opened(db.session.get_one(Person, ids["pat"])).used_name == "Canarybird Wren"
            assert db.session.get_one(Case, ids["case"]).person_id == ids["theo"]
            assert db.session.scalars(select(StaffSession)).all() == [], "no session lives again"
            assert db.session.scalar(select(AuditEntry.verb).where(AuditEntry.verb == "restored").limit(1))
            report = verify.walk()
            assert report.ok, report.faults
            assert report.entries > entries
            db.session.remove()
        mailsink.clear()
        with app.app_context():
            again = Outbox.over(app, mailsink.url)
            assert again.run() == 0
            said = run(app, "messages", "release")
            assert "1 messages wait" in said
            assert again.run() == 0, "what was due or in flight waits for a person"
            assert again.state(ids["due"]) is MessageState.UNCERTAIN
            assert again.state(ids["sending"]) is MessageState.UNCERTAIN
            assert again.state(ids["later"]) is MessageState.SCHEDULED
            again.later(days=1)
            assert again.run() == 1, "what was owed for later goes when its time comes"
            assert mailsink.accepted[0].recipients == ("pat@mail.example",)
            again.sender.close()
            db.session.remove()


def test_d06_a_flipped_byte_a_cut_file_and_a_wrong_key_are_refused_and_nothing_is_taken(
    database: Database, elsewhere: Fresh, tmp_path: Path
) -> None:
    file = tmp_path / "center.backup"
    with house(database) as app:
        with outbox(app) as box:
            waiting(box.cast, name="Theo")
        run(app, "backup", file)
        assert "already there" in run(app, "backup", file, fails=True)
        assert "not empty" in run(app, "restore", file, fails=True)
    whole = file.read_bytes()
    keys = tmp_path / "center.backup.keys"
    with house(elsewhere()) as app:
        for bad in (
            whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
            whole[:-1] + bytes([whole[-1] ^ 128]),
            whole[: len(whole) // 2],
            whole + b"x",
        ):
            file.write_bytes(bad)
            assert "changed or cut off" in run(app, "restore", file, "--verify", fails=True)
        file.write_bytes(b"SQLite format 3\x00" + whole)
        assert "not a backup" in run(app, "restore", file, fails=True)
        file.write_bytes(whole)
        keys.rename(tmp_path / "apart")
        assert "cannot be read" in run(app, "restore", file, fails=True)
        keys.write_bytes((tmp_path / "apart").read_bytes()[:-1])
        assert "changed or cut off" in run(app, "restore", file, fails=True)
        with app.app_context():
            assert db.session.scalars(select(Person.id)).all() == [], "nothing was taken"
            db.session.remove()
    (tmp_path / "apart").replace(keys)
    with house(elsewhere(), INTAKE_MASTER_KEY="7e" * 32) as app:
        assert "key does not fit" in run(app, "restore", file, fails=True)
    with house(elsewhere(), INTAKE_MASTER_KEY="7e" * 32, INTAKE_MASTER_KEY_OLD="4d" * 32) as app:
        assert "Verified" in run(app, "restore", file, "--verify"), "an older center's key still opens it"


def test_d08_whoever_was_erased_after_a_backup_does_not_come_back_with_it(
    database: Database, elsewhere: Fresh, tmp_path: Path
) -> None:
    file = tmp_path / "center.backup"
    with house(database, INTAKE_BACKUP_KEY="a passphrase of this center") as app, outbox(app) as box:
        case, _ = waiting(box.cast, name="Theo")
        run(app, "backup", file)
        with transaction():
            db.session.get_one(Case, case.id).state = CaseState.CLOSED
        run(app, "keys", "erase", id_text(case.person_id), "--yes")
        gone = tmp_path / "gone.jsonl"
        gone.write_bytes(erased.path().read_bytes() + b'{"owner": 5, "at": "cut off by a cr')
    assert list(erased.read(gone)) == [case.person_id]
    target = elsewhere()
    with house(target) as app:
        assert "key does not fit" in run(app, "restore", file, fails=True)
    with house(target, INTAKE_BACKUP_KEY="a passphrase of this center") as app:
        assert "1 of them of erased people" in run(app, "restore", file, "--verify", "--erased", gone)
        with app.app_context():
            assert people.opened(db.session.get_one(Person, case.person_id)).used_name == ERASED
            assert verify.walk().ok
            assert json.loads(erased.path().read_text())["owner"] == case.person_id, "and stays on the list"
            db.session.remove()


@pytest.mark.parametrize("weak", ["short", "changeme"])
def test_a_weak_passphrase_of_backups_stops_the_start(sqlite_database: Database, weak: str) -> None:
    with pytest.raises(ConfigError, match="INTAKE_BACKUP_KEY"):
        Config.read(process_environment(sqlite_database, INTAKE_BACKUP_KEY=weak))
