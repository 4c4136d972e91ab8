"""A small run of `verify hostile`: odd requests at every address."""

from __future__ import annotations

from pathlib import Path

from tests.verify import hostile


def test_i01_i02_i03_x06_no_odd_request_breaks_a_page_or_comes_back_unescaped(tmp_path: Path) -> None:
    found = hostile.attack(tmp_path, seed=20261125, requests=2000)
    assert found.bad == []
    assert found.answers[200] > 200
