"""Hash and check passwords with argon2id; the cost is a setting, and a hash of lower cost is renewed at sign-in."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

from config import Config
from intake.errors import RuleBroken

LEAST_WITH_SECOND_FACTOR = 12
MOST = 256
COMMON = frozenset(
    {"password1234", "123456789012", "qwertyuiop12", "letmein12345", "iloveyou1234", "welcome12345", "administrator"}
)


def _hasher() -> PasswordHasher:
    config: Config = current_app.extensions["intake.config"]
    return PasswordHasher(
        time_cost=config.argon2_time, memory_cost=config.argon2_memory_kib, parallelism=1, hash_len=32, salt_len=16
    )


def check_new(password: str) -> None:
    """Refuse a password that is too short, too long or on the list of common ones.

    Raises:
        RuleBroken: with the sentence for the field `password`.
    """
    sentence = ""
    if len(password) < LEAST_WITH_SECOND_FACTOR:
        sentence = f"Use at least {LEAST_WITH_SECOND_FACTOR} signs. A few words in a row are easy to keep in mind."
    elif len(password) > MOST:
        sentence = f"Use at most {MOST} signs."
    elif password.lower() in COMMON or len(set(password)) < 4:
        sentence = "Many people use this password. Choose another one."
    if sentence:
        raise RuleBroken(sentence, code="PASSWORD", fields={"password": sentence})


def hashed(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher().hash(password)


def matches(stored: str, password: str) -> bool:
    """True when the password is the one stored; takes as long for an unknown account (`stored` empty)."""
    hasher = _hasher()
    if len(password) > MOST:
        return False
    if not stored:
        hasher.hash(password)
        return False
    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """True when the hash was made at another cost than today's setting."""
    return _hasher().check_needs_rehash(stored)
