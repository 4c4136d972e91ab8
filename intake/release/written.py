"""A copy as JSON or CSV. The notice and the reason why it may leave stand in both, before the facts."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from intake.audit.queries import cell
from intake.db import id_text
from intake.release.service import Copy

HEADS = ("part", "item", "value")


def _head(copy: Copy) -> dict[str, str]:
    return {
        "copy": id_text(copy.number),
        "case": copy.reference,
        "person": copy.person,
        "from": copy.center,
        "to": copy.recipient,
        "at": copy.affiliation,
        "purpose": copy.purpose,
        "basis": copy.basis,
        "consent": copy.consent_text,
        "notice": copy.notice,
        "notice_version": copy.notice_version,
        "given_by": copy.by,
        "given_at": copy.at.isoformat(),
    }


def as_dict(copy: Copy) -> dict[str, Any]:
    """The copy as plain values: its head, then `facts` by part, each a list of {item, value}."""
    facts = {s.code: [{"item": item, "value": value} for item, value in s.rows] for s in copy.sections}
    return {**_head(copy), "facts": facts}


def as_json(copy: Copy) -> str:
    """The copy as one JSON object."""
    return json.dumps(as_dict(copy), ensure_ascii=False, indent=1) + "\n"


def as_csv(copy: Copy) -> str:
    """The copy as CSV (RFC 4180, UTF-8): part, item, value; the head stands in part "copy"."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADS)
    writer.writerows(("copy", name, cell(value)) for name, value in _head(copy).items())
    for section in copy.sections:
        writer.writerows((section.code, cell(item), cell(value)) for item, value in section.rows)
    return text.getvalue()
