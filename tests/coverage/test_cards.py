"""Photos of insurance cards: only the picture is kept, sealed, and what is none is refused or harmless (I07)."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from flask import Flask
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


def jpeg(*more: bytes, width: int = 8, height: int = 8) -> bytes:
    """The skeleton of a JPEG: a frame, a scan with a stuffed byte and a restart, an end."""
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(more) + segment(0xDB, b"\0" * 65) + frame + scan + b"\xff\xd9"


GPS = b"Exif\0\0MM GPSLatitude 40.7 Canary"


def test_i07_what_a_camera_adds_is_gone_and_the_picture_stays() -> None:
    kept = pictures.read(jpeg(segment(0xE1, GPS), segment(0xFE, b"Canary")))
    assert (kept.mimetype, kept.data) == ("image/jpeg", jpeg())
    kept = pictures.read(png(chunk(b"eXIf", GPS), chunk(b"tEXt", b"Comment\0Canary")))
    assert (kept.mimetype, kept.data) == ("image/png", png())


def test_i07_what_stands_behind_the_end_is_cut_off() -> None:
    for whole in (jpeg(), png()):
        assert pictures.read(whole + b"PK\x03\x04 <script>alert(1)</script>").data == whole


@pytest.mark.parametrize(
    "data",
    [
        b"<html><script>1</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"GIF89a",
        b"\xff\xd8\xff",
        jpeg()[:40], png()[:-6], png(width=60_000), jpeg(height=60_000), png().replace(b"IHDR", b"IHDX"),
        b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), jpeg() + b"\0" * pictures.MOST_BYTES, b"",
    ],
    ids=range(14),
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
    assert (saved.data, saved.mimetype) == (jpeg(), "image/jpeg")
    assert saved.headers["Content-Disposition"] == "attachment; filename=card.jpeg"
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert saved.headers["Cache-Control"] == "no-store"
    with house.look() as session:
        assert jpeg()[2:40] not in session.scalars(select(CoverageCard.picture)).one()
    for who, status in (("cleo", 403), ("drew", 403), ("cora", 403)):
        assert house.as_(who).get(here).status_code == status, who
    with app_sqlite.app_context():
        other = waiting(house.cast, name="Ruth")[0].id
        db.session.remove()
    assert house.as_("ada").get(here.replace(id_text(case_id), id_text(other))).status_code == 404
    assert "Save the picture of the card" in house.page("ada", f"/cases/{id_text(case_id)}/coverage")
