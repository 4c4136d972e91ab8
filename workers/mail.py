"""The one way out: SMTP over a kept connection. It says what the relay said, and whether anybody can know.

Up to the final dot every failure is definite: nothing was accepted. From the first byte of the dot to the answer it is
not (RFC 1047), so the answer gets ten minutes and a lost one is in doubt, never a plain retry.
"""

from __future__ import annotations

import re
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from config import Config
from intake.messages.mime import one_line
from intake.messages.outcomes import Outcome

AFTER_DOT_SECONDS = 600.0
MOST_PER_CONNECTION = 200
BREAK_AFTER = 5
BREAK_SECONDS = (10.0, 30.0, 60.0)
DOT = b".\r\n"
_ENHANCED = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})")
_STUFF = re.compile(rb"(?m)^\.")


class NoRelay(Exception):
    """No connection to the relay can be had now; nothing was handed over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one mail met: the outcome, the SMTP code, the enhanced code, whether the address was the reason."""

    outcome: Outcome
    code: str
    enhanced: str = ""
    at_recipient: bool = False


class Transport(Protocol):
    """Whatever carries mails; the engine knows no more."""

    @property
    def connected(self) -> bool:
        """True when a mail can be handed over without connecting first."""

    def connect(self) -> None:
        """Make ready; NoRelay when that cannot be."""

    def send(self, sender: str, recipient: str, raw: bytes, may_finish: Callable[[], bool]) -> Answer:
        """Hand over one mail to exactly one recipient; `may_finish` is asked just before the final dot."""

    def close(self) -> None:
        """Say goodbye."""


class _Cut(Exception):
    """The connection ended at a place where nothing was accepted yet."""


