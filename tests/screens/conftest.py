"""A real Chromium on a tiny server; any console error or blocked request fails the test that caused it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.screens.server import Desk, serving


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving() as desk:
        yield desk


@pytest.fixture
def window(chromium: Browser, desk: Desk) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=desk.url, viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def tab(window: BrowserContext) -> Iterator[Page]:
    tab = window.new_page()
    broken: list[str] = []
    tab.on("pageerror", lambda error: broken.append(str(error)))
    tab.on("console", lambda line: broken.append(line.text) if "Content Security Policy" in line.text else None)
    yield tab
    assert broken == []
