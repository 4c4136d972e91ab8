"""Normalise names, phones and emails, and turn them into blind tokens for find and duplicates.

Pure but for the key: nothing here reads or writes a row. A token alone tells nothing; candidates are decrypted and
ranked afterwards (safety.md section 6).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

import jellyfish

from intake import crypto

PREFIXES = (3, 4, 5, 6)
MOST_WORDS = 6
_SIGNS = re.compile(r"[\W_]+", re.ASCII)
_NAME_BITS = (1 << 32) - 1

Key = tuple[str, int]


def words(name: str) -> list[str]:
    """The words of a name, lower case, without accents and signs; at most six, longest meaning first kept in order."""
    plain = name.replace("'", "").replace("’", "").casefold()
    if plain.isascii():
        return _SIGNS.sub(" ", plain).split()[:MOST_WORDS]
    plain = unicodedata.normalize("NFKD", plain)
    letters = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in plain)
    return letters.split()[:MOST_WORDS]


def folded(name: str) -> str:
    """A name as it is compared: its words with one space between."""
    return " ".join(words(name))


def phonetic(word: str) -> str:
    """How a word sounds, as a short code; the word itself when it has no Latin letters."""
    return jellyfish.metaphone(word) or word


def _name_token(kind: str, value: str) -> Key:
    # Cut to 32 bits, so that two rare names may share a token and none can be counted exactly.
    return kind, crypto.blind(kind, value) & _NAME_BITS


def name_keys(*names: str) -> set[Key]:
    """Tokens of every word of the names: prefixes of 3 to 6 letters and the sound."""
    found: set[Key] = set()
    for word in {w for name in names for w in words(name)}:
        for length in PREFIXES:
            if len(word) >= length:
                found.add(_name_token(f"name{length}", word[:length]))
        if len(word) < PREFIXES[0]:
            found.add(_name_token("name3", word))
        found.add(_name_token("sound", phonetic(word)))
    return found


def beginning(word: str) -> Key:
    """The token of the first three letters of a word."""
    return _name_token("name3", word[: PREFIXES[0]])


def birth_keys(names: Iterable[str], born_on: date | None) -> set[Key]:
    """Tokens that join a name with a birth date: sound and birth year, first letters and the whole date."""
    if born_on is None:
        return set()
    found: set[Key] = set()
    for word in {w for name in names for w in words(name)}:
        found.add(_name_token("sound_year", f"{phonetic(word)}|{born_on.year}"))
        found.add(_name_token("start_born", f"{word[:3]}|{born_on.isoformat()}"))
    return found


def phone_keys(e164: str) -> set[Key]:
    """Tokens of a phone number in E.164: the whole number, and its last seven digits for numbers typed short."""
    if not e164:
        return set()
    digits = "".join(c for c in e164 if c.isdigit())
    return {("phone", crypto.blind("phone", e164)), ("phone7", crypto.blind("phone7", digits[-7:]))}


def email_keys(address: str) -> set[Key]:
    """The token of an email address, without regard to case."""
    return {("email", crypto.blind("email", address.casefold()))} if address else set()


def likeness(one: str, other: str) -> float:
    """How alike two names are, 0 to 1: the words in their best order, by edits and by sound."""
    a, b = words(one), words(other)
    if not a or not b:
        return 0.0
    short, long = sorted((a, b), key=len)
    best = [max(word_likeness(w, v) for v in long) for w in short]
    return sum(best) / len(best)


def word_likeness(one: str, other: str) -> float:
    """How alike two words of `words` are, 0 to 1, by edits and by sound."""
    if one == other:
        return 1.0
    close = jellyfish.jaro_winkler_similarity(one, other)
    if len(one) == 1 or len(other) == 1:
        return 0.8 if one[0] == other[0] else 0.0
    if phonetic(one) == phonetic(other):
        close = max(close, 0.93)
    return close
