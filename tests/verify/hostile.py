"""`verify hostile`: seeded odd requests at every address; none may end in a 500, take two seconds or be reflected."""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from intake.actor import Role
from intake.db import db, id_text
from tests import figures, world
from tests.compiled import KEPT, STATEMENTS

MARK = "zq7<script>alert(1)</script>"
ODD: tuple[str, ...] = (
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "Infinity",
    "99999999999999999999",
    "1.5",
    "\x00",
    "a\x00b",
    "😀" * 40,
    "é" * 500,
    "\u202egnp.exe",
    "\u200b",
    "A" * 20_000,
    "' OR 1=1 --",
    '"; DROP TABLE person; --',
    "{{7*7}}",
    "${7*7}",
    "../../etc/passwd",
    "2026-02-30",
    "0000-00-00",
    "9999-12-31",
    "=1+1",
    "%00",
    "\r\nSet-Cookie: a=b",
    MARK,
    "yes",
    "no",
    "on",
    "none",
    "unknown",
)
FIELDS = (
    "danger",
    "who",
    "name",
    "age",
    "takes",
    "since",
    "pain",
    "phone",
    "email",
    "voicemail",
    "text",
    "best_time",
    "feel",
    "consent",
    "action",
    "product",
    "regimen",
    "rate_pct",
    "goal",
    "interval_days",
    "start_date",
    "reason",
    "review_by",
    "words",
    "version",
    "_field",
    "outcome",
    "channel",
    "due_at",
    "state",
    "next_contact",
    "decision",
    "level",
    "code",
    "queue",
    "acuity",
    "note",
    "q",
    "f",
    "after",
    "since",
    "cursor",
    "days1",
    "d1_0",
    "born_on",
    "feelings",
    "dose",
    "pain_nrs-now",
    "cows-pulse",
    "opioids-1-strength",
    "until",
    "told_whom",
    "password",
    "next",
    "from",
    "to",
    "who_else",
)
ROLES = (None, *Role)
SLOW_SECONDS = 2.0
# The demo center's mail is due and nobody sends it, which these two say.
UNREADY = {"ops.readyz", "ops.metrics"}


@dataclass
class Findings:
    """What was sent and what came back."""

    sent: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_at: str = ""


class Attacker:
    """Sends seeded requests with a real token, so that they reach the views."""

    def __init__(self, app: Flask, seed: int) -> None:
        self.app = app
        self.random = random.Random(seed)
        self.known = world.ids(app)
        self.rules = [r for r in app.url_map.iter_rules() if r.endpoint not in {"static", "accounts.sign_out"}]
        self.clients = {role: self._client(role) for role in ROLES}
        self.found = Findings()

    def _client(self, role: Role | None) -> tuple[FlaskClient, str]:
        client = self.app.test_client() if role is None else world.sign_in(self.app, role)
        page = client.get("/sign-in" if role else "/help/now").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        return client, token[1]

    def run(self, count: int) -> Findings:
        """Send `count` requests."""
        for _ in range(count):
            self.one()
        return self.found

    def _path(self, rule: Any) -> str:
        if self.random.random() < 0.15:
            odd = self.random.choice((*ODD[:20], id_text(1), "z" * 13))
            filled = re.sub(r"<[^>]+>", lambda _m: odd.replace("\x00", "%00").replace(" ", "%20") or "x", rule.rule)
            return filled.replace("\r", "").replace("\n", "")[:2000]
        return self.random.choice(list(world.addresses(self.app, rule, self.known, most=3)))

    def _form(self) -> dict[str, Any]:
        names = self.random.sample(FIELDS, self.random.randint(0, 12))
        form: dict[str, Any] = {}
        for name in names:
            values = [self.random.choice(ODD) for _ in range(self.random.choice((1, 1, 1, 2)))]
            form[name] = values if len(values) > 1 else values[0]
        return form

    def one(self) -> None:
        """One request."""
        rule = self.random.choice(self.rules)
        role = self.random.choice(ROLES)
        client, token = self.clients[role]
        path, method = self._path(rule), self.random.choice([*sorted(rule.methods or {"GET"}), "POST", "PUT"])
        data = {**self._form(), "csrf_token": token} if method in {"POST", "PUT"} else None
        query = self._form() if method == "GET" else None
        answer, took = _timed(client, path, method=method, data=data, query_string=query)
        if took > SLOW_SECONDS:
            # A slow page is slow twice; a page met for the first time, or a busy machine, is not.
            took = _timed(client, path, method=method, data=data, query_string=query)[1]
        self.found.sent += 1
        self.found.answers[answer.status_code] += 1
        where = f"{method} {rule.rule} as {role}"
        # 503 is an answer for a database that is away; here it is there all the time.
        if answer.status_code == 500 or (answer.status_code == 503 and rule.endpoint not in UNREADY):
            self.found.bad.append(f"{answer.status_code} at {where}: {data or query}")
        if took > self.found.slowest:
            self.found.slowest, self.found.slowest_at = took, where
        if took > SLOW_SECONDS:
            self.found.bad.append(f"{took:.1f} s at {where}")
        if "html" in answer.content_type and MARK in answer.get_data(as_text=True):
            self.found.bad.append(f"reflected at {where}")
        if "Set-Cookie" in answer.headers and "a=b" in str(answer.headers.getlist("Set-Cookie")):
            self.found.bad.append(f"header split at {where}")


def _timed(client: FlaskClient, path: str, **more: Any) -> tuple[Any, float]:
    """The answer to a request, and its seconds of work."""
    began = time.thread_time()
    answer = client.open(path, **more)
    return answer, time.thread_time() - began


def attack(folder: Path, *, seed: int, requests: int) -> Findings:
    """Fuzz a demo center in `folder`."""
    app = world.application(world.copy(folder, folder))
    # Limits have tests of their own; here they would hide what is behind them.
    app.config["RATELIMIT_ENABLED"] = False
    app.jinja_env.bytecode_cache = KEPT
    with app.app_context():
        db.engine.update_execution_options(compiled_cache=STATEMENTS)
        # Nobody pulls the plug here; waiting for the disk would be half of the time.
        event.listen(db.engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous = OFF").close())
        db.engine.dispose()
    found = Attacker(app, seed).run(requests)
    with app.app_context():
        db.engine.dispose()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="verify hostile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    wish = parser.parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = attack(Path(folder), seed=wish.seed, requests=wish.requests)
    print(f"seed {wish.seed}: {found.sent} requests, answers {dict(sorted(found.answers.items()))}")
    print(f"slowest {found.slowest:.2f} s at {found.slowest_at}; {time.monotonic() - began:.0f} s in all")
    if wish.figures:
        rows: list[tuple[str, ...]] = [(str(code), f"{n:,}") for code, n in sorted(found.answers.items())]
        said = (
            f"{found.sent:,} odd requests, seed {wish.seed}, as nobody and in every role: {len(found.bad)} findings "
            f"(answers of 500, over {SLOW_SECONDS:.0f} s, words reflected, headers split); the slowest took "
            f"{found.slowest:.2f} s of work.\n\n"
        )
        figures.write("verify hostile", said + figures.table(("answer", "times"), rows))
    for line in sorted(set(found.bad))[:40]:
        print(line[:400])
    print("found nothing" if not found.bad else f"{len(found.bad)} findings")
    return 1 if found.bad else 0
