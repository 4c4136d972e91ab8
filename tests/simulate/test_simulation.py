"""A simulated month goes through the real services, is the same for the same seed, and leaves nothing broken."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from config import Config
from intake import clock, create_app
from intake.cases.models import Case
from intake.cli.simulation import folk
from intake.cli.simulation.course import Course
from intake.clock import utcnow
from intake.db import db, drawn_ids, new_id, transaction
from intake.inquiries.models import Inquiry, InquiryState
from intake.messages.models import Message, MessageState
from intake.ops import digest, invariants
from intake.people.models import ContactPoint
from intake.queues.models import QueueCounter, QueueEntry
from intake.settings.models import Setting, Site
from intake.tapers.models import PlanVersion
from intake.tasks.models import Task
from tests.conftest import process_environment
from tests.servers.databases import Database, SqliteTemplate
from tests.tapers import story
from tests.world import ROOT

ASK = ["intake", "simulate", "--days", "3", "--inquiries", "40", "--ending", "2026-06-15"]


def simulated(database: Database, *more: str) -> Flask:
    """A center that lived three days."""
    app = create_app(Config.read(process_environment(database)))
    result = app.test_cli_runner().invoke(args=[*ASK, *more])
    assert result.exit_code == 0, result.output
    with app.app_context():
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return app


@pytest.fixture(scope="module")
def lived(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The center of seed 1, made once."""
    database = sqlite_template.copy(tmp_path_factory.mktemp("lived"))
    simulated(database, "--seed", "1")
    return database


@pytest.fixture
def center(lived: Database, tmp_path: Path) -> Iterator[Flask]:
    """A copy of the simulated center."""
    path = lived.url.removeprefix("sqlite:///")
    copied = Database(lived.engine, f"sqlite:///{tmp_path / 'copy.sqlite3'}", tmp_path)
    shutil.copy(path, tmp_path / "copy.sqlite3")
    app = create_app(Config.read(process_environment(copied)))
    yield app
    with app.app_context():
        db.engine.dispose()


def test_three_days_leave_requests_cases_plans_and_sent_mail_and_the_clock_stands_right(center: Flask) -> None:
    with center.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 40
        states = set(db.session.scalars(select(Inquiry.state)))
        assert {InquiryState.ACCEPTED, InquiryState.CONTACTING} <= states
        assert (db.session.scalar(select(func.count(Case.id))) or 0) > 10
        assert db.session.scalar(select(func.count(Message.id)).where(Message.state == MessageState.SENT))
        received = db.session.scalars(select(Inquiry.received_at)).all()
        assert {at.date().isoformat() for at in received} == {"2026-06-12", "2026-06-13", "2026-06-14"}
        assert clock.offset() == timedelta(0)
        db.session.remove()


def test_every_invariant_holds_after_it(center: Flask) -> None:
    with center.app_context():
        assert {each.rule.key: each.faults for each in invariants.check() if each.faults} == {}


