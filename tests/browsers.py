"""A real, headless Chromium of the system; a test never downloads a browser."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str | None:
    """The system's Chromium, if there is one."""
    found = (shutil.which(name) for name in NAMES)
    return os.environ.get("CHROMIUM_PATH") or next((path for path in found if path), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """A browser that talks to nobody but us."""
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    return playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *sandbox])
