"""The relay: a kept connection, definite until the dot, in doubt after it, and nobody's mail without its lease."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask

from config import Config
from intake.messages.outcomes import Outcome
from tests.servers.mailsink import Fault, MailSink
from workers import mail
from workers.mail import Answer, Breaker, Buckets, Drop, NoRelay, Relay, transport

RAW = b"Subject: Hello\r\n\r\n.one dot\r\n..two dots\r\nend\r\n"


@pytest.fixture
def config(app_sqlite: Flask, mailsink: MailSink) -> Config:
    """A process that talks to the sink."""
    found: Config = app_sqlite.extensions["intake.config"]
    return replace(found, smtp_url=mailsink.url, smtp_timeout_seconds=2)


@pytest.fixture
def relay(config: Config) -> Iterator[Relay]:
    """A connection that is closed at the end."""
    made = Relay(config)
    yield made
    made.close()


def send(relay: Relay, to: str = "pat@mail.example", *, may_finish: bool = True) -> Answer:
    """Hand over one mail."""
    return relay.send("hello@northlight.example", to, RAW, lambda: may_finish)


def test_many_mails_go_over_one_connection_and_arrive_byte_for_byte(relay: Relay, mailsink: MailSink) -> None:
    for _ in range(5):
        assert send(relay) == Answer(Outcome.ACCEPTED, "250", "2.0.0")

    assert mailsink.connections == 1
    assert {m.raw for m in mailsink.accepted} == {RAW}


def test_a_connection_is_renewed_after_its_share_of_mails(relay: Relay, mailsink: MailSink) -> None:
    send(relay)
    relay.carried = mail.MOST_PER_CONNECTION
    assert not relay.connected
    send(relay)
    assert mailsink.connections == 2


def test_a_relay_that_went_away_between_two_mails_is_met_again_without_loss(relay: Relay, mailsink: MailSink) -> None:
    send(relay)
    mailsink.stop()
    mailsink.start()

    assert send(relay).outcome is Outcome.ACCEPTED
    assert len(mailsink.accepted) == 2


def test_an_absent_relay_is_no_attempt(relay: Relay, mailsink: MailSink) -> None:
    mailsink.stop()
    with pytest.raises(NoRelay):
        relay.connect()
    assert send(relay).outcome is Outcome.CONNECT_FAILED
    mailsink.start()


@pytest.mark.parametrize(
    ("fault", "outcome", "code", "at_recipient"),
    [
        (Fault.REFUSE_SENDER, Outcome.REFUSED_TEMPORARY, "451", False),
        (Fault.REFUSE_RECIPIENT, Outcome.REFUSED_PERMANENT, "550", True),
        (Fault.TRY_LATER, Outcome.REFUSED_TEMPORARY, "451", False),
        (Fault.REFUSE, Outcome.REFUSED_PERMANENT, "554", False),
    ],
)
@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "all at once"])
def test_each_refusal_is_told_apart_and_the_next_mail_goes_on_the_same_connection(
    relay: Relay, mailsink: MailSink, fault: Fault, outcome: Outcome, code: str, at_recipient: bool, pipelining: bool
) -> None:
    mailsink.pipelining = pipelining
    mailsink.script.append(fault)
    answer = send(relay)

    assert (answer.outcome, answer.code, answer.at_recipient) == (outcome, code, at_recipient)
    assert send(relay).outcome is Outcome.ACCEPTED
    assert mailsink.connections == 1


@contextmanager
def scripted(config: Config, *answers: bytes) -> Iterator[tuple[Relay, list[bytes]]]:
    """A relay that pipes commands and gives these answers, one to each piece, then hangs up; what it was told."""
    listening = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []

    def answer() -> None:
        peer, _ = listening.accept()
        with peer:
            peer.sendall(b"220 relay\r\n")
            for words in (b"250-relay\r\n250 PIPELINING\r\n", *answers):
                said.append(peer.recv(1000))
                peer.sendall(words)

    thread = threading.Thread(target=answer)
    thread.start()
    relay = Relay(replace(config, smtp_url=f"smtp://127.0.0.1:{listening.getsockname()[1]}"))
    try:
        yield relay, said
    finally:
        relay.close()
        thread.join()
        listening.close()


def test_a_relay_that_says_421_to_all_commands_is_left_without_waiting_for_another_answer(config: Config) -> None:
    with scripted(config, b"421 4.3.2 going down\r\n") as (relay, said):
        assert send(relay) == Answer(Outcome.REFUSED_TEMPORARY, "421", "4.3.2")
        assert said[1].count(b"\r\n") == 3, "all commands came in one piece"
        assert not relay.connected


def test_a_relay_that_waits_for_a_body_after_refusing_the_recipient_gets_none(config: Config) -> None:
    with scripted(config, b"250 ok\r\n550 5.1.1 no such mailbox\r\n354 go on\r\n") as (relay, said):
        assert send(relay) == Answer(Outcome.REFUSED_PERMANENT, "550", "5.1.1", at_recipient=True)
        assert not relay.connected
        assert len(said) == 2, "not even a dot was sent"


def test_a_no_stands_when_the_relay_hangs_up_before_its_last_answer(config: Config) -> None:
    with scripted(config, b"250 ok\r\n550 5.1.1 no such mailbox\r\n") as (relay, _):
        assert send(relay) == Answer(Outcome.REFUSED_PERMANENT, "550", "5.1.1", at_recipient=True)
        assert not relay.connected


def test_a_cut_after_the_dot_is_in_doubt(relay: Relay, mailsink: MailSink) -> None:
    mailsink.script.append(Fault.DROP_AFTER_DOT)
    assert send(relay).outcome is Outcome.IN_DOUBT
    assert send(relay).outcome is Outcome.ACCEPTED


def test_a_stall_after_the_dot_is_in_doubt_once_its_long_wait_is_over(relay: Relay, mailsink: MailSink) -> None:
    assert relay.after_dot == 600
    relay.after_dot, mailsink.stall_seconds = 0.2, 0.6
    mailsink.script.append(Fault.STALL)
    assert send(relay).outcome is Outcome.IN_DOUBT


def test_without_a_living_lease_the_dot_is_never_sent(relay: Relay, mailsink: MailSink) -> None:
    answer = send(relay, may_finish=False)

    assert (answer.outcome, answer.code) == (Outcome.CONNECT_FAILED, "lease_over")
    assert mailsink.arrived == []


def test_a_body_cut_by_the_relay_is_definite_when_it_can_be_seen(config: Config) -> None:
    """A relay that answers 354 and closes: the closing is read before the dot is sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    closed = threading.Event()

    def serve() -> None:
        peer, _ = listener.accept()
        stream = peer.makefile("rb")
        peer.sendall(b"220 rude\r\n")
        for line in stream:
            if line.startswith(b"EHLO"):
                peer.sendall(b"250 rude\r\n")
            elif line.startswith(b"DATA"):
                peer.sendall(b"354 go on\r\n421 4.3.2 shutting down\r\n")
                closed.set()
                break
            else:
                peer.sendall(b"250 ok\r\n")
        stream.read()
        peer.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    relay = Relay(replace(config, smtp_url=f"smtp://127.0.0.1:{listener.getsockname()[1]}"))
    relay.connect()

    def wait() -> bool:
        raise AssertionError("the dot must not be asked for")

    original = relay._ask

    def ask(*commands: str) -> list[tuple[int, bytes]]:
        said = original(*commands)
        if commands[-1] == "DATA":
            assert closed.wait(2)
            threading.Event().wait(0.05)
        return said

    vars(relay)["_ask"] = ask
    answer = relay.send("a@b.example", "c@d.example", RAW, wait)
    assert (answer.outcome, answer.code, answer.enhanced) == (Outcome.REFUSED_TEMPORARY, "421", "4.3.2")
    listener.close()


