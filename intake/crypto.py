"""Sealing: identity, contact and free text are encrypted per person; find and match use blind tokens.

A data key per owner (a person, or a short-lived draft) is wrapped by the center's key. Ciphertext is bound to
its column and row. Deleting the data key erases everything sealed under it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app
from sqlalchemy import BigInteger, Index, bindparam, func, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from config import Config
from intake.clock import utcnow
from intake.db import Base, Id, among, db, new_id

FORMAT = b"\x01"
NONCE = 12
ERASED = "(erased)"
_CACHE = "data_keys"


class SealBroken(RuntimeError):
    """A ciphertext was changed, moved to another row or column, or sealed under another center's key."""


class DataKey(Base):
    """One owner's key, wrapped by the center's key; `wrapped` is emptied when the owner is erased."""

    __tablename__ = "data_key"
    __table_args__ = (
        Index(
            "data_key_destroyed", "destroyed_at",
            postgresql_where=sql("destroyed_at IS NOT NULL"), sqlite_where=sql("destroyed_at IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    owner_id: Mapped[int] = mapped_column(BigInteger, index=True)
    wrapped: Mapped[bytes | None]
    master: Mapped[str]
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]


class Wrapped(NamedTuple):
    """What is read of a data key to open it."""

    id: int
    owner_id: int
    wrapped: bytes | None
    master: str


# A new key is known before it is stored and a destroyed one is stored at once, so nothing is written before a read.
_WRAPPED = select(DataKey.id, DataKey.owner_id, DataKey.wrapped, DataKey.master).execution_options(autoflush=False)
_OF_OWNER = _WRAPPED.where(DataKey.owner_id == bindparam("owner"), DataKey.destroyed_at.is_(None)).order_by(
    DataKey.created_at.desc()
)


def _config() -> Config:
    config: Config = current_app.extensions["intake.config"]
    return config


@lru_cache(maxsize=64)
def _derived(key: bytes, label: str) -> bytes:
    return hmac.digest(key, b"intake|" + label.encode(), "sha256")


@lru_cache(maxsize=64)
def _keyed(key: bytes, label: str) -> hmac.HMAC:
    return hmac.new(_derived(key, label), digestmod="sha256")


@lru_cache(maxsize=8)
def _center(master: bytes) -> AESGCM:
    return AESGCM(master)


@lru_cache(maxsize=8)
def master_name(key: bytes) -> str:
    """The public name of a center's key, kept beside each key it wraps."""
    return hashlib.sha256(b"master|" + key).hexdigest()[:16]


def make_key(owner_id: int) -> DataKey:
    """Make and add the data key of a new owner (the caller's transaction stores it)."""
    master = _config().master_key
    row = DataKey(id=new_id(), owner_id=owner_id, master=master_name(master), created_at=utcnow())
    raw = AESGCM.generate_key(bit_length=256)
    row.wrapped = _wrap(raw, row.id, master)
    db.session.add(row)
    _cache()[row.id] = AESGCM(raw)
    _owners()[owner_id] = row.id
    return row


def _wrap(raw: bytes, key_id: int, master: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return nonce + _center(master).encrypt(nonce, raw, b"data_key|%d" % key_id)


def unwrap(row: Wrapped, master: bytes) -> bytes:
    """The raw data key of a row.

    Raises:
        SealBroken: wrapped by another center's key, or changed.
    """
    try:
        wrapped = row.wrapped or b""
        return _center(master).decrypt(wrapped[:NONCE], wrapped[NONCE:], b"data_key|%d" % row.id)
    except (InvalidTag, ValueError) as broken:
        raise SealBroken("a data key cannot be opened with this center's key") from broken


def _opened(row: Wrapped) -> bytes:
    """The raw data key of a row, wrapped by today's or by an older center's key."""
    config = _config()
    for master in (config.master_key, *config.master_keys_old):
        if master_name(master) == row.master:
            return unwrap(row, master)
    raise SealBroken("a data key was wrapped by a center's key that this process does not have")


def rewrap(most: int) -> int:
    """Wrap up to `most` data keys of older center's keys under today's; returns how many (call in a transaction).

    What they seal is not touched, so it is readable all the time, by processes that know both keys.
    """
    master = _config().master_key
    rows = db.session.scalars(
        select(DataKey)
        .where(DataKey.master != master_name(master), DataKey.wrapped.is_not(None))
        .order_by(DataKey.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        raw = _opened(Wrapped(row.id, row.owner_id, row.wrapped, row.master))
        row.wrapped, row.master = _wrap(raw, row.id, master), master_name(master)
    return len(rows)


def wrapped_by() -> dict[str, int]:
    """How many living data keys each center's key wraps, by its public name."""
    found = db.session.execute(
        select(DataKey.master, func.count(DataKey.id)).where(DataKey.wrapped.is_not(None)).group_by(DataKey.master)
    )
    return {row[0]: row[1] for row in found}


def _cache() -> dict[int, AESGCM | None]:
    # Kept in the session, so it dies with the request and an erased key is gone from the next one on.
    cache: dict[int, AESGCM | None] = db.session().info.setdefault(_CACHE, {})
    return cache


def _owners() -> dict[int, int]:
    owners: dict[int, int] = db.session().info.setdefault("data_key_owners", {})
    return owners


def _remember(rows: Iterable[Wrapped]) -> None:
    cache, owners = _cache(), _owners()
    for row in rows:
        cache[row.id] = AESGCM(_opened(row)) if row.wrapped else None
        if row.wrapped:
            owners[row.owner_id] = row.id


def _key_of(owner_id: int) -> int:
    if owner_id not in _owners():
        row = db.session.execute(_OF_OWNER, {"owner": owner_id}).first()
        if row is None:
            raise SealBroken("this owner has no key, or was erased")
        _remember([Wrapped(*row)])
    return _owners()[owner_id]


def seal(text: str, *, key_of: int, at: str, row: int) -> bytes:
    """Encrypt `text` under the owner's key, bound to column `at` ("table.column") and row id.

    Raises:
        SealBroken: the owner has no living key.
    """
    key_id = _key_of(key_of)
    key = _cache()[key_id]
    assert key is not None
    nonce = secrets.token_bytes(NONCE)
    clear = unicodedata.normalize("NFC", text).encode()
    return FORMAT + key_id.to_bytes(8, "big") + nonce + key.encrypt(nonce, clear, _bound(at, row))


def _bound(at: str, row: int) -> bytes:
    return f"{at}|{row}".encode()


def key_id(blob: bytes) -> int:
    """Which data key a ciphertext names in its header."""
    return int.from_bytes(blob[1:9], "big")


def prefetch(blobs: Iterable[bytes | None]) -> None:
    """Load the keys of many ciphertexts with one statement, before a list is opened."""
    wanted = {key_id(b) for b in blobs if b} - _cache().keys()
    if wanted:
        # Columns, not objects: a list needs hundreds of keys.
        found = db.session.execute(_WRAPPED.where(among(DataKey.id, wanted)))
        _remember(Wrapped(*row) for row in found)


def open_(blob: bytes | None, *, at: str, row: int) -> str:
    """Decrypt; "" for an empty column, "(erased)" when the owner's key was destroyed.

    Raises:
        SealBroken: the ciphertext was changed or belongs to another column or row.
    """
    if not blob:
        return ""
    if blob[:1] != FORMAT:
        raise SealBroken("unknown format of a sealed field")
    name, known = key_id(blob), _cache()
    if name not in known:
        prefetch([blob])
    key = known.get(name)
    if key is None:
        return ERASED
    try:
        return key.decrypt(blob[9 : 9 + NONCE], blob[9 + NONCE :], _bound(at, row)).decode()
    except (InvalidTag, ValueError) as broken:
        raise SealBroken(f"{at} of row {row} cannot be opened") from broken


def destroy_keys(owner_id: int, *, now: datetime) -> int:
    """Erase an owner: empty all their data keys; returns how many there were."""
    rows = list(db.session.scalars(select(DataKey).where(DataKey.owner_id == owner_id)))
    for row in rows:
        row.wrapped = None
        row.destroyed_at = now
        _cache().pop(row.id, None)
    db.session.flush()
    _owners().pop(owner_id, None)
    return len(rows)


def blind(kind: str, value: str) -> int:
    """A keyed 63-bit token of a normalised value; each kind of value has its own key."""
    digest = hmac.digest(_derived(_config().blind_key, f"blind|{kind}"), value.encode(), "sha256")
    return int.from_bytes(digest[:8], "big") >> 1


def keyed_digest(label: str, value: bytes) -> bytes:
    """HMAC-SHA256 under the key derived for `label` (audit chain, Message-ID, digests of addresses)."""
    # A copy costs half of what the setting up of a key does.
    made = _keyed(_config().blind_key, label).copy()
    made.update(value)
    return made.digest()


def digester(label: str) -> Callable[[bytes], bytes]:
    """The same as `keyed_digest` for many values: the key is derived once."""
    key = _derived(_config().blind_key, label)
    return lambda value: hmac.digest(key, value, "sha256")


def link_token(purpose: str, subject_id: int, generation: int = 1) -> str:
    """The secret of a mailed link: 64 hexadecimal digits, derived so that a resend carries the same link."""
    return keyed_digest("link", f"{purpose}|{subject_id}|{generation}".encode()).hex()


def token_digest(token: str) -> bytes:
    """What is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()