class Relay:
    """One SMTP connection, kept open between mails and used by one sender."""

    def __init__(self, config: Config) -> None:
        self.url: SplitResult = urlsplit(config.smtp_url)
        self.starttls = config.smtp_starttls
        self.timeout = float(config.smtp_timeout_seconds) or 30.0
        self.after_dot = AFTER_DOT_SECONDS
        self.smtp: smtplib.SMTP | None = None
        self.carried = 0

    @property
    def connected(self) -> bool:
        """True while the connection is open and not worn out."""
        return self.smtp is not None and self.smtp.sock is not None and self.carried < MOST_PER_CONNECTION

    def connect(self) -> None:
        """Open a fresh connection, with TLS and sign-in as configured.

        Raises:
            NoRelay: it cannot be had.
        """
        self.close()
        try:
            self.smtp = self._open()
        except (OSError, smtplib.SMTPException) as away:
            self.close()
            raise NoRelay(type(away).__name__) from away
        self.carried = 0

    def _open(self) -> smtplib.SMTP:
        host, secure = self.url.hostname or "", self.url.scheme == "smtps"
        port = self.url.port or (465 if secure else 25)
        smtp = (
            smtplib.SMTP_SSL(host, port, timeout=self.timeout, context=ssl.create_default_context())
            if secure
            else smtplib.SMTP(host, port, timeout=self.timeout)
        )
        self.smtp = smtp
        assert smtp.sock is not None
        # Else the dot waits for the acknowledgement of the body.
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        smtp.ehlo_or_helo_if_needed()
        if not secure and self.starttls != "off":
            if smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            elif self.starttls == "required":
                raise smtplib.SMTPNotSupportedError("the relay offers no STARTTLS")
        if self.url.username:
            smtp.login(unquote(self.url.username), unquote(self.url.password or ""))
        return smtp

    def close(self) -> None:
        """End the connection without waiting for anything."""
        smtp, self.smtp = self.smtp, None
        if smtp is not None:
            smtp.close()

    def send(self, sender: str, recipient: str, raw: bytes, may_finish: Callable[[], bool]) -> Answer:
        """Hand over one mail; reconnects once if the kept connection turns out to be dead."""
        fresh = not self.connected
        try:
            if fresh:
                self.connect()
            return self._hand_over(sender, recipient, raw, may_finish)
        except NoRelay as away:
            return Answer(Outcome.CONNECT_FAILED, str(away))
        except _Cut as cut:
            self.close()
            if fresh or str(cut) == "lease_over":
                return Answer(Outcome.CONNECT_FAILED, str(cut))
        return self.send(sender, recipient, raw, may_finish)

    def _hand_over(self, sender: str, recipient: str, raw: bytes, may_finish: Callable[[], bool]) -> Answer:
        smtp = self.smtp
        assert smtp is not None
        self.carried += 1
        options = ""
        if not (recipient.isascii() and sender.isascii()):
            if not smtp.has_extn("smtputf8"):
                return Answer(Outcome.REFUSED_PERMANENT, "553", "5.6.7", at_recipient=True)
            options = " SMTPUTF8"
        commands = (f"MAIL FROM:<{sender}>{options}", f"RCPT TO:<{recipient}>", "DATA")
        # All at once where the relay takes that (RFC 2920); no body follows a no to any of them.
        answers = self._ask(*commands) if smtp.has_extn("pipelining") else []
        for place, command in enumerate(commands):
            code, words = answers[place] if place < len(answers) else self._ask(command)[0]
            fine = code == 354 if command == "DATA" else 200 <= code < 300
            if not fine:
                if answers and answers[-1][0] == 354:
                    # It waits for a mail that nobody is to get; without the dot it has none.
                    self.close()
                return self._refused(code, words, at_recipient=place == 1)
        return self._data(raw, may_finish)

    def _ask(self, *commands: str) -> list[tuple[int, bytes]]:
        """Commands before the body and what the relay says to each; a lost connection here is definite."""
        smtp = self.smtp
        assert smtp is not None
        answers: list[tuple[int, bytes]] = []
        try:
            # The address goes out as UTF-8 only where SMTPUTF8 was announced.
            smtp.command_encoding = "utf-8"
            smtp.send("".join(f"{one_line(command)}\r\n" for command in commands))
            # After a 421 nothing else is said.
            while len(answers) < len(commands) and not (answers and answers[-1][0] == 421):
                answers.append(smtp.getreply())
        except (OSError, smtplib.SMTPException) as lost:
            # A no that came before the end stays a no.
            if not any(code >= 400 for code, _ in answers):
                raise _Cut(type(lost).__name__) from lost
            self.close()
        return answers

    def _data(self, raw: bytes, may_finish: Callable[[], bool]) -> Answer:
        smtp = self.smtp
        assert smtp is not None
        assert smtp.sock is not None
        try:
            smtp.sock.sendall(_STUFF.sub(b"..", raw) if b"\n." in raw or raw[:1] == b"." else raw)
            # Something to read before the dot is a refusal or the end of the connection: nothing was accepted.
            early = self._said_something(smtp)
            code, words = smtp.getreply() if early else (0, b"")
        except (OSError, smtplib.SMTPException) as lost:
            raise _Cut(type(lost).__name__) from lost
        if early:
            self.close()
            return self._class(code if code >= 400 else 451, words, at_recipient=False)
        if not may_finish():
            raise _Cut("lease_over")
        try:
            smtp.sock.settimeout(self.after_dot)
            smtp.sock.sendall(DOT)
            code, words = smtp.getreply()
            smtp.sock.settimeout(self.timeout)
        except (OSError, smtplib.SMTPException) as lost:
            self.close()
            return Answer(Outcome.IN_DOUBT, type(lost).__name__)
        if 200 <= code < 300:
            return Answer(Outcome.ACCEPTED, str(code), _enhanced(words))
        if code == 421:
            self.close()
        return self._class(code, words, at_recipient=False)

    def _said_something(self, smtp: smtplib.SMTP) -> bool:
        """Whether the relay has spoken or gone: in the reader's buffer, inside TLS, or on the socket."""
        assert smtp.sock is not None
        assert smtp.file is not None
        smtp.sock.settimeout(0)
        try:
            waiting = bool(smtp.file.peek(1))
        except ssl.SSLWantReadError:
            return False
        finally:
            smtp.sock.settimeout(self.timeout)
        return waiting or bool(select.select([smtp.sock], [], [], 0)[0])

    def _refused(self, code: int, words: bytes, *, at_recipient: bool) -> Answer:
        """A no before the body; the dialogue is reset so that the next mail starts clean."""
        if code == 421:
            self.close()
        elif self.smtp is not None:
            try:
                self._ask("RSET")
            except _Cut:
                self.close()
        return self._class(code, words, at_recipient=at_recipient)

    def _class(self, code: int, words: bytes, *, at_recipient: bool) -> Answer:
        enhanced = _enhanced(words)
        outcome = Outcome.REFUSED_PERMANENT if 500 <= code < 600 else Outcome.REFUSED_TEMPORARY
        return Answer(outcome, str(code), enhanced, at_recipient or enhanced.startswith("5.1"))


