"""When mail does not go out, a monitor and every member of staff hear of it within two minutes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from flask import Flask, g

from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages import pulse
from intake.messages.models import Heartbeat
from tests.messages.outbox import NOON, Outbox
from tests.screening.sitting import Browser
from tests.servers.mailsink import Fault, MailSink
from workers import messages


def ready(box: Outbox) -> tuple[int, str]:
    """What /readyz answers."""
    db.session.remove()
    answer = box.app.test_client().get("/readyz")
    return answer.status_code, answer.get_data(as_text=True)


def desk(box: Outbox) -> str:
    """A staff page; the test's own context outlives a request, so what one request read is forgotten here."""
    db.session.remove()
    g.pop("desk_counts", None)
    return Browser(box.app, "ada").get("/tasks").text


def test_a_late_message_turns_readiness_red_and_stands_on_staff_pages(box_sqlite: Outbox) -> None:
    box = box_sqlite
    box.owe(box.person(), due=utcnow() + timedelta(minutes=5))
    assert ready(box_sqlite)[0] == 200
    assert "Mail is late" not in desk(box_sqlite)

    box.later(minutes=6)
    assert ready(box_sqlite)[0] == 200, "a minute late is not late yet"
    box.later(minutes=1, seconds=30)
    status, said = ready(box_sqlite)
    assert status == 503
    assert '"mail"' in said
    assert "Mail is late: the oldest message has waited for 2 minutes." in desk(box_sqlite)

    box.run()
    assert ready(box_sqlite)[0] == 200
    assert "Mail is late" not in desk(box_sqlite)


@pytest.mark.parametrize("name", [pulse.WORKER, pulse.WEB])
def test_a_runner_that_stopped_is_missed_even_when_nothing_is_due(box_sqlite: Outbox, name: str) -> None:
    with transaction():
        pulse.beat(name)
    assert ready(box_sqlite)[0] == 200
    box_sqlite.later(seconds=150)

    status, said = ready(box_sqlite)
    assert status == 503
    assert '"runner"' in said
    assert "Nothing has sent mail for 2 minutes." in desk(box_sqlite)
    with transaction():
        pulse.beat(pulse.WEB)
    assert ready(box_sqlite)[0] == 200, "one that works is enough"


def test_a_house_that_never_sent_anything_is_not_called_silent(box_sqlite: Outbox) -> None:
    assert ready(box_sqlite)[0] == 200


def test_a_beat_is_one_row_however_often_it_comes(box: Outbox) -> None:
    for _ in range(3):
        with transaction():
            pulse.beat("somebody")
        box.later(seconds=10)

    assert box.count(Heartbeat, Heartbeat.name == "somebody") == 1
    assert db.session.get_one(Heartbeat, "somebody").at > NOON
    assert pulse.pulse().silent is None, "only those who send count"


def test_the_canary_of_a_worker_is_a_row_and_not_a_ping(box: Outbox) -> None:
    messages.canary.run()

    assert (pulse.pulse().silent or 99) < 5
    assert box.count(Heartbeat) == 2, "one for all workers, one for this process"


def test_a_sender_that_waits_for_a_slow_relay_counts_as_at_work(box_sqlite: Outbox, mailsink: MailSink) -> None:
    box = box_sqlite
    box.settings(mail_lease_seconds=20, mail_renew_seconds=1)
    box.owe(box.person())
    mailsink.stall_seconds = 1.6
    mailsink.script.append(Fault.STALL)
    began = time.monotonic()
    box.run()

    assert time.monotonic() - began > 1.5
    assert (pulse.pulse().silent or 99) < 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 minutes"), (59, "0 minutes"), (60, "1 minute"), (179, "2 minutes"), (3600, "1 hour"),
        (3660, "1 hour 1 minute"), (86_399, "23 hours 59 minutes"), (86_400, "1 day"), (86_400 + 59 * 60, "1 day"),
        (90_000, "1 day 1 hour"), (18_601 * 60, "12 days 22 hours"),
    ],
)  # fmt: skip
def test_staff_read_how_late_it_is_in_days_hours_and_minutes(app_sqlite: Flask, seconds: int, words: str) -> None:
    with app_sqlite.test_request_context():
        assert pulse.length(seconds) == words
