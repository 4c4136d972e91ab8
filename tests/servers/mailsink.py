"""A real SMTP server in this process that keeps each mail and fails as its script says."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum, auto
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from workers.local.processes import free_port


class Fault(Enum):
    """What happens to one mail."""

    ACCEPT = auto()
    REFUSE_SENDER = auto()  # 451 at MAIL FROM
    REFUSE_RECIPIENT = auto()  # 550 at RCPT TO
    TRY_LATER = auto()  # 451 after the final dot
    REFUSE = auto()  # 554 after the final dot
    DROP_BEFORE_DOT = auto()  # the connection is cut while the body travels
    DROP_AFTER_DOT = auto()  # the whole mail arrived; the connection is cut before the 250
    STALL = auto()  # the whole mail arrived; the answer takes `stall_seconds`


@dataclass(frozen=True)
class Mail:
    """One mail whose final dot arrived."""

    at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    fault: Fault

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def text(self) -> str:
        """The plain text part, decoded."""
        part = self.message.get_body(("plain",))
        return part.get_content() if part else ""

    @property
    def html(self) -> str:
        """The HTML part, decoded."""
        part = self.message.get_body(("html",))
        return part.get_content() if part else ""


class _Dialogue(SMTP):
    """The SMTP conversation, with a cut in the middle of DATA."""

    async def smtp_DATA(self, arg: str) -> None:  # the base class finds a command's method by this name
        sink = cast(MailSink, self.event_handler)
        if self.envelope and self.envelope.rcpt_tos and sink.next_fault() is Fault.DROP_BEFORE_DOT:
            sink.take()
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            cast(asyncio.Transport, self.transport).abort()
            return
        await super().smtp_DATA(arg)


class MailSink:
    """An SMTP server on loopback. `script` holds the faults of the next mails; after it, each mail meets `usual`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.arrived: list[Mail] = []
        self.script: deque[Fault] = deque()
        self.usual = Fault.ACCEPT
        self.stall_seconds = 5.0
        self.pipelining = False
        self.connections = 0
        self._changed = threading.Condition()
        self._sessions: set[asyncio.BaseTransport] = set()
        self.start()

    @property
    def accepted(self) -> list[Mail]:
        """The mails that were answered with 250, oldest first."""
        return [mail for mail in self.arrived if mail.fault is Fault.ACCEPT]

    def start(self) -> None:
        """Listen (again) on the same port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailsink", daemon=True)
        self._thread.start()
        # The caller may live in a running loop of its own (a browser's), so the server starts in its thread.
        listening = self._loop.create_server(self._dialogue, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)

    def stop(self) -> None:
        """Stop listening and cut every connection, as a relay that goes away."""
        self._loop.call_soon_threadsafe(self._close)
        self._thread.join(5)
        self._loop.close()

    def clear(self) -> None:
        """Forget mails and script."""
        with self._changed:
            self.arrived.clear()
            self.script.clear()
            self.usual = Fault.ACCEPT
            self.pipelining = False

    def wait_for(self, count: int, seconds: float = 10) -> list[Mail]:
        """The accepted mails once there are `count` of them.

        Raises:
            AssertionError: fewer arrived within `seconds`.
        """
        until = time.monotonic() + seconds
        with self._changed:
            while len(self.accepted) < count:
                left = until - time.monotonic()
                assert left > 0, f"{len(self.accepted)} of {count} mails arrived within {seconds} s"
                self._changed.wait(left)
            return self.accepted

    def next_fault(self) -> Fault:
        """What the next mail meets."""
        return self.script[0] if self.script else self.usual

    def _dialogue(self) -> _Dialogue:
        self.connections += 1
        return _Dialogue(self, loop=self._loop, hostname="mailsink.invalid", enable_SMTPUTF8=True)

    def _close(self) -> None:
        self._server.close()
        for transport in list(self._sessions):
            cast(asyncio.Transport, transport).abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_later(0.05, self._loop.stop)

    def take(self) -> Fault:
        """What this mail meets; the script moves on."""
        return self.script.popleft() if self.script else self.usual

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Note the connection, so that `stop` can cut it."""
        session.host_name = hostname
        self._sessions.add(cast(Any, server.transport))
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.pipelining else responses

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        if self.next_fault() is Fault.REFUSE_SENDER:
            self.take()
            return "451 4.3.0 try again later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        if self.next_fault() is Fault.REFUSE_RECIPIENT:
            self.take()
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the mail, then answer, stay silent or cut."""
        fault = self.take()
        raw = cast(bytes, envelope.original_content)
        mail = Mail(datetime.now(UTC), envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, fault)
        with self._changed:
            self.arrived.append(mail)
            self._changed.notify_all()
        if fault is Fault.DROP_AFTER_DOT:
            cast(asyncio.Transport, server.transport).abort()
        if fault is Fault.STALL:
            await asyncio.sleep(self.stall_seconds)
        if fault is Fault.TRY_LATER:
            return "451 4.7.1 greylisted, try again later"
        if fault is Fault.REFUSE:
            return "554 5.7.1 refused"
        return "250 2.0.0 accepted"