def _enhanced(words: bytes) -> str:
    found = _ENHANCED.match(words.strip())
    return found[1].decode() if found else ""


class Drop:
    """Accepts every mail and delivers none (simulation and benchmarks)."""

    def __init__(self) -> None:
        self.count = 0

    connected = True

    def connect(self) -> None:
        """Nothing to do."""

    def send(self, sender: str, recipient: str, raw: bytes, may_finish: Callable[[], bool]) -> Answer:
        """Count it."""
        self.count += 1
        return Answer(Outcome.ACCEPTED, "250", "2.0.0")

    def close(self) -> None:
        """Nothing to do."""


def transport(config: Config) -> Transport | None:
    """The transport of SMTP_URL; None when nothing is configured, so nothing is sent.

    Raises:
        ValueError: another scheme than smtp, smtps or drop.
    """
    if not config.smtp_url:
        return None
    scheme = urlsplit(config.smtp_url).scheme
    if scheme == "drop":
        return Drop()
    if scheme not in {"smtp", "smtps"}:
        raise ValueError("SMTP_URL must start with smtp:// or smtps://")
    return Relay(config)


class Breaker:
    """Opens after five failures to connect in a row; then one try at a time, at growing distances."""

    def __init__(self) -> None:
        self.failures = 0
        self.closed_until = 0.0

    def allows(self) -> bool:
        """True when a connection may be tried now."""
        return time.monotonic() >= self.closed_until

    def failed(self) -> float:
        """Count a failure; returns the seconds until the next try is sensible."""
        self.failures += 1
        over = self.failures - BREAK_AFTER
        wait = BREAK_SECONDS[min(over, len(BREAK_SECONDS) - 1)] if over >= 0 else 1.0
        self.closed_until = time.monotonic() + wait
        return wait

    def succeeded(self) -> None:
        """Close it."""
        self.failures, self.closed_until = 0, 0.0

    def wait(self) -> float:
        """Seconds until a connection may be tried."""
        return max(0.0, self.closed_until - time.monotonic())


class Buckets:
    """A token bucket per receiving domain, so that bursts are smoothed before the gate is asked."""

    def __init__(self, per_minute: int) -> None:
        self.rate = per_minute / 60.0
        self.size = max(1.0, self.rate * 10)
        self.full: dict[str, tuple[float, float]] = {}

    def take(self, domain: str) -> float:
        """Take one token: 0.0 when there is one, else the seconds until there is."""
        if not self.rate:
            return 0.0
        now = time.monotonic()
        tokens, at = self.full.get(domain, (self.size, now))
        tokens = min(self.size, tokens + (now - at) * self.rate)
        if tokens < 1.0:
            self.full[domain] = (tokens, now)
            return (1.0 - tokens) / self.rate
        self.full[domain] = (tokens - 1.0, now)
        return 0.0
