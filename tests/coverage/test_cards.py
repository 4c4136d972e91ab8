"""Photos of insurance cards: only the picture is kept, sealed, and what is none is refused or harmless (I07)."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from intake.db import db, id_text
from intake.errors import RuleBroken
from intake.people import pictures
from intake.people.models import Coverage, CoverageCard
from tests.cases.folk import waiting
from tests.workflows.steps import Center, open_center


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*more: bytes, width: int = 1, height: int = 1) -> bytes:
    """A grey picture, with further chunks before its data."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def segment(marker: int, body: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def drawn(kind: str, **more: Any) -> bytes:
    """A picture twice as wide as it is high, its left half red, as a camera or a program saves it."""
    picture = Image.new("RGB", (64, 32), "white")
    picture.paste("red", (0, 0, 32, 32))
    into = io.BytesIO()
    picture.save(into, kind, **more)
    return into.getvalue()


def jpeg(*more: bytes) -> bytes:
    """A JPEG with further segments behind its first two bytes."""
    whole = drawn("JPEG", quality=95)
    return whole[:2] + b"".join(more) + whole[2:]


def moving() -> bytes:
    """A PNG of two frames."""
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 200)]
    into = io.BytesIO()
    frames[0].save(into, "PNG", save_all=True, append_images=frames[1:])
    return into.getvalue()


def shown(data: bytes) -> Image.Image:
    """A picture as it is drawn."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def turned(data: bytes = b"") -> bytes:
    """The same photo with a note of the camera that it lies on its side, and where it was taken."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Canary"
    exif.get_ifd(0x8825)[1] = "N"
    return drawn("JPEG", exif=exif, comment=b"Canary") + data


GPS = b"Exif\0\0MM GPSLatitude 40.7 Canary"


def test_i07_what_a_camera_adds_is_gone_and_the_picture_stays() -> None:
    for sent in (jpeg(segment(0xE1, GPS), segment(0xFE, b"Canary"), segment(0xE2, b"ICC_PROFILE\0Canary")), turned()):
        kept = pictures.read(sent)
        assert kept.mimetype == "image/jpeg"
        assert b"Canary" in sent
        assert b"Canary" not in kept.data
        assert b"Exif" not in kept.data
        assert Image.open(io.BytesIO(kept.data)).info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    kept = pictures.read(png(chunk(b"tEXt", b"Comment\0Canary")))
    assert kept.mimetype == "image/png"
    assert b"Canary" not in kept.data
    assert shown(kept.data).getpixel((0, 0)) == (0, 0, 0)


def test_a_photo_taken_on_its_side_stands_upright_once_the_note_about_it_is_gone() -> None:
    kept = shown(pictures.read(turned()).data)
    assert kept.size == (32, 64)
    top = kept.getpixel((16, 4))
    assert isinstance(top, tuple)
    assert top[0] > 200
    assert top[1] < 60


def test_what_is_clear_in_a_picture_stays_clear() -> None:
    into = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(into, "PNG")
    assert Image.open(io.BytesIO(pictures.read(into.getvalue()).data)).mode == "RGBA"


def test_i07_what_stands_behind_the_end_is_cut_off() -> None:
    for whole in (jpeg(), drawn("PNG")):
        kept = pictures.read(whole + b"PK\x03\x04 <script>alert(1)</script>").data
        assert b"script" not in kept


def test_i07_few_bytes_that_stand_for_very_many_points_are_refused_before_they_are_drawn() -> None:
    tracemalloc.start()
    try:
        for width, height in ((6000, 6000), (6001, 1), (30_000, 30_000)):
            with pytest.raises(RuleBroken, match="too many points"):
                pictures.read(png(width=width, height=height))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"<html><script>1</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"GIF89a",
        b"\xff\xd8\xff", jpeg()[:200], drawn("PNG")[:70], png().replace(b"IHDR", b"IHDX"), b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), jpeg() + b"\0" * pictures.MOST_BYTES, b"", drawn("GIF"),
        drawn("TIFF"), drawn("WEBP"), moving(), png(width=9),
    ],
    ids=range(17),
)  # fmt: skip
def test_i07_what_is_no_picture_of_a_card_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(RuleBroken) as refused:
        pictures.read(data)
    assert refused.value.fields["card"]


def insured(house: Center) -> tuple[int, str]:
    """A case with an insurance; the address of the picture of its card."""
    with house.app.app_context():
        case_id = waiting(house.cast)[0].id
    house.post("ada", f"/cases/{id_text(case_id)}/coverage", kind="private", payer="Blue River", policy="A1", order="1")
    with house.look() as session:
        row = session.scalars(select(Coverage)).one()
        return case_id, f"/cases/{id_text(case_id)}/coverage/{id_text(row.id)}/card"


def test_i07_a_card_is_kept_sealed_and_saved_by_those_who_see_who_pays(app_sqlite: Flask) -> None:
    house = open_center(app_sqlite)
    case_id, here = insured(house)
    assert house.as_("ada").get(here).status_code == 404
    house.post("ada", here, status=422)
    wrong = house.post("ada", here, status=422, card=(io.BytesIO(b"<svg/>"), "../../card.png"))
    assert "Send a photo as JPEG or PNG." in wrong.text
    house.post("ada", here, card=(io.BytesIO(jpeg(segment(0xE1, GPS))), "x\u0000.html"))
    saved = house.as_("sol").get(here)
    assert saved.mimetype == "image/jpeg"
    assert shown(saved.data).size == (64, 32)
    assert b"Canary" not in saved.data
    assert saved.headers["Content-Disposition"] == "attachment; filename=card.jpeg"
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert saved.headers["Cache-Control"] == "no-store"
    with house.look() as session:
        assert saved.data[2:40] not in session.scalars(select(CoverageCard.picture)).one()
    for who, status in (("cleo", 403), ("drew", 403), ("cora", 403)):
        assert house.as_(who).get(here).status_code == status, who
    with app_sqlite.app_context():
        other = waiting(house.cast, name="Ruth")[0].id
        db.session.remove()
    assert house.as_("ada").get(here.replace(id_text(case_id), id_text(other))).status_code == 404
    assert "Save the picture of the card" in house.page("ada", f"/cases/{id_text(case_id)}/coverage")
