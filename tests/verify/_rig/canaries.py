"""People nobody else is: names, numbers, addresses, words and birth dates that must turn up nowhere in the clear."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import Flask
from redis import Redis
from werkzeug.test import TestResponse

from config import Config
from intake.db import db
from intake.ops import backup
from tests.inquiries.browser import SELF, Browser, send
from tests.servers.mailsink import MailSink

ALIKE = 5
_LETTERS = "bcdfghjklm"


@dataclass(frozen=True)
class Canary:
    """One person; each value holds a word that stands nowhere else."""

    number: int

    @property
    def word(self) -> str:
        """The word in name, address and story."""
        return "Kwyzzil" + "".join(_LETTERS[int(digit)] for digit in f"{self.number:04d}")

    @property
    def phone(self) -> str:
        """A number of the block kept for stories."""
        return f"555 016 {7000 + self.number}"

    @property
    def born(self) -> date:
        """A day on which nobody else here was born."""
        return date(1931, 1, 2) + timedelta(days=self.number)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What to look for, in lower case."""
        digits = "".join(c for c in self.phone if c.isdigit())
        written = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
        days = (self.born.isoformat(), f"{self.born:%m/%d/%Y}", f"{self.born:%B} {self.born.day}, {self.born.year}")
        return tuple(each.lower().encode() for each in (self.word, digits, self.phone, written, written[6:], *days))


def flock(count: int) -> list[Canary]:
    """So many of them."""
    return [Canary(n) for n in range(count)]


@dataclass
class Seen:
    """Places where no person may be named, by the name of the place."""

    places: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, place: str, content: bytes | str) -> None:
        """Keep something that was found in a place."""
        self.places.setdefault(place, []).append(content.encode() if isinstance(content, str) else content)

    def hits(self, people: list[Canary]) -> dict[str, list[str]]:
        """For each place the values that stand there in the clear, also as hexadecimal or percent signs."""
        secrets = sorted({secret for person in people for secret in person.secrets})
        # Most values begin alike: where their beginning does not stand, none of them does.
        alike = {beginning: list(group) for beginning, group in groupby(secrets, lambda secret: secret[:ALIKE])}
        found: dict[str, list[str]] = {}
        for place, contents in self.places.items():
            clear = _clear(b"\n".join(contents))
            near = [group for beginning, group in alike.items() if beginning in clear]
            found[place] = [secret.decode() for group in near for secret in group if secret in clear]
        return found


def _clear(contents: bytes) -> bytes:
    """What was kept, in lower case, and once more what its percent signs and its hexadecimal digits stand for."""
    percent = re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), contents)
    decoded = [contents, percent if percent != contents else b""]
    for digits in re.findall(rb"[0-9a-fA-F]{%d,}" % (2 * ALIKE), contents):
        # A value may begin at an odd digit of a longer row of them.
        for start in (0, 1):
            run = digits[start:]
            decoded.append(bytes.fromhex(run[: len(run) // 2 * 2].decode()))
    return b"\n".join(decoded).lower()


class Watching(Browser):
    """A browser that keeps addresses and titles."""

    def __init__(self, app: Any, seen: Seen) -> None:
        super().__init__(app)
        self.seen = seen

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page and keep what its window and the address bar show."""
        return self._kept(path, super().get(path, **more))

    def post(self, path: str, form: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form and keep where it leads to."""
        return self._kept(path, super().post(path, form, **more))

    def _kept(self, path: str, answer: TestResponse) -> TestResponse:
        self.seen.add("addresses", path)
        for name, value in answer.headers.items():
            self.seen.add("addresses" if name == "Location" else "headers", value)
        found = re.search(r"<title>(.*?)</title>", answer.get_data(as_text=True), re.DOTALL)
        self.seen.add("titles", found[1] if found else "")
        return answer


def live(visitor: Browser, staff: Browser, person: Canary) -> None:
    """A person asks on the web, makes mistakes and calls; staff look for them and write about them."""
    visitor.step("now", danger="none")
    visitor.step("who", who="self")
    assert visitor.post("/help/you", {"name": person.word, "age": person.born.isoformat()}).status_code == 422
    asked = send(
        visitor,
        {
            **SELF,
            "you": {"name": person.word, "age": "41"},
            "reach": {
                "phone": person.phone, "voicemail": "no", "text": "yes", "email": f"{person.word}@canary.example",
            },
            "feel": {"own_words": f"They call me {person.word}."},
        },
    )  # fmt: skip
    assert asked.status_code == 302, asked.status_code
    visitor.get(asked.headers["Location"])
    assert visitor.post("/help/you", {"name": person.word, "csrf_token": "expired"}).status_code in (302, 419)
    call = str(staff.get("/calls/new").headers["Location"])
    staff.get(call)
    said = {
        "relation": "self", "name": f"{person.word} Again", "phone": person.phone, "message": "no",
        "best_time": "evening",
        "danger": "none", "age": f"{person.born:%m/%d/%Y}", "takes": ["fentanyl"], "last_use": "under_24h",
        "withdrawal": "bad", "pregnant": "na", "consent": "yes", "own_words": f"Ask for {person.word}.",
    }  # fmt: skip
    staff.post(f"{call}/save", {"_field": "name", "name": said["name"]}, headers={"X-Fragment": "1"})
    saved = staff.post(call, {**said, "after": "later"})
    assert saved.status_code == 302, saved.get_data(as_text=True)[:400]
    page = saved.headers["Location"]
    assert person.word in staff.get(page).get_data(as_text=True)
    assert person.word in staff.post("/find", {"q": f"{person.word} Agian"}).get_data(as_text=True)
    staff.post("/find", {"q": person.phone})
    staff.post(f"{page.partition('?')[0]}/attempts", {"outcome": "reached", "note": f"{person.word} is at work."})
    staff.get("/inbox")


def broker(client: Redis, seen: Seen) -> None:
    """Every key of the broker with its value."""
    for key in client.scan_iter(count=500):
        seen.add("broker", key)
        seen.add("broker", client.dump(key) or b"")


def database(app: Flask, seen: Seen) -> None:
    """The files of an SQLite database with its journal, or every row of a PostgreSQL one as COPY writes it."""
    config: Config = app.extensions["intake.config"]
    for file in config.data.glob("*.sqlite3*"):
        seen.add("database file and journal", file.read_bytes())
    if not config.database_url.startswith("sqlite"):
        with app.app_context(), db.engine.connect() as connection:
            for _, pieces in backup.copied_tables(connection):
                for piece in pieces:
                    seen.add("database rows", piece)


def folder(place: str, root: Path, seen: Seen) -> None:
    """Every file below a folder."""
    for file in sorted(root.rglob("*")):
        if file.is_file() and not file.is_symlink():
            seen.add(place, str(file.relative_to(root)))
            seen.add(place, file.read_bytes())


def mails(sink: MailSink, seen: Seen) -> None:
    """What mails say beside the address they go to."""
    for mail in sink.arrived:
        for name, value in mail.message.items():
            if name != "To":
                seen.add("mails", str(value))
        seen.add("mails", mail.text)
        seen.add("mails", mail.html)
