"""The broker is killed while a form is being sent: the form succeeds, and the mail comes when the broker is back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys.house import running
from tests.journeys.steps import EMAIL, fill_form, send_form
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.browser

QUIET_SECONDS = 4
MAIL_SECONDS = 60


def test_a_lost_broker_costs_lateness_and_no_data(
    sqlite_database: Database, mailsink: MailSink, chromium: Browser, tmp_path: Path
) -> None:
    broker = Valkey(tmp_path)
    try:
        with running(sqlite_database, broker.url, mailsink) as house:
            page = fill_form(chromium, house)
            broker.kill()
            number = send_form(page)
            assert number
            time.sleep(QUIET_SECONDS)
            assert mailsink.accepted == []
            broker.start()
            until = time.monotonic() + MAIL_SECONDS
            while not mailsink.accepted and time.monotonic() < until:
                time.sleep(0.2)
            mails = [(mail.recipients, number in mail.text) for mail in mailsink.accepted]
            assert mails == [((EMAIL,), True)]
    finally:
        broker.kill()
