"""The outbox and a mail server, as in tests/messages."""

from __future__ import annotations

from tests.messages.conftest import box, box_sqlite

__all__ = ["box", "box_sqlite"]
