"""Errors for other systems: application/problem+json (RFC 9457) with a sentence, and a line per wrong field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response

MEDIA_TYPE = "application/problem+json"
TITLES = {each.value: each.phrase for each in HTTPStatus}


def answer(
    status: int, sentence: str, fields: Mapping[str, str] | None = None, *, missing: tuple[str, ...] = ()
) -> Response:
    """One problem; `fields` maps a place in the body (a JSON pointer without its slash) to a sentence."""
    said = {
        "type": "about:blank",
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "detail": sentence,
    }
    errors = [{"pointer": f"/{name.replace('.', '/')}", "detail": words} for name, words in (fields or {}).items()]
    body = {**said, **({"errors": errors} if errors else {}), **({"missing": list(missing)} if missing else {})}
    found = Response(json.dumps(body, ensure_ascii=False), status, mimetype=MEDIA_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        found.headers["WWW-Authenticate"] = "Bearer"
    return found
