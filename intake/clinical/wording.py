"""What a message may say: the filter every email passes, the words never used about people, and how hard a text is.

Telling anyone that a person has had treatment for substance use is a disclosure, and email is read by others (42 CFR
2.11). So the filter is a gate on templates and on every rendered message, and it would rather hold a harmless message.

Sources: clinical.md 6.3 to 6.5; screens.md 8; rulings 26.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .language import fernandez_huerta, grade, language_hits, words_a_sentence
from .stems import ENGLISH, SPANISH

__all__ = [
    "ENGLISH",
    "SPANISH",
    "EmailCheck",
    "check_email",
    "check_html",
    "fernandez_huerta",
    "grade",
    "language_hits",
    "words_a_sentence",
]

_AMOUNT = re.compile(r"(?<!\w)[0-9]+(?:\.[0-9]+)?\s?(?:mg|mcg|mme)(?!\w)")
_LINK = re.compile(r"https?://\S*", re.IGNORECASE)
_IDENTITY = re.compile(r"[?&](?:name|email|mrn|dob|patient)=", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class EmailCheck:
    """Whether a message may go, and what was found in it: each hit once, sorted by character code."""

    allowed: bool
    hits: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return allowed and hits as plain JSON values."""
        return {"allowed": self.allowed, "hits": list(self.hits)}


def check_email(subject: str, body: str, center_aliases: Iterable[str] = (), *, locale: str = "en") -> EmailCheck:
    """Check subject and plain text of a message.

    Args:
        subject, body: as they are sent.
        center_aliases: names that tell what the center does; trimmed, empty ones ignored, any case.
        locale: "es" (also es-MX and the like) searches the Spanish stems as well.

    Returns:
        EmailCheck with the hits: the stem itself, amount, center:NAME, insecure_url, url_identifies_patient.

    Source: clinical.md 6.4 and 6.5.
    """
    text = f"{subject}\n{body}".lower()
    hits = set(_stems(text, locale))
    hits.update(_centers(text, center_aliases))
    if _AMOUNT.search(text):
        hits.add("amount")
    for link in _LINK.findall(body):
        if link[:7].lower() == "http://":
            hits.add("insecure_url")
        if _IDENTITY.search(link):
            hits.add("url_identifies_patient")
    return EmailCheck(not hits, tuple(sorted(hits)))


def check_html(subject: str, text: str, center_aliases: Iterable[str] = (), *, locale: str = "en") -> EmailCheck:
    """Check subject and HTML part: character references are decoded, tags are kept, the rest is as in `check_email`."""
    return check_email(subject, html.unescape(text), center_aliases, locale=locale)


def _stems(text: str, locale: str) -> Iterator[str]:
    """Yield the stems that occur in a lower-case text, also inside a word, a link, or across a line break."""
    # A mail client breaks lines where it likes, so a stem of two words is also looked for over any blank.
    joined = _BLANKS.sub(" ", text)
    yield from (stem for stem in ENGLISH if stem in joined)
    if locale.lower().startswith("es"):
        plain = _without_accents(joined)
        yield from (stem for stem, bare in zip(SPANISH, _SPANISH_PLAIN, strict=True) if bare in plain)


def _centers(text: str, aliases: Iterable[str]) -> Iterator[str]:
    joined = _BLANKS.sub(" ", text)
    for alias in aliases:
        name = alias.strip()
        if name and (name.lower() in text or name.lower() in joined):
            yield f"center:{name}"


def _without_accents(text: str) -> str:
    """Drop accents: people write both recaída and recaida."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


_SPANISH_PLAIN = tuple(_without_accents(stem) for stem in SPANISH)
