"""Sealing: what is stored tells nothing, opens only where it was put, and is gone with its key (D06, D07, D08)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import func, select

from config import Config, ConfigError
from intake import create_app, crypto
from intake.audit import verify
from intake.cases import erasing
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.crypto import SealBroken
from intake.db import Base, db, id_text, new_id, transaction
from intake.errors import RuleBroken
from intake.people import queries as people
from intake.people.models import MatchKey, Person
from tests.cases.folk import waiting
from tests.conftest import process_environment
from tests.people import make_cast
from tests.servers.databases import Database

AT = "person.legal_name"
WORDS = some.text(some.characters(exclude_categories=["Cs"]), max_size=60)
ONCE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def a_key(app: Flask) -> Iterator[int]:
    """A context with one owner that has a key."""
    with app.app_context():
        owner = new_id()
        with transaction():
            crypto.make_key(owner)
        yield owner
        db.session.remove()


@ONCE
@given(words=WORDS, row=some.integers(1, 2**62))
def test_what_was_sealed_opens_again_in_its_normal_form(app_sqlite: Flask, words: str, row: int) -> None:
    with a_key(app_sqlite) as owner:
        blob = crypto.seal(words, key_of=owner, at=AT, row=row)
        assert crypto.open_(blob, at=AT, row=row) == unicodedata.normalize("NFC", words)
        assert blob != crypto.seal(words, key_of=owner, at=AT, row=row), "no two ciphertexts are alike"


@ONCE
@given(words=WORDS, row=some.integers(1, 2**62), other=some.integers(1, 2**62), flip=some.integers(0, 400))
def test_a_ciphertext_opens_in_no_other_row_or_column_and_not_when_changed(
    app_sqlite: Flask, words: str, row: int, other: int, flip: int
) -> None:
    with a_key(app_sqlite) as owner:
        blob = crypto.seal(words, key_of=owner, at=AT, row=row)
        if other != row:
            with pytest.raises(SealBroken):
                crypto.open_(blob, at=AT, row=other)
        with pytest.raises(SealBroken):
            crypto.open_(blob, at="person.used_name", row=row)
        at = 9 + flip % (len(blob) - 9)
        with pytest.raises(SealBroken):
            crypto.open_(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], at=AT, row=row)


def test_a_ciphertext_does_not_open_under_the_key_of_somebody_else(app: Flask) -> None:
    with a_key(app) as owner, app.app_context():
        other = new_id()
        with transaction():
            theirs = crypto.make_key(other).id
        blob = crypto.seal("Theo", key_of=owner, at=AT, row=5)
        moved = blob[:1] + theirs.to_bytes(8, "big") + blob[9:]
        with pytest.raises(SealBroken):
            crypto.open_(moved, at=AT, row=5)


def test_an_empty_column_is_empty_and_an_unknown_format_is_refused(app_sqlite: Flask) -> None:
    with a_key(app_sqlite):
        assert crypto.open_(None, at=AT, row=5) == ""
        with pytest.raises(SealBroken):
            crypto.open_(b"\x02" + b"x" * 40, at=AT, row=5)


def test_blind_tokens_are_stable_differ_by_kind_and_tell_nothing(app_sqlite: Flask) -> None:
    with a_key(app_sqlite):
        assert crypto.blind("phone", "+15550142200") == crypto.blind("phone", "+15550142200")
        assert crypto.blind("phone", "x") != crypto.blind("email", "x")
        assert 0 <= crypto.blind("phone", "x") < 2**63


def test_d06_no_name_stands_in_the_clear_in_the_database_file_or_its_journal(sqlite_database: Database) -> None:
    app = create_app(Config.read(process_environment(sqlite_database)))
    with app.app_context():
        with transaction():
            cast = make_cast()
        waiting(cast, name="Canarybird Wren")
        with transaction():
            person = db.session.scalars(select(Person)).first()
            assert person is not None
            crypto.seal("Canarybird", key_of=person.id, at=AT, row=person.id)
    for file in sqlite_database.folder.glob("*.sqlite3*"):
        assert b"Canarybird" not in file.read_bytes(), file.name
    with app.app_context():
        db.engine.dispose()


def rotated(database: Database, **keys: str) -> Flask:
    return create_app(Config.read(process_environment(database, **keys)))


OLD, NEW = "4d" * 32, "7e" * 32


def test_d07_rotation_keeps_everything_readable_before_while_and_after(database: Database) -> None:
    before = rotated(database)
    with before.app_context():
        with transaction():
            cast = make_cast()
        case, _ = waiting(cast, name="Theo")
        person_id = case.person_id
        count = db.session.scalar(select(func.count(crypto.DataKey.id)))
        for row in (cast.site, *cast.staff.values()):
            db.session.refresh(row)
        db.session.remove()
        db.engine.dispose()
    meanwhile = rotated(database, INTAKE_MASTER_KEY=NEW, INTAKE_MASTER_KEY_OLD=OLD)
    with meanwhile.app_context():
        assert people.opened(db.session.get_one(Person, person_id)).used_name == "Theo"
        with transaction():
            assert crypto.rewrap(2) == 2
        db.session.remove()
        assert people.opened(db.session.get_one(Person, person_id)).used_name == "Theo"
        waiting(cast, name="Mara")
        db.session.remove()
    result = meanwhile.test_cli_runner().invoke(args=["intake", "keys", "rotate"])
    assert result.exit_code == 0, result.output
    with meanwhile.app_context():
        assert list(crypto.wrapped_by()) == [crypto.master_name(bytes.fromhex(NEW))]
        assert sum(crypto.wrapped_by().values()) > (count or 0)
        db.session.remove()
        db.engine.dispose()
    after = rotated(database, INTAKE_MASTER_KEY=NEW)
    with after.app_context():
        assert people.opened(db.session.get_one(Person, person_id)).used_name == "Theo"
        assert verify.walk().ok
        db.session.remove()
        db.engine.dispose()
    blind = rotated(database)
    with blind.app_context():
        with pytest.raises(SealBroken):
            people.opened(db.session.get_one(Person, person_id))
        db.session.remove()
        db.engine.dispose()


def test_d07_without_the_old_key_rotation_says_so_and_changes_nothing(sqlite_database: Database) -> None:
    before = rotated(sqlite_database)
    with before.app_context():
        with transaction():
            make_cast()
        db.engine.dispose()
    lost = rotated(sqlite_database, INTAKE_MASTER_KEY=NEW)
    result = lost.test_cli_runner().invoke(args=["intake", "keys", "rotate"])
    assert result.exit_code == 1
    assert "does not have" in result.output
    with lost.app_context():
        assert list(crypto.wrapped_by()) == [crypto.master_name(bytes.fromhex(OLD))]
        db.engine.dispose()


@pytest.mark.parametrize("bad", ["zz", "4d" * 31, "not hexadecimal"])
def test_an_old_key_that_is_none_stops_the_start(sqlite_database: Database, bad: str) -> None:
    with pytest.raises(ConfigError, match="INTAKE_MASTER_KEY_OLD"):
        rotated(sqlite_database, INTAKE_MASTER_KEY_OLD=bad)


def test_d08_an_erased_person_is_unreadable_and_unfindable_and_the_chain_is_whole(app: Flask) -> None:
    with app.app_context():
        with transaction():
            cast = make_cast()
        case, _ = waiting(cast, name="Theo")
        with pytest.raises(RuleBroken), transaction():
            erasing.erase(case.person_id, actor=cast.drew, now=utcnow())
        with transaction():
            row = db.session.get_one(Case, case.id)
            row.state = CaseState.CLOSED
        with transaction():
            merged = Person(
                id=new_id(), site_id=cast.site.id, kind="tombstone", merged_into=case.person_id,
                time_zone="America/New_York", created_at=utcnow(),
            )  # fmt: skip
            db.session.add(merged)
            crypto.make_key(merged.id)
            merged.used_name = crypto.seal("Teo", key_of=merged.id, at="person.used_name", row=merged.id)
        db.session.remove()
        result = app.test_cli_runner().invoke(args=["intake", "keys", "erase", id_text(case.person_id), "--yes"])
        assert result.exit_code == 0, result.output
        assert "2 keys" in result.output
        person = db.session.get_one(Person, case.person_id)
        assert people.opened(person).used_name == crypto.ERASED
        twin = db.session.get_one(Person, merged.id)
        assert crypto.open_(twin.used_name, at="person.used_name", row=twin.id) == crypto.ERASED
        assert db.session.scalar(select(func.count(MatchKey.id)).where(MatchKey.person_id == case.person_id)) == 0
        with pytest.raises(SealBroken):
            crypto.seal("Theo", key_of=case.person_id, at=AT, row=5)
        assert verify.walk().ok
        db.session.remove()


def test_keys_of_the_erased_are_gone_from_the_table_itself(app_sqlite: Flask) -> None:
    with a_key(app_sqlite) as owner:
        with transaction():
            assert crypto.destroy_keys(owner, now=utcnow() + timedelta(seconds=1)) == 1
        table = Base.metadata.tables["data_key"]
        row = db.session.execute(select(table).where(table.c.owner_id == owner)).one()
        assert row.wrapped is None
        assert row.destroyed_at is not None
