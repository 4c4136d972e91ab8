"""The place in a list as a signed word, so that a page goes on exactly where the last one ended (keyset, no OFFSET)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

from intake import crypto
from intake.clock import from_micros, to_micros
from intake.db import id_text, id_value
from intake.errors import RuleBroken

SIGNATURE = 16
LONGEST = 120


@dataclass(frozen=True)
class Place:
    """The last row of a page: its queue, rank, time of first contact and id."""

    queue: str
    rank: int
    since: datetime
    id: int


def _signature(text: str) -> str:
    return crypto.keyed_digest("list-cursor", text.encode()).hex()[:SIGNATURE]


def write(place: Place) -> str:
    """A place as text for an address; it tells nothing about a person."""
    text = f"{place.queue}.{place.rank}.{to_micros(place.since)}.{id_text(place.id)}"
    return f"{text}.{_signature(text)}"


def read(text: str) -> Place:
    """The place of a text that `write` made.

    Raises:
        RuleBroken: it was changed, cut or made elsewhere.
    """
    body, _, signature = text.rpartition(".")
    parts = body.split(".")
    if (
        len(text) > LONGEST
        or not text.isascii()
        or len(parts) != 4
        or not hmac.compare_digest(signature, _signature(body))
    ):
        raise RuleBroken("This page of the list does not exist any more. Start at its top.", code="CURSOR")
    return Place(parts[0], int(parts[1]), from_micros(int(parts[2])), id_value(parts[3]))
