"""The three texts of a mail, worked out once for all mails of a batch that differ only in a name and some addresses.

A template is run with a mark in place of each of those values, and the text between the marks is kept. Whether such a
value is there at all belongs to what is compared, so a template may ask for it; beyond that it may only print it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template
from markupsafe import escape

_MARK = re.compile("\x02(\\w+)\x03")
MOST = 8

Templates = tuple[Template, Template, Template]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was said alike, which values were there, and the pieces of subject, text and HTML around them."""

    templates: Templates
    said: Mapping[str, Any]
    there: tuple[str, ...]
    pieces: tuple[list[str], list[str], list[str]]


class Skeletons:
    """Those of one batch, the last few of them."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []

    def texts(self, templates: Templates, said: Mapping[str, Any], alone: Mapping[str, str]) -> tuple[str, str, str]:
        """Subject, text and HTML; `alone` are the values of this one mail, plain text."""
        there = tuple(name for name, value in alone.items() if value)
        kept = next((k for k in self._kept if k.templates is templates and k.there == there and k.said == said), None)
        if kept is None:
            kept = _make(templates, said, alone, there)
            self._kept = [kept, *self._kept[: MOST - 1]]
        subject = _fill(kept.pieces[0], alone)
        safe = {name: str(escape(value)) for name, value in alone.items()}
        return subject, _fill(kept.pieces[1], alone), _fill(kept.pieces[2], safe)


def _make(templates: Templates, said: Mapping[str, Any], alone: Mapping[str, str], there: tuple[str, ...]) -> _Kept:
    marks = {name: f"\x02{name}\x03" if name in there else alone[name] for name in alone}
    all_of_it = {**said, **marks}
    subject = templates[0].render(all_of_it).strip()
    text = templates[1].render(all_of_it).strip() + "\n"
    html = templates[2].render({**all_of_it, "subject": subject})
    return _Kept(templates, dict(said), there, (_MARK.split(subject), _MARK.split(text), _MARK.split(html)))


def _fill(pieces: list[str], values: Mapping[str, str]) -> str:
    """Text and names of values take turns."""
    if len(pieces) == 1:
        return pieces[0]
    filled = pieces.copy()
    filled[1::2] = [values[name] for name in pieces[1::2]]
    return "".join(filled)
