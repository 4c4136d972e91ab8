"""The interface for other systems (docs/api.md): send a referral, and read what became of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from flask import Response, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from intake import actor as actors
from intake import problems
from intake.audit import service as audit
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import RuleBroken
from intake.guard import current_client, token
from intake.inquiries import referral_values, referrals
from intake.inquiries.models import Referral
from intake.inquiries.routes import bp
from intake.limits import limiter
from intake.settings import queries as settings

MOST_BYTES = 64 * 1024
# What a room above adds for the sender under the person's consent: (referral id, by=, now=) gives facts or None.
more_about: Callable[..., Mapping[str, Any] | None] | None = None
_KEY = re.compile(r"[\x21-\x7e]{8,200}")


@bp.post("/api/v1/referrals")
@token("referrals")
@limiter.limit("60/minute")
def receive_referral() -> ResponseReturnValue:
    """Receive one referral; with the same Idempotency-Key and body, answer as the first time."""
    if request.mimetype != "application/json":
        return problems.answer(415, "Send application/json.")
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        return problems.answer(400, "Send an Idempotency-Key of 8 to 200 plain signs.")
    try:
        body, told = _read()
    except RequestEntityTooLarge:
        return problems.answer(413, f"Send at most {MOST_BYTES} bytes.")
    except RuleBroken as wrong:
        return problems.answer(422, wrong.message, wrong.fields, missing=_still_needed(wrong))
    client, now = current_client(), utcnow()
    # One key space per token, and no sign of the sender's in our table.
    own_key = f"api:{client.id}:{hashlib.sha256(key.encode()).hexdigest()}"
    with transaction():
        row, is_new = referrals.receive(
            told, site=settings.site(client.site_id), actor=actors.system(client.site_id), now=now,
            client_id=client.id, key=own_key, digest=referrals.body_digest(body),
        )  # fmt: skip
        answer = _shown(row)
    answer.status_code = 201 if is_new else 200
    answer.headers["Location"] = url_for(".read_referral", referral_id=row.id)
    return answer


@bp.post("/api/v1/referrals/<id:referral_id>/more")
@token("referrals")
@limiter.limit("60/minute")
def complete_referral(referral_id: int) -> ResponseReturnValue:
    """Fill in what was missing; what was told before stays, so the same body may be sent again."""
    client, now = current_client(), utcnow()
    if request.mimetype != "application/json":
        return problems.answer(415, "Send application/json.")
    try:
        _body, told = _read(more=True)
    except RequestEntityTooLarge:
        return problems.answer(413, f"Send at most {MOST_BYTES} bytes.")
    except RuleBroken as wrong:
        return problems.answer(422, wrong.message, wrong.fields)
    with transaction():
        row = referrals.of_client(referral_id, client_id=client.id, site_id=client.site_id)
        row = referrals.add(row.inquiry_id, told, actor=actors.system(client.site_id), now=now)
        return _shown(row)


def _read(*, more: bool = False) -> tuple[bytes, dict[str, Any]]:
    if (request.content_length or 0) > MOST_BYTES:
        raise RequestEntityTooLarge
    body = request.get_data(cache=True)
    if len(body) > MOST_BYTES:
        raise RequestEntityTooLarge
    try:
        parsed = request.get_json(silent=True)
    except RecursionError:
        parsed = None
    client = current_client()
    today = settings.day(client.site_id, utcnow())
    return body, referral_values.read_json(parsed, today=today, more=more)


def _still_needed(wrong: RuleBroken) -> tuple[str, ...]:
    return tuple(name for name in referral_values.NEEDED if name in wrong.fields)


@bp.get("/api/v1/referrals/<id:referral_id>")
@token("referrals")
@limiter.limit("120/minute")
def read_referral(referral_id: int) -> ResponseReturnValue:
    """What became of a referral, for the system that sent it, as far as the ground it named allows."""
    client = current_client()
    with transaction():
        row = referrals.of_client(referral_id, client_id=client.id, site_id=client.site_id)
        audit.record(
            actor=actors.system(client.site_id), verb="told", record="referral", record_id=row.id,
            purpose=client.name[:40], now=utcnow(),
        )  # fmt: skip
        referral_id = row.id
    # The gate has transactions of its own, and decides before anything of the record is read.
    facts = more_about(referral_id, by=client.name, now=utcnow()) if more_about is not None else None
    with transaction():
        return _shown(referrals.of_client(referral_id, client_id=client.id, site_id=client.site_id), facts)


def _shown(row: Referral, facts: Mapping[str, Any] | None = None) -> Response:
    """Status and number; the answer only where the person's consent or a court order lets the sender know."""
    tells = row.legal_basis in referrals.TELLS_ANSWER
    answered = bool(row.answer) and tells
    body: dict[str, Any] = {
        "id": url_for(".read_referral", referral_id=row.id).rsplit("/", 1)[-1],
        "reference": referrals.reference(row),
        "state": "answered" if answered else "received",
        "received_at": row.acknowledged_at.astimezone(UTC).isoformat(),
        "reply_by": row.reply_due_at.astimezone(UTC).isoformat(),
        "missing": list(row.missing),
    }
    if answered:
        body["answer"] = row.answer
        if row.answer == "declined":
            body["reason"] = row.answer_code
    elif not tells:
        body["note"] = "We answer by phone: the ground you named does not let us tell more here."
    if facts is not None:
        body["told"] = facts
    answer = jsonify(body)
    answer.headers["Cache-Control"] = "no-store"
    return answer


WITHOUT_CSRF = (receive_referral, complete_referral)