def test_starttls_can_be_required_and_then_nothing_goes_without_it(config: Config, mailsink: MailSink) -> None:
    relay = Relay(replace(config, smtp_starttls="required"))
    with pytest.raises(NoRelay):
        relay.connect()
    assert mailsink.arrived == []


def test_an_address_beyond_ascii_goes_where_the_relay_takes_it(relay: Relay, mailsink: MailSink) -> None:
    assert send(relay, "josé@mail.example").outcome is Outcome.ACCEPTED
    assert mailsink.accepted[0].recipients == ("josé@mail.example",)


def test_an_unknown_scheme_is_refused_and_none_means_nothing_is_sent(config: Config) -> None:
    assert transport(replace(config, smtp_url="")) is None
    assert isinstance(transport(replace(config, smtp_url="drop://")), Drop)
    with pytest.raises(ValueError, match="smtp"):
        transport(replace(config, smtp_url="http://relay"))


def test_the_breaker_opens_after_five_failures_and_closes_with_a_success() -> None:
    breaker = Breaker()
    waits = [breaker.failed() for _ in range(7)]

    assert waits == [1.0, 1.0, 1.0, 1.0, 10.0, 30.0, 60.0]
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.allows()


def test_a_burst_to_one_domain_is_smoothed_and_other_domains_go_on() -> None:
    buckets = Buckets(60)
    taken = [buckets.take("big.example") for _ in range(12)]

    assert taken[:10] == [0.0] * 10
    assert 0 < taken[11] <= 2.0
    assert buckets.take("small.example") == 0.0
    assert Buckets(0).take("any.example") == 0.0
