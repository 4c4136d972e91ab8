"""The three texts of a mail, worked out once for all mails of a batch that differ only in a name and some addresses.

A template is run with a mark in place of each of those values, and the text between the marks is kept. Whether such a
value is there at all belongs to what is compared, so a template may ask for it; beyond that it may only print it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Template
from markupsafe import escape

_MARK = re.compile("\x02(\\w+)\x03")
_BLANKS = re.compile(r"(\s+)")
# Stands where a text was left out, so that nothing is found across the gap.
_GAP = "\n\x1f\n"
MOST = 8

Templates = tuple[Template, Template, Template]


@dataclass(slots=True)
class Skeleton:
    """What some mails say alike: which values were there, and subject, text and HTML in pieces around them.

    `clean` is set once the content filter read a whole mail of these and found nothing: from then on only what is
    around a mail's own values can be new to it.
    """

    templates: Templates
    said: Mapping[str, Any]
    there: tuple[str, ...]
    pieces: tuple[list[str], list[str], list[str]]
    near: tuple[list[str], list[str]]
    clean: bool = False

    def fill(self, alone: Mapping[str, str]) -> tuple[str, str, str]:
        """Subject, text and HTML of one mail."""
        safe = {name: str(escape(value)) for name, value in alone.items()}
        return _fill(self.pieces[0], alone), _fill(self.pieces[1], alone), _fill(self.pieces[2], safe)

    def around(self, alone: Mapping[str, str]) -> str:
        """The values of one mail in text and HTML with the words around them, all as a reader sees it."""
        return f"{_fill(self.near[0], alone)}{_GAP}{_fill(self.near[1], alone)}"


class Skeletons:
    """Those of one batch, the last few of them; `reach` is how far, in characters, the content filter looks."""

    def __init__(self, reach: int) -> None:
        self._kept: list[Skeleton] = []
        self._reach = reach

    def of(self, templates: Templates, said: Mapping[str, Any], alone: Mapping[str, str]) -> Skeleton:
        """The skeleton of a mail; `alone` are the values of this one mail, plain text."""
        there = tuple(name for name, value in alone.items() if value)
        for kept in self._kept:
            if kept.templates is templates and kept.there == there and kept.said == said:
                return kept
        made = self._make(templates, said, alone, there)
        self._kept = [made, *self._kept[: MOST - 1]]
        return made

    def _make(
        self, templates: Templates, said: Mapping[str, Any], alone: Mapping[str, str], there: tuple[str, ...]
    ) -> Skeleton:
        marks = {name: f"\x02{name}\x03" if name in there else alone[name] for name in alone}
        all_of_it = {**said, **marks}
        subject = templates[0].render(all_of_it).strip()
        text = templates[1].render(all_of_it).strip() + "\n"
        whole = templates[2].render({**all_of_it, "subject": subject})
        pieces = (_MARK.split(subject), _MARK.split(text), _MARK.split(whole))
        plain = [piece if place % 2 else html.unescape(piece) for place, piece in enumerate(pieces[2])]
        near = (_near(pieces[1], self._reach), _near(plain, self._reach))
        return Skeleton(templates, dict(said), there, pieces, near)


def _fill(pieces: list[str], values: Mapping[str, str]) -> str:
    """Text and names of values take turns."""
    if len(pieces) == 1:
        return pieces[0]
    filled = pieces.copy()
    filled[1::2] = [values[name] for name in pieces[1::2]]
    return "".join(filled)


def _near(pieces: Sequence[str], reach: int) -> list[str]:
    """The same pieces, of each only what is within `reach` of a value, in whole words and with their blanks."""
    near = list(pieces)
    for place in range(0, len(pieces), 2):
        words = _BLANKS.split(pieces[place])
        head = _within(words, reach) if place else 0
        tail = _within(reversed(words), reach) if place < len(pieces) - 1 else 0
        if head + tail < len(words):
            near[place] = "".join(words[:head]) + _GAP + "".join(words[len(words) - tail :])
    return near


def _within(words: Iterable[str], reach: int) -> int:
    """How many words and blanks from the start it takes to go beyond `reach`; a run of blanks counts as one."""
    count, length = 0, 0
    for word in words:
        if length > reach and not word.strip():
            break
        count, length = count + 1, length + (len(word) if word.strip() else 1)
    return count
