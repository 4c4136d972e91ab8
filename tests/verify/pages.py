"""`verify pages`: every page of the URL map at 1440 and 390 pixels, light and dark, and at 320; axe, targets, markup.

The address of every id, part and queue counts here, not only one of each kind as in the test command, and contrast is
measured on all. The pages behind mailed links, living, used, replaced and ended, are looked at in both languages.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from intake.actor import Role
from tests import figures
from tests.browsers import chromium_path, launch
from tests.journeys import patient, sweep

LOOKS = ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"))


def main(argv: Sequence[str] | None = None) -> int:
    """Look at every page in every look; print what is wrong, and 1 if anything is."""
    parser = argparse.ArgumentParser(prog="verify pages", description=__doc__)
    parser.add_argument("--figures", action="store_true", help="write the section of docs/figures.md")
    given = parser.parse_args(argv)
    path = chromium_path()
    if path is None:
        print("no Chromium on this machine")
        return 2
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        Path(folder, "copy").mkdir()
        with sweep.served(Path(folder), Path(folder, "copy")) as center:
            found = sweep.html_pages(center)
            trouble = [line for page, _role, html in found for line in sweep.markup(page, html)]
            browser = launch(playwright, path)
            by_role: dict[Role | None, list[str]] = {}
            for page, role, _html in found:
                by_role.setdefault(role, []).append(page)
            for role, pages in by_role.items():
                trouble += _looked_at(center.window(browser, role), center.url, pages)
                print(f"{role.value if role else 'nobody':14} {len(pages)} pages", file=sys.stderr, flush=True)
            behind = 0
            for turn, language in enumerate(("en", "es")):
                more, looked = _behind_links(browser, center, turn, language)
                trouble, behind = trouble + more, behind + looked
            browser.close()
    rows = [
        ("pages", str(len(found))),
        ("behind mailed links, English and Spanish", str(behind)),
        ("looks at each", "1440 and 390 px, light and dark; 320 px"),
        ("faults", str(len(trouble))),
    ]
    print("\n".join([*trouble, *(f"{words:42} {value}" for words, value in rows)]))
    if given.figures:
        figures.write("verify pages", figures.table(("what", "found"), rows))
    return 1 if trouble else 0


def _behind_links(browser: Browser, center: sweep.Center, turn: int, language: str) -> tuple[list[str], int]:
    context = center.window(browser, None)
    tab, count = sweep.Tab(context, center.url), 0
    for name in patient.walk(tab.page, center.url, patient.links(center.app, turn), language):
        tab.at, count = f"{name} ({language})", count + 1
        for width, scheme in LOOKS:
            tab.look(width, scheme)
        tab.reflow()
    context.close()
    return tab.trouble, count


def _looked_at(context: sweep.BrowserContext, url: str, pages: list[str]) -> list[str]:
    tab = sweep.Tab(context, url)
    for page in pages:
        tab.open(page)
        for width, scheme in LOOKS:
            tab.look(width, scheme)
        tab.reflow()
    context.close()
    return tab.trouble
