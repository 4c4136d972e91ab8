"""The gate repeats every reason not to send, and a committed reason beats every later send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.messages import claims, delivery, kinds, outcomes, render, service, suppression
from intake.messages.claims import Batch
from intake.messages.models import Message, MessageState
from intake.messages.render import Rendered, address_digest
from intake.people import service as people
from intake.people.models import ContactKind, Person
from intake.settings.models import Site
from intake.tasks.models import Task
from tests.messages.outbox import NOON, Outbox
from tests.servers.mailsink import MailSink

S = MessageState
LEASE = timedelta(seconds=120)
Forbid = Callable[[Outbox, int], None]


def claimed(box: Outbox) -> tuple[Batch, Rendered]:
    """Claim one due mail and render it, as a sender does before the gate."""
    with transaction():
        batch = claims.claim(1, lease=LEASE)
    (words,) = render.read(batch.messages)
    made = render.render(words)
    assert isinstance(made, Rendered), made
    return batch, made


def pass_gate(batch: Batch, mail: Rendered) -> bool:
    """Ask the gate; on a no, move the row as the sender does."""
    with transaction():
        passed = delivery.gate(mail, batch.token, now=batch.now)
        if not passed:
            delivery.refuse(mail, batch.token, now=batch.now)
    return passed


def cancel(box: Outbox, person: int) -> None:
    """The plan's reason is gone."""
    service.cancel(reason="paused", now=utcnow(), recipient_id=person)


def stop_contact(box: Outbox, person: int) -> None:
    """Staff stop the address."""
    people.stop_contact(box.contact(person).id, reason="asked", actor=box.cast.ada, now=utcnow())


def stop_by_link(box: Outbox, person: int) -> None:
    """The person pressed stop."""
    assert kinds.get("note").stop(person, now=utcnow())


def withdraw_consent(box: Outbox, person: int) -> None:
    """The person no longer agrees to mail."""
    box.contact(person).consented_at = None


def unverify(box: Outbox, person: int) -> None:
    """The address turned out not to be checked."""
    box.contact(person).verified_at = None


def go_bad(box: Outbox, person: int) -> None:
    """Mail came back."""
    people.mark_bad(box.contact(person).id, actor=box.cast.ada, now=utcnow())


def die(box: Outbox, person: int) -> None:
    """The person died."""
    db.session.get_one(Person, person).died_at = utcnow()


def suppress(box: Outbox, person: int) -> None:
    """The address is on the list of addresses that take no mail."""
    digest = address_digest(box.site.id, "pat@mail.example")
    suppression.suppress(box.site.id, digest, reason="hard_bounce")


@pytest.mark.parametrize(
    ("forbid", "state", "reason"),
    [
        (cancel, S.CANCELLED, "paused"),
        (stop_contact, S.SUPPRESSED, "address_stopped"),
        (stop_by_link, S.SUPPRESSED, "mail_not_allowed"),
        (withdraw_consent, S.SUPPRESSED, "no_consent"),
        (unverify, S.SUPPRESSED, "not_verified"),
        (go_bad, S.SUPPRESSED, "address_bad"),
        (die, S.CANCELLED, "person_died"),
        (suppress, S.SUPPRESSED, "address_suppressed"),
    ],
)
def test_p05_what_is_forbidden_between_claim_and_gate_is_not_sent(
    box: Outbox, mailsink: MailSink, forbid: Forbid, state: MessageState, reason: str
) -> None:
    person = box.person()
    owed = box.owe(person)
    batch, mail = claimed(box)
    with transaction():
        forbid(box, person)

    assert not pass_gate(batch, mail)
    row = box.message(owed)
    assert (row.state, row.cancel_reason) == (state, reason)
    assert row.lease_token is None
    box.later(hours=1)
    assert box.run() == 0
    assert mailsink.arrived == []


def test_p05_a_new_address_is_rendered_anew_and_the_old_one_gets_nothing(box: Outbox, mailsink: MailSink) -> None:
    person = box.person("old@mail.example")
    owed = box.owe(person)
    batch, mail = claimed(box)
    box.later(seconds=1)
    with transaction():
        point = box.contact(person)
        people.stop_contact(point.id, reason="changed", actor=box.cast.ada, now=utcnow())
        people.add_contact(
            db.session.get_one(Person, person),
            kind=ContactKind.EMAIL,
            value="new@mail.example",
            actor=box.cast.ada,
            now=utcnow(),
            may_email=True,
            verified_how="code",
            consent=True,
        )

    assert not pass_gate(batch, mail)
    assert box.state(owed) is S.SCHEDULED
    assert box.run() == 1
    assert [m.recipients for m in mailsink.accepted] == [("new@mail.example",)]


