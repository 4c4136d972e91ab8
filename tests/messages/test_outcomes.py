"""What the relay said becomes a state by the table of safety.md 2.2, with its evidence and its work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from intake.clock import utcnow
from intake.db import new_id, transaction
from intake.messages import claims, holding, outcomes, recovery, service
from intake.messages.models import MessageAttempt, MessageState, Suppression
from intake.messages.outcomes import Outcome, Result
from intake.settings import service as settings
from intake.tasks.models import Task
from tests.messages.outbox import Outbox
from tests.messages.test_gate import claimed, pass_gate
from tests.servers.mailsink import Fault, MailSink

S = MessageState


@pytest.mark.parametrize("fault", [Fault.TRY_LATER, Fault.REFUSE_SENDER])
def test_a_temporary_no_is_tried_again_after_a_growing_wait(box: Outbox, mailsink: MailSink, fault: Fault) -> None:
    owed = box.owe(box.person())
    mailsink.script.extend([fault, fault])
    waits = []
    for _ in range(2):
        assert box.run() == 0
        row = box.message(owed)
        assert row.state is S.SCHEDULED
        assert row.next_try_at is not None
        waits.append((row.next_try_at - utcnow()).total_seconds())
        box.later(seconds=waits[-1] + 1)

    assert 48 <= waits[0] <= 72
    assert 240 <= waits[1] <= 360
    assert box.run() == 1
    assert box.attempts(owed) == ["refused_temporary", "refused_temporary", "accepted"]
    assert box.message(owed).attempts == 3


def test_the_eighth_temporary_no_was_the_last_with_a_task_for_staff(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person(), "urgent_note", window_end=utcnow() + timedelta(days=2))
    mailsink.usual = Fault.TRY_LATER
    for _ in range(9):
        box.run()
        box.later(minutes=73)

    assert box.state(owed) is S.FAILED_PERMANENT
    assert box.attempts(owed) == ["refused_temporary"] * 8


def test_a_mail_that_would_be_tried_after_its_window_expires_at_its_end(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person(), window_end=utcnow() + timedelta(seconds=20))
    mailsink.usual = Fault.TRY_LATER
    box.run()
    assert box.message(owed).next_try_at == box.message(owed).window_end
    box.later(seconds=21)

    assert box.run() == 0
    assert box.state(owed) is S.EXPIRED


def test_an_unknown_mailbox_is_final_suppressed_and_somebody_calls(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    owed, later = box.owe(person), box.owe(person, due=utcnow() + timedelta(minutes=5))
    mailsink.script.append(Fault.REFUSE_RECIPIENT)

    assert box.run() == 0
    assert box.state(owed) is S.FAILED_PERMANENT
    assert box.count(Suppression, Suppression.reason == "hard_bounce") == 1
    assert box.contact(person).bad_since is not None
    assert box.count(Task, Task.kind == "call_about_mail", Task.cause == "bounced") == 1
    box.later(minutes=6)
    assert box.run() == 0
    assert box.state(later) is S.SUPPRESSED


def test_a_refusal_by_policy_is_the_operators_matter_not_the_patients(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    owed = box.owe(person)
    mailsink.script.append(Fault.REFUSE)

    box.run()
    assert box.state(owed) is S.FAILED_PERMANENT
    assert box.count(Suppression) == 0
    assert box.contact(person).bad_since is None
    assert box.count(Task, Task.kind == "mail_refused_by_policy") == 1


def test_a_cut_before_the_final_dot_is_definite_and_goes_out_at_once_on_a_new_connection(
    box: Outbox, mailsink: MailSink
) -> None:
    box.owe(box.person("first@mail.example"))
    owed = box.owe(box.person("second@mail.example"))
    mailsink.script.extend([Fault.ACCEPT, Fault.DROP_BEFORE_DOT])

    for _ in range(3):
        box.run()
        box.later(seconds=75)
    assert box.state(owed) is S.SENT
    assert len(mailsink.accepted) == 2


def test_a_cut_after_the_final_dot_is_uncertain_and_resent_with_the_same_id(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    mailsink.script.append(Fault.DROP_AFTER_DOT)

    assert box.run() == 0
    row = box.message(owed)
    assert row.state is S.UNCERTAIN
    assert row.in_doubt_at is not None
    assert row.in_doubt_count == 1
    assert box.run() == 0, "not before the delay is over"
    box.later(seconds=61)
    assert box.run() == 1
    assert box.state(owed) is S.SENT
    assert len({m.message["Message-ID"] for m in mailsink.arrived}) == 1
    assert len({m.text for m in mailsink.arrived}) == 1, "the same links"
    assert box.attempts(owed) == ["in_doubt", "accepted"]


def test_after_two_resends_a_person_decides(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    mailsink.usual = Fault.DROP_AFTER_DOT
    for _ in range(5):
        box.run()
        box.later(seconds=61)

    row = box.message(owed)
    assert (row.state, row.next_try_at, row.held_reason) == (S.UNCERTAIN, None, "delivery_uncertain")
    assert len(mailsink.arrived) == 3
    assert box.count(Task, Task.kind == "delivery_uncertain") == 1


def test_a_kind_that_waits_for_a_person_is_held_at_once_and_blocks_nobody(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    owed = box.owe(person, "held_note")
    later = box.owe(person, due=utcnow() + timedelta(seconds=1))
    mailsink.script.append(Fault.DROP_AFTER_DOT)

    box.run()
    row = box.message(owed)
    assert (row.state, row.next_try_at) == (S.UNCERTAIN, None)
    assert box.count(Task, Task.kind == "delivery_uncertain") == 1
    box.later(seconds=65)
    assert box.run() == 1
    assert box.state(later) is S.SENT
    assert box.state(owed) is S.UNCERTAIN


def test_a_center_may_hold_a_kind_that_would_be_resent(box: Outbox, mailsink: MailSink) -> None:
    with transaction():
        settings.change(
            box.site.id, "mail_policies", {"note": "hold_for_human"}, approver="", actor=box.cast.alex, now=utcnow()
        )
    owed = box.owe(box.person())
    mailsink.script.append(Fault.DROP_AFTER_DOT)
    box.later(seconds=1)
    box.run()

    assert box.message(owed).next_try_at is None


def test_a_person_may_send_a_held_mail_again_with_the_same_id(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person(), "held_note")
    mailsink.script.append(Fault.DROP_AFTER_DOT)
    box.run()
    with transaction():
        holding.send_again(owed, actor=box.cast.ada, now=utcnow())

    assert box.run() == 1
    assert box.state(owed) is S.SENT
    assert len({m.message["Message-ID"] for m in mailsink.arrived}) == 1
    assert box.count(Task, Task.kind == "delivery_uncertain", Task.state == "open") == 0


def test_a_mail_in_doubt_that_somebody_holds_is_not_forgotten(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    mailsink.script.append(Fault.DROP_AFTER_DOT)
    box.run()
    assert box.count(Task, Task.key == f"message_held:{owed}") == 0
    with transaction():
        holding.hold(owed, actor=box.cast.ada, now=utcnow())

    assert box.count(Task, Task.key == f"message_held:{owed}", Task.state == "open") == 1
    with transaction():
        holding.send_again(owed, actor=box.cast.ada, now=utcnow())
    assert box.count(Task, Task.key == f"message_held:{owed}", Task.state == "open") == 0


def test_a_stalled_answer_is_uncertain(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    carrier = box.sender.carrier
    assert carrier is not None
    vars(carrier)["after_dot"] = 0.3
    mailsink.stall_seconds = 1.0
    mailsink.script.append(Fault.STALL)

    assert box.run() == 0
    assert box.state(owed) is S.UNCERTAIN


def result(box: Outbox, owed: int, token: int, outcome: Outcome, digest: bytes = b"") -> Result:
    """What a sender would have noted."""
    row = box.message(owed)
    return Result(
        new_id(),
        owed,
        token,
        row.attempts,
        outcome,
        "250",
        "2.0.0",
        digest,
        utcnow(),
        row.kind,
        row.site_id,
        row.case_id,
    )


def test_a_sender_that_vanished_in_flight_leaves_doubt_and_late_evidence_settles_it(
    box: Outbox, mailsink: MailSink
) -> None:
    owed = box.owe(box.person())
    batch, mail = claimed(box)
    assert pass_gate(batch, mail)
    box.later(seconds=121)
    with transaction():
        assert recovery.recover() == 1
    assert box.state(owed) is S.UNCERTAIN
    with transaction():
        assert outcomes.record(result(box, owed, batch.token, Outcome.ACCEPTED)) is S.SENT

    box.later(seconds=61)
    assert box.run() == 0
    assert mailsink.arrived == []
    assert box.attempts(owed) == ["in_doubt", "accepted"]


def test_late_evidence_beats_a_second_senders_gate(box: Outbox) -> None:
    owed = box.owe(box.person())
    first, mail = claimed(box)
    assert pass_gate(first, mail)
    box.later(seconds=121)
    with transaction():
        recovery.recover()
    box.later(seconds=61)
    second, again = claimed(box)
    with transaction():
        outcomes.record(result(box, owed, first.token, Outcome.ACCEPTED))

    assert not pass_gate(second, again)
    assert box.state(owed) is S.SENT


def test_late_evidence_on_a_cancelled_mail_sets_only_the_time_it_left(box: Outbox) -> None:
    person = box.person()
    owed = box.owe(person)
    batch, mail = claimed(box)
    assert pass_gate(batch, mail)
    box.later(seconds=121)
    with transaction():
        recovery.recover()
        service.cancel(reason="paused", now=utcnow(), recipient_id=person)
    with transaction():
        outcomes.record(result(box, owed, batch.token, Outcome.ACCEPTED))

    row = box.message(owed)
    assert row.state is S.CANCELLED
    assert row.accepted_at is not None


def test_a_late_no_without_the_token_changes_nothing(box: Outbox) -> None:
    owed = box.owe(box.person())
    batch, mail = claimed(box)
    assert pass_gate(batch, mail)
    box.later(seconds=121)
    with transaction():
        recovery.recover()
    with transaction():
        assert outcomes.record(result(box, owed, batch.token, Outcome.REFUSED_PERMANENT)) is None

    assert box.state(owed) is S.UNCERTAIN


def test_a_result_that_is_told_twice_counts_once(box: Outbox) -> None:
    owed = box.owe(box.person())
    batch, mail = claimed(box)
    assert pass_gate(batch, mail)
    told = result(box, owed, batch.token, Outcome.ACCEPTED)
    for _ in range(2):
        with transaction():
            outcomes.record(Result.of_json(told.as_json()))

    assert box.count(MessageAttempt) == 1
    assert box.state(owed) is S.SENT


def test_a_claim_whose_sender_vanished_is_due_again_at_once(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    claimed(box)
    assert box.run() == 0
    box.later(seconds=121)

    assert box.run() == 1
    assert box.message(owed).lost_leases == 1
    assert box.attempts(owed) == ["accepted"]


def test_a_row_that_loses_eight_leases_is_given_up_with_a_task(box: Outbox) -> None:
    owed = box.owe(box.person())
    for _ in range(8):
        claimed(box)
        box.later(seconds=121)
        with transaction():
            recovery.recover()

    assert box.state(owed) is S.FAILED_PERMANENT


def test_a_renewed_lease_is_not_recovered(box: Outbox) -> None:
    owed = box.owe(box.person())
    batch, _mail = claimed(box)
    box.later(seconds=100)
    with transaction():
        assert claims.renew(batch.token, lease=timedelta(seconds=120)) == 1
    box.later(seconds=100)
    with transaction():
        assert recovery.recover() == 0
    assert box.state(owed) is S.CLAIMED


def test_an_absent_relay_costs_no_attempt_and_opens_the_breaker(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())
    mailsink.stop()
    for _ in range(6):
        assert box.run() == 0
        box.later(seconds=2)
    row = box.message(owed)
    assert row.state is S.SCHEDULED
    assert row.attempts == 0
    assert row.last_code == "no_relay"
    mailsink.start()
    box.sender.breaker.succeeded()
    box.later(minutes=2)
    assert box.run() == 1


def test_a_greylisting_relay_gets_each_mail_once_in_the_end(box: Outbox, mailsink: MailSink) -> None:
    owed = [box.owe(box.person(f"p{n}@mail.example")) for n in range(5)]
    mailsink.script.extend([Fault.TRY_LATER] * 5)
    assert box.run() == 0
    box.later(seconds=75)

    assert box.run() == 5
    assert {box.state(o) for o in owed} == {S.SENT}
    assert len(mailsink.accepted) == 5
