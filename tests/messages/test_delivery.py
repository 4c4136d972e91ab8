"""A mail owed is claimed, gated, sent and recorded, once."""

from __future__ import annotations

from datetime import timedelta

from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import transaction
from intake.messages import claims, service
from intake.messages.models import Message, MessageAttempt, MessageState
from tests.messages.outbox import Outbox
from tests.servers.mailsink import MailSink


def test_a_due_mail_reaches_its_person_once_and_is_recorded(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person())

    assert box.run() == 1
    assert box.run() == 0

    (mail,) = mailsink.accepted
    row = box.message(owed)
    assert mail.recipients == ("pat@mail.example",)
    assert mail.message["Message-ID"] == f"<{row.message_id}>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Hi Dana," in mail.text
    assert "Hi Dana," in mail.html
    assert row.state is MessageState.SENT
    assert row.accepted_at is not None
    assert row.attempts == 1
    assert row.lease_token is None
    assert box.attempts(owed) == ["accepted"]
    assert box.count(AuditEntry, AuditEntry.record_id == owed, AuditEntry.verb == "sent") == 1


def test_a_mail_is_not_sent_before_it_is_due(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person(), due=utcnow() + timedelta(hours=1))

    assert box.run() == 0
    box.later(hours=1, seconds=1)
    assert box.run() == 1
    assert box.state(owed) is MessageState.SENT


def test_the_same_key_owes_one_mail_however_often_it_is_asked_for(box: Outbox) -> None:
    person = box.person()
    first = box.owe(person, dedupe_key="plan:1:day")

    assert box.owe(person, dedupe_key="plan:1:day") == first
    assert box.count(Message) == 1


def test_a_cancelled_mail_may_be_owed_again(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    first = box.owe(person, dedupe_key="plan:1:day")
    with transaction():
        assert service.cancel(reason="paused", now=utcnow(), recipient_id=person) == 1
    again = box.owe(person, dedupe_key="plan:1:day")

    assert again != first
    assert box.run() == 1
    assert box.state(first) is MessageState.CANCELLED


def test_two_claims_never_share_a_row(box: Outbox) -> None:
    for n in range(7):
        box.owe(box.person(f"p{n}@mail.example"))
    lease = timedelta(seconds=120)
    with transaction():
        one = claims.claim(4, lease=lease)
    with transaction():
        other = claims.claim(100, lease=lease)

    assert len(one.messages) == 4
    assert len(other.messages) == 3
    assert one.token != other.token
    assert not {m.id for m in one.messages} & {m.id for m in other.messages}


def test_claims_are_oldest_first(box: Outbox) -> None:
    late = [box.owe(box.person(f"p{n}@mail.example"), due=utcnow() - timedelta(minutes=n)) for n in range(5)]
    with transaction():
        batch = claims.claim(3, lease=timedelta(seconds=120))

    assert [m.id for m in batch.messages] == [late[4], late[3], late[2]]


def test_a_person_gets_their_mails_in_order(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    second = box.owe(person, due=utcnow() - timedelta(minutes=1))
    first = box.owe(person, due=utcnow() - timedelta(minutes=2))
    with transaction():
        batch = claims.claim(100, lease=timedelta(seconds=120))
        assert [m.id for m in batch.messages] == [first]
        claims.give_back([first], batch.token, again_in=timedelta(0))

    assert box.run() == 2
    assert [m.message["Message-ID"].strip("<>") for m in mailsink.accepted] == [
        box.message(first).message_id,
        box.message(second).message_id,
    ]


def test_the_address_stands_nowhere_in_the_outbox(box: Outbox) -> None:
    owed = box.owe(box.person("very.secret@mail.example"))
    box.run()

    row, stored = box.message(owed), [repr(vars(box.message(owed)))]
    attempt = box.count(MessageAttempt, MessageAttempt.message_id == row.id)
    assert attempt == 1
    assert "very.secret" not in "".join(stored)


def test_a_burst_to_one_provider_waits_its_turn_and_others_go_on(box: Outbox, mailsink: MailSink) -> None:
    # Six a minute with room for one at once.
    box.settings(mail_rate_per_minute=6)
    first, second = (box.owe(box.person(f"p{n}@crowd.example")) for n in range(2))
    other = box.owe(box.person("pat@quiet.example"))

    assert box.run() == 2
    assert [m.recipients[0] for m in mailsink.accepted] == ["p0@crowd.example", "pat@quiet.example"]
    waiting = box.message(second)
    assert (waiting.state, waiting.last_code, waiting.attempts) == (MessageState.SCHEDULED, "domain_rate", 0)
    assert waiting.next_try_at is not None
    assert timedelta(seconds=5) < waiting.next_try_at - utcnow() < timedelta(seconds=15)
    assert {box.state(first), box.state(other)} == {MessageState.SENT}
    box.settings(mail_rate_per_minute=0)
    box.later(seconds=15)
    assert box.run() == 1
