"""Every page of the URL map with demo data: well formed, light, nothing inline; in a real browser axe, reflow, targets.

The browser looks once at each kind of page, in turn wide and light or narrow and dark. Contrast, most of axe's time, is
measured on the pages of patients; staff pages are made of the parts that `tests/screens` measures in every look, and
`verify pages` measures all of it everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from intake.actor import Role
from tests.house.test_sent_twice import without_key_or_version
from tests.journeys import sweep

pytestmark = pytest.mark.browser

Found = list[tuple[str, Role | None, str]]


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Iterator[sweep.Center]:
    """A demo center behind a real server."""
    with sweep.served(shared_folder, tmp_path_factory.mktemp("every-page")) as found:
        yield found


@pytest.fixture(scope="module")
def found(center: sweep.Center) -> Found:
    """All pages with their markup."""
    return sweep.html_pages(center)


def test_every_page_is_well_formed_light_and_without_inline_style_or_script(found: Found) -> None:
    assert len(found) > 60
    assert [line for path, _role, page in found for line in sweep.markup(path, page)] == []


def test_every_form_carries_the_key_or_the_version_its_address_asks_for(center: sweep.Center, found: Found) -> None:
    assert [line for path, _role, page in found for line in without_key_or_version(center.app, path, page)] == []


def test_every_page_passes_axe_reflows_has_large_targets_and_asks_nobody_else(
    chromium: Browser, center: sweep.Center, found: Found
) -> None:
    trouble: list[str] = []
    by_role: dict[Role | None, list[str]] = {}
    for path, role in sweep.one_of_each_kind(found):
        by_role.setdefault(role, []).append(path)
    turn = 0
    for role, paths in by_role.items():
        with center.window(chromium, role) as context:
            tab = sweep.Tab(context, center.url)
            for path in paths:
                turn += 1
                tab.open(path)
                tab.look(*((1440, "light") if turn % 2 else (390, "dark")), contrast=role is None)
                tab.reflow()
            trouble += tab.trouble
    assert trouble == []
