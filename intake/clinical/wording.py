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
    "check_twins",
    "fernandez_huerta",
    "grade",
    "language_hits",
    "reach",
    "words_a_sentence",
]

_AMOUNT = re.compile(r"(?<!\w)[0-9]+(?:\.[0-9]+)?\s?(?:mg|mcg|mme)(?!\w)")
_LINK = re.compile(r"https?://\S*", re.IGNORECASE)
_IDENTITY = re.compile(r"[?&](?:name|email|mrn|dob|patient)=", re.IGNORECASE)
_UNITS = ("mg", "mcg", "mme")


@dataclass(frozen=True, slots=True)
class EmailCheck:
    """Whether a message may go, and what was found in it: each hit once, sorted by character code."""

    allowed: bool
    hits: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return allowed and hits as plain JSON values."""
        return {"allowed": self.allowed, "hits": list(self.hits)}


def check_email(
    subject: str,
    body: str,
    center_aliases: Iterable[str] = (),
    *,
    locale: str = "en",
    clean: set[str] | None = None,
) -> EmailCheck:
    """Check subject and plain text of a message.

    Args:
        subject, body: as they are sent.
        center_aliases: names that tell what the center does; trimmed, empty ones ignored, any case.
        locale: "es" (also es-MX and the like) searches the Spanish stems as well.
        clean: words without a stem, of one locale. A check adds to them and the next one does not search them again:
            nearly all words of a thousand messages are the same.

    Returns:
        EmailCheck with the hits: the stem itself, amount, center:NAME, insecure_url, url_identifies_patient.

    Source: clinical.md 6.4 and 6.5.
    """
    text = f"{subject}\n{body}".lower()
    # A mail client breaks lines where it likes, so what has two words is looked for over any blank.
    words = text.split()
    joined = " ".join(words)
    hits = _stems(words, joined, locale, set() if clean is None else clean)
    hits.update(_centers(text, joined, center_aliases))
    # To ask whether it could match at all is many times cheaper than the expression.
    if any(unit in text for unit in _UNITS) and _AMOUNT.search(text):
        hits.add("amount")
    hits.update(_links(body))
    return EmailCheck(not hits, tuple(sorted(hits)))


def check_html(
    subject: str,
    text: str,
    center_aliases: Iterable[str] = (),
    *,
    locale: str = "en",
    clean: set[str] | None = None,
) -> EmailCheck:
    """Check subject and HTML part: character references are decoded, tags are kept, the rest is as in `check_email`."""
    return check_email(subject, html.unescape(text), center_aliases, locale=locale, clean=clean)


def check_twins(
    subject: str,
    text: str,
    html_part: str,
    center_aliases: Iterable[str] = (),
    *,
    locale: str = "en",
    clean: set[str] | None = None,
) -> EmailCheck:
    """Check a subject and both parts of a message at once: the hits of `check_email` and `check_html` together."""
    return check_email(subject, f"{text}\n{html.unescape(html_part)}", center_aliases, locale=locale, clean=clean)


def reach(center_aliases: Iterable[str] = ()) -> int:
    """The length, in characters, of the longest thing that is looked for by its words; a link goes on to its blank."""
    return max(map(len, (*ENGLISH, *SPANISH, *_UNITS, *(alias.strip() for alias in center_aliases))))


def _stems(words: Iterable[str], joined: str, locale: str, clean: set[str]) -> set[str]:
    """The stems in lower-case words, also inside one or in a link, and those of two words over the blank between."""
    new = set(words) - clean
    apart = " ".join(new)
    hits = {stem for stem in ENGLISH if " " not in stem and stem in apart}
    spanish = locale.lower().startswith("es")
    if spanish:
        plain = _without_accents(apart)
        hits |= {stem for stem, bare in _SPANISH_PLAIN if " " not in bare and bare in plain}
    if not hits:
        clean |= new
    hits |= {stem for stem in _ENGLISH_OVER_BLANKS if stem in joined}
    if spanish:
        plain = _without_accents(joined)
        hits |= {stem for stem, bare in _SPANISH_PLAIN if " " in bare and bare in plain}
    return hits


def _centers(text: str, joined: str, aliases: Iterable[str]) -> Iterator[str]:
    for alias in aliases:
        name = alias.strip()
        if name and (name.lower() in text or name.lower() in joined):
            yield f"center:{name}"


def _links(body: str) -> Iterator[str]:
    """What is wrong with the links of a text; a link ends at the next blank."""
    for word in body.split() if "://" in body else ():
        found = _LINK.search(word) if "://" in word else None
        if found is None:
            continue
        if found[0][:7].lower() == "http://":
            yield "insecure_url"
        if _IDENTITY.search(found[0]):
            yield "url_identifies_patient"


def _without_accents(text: str) -> str:
    """Drop accents: people write both recaída and recaida."""
    plain = unicodedata.normalize("NFD", text)
    for mark in filter(unicodedata.combining, set(plain)):
        plain = plain.replace(mark, "")
    return plain


_ENGLISH_OVER_BLANKS = tuple(stem for stem in ENGLISH if " " in stem)
_SPANISH_PLAIN = tuple((stem, _without_accents(stem)) for stem in SPANISH)
