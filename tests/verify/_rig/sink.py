"""A mail server that keeps every mail whose final dot arrived and fails by the key of the mail, as a seed says."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from datetime import UTC, datetime
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.mailsink import Fault, Mail, MailSink

_KEY = re.compile(rb"(?im)^Message-ID: <([0-9a-f]{32})@")


def key_of(raw: bytes) -> str:
    """The local part of a mail's Message-ID."""
    found = _KEY.search(raw)
    return found[1].decode() if found else "?"


class MoodySink(MailSink):
    """Drops before and after the dot, stalls and greylists; the same seed gives each mail the same fate."""

    def __init__(self, seed: int, *, greylist: float) -> None:
        self.seed, self.greylist = seed, greylist
        self.calm = False
        self._dice = random.Random(seed)
        self._seen: Counter[str] = Counter()
        super().__init__()
        self.stall_seconds = 2.0

    def next_fault(self) -> Fault:
        """Two in a hundred bodies are cut before the dot."""
        return Fault.DROP_BEFORE_DOT if not self.calm and self._dice.random() < 0.02 else Fault.ACCEPT

    def take(self) -> Fault:
        """Fates are thrown per mail, not taken from a script."""
        return Fault.ACCEPT

    def fate(self, key: str) -> Fault:
        """What this arrival of a mail meets."""
        self._seen[key] += 1
        roll = random.Random(f"{self.seed}:{key}:{self._seen[key]}").random()
        first = self._seen[key] == 1
        if roll < 0.04:
            return Fault.DROP_AFTER_DOT
        if roll < 0.05:
            return Fault.STALL
        if first and roll < 0.05 + self.greylist:
            return Fault.TRY_LATER
        return Fault.ACCEPT

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the mail, then do as its fate says; a stall ends with a 250."""
        raw = cast(bytes, envelope.original_content)
        fault = self.fate(key_of(raw))
        kept = Fault.ACCEPT if fault is Fault.STALL else fault
        self.arrived.append(Mail(datetime.now(UTC), envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, kept))
        if fault is Fault.DROP_AFTER_DOT:
            cast(asyncio.Transport, server.transport).abort()
        if fault is Fault.STALL:
            await asyncio.sleep(self.stall_seconds)
        if fault is Fault.TRY_LATER:
            return "451 4.7.1 greylisted, try again later"
        return "250 2.0.0 accepted"
