"""The development mailbox: mails that the catcher stored as files, read for people (never in production)."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from intake.clinical import wording

LINK = re.compile(r"https?://[^\s\"'<>]+")
REMOTE = re.compile(r"<img|url\(|src=", re.IGNORECASE)
NEWEST = 200


@dataclass(frozen=True)
class Mail:
    """One stored mail; `key` is its file name without ending."""

    key: str
    at: datetime
    subject: str
    sender: str
    to: str
    plain: str
    html: str
    headers: tuple[tuple[str, str], ...]
    source: str
    checks: tuple[tuple[bool, str], ...] = field(default=())

    @property
    def masked(self) -> str:
        """The address as lists show it."""
        name, _, host = self.to.partition("@")
        return f"{name[:1]}••••@{host}"


def keys(folder: Path) -> list[str]:
    """Names of the stored mails, newest first."""
    found = sorted(folder.glob("*.eml"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    return [p.stem for p in found[:NEWEST]]


def read(folder: Path, key: str, *, aliases: tuple[str, ...] = ()) -> Mail | None:
    """One mail with its automatic checks; None when there is no such file."""
    path = folder / f"{key}.eml"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,80}", key) or not path.is_file():
        return None
    raw = path.read_bytes()
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    plain, html = _part(message, "plain"), _part(message, "html")
    return Mail(
        key=key,
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        subject=str(message["subject"] or ""),
        sender=str(message["from"] or ""),
        to=str(message["to"] or ""),
        plain=plain,
        html=html,
        headers=tuple((k, str(v)) for k, v in message.items()),
        source=raw.decode("utf-8", "replace"),
        checks=_checks(message, plain, html, aliases),
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""


def _checks(message: EmailMessage, plain: str, html: str, aliases: tuple[str, ...]) -> tuple[tuple[bool, str], ...]:
    subject = str(message["subject"] or "")
    hits = {*wording.check_email(subject, plain, aliases).hits, *wording.check_html(subject, html, aliases).hits}
    # On a loopback address links are http; that is the one thing that is different from the real thing.
    hits.discard("insecure_url")
    links = set(LINK.findall(plain)) | set(LINK.findall(html))
    twins = set(LINK.findall(plain)) <= set(LINK.findall(html)) and bool(plain.strip()) and bool(html.strip())
    return (
        (not hits, f"Word filter: {len(hits)} hits" + (f" ({', '.join(sorted(hits))})" if hits else "")),
        (not any("@" in link for link in links), f"{len(links)} links, no identity in them"),
        (twins and not REMOTE.search(html), f"Both parts there; 0 images; {(len(plain) + len(html)) / 1024:.1f} KB"),
        ("List-Unsubscribe" in message or "Auto-Submitted" in message, "Automatic mail says so in its headers"),
    )
