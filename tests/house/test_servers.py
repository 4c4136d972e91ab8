"""The servers of the tests do what the tests believe of them."""

from __future__ import annotations

import smtplib

import pytest

from tests.servers.mailsink import Fault, MailSink
from tests.servers.valkey import Valkey

MAIL = b"Subject: hello\r\n\r\n..a line that starts with a dot\r\n"


def send(sink: MailSink) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=1) as client:
        client.sendmail("center@example.org", ["pat@example.org"], MAIL)


@pytest.mark.parametrize(
    ("fault", "seen_by_sender", "arrived"),
    [
        (Fault.REFUSE_SENDER, smtplib.SMTPSenderRefused, 0),
        (Fault.REFUSE_RECIPIENT, smtplib.SMTPRecipientsRefused, 0),
        (Fault.TRY_LATER, smtplib.SMTPDataError, 1),
        (Fault.REFUSE, smtplib.SMTPDataError, 1),
        (Fault.DROP_BEFORE_DOT, smtplib.SMTPServerDisconnected, 0),
        (Fault.DROP_AFTER_DOT, smtplib.SMTPServerDisconnected, 1),
        (Fault.STALL, smtplib.SMTPServerDisconnected, 1),
    ],
)
def test_the_mail_server_fails_once_as_scripted_and_accepts_the_next_mail(
    mailsink: MailSink, fault: Fault, seen_by_sender: type[Exception], arrived: int
) -> None:
    mailsink.script.append(fault)
    with pytest.raises(seen_by_sender):
        send(mailsink)
    assert len(mailsink.arrived) == arrived
    assert mailsink.accepted == []

    send(mailsink)
    (mail,) = mailsink.wait_for(1)
    assert mail.recipients == ("pat@example.org",)
    assert mail.text.strip() == "..a line that starts with a dot"


def test_a_stopped_mail_server_refuses_connections_and_comes_back_on_the_same_port(mailsink: MailSink) -> None:
    mailsink.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mailsink)
    mailsink.start()
    send(mailsink)
    assert len(mailsink.wait_for(1)) == 1


def test_a_killed_broker_comes_back_with_the_same_address(valkey: Valkey) -> None:
    valkey.kill()
    assert not valkey.answers()
    valkey.start()
    assert valkey.answers()
