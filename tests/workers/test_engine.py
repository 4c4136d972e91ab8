"""A sender keeps its evidence, stops in time, and the runner beside the pages sends when nobody else does."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages import delivery, service
from intake.messages.models import Heartbeat, Message, MessageState
from intake.messages.outcomes import Outcome, Result
from tests.messages.outbox import ZONE, Outbox
from tests.messages.test_gate import claimed, pass_gate
from tests.messages.test_outcomes import result
from tests.servers.mailsink import Fault, MailSink
from workers import engine, upkeep
from workers.engine import Sender
from workers.journal import Journal
from workers.runner import Runner

S = MessageState


def test_what_an_earlier_process_could_not_write_is_replayed_before_the_first_claim(box: Outbox) -> None:
    owed = box.owe(box.person())
    batch, mail = claimed(box)
    assert pass_gate(batch, mail)
    journal = Journal(box.config.data / "journal")
    journal.keep(result(box, owed, batch.token, Outcome.ACCEPTED, mail.digest))

    sender = Sender(box.app)
    assert sender.deliver() == 0
    assert box.state(owed) is S.SENDING, "a living process still works on its own journal"
    assert journal._file is not None
    journal._file.close()
    assert Sender(box.app).deliver() == 0
    assert box.state(owed) is S.SENT
    assert list((box.config.data / "journal").iterdir()) == []


def test_the_journal_holds_ids_and_codes_only_and_a_cut_line_is_skipped(box_sqlite: Outbox) -> None:
    box = box_sqlite
    owed = box.owe(box.person("very.secret@mail.example"))
    batch, mail = claimed(box)
    journal = Journal(box.config.data / "journal")
    journal.keep(result(box, owed, batch.token, Outcome.ACCEPTED, mail.digest))
    (path,) = (box.config.data / "journal").iterdir()
    lines = path.read_text()

    assert "secret" not in lines
    assert "Dana" not in lines
    assert set(json.loads(lines)) == {
        "attempt_id",
        "message_id",
        "token",
        "attempt",
        "outcome",
        "code",
        "enhanced",
        "digest",
        "started_at",
        "kind",
        "site_id",
        "case_id",
        "at_recipient",
    }
    path.write_text(lines + '{"attempt_id": 1, "mess')
    assert journal._file is not None
    journal._file.close()
    seen: list[Result] = []
    assert Journal(box.config.data / "journal").replay(seen.append) == 1
    assert [r.message_id for r in seen] == [owed]


def test_a_result_survives_the_database_being_locked_while_the_relay_answered(
    box_sqlite: Outbox, mailsink: MailSink
) -> None:
    box = box_sqlite
    owed = box.owe(box.person())
    mailsink.stall_seconds = 1.0
    mailsink.script.append(Fault.STALL)
    other = create_engine(str(db.engine.url))
    other_connection = other.raw_connection()
    other_connection.isolation_level = None

    def lock() -> None:
        while not mailsink.arrived:
            time.sleep(0.01)
        cursor = other_connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        time.sleep(7)
        assert list((box.config.data / "journal").glob("*.jsonl")), "the result is on disk meanwhile"
        cursor.execute("ROLLBACK")

    thread = threading.Thread(target=lock)
    thread.start()
    box.run()
    thread.join()
    other_connection.close()

    assert box.state(owed) is S.SENT
    assert len(mailsink.arrived) == 1
    assert list((box.config.data / "journal").iterdir()) == []


def test_asked_to_stop_a_sender_finishes_the_mail_in_flight_and_gives_back_the_rest(
    box: Outbox, mailsink: MailSink
) -> None:
    owed = [box.owe(box.person(f"p{n}@mail.example")) for n in range(6)]
    box.sender.stop = lambda: len(mailsink.arrived) >= 2
    assert box.run() == 2

    states = [box.state(o) for o in owed]
    assert states.count(S.SENT) == 2
    assert states.count(S.SCHEDULED) == 4
    assert box.count(Message, Message.lease_token.is_not(None)) == 0
    box.sender.stop = engine.never
    assert box.run() == 4


def test_a_slow_relay_keeps_its_lease_by_renewal(box: Outbox, mailsink: MailSink) -> None:
    box.settings(mail_lease_seconds=2, mail_renew_seconds=1)
    owed = box.owe(box.person())
    mailsink.stall_seconds = 3.5
    carrier = box.sender.carrier
    assert carrier is not None
    mailsink.script.append(Fault.STALL)
    recovered = []

    def tick() -> None:
        while not mailsink.arrived:
            time.sleep(0.05)
        time.sleep(3.0)
        with box.app.app_context():
            engine.tick()
            recovered.append(db.session.get_one(Message, owed).state)
            db.session.rollback()

    thread = threading.Thread(target=tick)
    thread.start()
    assert box.run() == 1
    thread.join()
    assert recovered == [S.SENDING]
    assert box.attempts(owed) == ["accepted"]


def test_a_sender_that_slept_through_its_lease_does_not_finish_the_mail(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    sender = box.sender
    gate = delivery.gate_after

    def slow(*args: object, **more: object) -> bool | None:
        passed = gate(*args, **more)
        sender.alive_until = 0.0
        return passed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "gate_after", slow)
        assert box.run() == 0
    assert mailsink.arrived == []
    assert box.state(owed) is S.SCHEDULED
    assert box.attempts(owed) == ["connect_failed"]


def test_the_runner_beside_the_pages_sends_by_itself_and_at_once(box_sqlite: Outbox, mailsink: MailSink) -> None:
    box = box_sqlite
    box.settings(mail_tick_seconds=30)
    runner = Runner(box.app)
    runner.start()
    try:
        box.owe(box.person("tick@mail.example"))
        mailsink.wait_for(1, 6)
        time.sleep(0.3)
        began = time.monotonic()
        person = box.person("now@mail.example")
        with transaction():
            service.schedule(
                "note",
                subject_id=person,
                recipient_type="person",
                recipient_id=person,
                due_at=utcnow() - timedelta(seconds=1),
                window_start=utcnow() - timedelta(seconds=1),
                window_end=utcnow() + timedelta(hours=1),
                tz=ZONE,
                dedupe_key="immediate",
                site_id=box.site.id,
                now=utcnow(),
                immediate=True,
            )
        mailsink.wait_for(2, 6)
        assert time.monotonic() - began < 5
    finally:
        runner.stop()
    assert box.count(Heartbeat, Heartbeat.name == "web") == 1


def test_upkeep_runs_once_a_minute_however_many_try(box: Outbox) -> None:
    assert upkeep.sweep_if_due()
    assert not upkeep.sweep_if_due()
    box.later(seconds=61)
    assert upkeep.sweep_if_due()
    assert set(upkeep.work().values()) <= {0}, "no job fails on an empty center"
