"""A tick lets go what is too late, merges what an outage piled up, and holds all after a restore."""

from __future__ import annotations

from datetime import timedelta

from intake.clock import utcnow
from intake.db import transaction
from intake.messages import holding, recovery
from intake.messages.models import Message, MessageState
from intake.tasks.models import Task
from tests.messages.outbox import Outbox
from tests.servers.mailsink import MailSink
from workers import engine

S = MessageState


def test_after_an_outage_what_is_too_late_is_not_sent(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person(), window_end=utcnow() + timedelta(hours=2))
    box.later(hours=3)

    assert box.run() == 0
    assert box.state(owed) is S.EXPIRED
    assert mailsink.arrived == []


def test_a_late_mail_no_longer_blocks_the_next_one(box: Outbox) -> None:
    person = box.person()
    old = box.owe(person, window_end=utcnow() + timedelta(hours=2))
    box.later(hours=3)
    new = box.owe(person)

    assert box.run() == 1
    assert (box.state(old), box.state(new)) == (S.EXPIRED, S.SENT)


def test_any_number_of_ticks_does_no_harm(box: Outbox) -> None:
    owed = box.owe(box.person(), window_end=utcnow() + timedelta(hours=2))
    box.later(hours=3)
    for _ in range(3):
        engine.tick()

    assert box.message(owed).version == 2
    assert box.count(Message) == 1


def test_a_tick_says_how_much_is_due(box: Outbox) -> None:
    for n in range(3):
        box.owe(box.person(f"p{n}@mail.example"))
    box.owe(box.person("later@mail.example"), due=utcnow() + timedelta(hours=1))

    assert engine.tick() == 3
    assert engine.tick(most=2) == 2


def test_a_message_held_before_its_first_try_expires_with_its_window(box: Outbox) -> None:
    owed = box.owe(box.person(), due=utcnow() + timedelta(minutes=1))
    with transaction():
        holding.hold(owed, actor=box.cast.ada, now=utcnow())
    box.later(hours=1)
    assert box.run() == 0
    assert box.state(owed) is S.SCHEDULED
    box.later(hours=12)
    assert box.run() == 0
    assert box.state(owed) is S.EXPIRED


def test_a_mail_of_unknown_outcome_waits_for_its_person_also_after_the_window(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    with transaction():
        holding.hold_all(now=utcnow())
        holding.release_all(now=utcnow())
    box.later(days=2)
    with transaction():
        recovery.expire()

    assert box.state(owed) is S.UNCERTAIN


def test_after_a_restore_nothing_goes_until_release_and_what_was_due_waits_for_a_person(
    box: Outbox, mailsink: MailSink
) -> None:
    due = box.owe(box.person("due@mail.example"))
    later = box.owe(box.person("later@mail.example"), due=utcnow() + timedelta(hours=1))
    with transaction():
        assert holding.hold_all(now=utcnow()) == 2
    assert box.run() == 0
    with transaction():
        assert holding.release_all(now=utcnow()) == (1, 1)

    box.later(hours=1, seconds=1)
    assert box.run() == 1
    assert (box.state(due), box.state(later)) == (S.UNCERTAIN, S.SENT)
    assert box.count(Task, Task.kind == "delivery_uncertain", Task.cause == "restored") == 1
    assert len(mailsink.arrived) == 1
