"""The outbox on both databases, beside a real SMTP server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.messages.outbox import Outbox, outbox
from tests.servers.mailsink import MailSink


@pytest.fixture
def box(app: Flask, mailsink: MailSink) -> Iterator[Outbox]:
    """An outbox on each engine."""
    with outbox(app, mailsink.url) as made:
        yield made


@pytest.fixture
def box_sqlite(app_sqlite: Flask, mailsink: MailSink) -> Iterator[Outbox]:
    """An outbox on SQLite."""
    with outbox(app_sqlite, mailsink.url) as made:
        yield made
