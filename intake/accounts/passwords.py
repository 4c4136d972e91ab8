"""Hash and check passwords with argon2id; the cost is a setting, and a hash of lower cost is renewed at sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

from config import Config
from intake.errors import RuleBroken

LEAST_WITH_SECOND_FACTOR = 12
LEAST_ALONE = 15
MOST = 256
# So many figures that are no run are hard to guess, whatever word stands beside them.
MANY_FIGURES = 10
LIST = Path(__file__).with_name("common_passwords.txt")
_SWAPS = str.maketrans("013457@$!|+8", "oieastasiitb")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890")


def _hasher() -> PasswordHasher:
    config: Config = current_app.extensions["intake.config"]
    return PasswordHasher(
        time_cost=config.argon2_time, memory_cost=config.argon2_memory_kib, parallelism=1, hash_len=32, salt_len=16
    )


@cache
def common() -> frozenset[str]:
    """The words that passwords are most often made of."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _only_words(letters: str, words: frozenset[str]) -> bool:
    """True when `letters` is one common word or two of them, one of which may be repeated."""
    whole = re.sub(r"^(.{3,}?)\1+$", r"\1", letters)
    return whole in words or any(whole[:i] in words and whole[i:] in words for i in range(2, len(whole) - 1))


def _a_run(plain: str) -> bool:
    """True for a walk along the keyboard, the alphabet or the figures, there or back, or repeats of few signs."""
    pairs = sum(any(a + b in row or b + a in row for row in _ROWS) or a == b for a, b in pairwise(plain))
    return len(set(plain)) < 5 or pairs >= len(plain) - 3


def _is_common(password: str) -> bool:
    lower = password.lower()
    if _a_run(lower):
        return True
    # Spaces between words are kept as joints: a phrase of four words is no common password.
    if len(lower.split()) > 2:
        return False
    figures = re.sub(r"\D", "", lower)
    if len(figures) >= MANY_FIGURES and not _a_run(figures):
        return False
    inner = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", lower)
    plain = re.sub(r"[^a-z]", "", lower)
    if 2 * len(plain) < len(lower) and plain not in lower and not inner.isalnum():
        return False
    kept = {plain, re.sub(r"[^a-z]", "", lower.translate(_SWAPS)), re.sub(r"[^a-z]", "", inner.translate(_SWAPS))}
    return any(not letters or _only_words(letters, common()) for letters in kept)


def _mostly(password: str, about: Iterable[str]) -> bool:
    """True when little is left once the names of the person and the center are taken out."""
    lower = re.sub(r"[\W_]", "", password.lower())
    rest = lower
    parts = {part for text in about for part in re.split(r"[\W_]+", text.lower()) if len(part) >= 3}
    for part in sorted(parts, key=len, reverse=True):
        rest = rest.replace(part, "")
    return len(rest) < 8 and rest != lower


def check_new(password: str, *, about: Iterable[str] = (), least: int = LEAST_WITH_SECOND_FACTOR) -> None:
    """Refuse a password that is too short, too long, common, or made of the words in `about` (name, email, center).

    Raises:
        RuleBroken: with the sentence for the field `password`.
    """
    sentence = ""
    if len(password) < least:
        sentence = f"Use at least {least} signs. A few words in a row are easy to keep in mind."
    elif len(password) > MOST:
        sentence = f"Use at most {MOST} signs."
    elif "\x00" in password or not password.isprintable():
        sentence = "This has a sign that cannot be typed everywhere. Choose another password."
    elif _mostly(password, about):
        sentence = "This is made of your name or the center's. Choose words that nobody would expect."
    elif _is_common(password):
        sentence = "Many people use a password like this. Choose words that nobody would expect."
    if sentence:
        raise RuleBroken(sentence, code="PASSWORD", fields={"password": sentence})


def hashed(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher().hash(password)


def matches(stored: str, password: str) -> bool:
    """True when the password is the one stored; takes as long for an unknown account (`stored` empty)."""
    hasher = _hasher()
    # A lone surrogate cannot be encoded; no stored password has one.
    clear = password.encode("utf-8", "replace")
    if len(clear) > MOST * 4:
        return False
    if not stored:
        hasher.hash(clear)
        return False
    try:
        return hasher.verify(stored, clear)
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """True when the hash was made at another cost than today's setting."""
    return _hasher().check_needs_rehash(stored)
