"""Take a picture apart and keep nothing but the picture: no place, no device, no thumbnail, nothing behind its end.

JPEG (ITU-T T.81) and PNG (ISO/IEC 15948) only, told by what stands in the bytes, never by a name or a type that was
sent along.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from intake.errors import RuleBroken

MOST_BYTES = 700_000
MOST_SIDE = 6000
_PNG = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
# Markers of JPEG: those that say how the picture is drawn; what programs leave (APP, COM) is not among them.
_SOI, _EOI, _SOS, _APP0, _ADOBE = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_DRAWN = frozenset({*_FRAMES, 0xC4, 0xDB, 0xDD, _APP0, _ADOBE})


@dataclass(frozen=True)
class Picture:
    """A picture: its type as the web calls it, and its bytes."""

    mimetype: str
    data: bytes


def read(data: bytes) -> Picture:
    """What is kept of a picture that somebody sent.

    Raises:
        RuleBroken: CARD, too large, no JPEG or PNG, damaged, or more than 6000 points wide or high.
    """
    if len(data) > MOST_BYTES:
        raise _refused(f"The picture is too large. Send at most {MOST_BYTES // 1000} kB.")
    try:
        if data.startswith(_PNG):
            return Picture("image/png", _PNG + b"".join(_chunks(data)))
        if data.startswith(b"\xff\xd8\xff"):
            return Picture("image/jpeg", b"\xff\xd8" + b"".join(_segments(data)) + b"\xff\xd9")
    except (IndexError, ValueError):
        raise _refused("This picture is damaged. Take it again.") from None
    raise _refused("Send a photo as JPEG or PNG.")


def _refused(sentence: str) -> RuleBroken:
    return RuleBroken(sentence, code="CARD", fields={"card": sentence})


def _number(data: bytes, at: int, length: int) -> int:
    part = data[at : at + length]
    if len(part) < length:
        raise ValueError("cut off")
    return int.from_bytes(part, "big")


def _check_sides(width: int, height: int) -> None:
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        raise ValueError("no picture of a card")


def _chunks(data: bytes) -> Iterator[bytes]:
    at, seen = len(_PNG), False
    while True:
        length, kind = _number(data, at, 4), data[at + 4 : at + 8]
        whole = data[at : at + 12 + length]
        if len(whole) < 12 + length or zlib.crc32(whole[4 : 8 + length]) != _number(whole, 8 + length, 4):
            raise ValueError("damaged chunk")
        if kind == b"IHDR":
            _check_sides(_number(whole, 8, 4), _number(whole, 12, 4))
            seen = True
        if not seen:
            raise ValueError("no header first")
        if kind in _KEPT:
            yield whole
        if kind == b"IEND":
            return
        at += len(whole)


def _segments(data: bytes) -> Iterator[bytes]:
    at, framed = 2, False
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            if not framed:
                raise ValueError("no picture in it")
            return
        whole = data[at : at + 2 + _number(data, at + 2, 2)]
        if marker in _FRAMES:
            _check_sides(_number(whole, 7, 2), _number(whole, 5, 2))
            framed = True
        at += len(whole)
        if marker == _SOS:
            end = _end_of_scan(data, at)
            yield whole + data[at:end]
            at = end
        elif marker in _DRAWN:
            yield whole


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the drawn data of a scan ends: at the next marker that is neither a stuffed byte nor a restart."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
