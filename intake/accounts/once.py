"""A form that was sent twice does its work once: the second sending gets the first one's answer.

The page carries a fresh key (`once()` in templates/parts/csrf.html), or a program sends `Idempotency-Key`. It belongs
to who sent it and to what was sent, and is kept for a day with the answer's status and address, never its body.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from flask import Response, make_response, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from intake import crypto
from intake.accounts.models import SentForm
from intake.clock import utcnow
from intake.db import aside, db, end_read, glance
from intake.errors import AlreadyDone, RuleBroken
from intake.guard import optional_actor

FIELD = "once"
HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
WAIT_SECONDS = 4.0
LOOK_SECONDS = 0.05
LONGEST = 200


_guarded: set[Callable[..., ResponseReturnValue]] = set()


def fresh_key() -> str:
    """A key for one form on one page."""
    return secrets.token_hex(16)


def once(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let a creating view run at most once for each key; without a key it runs as ever. Stands below `@requires`.

    Raises:
        RuleBroken: the key was used for something else. AlreadyDone: the first sending is still at work.
    """

    @wraps(view)
    def guarded(**values: object) -> ResponseReturnValue:
        key = request.headers.get(HEADER, "") or request.form.get(FIELD, "")
        if request.method != "POST" or not key:
            return view(**values)
        digest, body = _digest(key[:LONGEST]), _body()
        end_read()
        if not _begin(digest, body):
            return _first_answer(digest, body)
        try:
            answer = make_response(view(**values))
        except BaseException:
            _forget(digest)
            raise
        _finish(digest, answer)
        return answer

    _guarded.add(guarded)
    return guarded


def runs_once(view: Callable[..., ResponseReturnValue]) -> bool:
    """Whether a view, however it is wrapped, stands below `@once`."""
    while view not in _guarded and hasattr(view, "__wrapped__"):
        view = view.__wrapped__
    return view in _guarded


def _digest(key: str) -> bytes:
    actor = optional_actor()
    who = f"staff {actor.id}" if actor else f"address {request.remote_addr}"
    return crypto.keyed_digest("once", f"{who}|{request.path}|{key}".encode())


def _body() -> bytes:
    pairs = sorted((k, v) for k, v in request.form.items(multi=True) if k not in {"csrf_token", FIELD})
    return hashlib.sha256(repr(pairs).encode()).digest()


def _begin(digest: bytes, body: bytes) -> bool:
    try:
        with aside() as session:
            session.execute(insert(SentForm).values(digest=digest, body=body, at=utcnow(), status=0, location=""))
    except IntegrityError:
        return False
    return True


def _finish(digest: bytes, answer: Response) -> None:
    if answer.status_code >= 400:
        _forget(digest)
        return
    location = answer.headers.get("Location", "")[:500]
    with aside() as session:
        session.execute(
            update(SentForm).where(SentForm.digest == digest).values(status=answer.status_code, location=location)
        )


def _forget(digest: bytes) -> None:
    with aside() as session:
        session.execute(delete(SentForm).where(SentForm.digest == digest))


def _first_answer(digest: bytes, body: bytes) -> ResponseReturnValue:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        with glance() as session:
            row = session.scalar(select(SentForm).where(SentForm.digest == digest))
        if row is None:
            raise AlreadyDone("This was sent twice and did not work. Look at the page and send it again.")
        if row.body != body:
            raise RuleBroken("This page was sent before with other answers. Open it again.", code="KEY_USED")
        if row.status:
            if row.location:
                return redirect(row.location)
            raise AlreadyDone("This was done the first time. Its answer was shown once and is kept nowhere.")
        if time.monotonic() > until:
            raise AlreadyDone("This was sent twice. The first sending is still at work; look again in a moment.")
        time.sleep(LOOK_SECONDS)


def sweep(now: datetime) -> int:
    """Delete keys of yesterday (an upkeep job, inside its transaction); returns how many."""
    gone = db.session.scalars(delete(SentForm).where(SentForm.at < now - KEPT).returning(SentForm.digest))
    return len(list(gone))