def test_the_same_seed_gives_the_same_center(center: Flask, sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    again = simulated(sqlite_template.copy(tmp_path), "--seed", "1")
    hashes = [app.test_cli_runner().invoke(args=["intake", "check", "--digest"]).output for app in (center, again)]
    assert hashes[0] == hashes[1]
    assert len(hashes[0].strip()) == 64
    with again.app_context():
        with transaction():
            db.session.execute(text("UPDATE care_case SET decision_code = 'x'"))
        assert digest.center() != hashes[0].strip()
        db.engine.dispose()


def test_a_center_that_is_not_empty_is_left_alone(center: Flask, tmp_path: Path) -> None:
    refused = center.test_cli_runner().invoke(args=ASK)
    assert refused.exit_code == 1
    assert "--into" in refused.output


def test_another_folder_is_filled_beside_it(center: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in process_environment(Database("", "", tmp_path)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL")
    into = tmp_path / "other"
    args = ["intake", "simulate", "--days", "1", "--inquiries", "2", "--into", str(into)]
    result = center.test_cli_runner().invoke(args=args)
    assert result.exit_code == 0, result.output
    assert (into / "intake.sqlite3").exists()
    assert (into / "demo-sign-ins.json").exists()
    with center.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 40
        db.session.remove()


def _break_queue_counts() -> None:
    db.session.execute(update(QueueCounter).values(waiting=QueueCounter.waiting + 1))


def _break_chain() -> None:
    db.session.execute(text("UPDATE audit_chain SET seq = seq + 1"))


def _break_admission() -> None:
    db.session.execute(update(Case).values(decided_by=None))


def _break_entry() -> None:
    db.session.execute(update(QueueEntry).where(QueueEntry.left_at.is_not(None)).values(left_at=None))


def _break_tasks() -> None:
    db.session.execute(update(Task).values(ended_at=utcnow()))


def _break_first_contact() -> None:
    db.session.execute(update(Task).where(Task.kind == "first_contact").values(kind="other"))
    db.session.execute(update(Inquiry).values(first_contact_at=None, ended_at=None))


def _break_messages() -> None:
    db.session.execute(update(Message).where(Message.state == MessageState.SENT).values(accepted_at=None))


def _break_contact() -> None:
    db.session.execute(update(ContactPoint).values(consented_at=utcnow(), verified_at=None))


@pytest.mark.parametrize(
    ("spoil", "keys"),
    [
        (_break_queue_counts, {"queue_counts"}),
        (_break_chain, {"audit_chain"}),
        (_break_admission, {"decision_names"}),
        (_break_entry, {"entry_state", "one_entry", "queue_counts", "entry_case", "closed", "entry_claim"}),
        (_break_tasks, {"task_end"}),
        (_break_first_contact, {"first_contact_owed", "inquiry_end"}),
        (_break_messages, {"message_sent", "message_evidence"}),
        (_break_contact, {"contact_stopped"}),
    ],
    ids=lambda value: getattr(value, "__name__", "")[1:],
)
def test_what_is_broken_is_named_and_the_command_ends_with_one(center: Flask, spoil: object, keys: set[str]) -> None:
    assert callable(spoil)
    with center.app_context(), transaction():
        spoil()
    result = center.test_cli_runner().invoke(args=["intake", "check", "--json"])
    assert result.exit_code == 1, result.output
    broken = json.loads(result.output)["broken"]
    assert broken.keys() <= keys
    assert broken.keys() & keys
    told = center.test_cli_runner().invoke(args=["intake", "check"])
    first = next(iter(broken.values()))[0]
    assert told.output.strip().splitlines()[-1].endswith(first)


def test_the_check_passes_on_an_empty_center_on_both_engines(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["intake", "check"])
    assert result.exit_code == 0, result.output
    assert "0 broken" in result.output


def test_the_digest_does_not_count_ids_or_write_times(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        found = []
        for n in range(2):
            with transaction():
                db.session.execute(text("DELETE FROM setting"))
                db.session.execute(text("DELETE FROM site"))
                now = utcnow()
                at = clock.from_micros(1_000_000)
                site = Site(
                    id=new_id(), slug="a", name="A", discreet_name="A", phone="1", place_code="A",
                    email_from="a@b.example", time_zone="UTC", reference_prefix="A",
                    leave_url="https://x.example", created_at=now,
                )  # fmt: skip
                db.session.add(site)
                db.session.flush()
                db.session.add(
                    Setting(id=new_id(), site_id=site.id, key="k", value={"value": n}, valid_from=at, created_at=now)
                )
            found.append(digest.center())
            with transaction():
                db.session.execute(update(Setting).values(value={"value": 0}))
            found.append(digest.center())
        assert found[0] == found[1] == found[3] != found[2]


def test_a_signed_plan_that_was_rewritten_is_found(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        story.sign(pat, story.draft(pat))
        with transaction():
            db.session.execute(text("DROP TRIGGER plan_version_signed"))
            db.session.execute(update(PlanVersion).values(steps=[]))
        assert {each.rule.key for each in invariants.check() if each.faults} == {"signed_content"}


def test_events_happen_in_the_order_of_their_times_and_none_after_the_end(app_sqlite: Flask) -> None:
    start = clock.from_micros(0)
    course, seen = Course(start, start + timedelta(hours=3)), list[str]()
    course.plan(start + timedelta(hours=2), lambda _: seen.append("late"))
    course.plan(start + timedelta(hours=5), lambda _: seen.append("never"))
    course.plan(start, lambda at: course.plan(at + timedelta(hours=1), lambda _: seen.append("soon")))
    with app_sqlite.app_context():
        assert course.run() == 3
    assert seen == ["soon", "late"]


def test_people_are_drawn_as_often_as_they_were_counted() -> None:
    dice = random.Random(1)
    drawn = [folk.somebody(n, dice) for n in range(2000)]
    street = sum(who.codes["SUB1"] == "5" for who in drawn) / len(drawn)
    assert 0.74 < street < 0.82, "heroin stands for 533,394 of 682,074 opioid admissions"
    assert all(18 <= who.age <= 80 for who in drawn)
    assert {who.profile.pregnancy for who in drawn if who.sex != "female"} == {"no"}
    again = random.Random(1)
    assert [folk.somebody(n, again) for n in range(5)] == drawn[:5]


def test_a_seed_draws_the_ids_and_production_never_lets_it() -> None:
    def drawn() -> list[int]:
        with drawn_ids(random.Random("7").getrandbits):
            return [new_id() for _ in range(20)]

    assert drawn() == drawn()
    assert new_id() not in drawn()
    # A process of its own: a locked clock stays locked.
    line = "from intake.clock import lock\nfrom intake.db import drawn_ids\nlock()\nwith drawn_ids(int):\n    print(1)"
    ended = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "ClockLocked: ids that could be foreseen" in ended.stderr
