"""Education texts as files of the package: own words, a source each, in English and Spanish.

A text is a draft until a center enters who reviewed it, when, and until when that holds; the review counts for these
exact words only, so a changed text is a draft again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOPICS: tuple[str, ...] = ("pain", "tolerance", "tapering", "withdrawal", "naloxone")
LOCALES: tuple[str, ...] = ("en", "es")
FOLDER = Path(__file__).with_name("texts")


@dataclass(frozen=True)
class Text:
    """One text: `paragraphs` in reading order, `digest` the SHA-256 of the whole file."""

    topic: str
    locale: str
    title: str
    version: str
    source: str
    paragraphs: tuple[str, ...]
    digest: bytes

    @property
    def words(self) -> str:
        """Title and paragraphs as one text, for counting and for reading aloud."""
        return "\n\n".join((self.title, *self.paragraphs))


def short(locale: str) -> str:
    """The language of a locale, as texts have it: es or en."""
    return "es" if locale.lower().startswith("es") else "en"


@cache
def text(topic: str, locale: str) -> Text:
    """The text of a topic in a language, whoever may have reviewed it.

    Raises:
        KeyError: no such topic or language.
    """
    if topic not in TOPICS or locale not in LOCALES:
        raise KeyError(topic)
    raw = (FOLDER / f"{topic}.{locale}.txt").read_text(encoding="utf-8")
    head, _, body = raw.partition("\n\n")
    named = dict(line.split(": ", 1) for line in head.splitlines())
    paragraphs = tuple(" ".join(part.split()) for part in body.split("\n\n") if part.strip())
    digest = hashlib.sha256(raw.encode()).digest()
    return Text(topic, locale, named["title"], named["version"], named["source"], paragraphs, digest)


def texts() -> tuple[Text, ...]:
    """Every text in every language."""
    return tuple(text(topic, locale) for topic in TOPICS for locale in LOCALES)