def test_a_touched_row_is_looked_at_again_before_it_goes(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    box.owe(person)
    batch, mail = claimed(box)
    with transaction():
        assert service.touch(recipient_id=person) == 1

    assert not pass_gate(batch, mail)
    assert box.run() == 1


def test_a_token_of_an_older_claim_opens_nothing(box: Outbox) -> None:
    box.owe(box.person())
    batch, mail = claimed(box)

    assert not pass_gate(Batch(batch.token + 1, batch.now, batch.messages), mail)
    assert pass_gate(batch, mail)
    assert not pass_gate(batch, mail)


def test_a_dead_lease_opens_nothing(box: Outbox) -> None:
    owed = box.owe(box.person())
    batch, mail = claimed(box)
    box.later(seconds=121)

    assert not pass_gate(batch, mail)
    assert box.state(owed) is not S.SENDING


def test_a_mail_whose_window_ended_is_expired_at_the_gate(box: Outbox) -> None:
    owed = box.owe(box.person(), window_end=utcnow() + timedelta(minutes=1))
    batch, mail = claimed(box)
    box.later(seconds=90)

    assert not pass_gate(batch, mail)
    assert box.state(owed) is S.EXPIRED


def test_in_quiet_hours_nothing_goes_and_it_is_tried_when_they_end(box: Outbox, mailsink: MailSink) -> None:
    box.stand_at(NOON.replace(hour=2))  # nine in the evening in New York
    owed = box.owe(box.person(), window_end=utcnow() + timedelta(hours=14))

    assert box.run() == 0
    row = box.message(owed)
    assert row.state is S.SCHEDULED
    assert row.next_try_at is not None
    assert abs(row.next_try_at - datetime.fromisoformat("2026-03-03T13:00:00+00:00")) < timedelta(seconds=5)
    box.later(hours=11, seconds=5)
    assert box.run() == 1


def test_the_hours_are_those_of_the_persons_own_zone(box: Outbox) -> None:
    box.stand_at(NOON.replace(hour=2))  # nine in the evening in New York, six in Los Angeles
    box.owe(box.person("west@mail.example", zone="America/Los_Angeles"))
    box.owe(box.person("east@mail.example"))

    assert box.run() == 1


def test_a_kind_without_quiet_hours_goes_at_night(box: Outbox) -> None:
    box.stand_at(NOON.replace(hour=7))
    box.owe(box.person(), "urgent_note")

    assert box.run() == 1


def test_one_address_gets_at_most_three_mails_a_day(box: Outbox, mailsink: MailSink) -> None:
    person = box.person()
    for _ in range(4):
        box.owe(person)

    assert box.run() == 3
    assert box.count(Message, Message.last_code == "daily_limit", Message.state == S.SCHEDULED) == 1
    box.later(hours=2)
    assert box.run() == 0
    assert len(mailsink.accepted) == 3


def test_the_limit_is_the_addresss_own_even_when_two_people_share_it(box: Outbox) -> None:
    for n in range(4):
        box.owe(box.person("shared@mail.example", name=f"Person{n}"))

    assert box.run() == 3


def test_two_senders_in_the_same_moment_still_keep_the_limit_of_one_person(box: Outbox) -> None:
    person = box.person()
    for _ in range(4):
        box.owe(person)
    with transaction():
        one = claims.claim(100, lease=LEASE)
    with transaction():
        other = claims.claim(100, lease=LEASE)

    assert len(one.messages) + len(other.messages) == 1


def test_a_cancel_that_meets_the_mail_in_flight_is_kept_and_it_never_goes_again(box: Outbox) -> None:
    person = box.person()
    owed = box.owe(person)
    batch, mail = claimed(box)
    assert pass_gate(batch, mail)
    with transaction():
        assert service.cancel(reason="paused", now=utcnow(), recipient_id=person) == 1
    assert box.state(owed) is S.SENDING

    no = outcomes.Outcome.REFUSED_TEMPORARY
    result = outcomes.Result(
        new_id(), owed, batch.token, 1, no, "451", "4.3.0", mail.digest, utcnow(), "note", box.site.id, None
    )
    with transaction():
        assert outcomes.record(result) is S.CANCELLED
    assert box.state(owed) is S.CANCELLED


def test_a_mail_that_says_too_much_is_held_for_a_person_with_a_task(box: Outbox, mailsink: MailSink) -> None:
    with transaction():
        db.session.get_one(Site, box.site.id).discreet_name = "Harbor Detox"
    owed = box.owe(box.person())

    assert box.run() == 0
    row = box.message(owed)
    assert (row.state, row.held_reason, row.next_try_at) == (S.UNCERTAIN, "content_filter", None)
    assert mailsink.arrived == []
    assert box.count(Task, Task.kind == "message_held", Task.cause == "content_filter") == 1
    box.later(hours=1)
    assert box.run() == 0


def test_a_first_name_that_the_filter_knows_is_left_out(box: Outbox, mailsink: MailSink) -> None:
    box.owe(box.person(name="Heroine Smith"))

    assert box.run() == 1
    assert "Hello," in mailsink.accepted[0].text
    assert "Heroin" not in mailsink.accepted[0].raw.decode()


def test_a_kind_that_nobody_registered_is_held_and_never_sent(box: Outbox, mailsink: MailSink) -> None:
    owed = box.owe(box.person(), "made_up")

    assert box.run() == 0
    assert box.message(owed).held_reason == "unknown_kind"


def test_one_poisoned_mail_does_not_stop_the_others(box: Outbox, mailsink: MailSink) -> None:
    poisoned = box.owe(box.person("bad\r\nBcc: all@mail.example", name="Eve"))
    fine = box.owe(box.person("good@mail.example"))

    assert box.run() == 1
    assert box.state(poisoned) is S.FAILED_PERMANENT
    assert box.state(fine) is S.SENT
    assert [m.recipients for m in mailsink.arrived] == [("good@mail.example",)]
