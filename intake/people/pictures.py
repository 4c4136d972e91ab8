"""Draw a sent picture anew, so that nothing but the picture is kept: no place, no device, no thumbnail, no colour file.

JPEG and PNG only, told by what stands in the bytes, never by a name or a type that was sent along.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from intake.errors import RuleBroken

MOST_BYTES = 700_000
MOST_SIDE = 6000
# A few bytes can stand for very many points; as drawn they would fill the memory of the server.
MOST_POINTS = 24_000_000
QUALITY = 85
# What Pillow raises for bytes that are no sound picture of the kind they begin as.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True)
class Picture:
    """A picture: its type as the web calls it, and its bytes."""

    mimetype: str
    data: bytes


def read(data: bytes) -> Picture:
    """What is kept of a picture that somebody sent: upright, drawn anew, in the format it came in.

    Raises:
        RuleBroken: CARD, too large, no JPEG or PNG, animated, damaged, more than 6000 points wide or high, or more
        than 24 million in all.
    """
    if len(data) > MOST_BYTES:
        raise _refused(f"The picture is too large. Send at most {MOST_BYTES // 1000} kB.")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as sent:
            _check(sent)
            return _png(sent) if sent.format == "PNG" else _jpeg(sent)
    except UnidentifiedImageError:
        raise _refused("Send a photo as JPEG or PNG.") from None
    except Image.DecompressionBombError:
        raise _refused(_TOO_MANY) from None
    except _DAMAGED:
        raise _refused("This picture is damaged. Take it again.") from None


_TOO_MANY = f"The picture has too many points. Send at most {MOST_SIDE} wide and high."


def _refused(sentence: str) -> RuleBroken:
    return RuleBroken(sentence, code="CARD", fields={"card": sentence})


def _check(sent: Image.Image) -> None:
    """Before anything is decoded: the sides as the header tells them, and one picture only.

    A phone's JPEG may carry a second picture for its own use ("MPO"); only the first is drawn.
    """
    width, height = sent.size
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE) or width * height > MOST_POINTS:
        raise _refused(_TOO_MANY)
    if sent.format == "PNG" and getattr(sent, "is_animated", False):
        raise _refused("Send a photo that does not move.")


def _clean(sent: Image.Image, mode: str) -> Image.Image:
    upright = ImageOps.exif_transpose(sent).convert(mode)
    upright.info.clear()
    return upright


def _jpeg(sent: Image.Image) -> Picture:
    drawn = io.BytesIO()
    _clean(sent, "L" if sent.mode == "L" else "RGB").save(drawn, "JPEG", quality=QUALITY, optimize=True)
    return Picture("image/jpeg", drawn.getvalue())


def _png(sent: Image.Image) -> Picture:
    drawn = io.BytesIO()
    clear = sent.has_transparency_data
    _clean(sent, "RGBA" if clear else "L" if sent.mode in {"1", "L"} else "RGB").save(drawn, "PNG")
    return Picture("image/png", drawn.getvalue())
