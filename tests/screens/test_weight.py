"""Budgets: what a browser has to fetch, gzipped, and that nothing comes from elsewhere."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.screens.stage import BOARD, STATIC, environment, gallery

KB = 1024
GALLERY = gallery()


def packed(data: bytes) -> int:
    """Bytes on the wire with the default gzip level."""
    return len(gzip.compress(data, 6))


@pytest.mark.parametrize(
    ("name", "limit"), [("ui.css", 12 * KB), ("ui.js", 3 * KB), ("staff.js", 20 * KB), ("passkey.js", KB)]
)
def test_a_static_file_stays_under_its_budget(name: str, limit: int) -> None:
    assert packed((STATIC / name).read_bytes()) <= limit


@pytest.mark.parametrize("name", sorted(GALLERY))
def test_a_page_stays_under_twenty_kilobytes(name: str) -> None:
    assert packed(GALLERY[name].encode()) <= 20 * KB


def test_a_board_of_two_hundred_rows_stays_under_sixty_kilobytes() -> None:
    rows = [(f"{r[0]}{n}", f"{n} {r[1]}", *r[2:11], False) for n in range(29) for r in BOARD][:200]
    html = environment().get_template("board.html").render(rows=rows, page_count=200)
    assert packed(html.encode()) <= 60 * KB


@pytest.mark.parametrize("name", ["ui.css", "ui.js", "staff.js", "passkey.js"])
def test_no_static_file_reaches_another_origin(name: str) -> None:
    text = (STATIC / name).read_text()
    assert not re.search(r"https?://|@import|url\(|eval\(|innerHTML|new Function", text)


def test_public_pages_load_the_small_script_only() -> None:
    scripts = re.findall(r'<script src="([^"]+)"', GALLERY["public"])
    assert scripts == ["/static/ui.js"]
    assert re.findall(r'<script src="([^"]+)"', GALLERY["board"]) == ["/static/ui.js", "/static/staff.js"]
