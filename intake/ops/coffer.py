"""The file format of a backup: named members, compressed, in one encrypted stream that cannot be cut or changed.

Chunks of a mebibyte under AES-256-GCM; a chunk's nonce holds its number and whether it is the last, so that chunks
can be neither left out, swapped nor cut off. The key comes from a passphrase by scrypt. The last thing in the stream
is the manifest: what each member held (bytes, SHA-256) and what the writer wants to be found again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"INTAKE1\n"
SALT, CHECK, PREFIX, TAG = 16, 16, 7, 16
CHUNK = 1 << 20
NAME, DATA, MANIFEST = 1, 2, 3
_FRAME = struct.Struct(">BI")


class Refused(RuntimeError):
    """A backup cannot be made or taken; the message is a sentence for the operator."""


def _derive(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    """The encryption key, and the check by which a wrong passphrase is told from a damaged file."""
    made = hashlib.scrypt(passphrase.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=64)
    return made[:32], hmac.digest(made[32:], b"check", "sha256")[:CHECK]


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


class Writer:
    """Writes members one after the other; `finish` writes the manifest and the end."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        salt, self._prefix = secrets.token_bytes(SALT), secrets.token_bytes(PREFIX)
        key, check = _derive(passphrase, salt)
        self._head = MAGIC + salt + check + self._prefix
        self._aead = AESGCM(key)
        self._number = 0
        self._waiting = bytearray()
        self.members: dict[str, dict[str, Any]] = {}
        file.write(self._head)

    def member(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add one member from its pieces."""
        self._frame(NAME, name.encode())
        digest, size = hashlib.sha256(), 0
        for piece in pieces:
            for start in range(0, len(piece), CHUNK):
                part = bytes(piece[start : start + CHUNK])
                digest.update(part)
                size += len(part)
                self._frame(DATA, zlib.compress(part, 1))
        self.members[name] = {"bytes": size, "sha256": digest.hexdigest()}

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest and close the stream (not the file)."""
        self._frame(MANIFEST, json.dumps({**manifest, "members": self.members}).encode())
        while len(self._waiting) > CHUNK:
            self._chunk(last=False)
        self._chunk(last=True)

    def _frame(self, kind: int, payload: bytes) -> None:
        self._waiting += _FRAME.pack(kind, len(payload)) + payload
        # One chunk stays back, since only `finish` knows which is the last.
        while len(self._waiting) > CHUNK:
            self._chunk(last=False)

    def _chunk(self, *, last: bool) -> None:
        clear = bytes(self._waiting[:CHUNK])
        del self._waiting[:CHUNK]
        self._file.write(self._aead.encrypt(_nonce(self._prefix, self._number, last), clear, self._head))
        self._number += 1


class Reader:
    """Reads members in their order; `manifest` is there, and checked against the members, after the last."""

    def __init__(self, file: BinaryIO, passphrases: Sequence[str]) -> None:
        """Open a stream with the first passphrase that fits.

        Raises:
            Refused: no backup, or none of the passphrases fits.
        """
        self._file = file
        self._head = file.read(len(MAGIC) + SALT + CHECK + PREFIX)
        if not self._head.startswith(MAGIC) or len(self._head) < len(MAGIC) + SALT + CHECK + PREFIX:
            raise Refused("This is not a backup of this product.")
        salt, check = self._head[8 : 8 + SALT], self._head[8 + SALT : 8 + SALT + CHECK]
        self._prefix = self._head[-PREFIX:]
        fitting = [key for key, found in (_derive(each, salt) for each in passphrases) if found == check]
        if not fitting:
            raise Refused("The key does not fit this backup. Give the one it was made with in INTAKE_BACKUP_KEY.")
        self._aead = AESGCM(fitting[0])
        self._clear = self._chunks()
        self._waiting = bytearray()
        self.manifest: dict[str, Any] = {}
        self.members: dict[str, dict[str, Any]] = {}
        self._name: str | None = None
        self._advance()

    def _chunks(self) -> Iterator[bytes]:
        number, sealed = 0, self._file.read(CHUNK + TAG)
        while sealed:
            following = self._file.read(CHUNK + TAG)
            try:
                yield self._aead.decrypt(_nonce(self._prefix, number, not following), sealed, self._head)
            except InvalidTag as broken:
                raise Refused(f"This backup was changed or cut off (in part {number + 1}); nothing was taken.") from (
                    broken
                )
            number, sealed = number + 1, following

    def _take(self, count: int) -> bytes:
        while len(self._waiting) < count:
            piece = next(self._clear, None)
            if piece is None:
                raise Refused("This backup was cut off; nothing was taken.")
            self._waiting += piece
        taken = bytes(self._waiting[:count])
        del self._waiting[:count]
        return taken

    def _advance(self) -> tuple[int, bytes]:
        """Read the next frame; a name or the manifest ends the member before."""
        kind, size = _FRAME.unpack(self._take(_FRAME.size))
        payload = self._take(size)
        if kind == NAME:
            self._name = payload.decode()
        elif kind == MANIFEST:
            self._name = None
            self.manifest = json.loads(payload)
            if self._waiting or next(self._clear, None) is not None or self.manifest["members"] != self.members:
                raise Refused("What is in this backup is not what its manifest says; nothing was taken.")
        return kind, payload

    def __iter__(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Name and pieces of each member; the pieces must be read before the next member is asked for."""
        while self._name is not None:
            yield self._name, self._pieces(self._name)

    def _pieces(self, name: str) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        while True:
            # The entry has to stand before the frame that follows the member is read, since that may be the manifest.
            self.members[name] = {"bytes": size, "sha256": digest.hexdigest()}
            kind, payload = self._advance()
            if kind != DATA:
                return
            part = zlib.decompress(payload)
            digest.update(part)
            size += len(part)
            yield part
