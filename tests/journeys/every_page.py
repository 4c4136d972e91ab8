"""Every page of the URL map with demo data, in a real browser: axe, weight, markup, and nothing from elsewhere."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request
from werkzeug.serving import make_server

from intake.actor import Role
from intake.guard import access_of
from tests import world

pytestmark = pytest.mark.browser

HTML_BUDGET = 20 * 1024
ORDER = (Role.PRESCRIBER, Role.ADMISSIONS, Role.SUPERVISOR, Role.PRIVACY, Role.ADMIN)
# No page of their own: files, health for machines, and what only a living link opens (journeys walk those).
NOT_PAGES = frozenset(
    {
        "static",
        "ops.healthz",
        "ops.readyz",
        "ops.metrics",
        "ops.mail",
        "ops.mail_body",
        "accounts.enrol_picture",
        "reports.export",
        "audit.export",
        "inquiries.leave",
        "inquiries.language",
    }
)


@dataclass(frozen=True)
class Center:
    """The demo center, served."""

    app: Flask
    url: str


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory, shared_folder: Any) -> Iterator[Center]:
    """A copy of the demo center behind a real server in a thread."""
    app = world.application(world.copy(shared_folder, tmp_path_factory.mktemp("every-page")))
    app.config["RATELIMIT_ENABLED"] = False
    server = make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Center(app, f"http://localhost:{server.server_port}")
    server.shutdown()
    thread.join(5)


def pages(app: Flask) -> list[tuple[str, Role | None]]:
    """Addresses to open, each with a role that may."""
    known = world.ids(app)
    found: list[tuple[str, Role | None]] = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.rule):
        access = access_of(app, rule.endpoint)
        if "GET" not in (rule.methods or ()) or rule.endpoint in NOT_PAGES or access is None:
            continue
        if access.kind == "signed":
            continue
        role = next((r for r in ORDER if r in access.roles), None) if access.kind == "roles" else None
        found.append((next(iter(world.addresses(app, rule, known, most=1))), role))
    return found


def context_of(browser: Browser, center: Center, role: Role | None, width: int, scheme: str) -> BrowserContext:
    """A browser window of somebody."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    if role is not None:
        client = world.sign_in(center.app, role)
        cookie = client.get_cookie("desk", domain="localhost", path="/")
        assert cookie is not None
        context.add_cookies([{"name": "desk", "value": cookie.value, "url": center.url}])
    return context


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_page_passes_axe_and_loads_nothing_from_elsewhere(
    chromium: Browser, center: Center, width: int, scheme: str
) -> None:
    trouble: list[str] = []
    by_role: dict[Role | None, list[str]] = {}
    for path, role in pages(center.app):
        by_role.setdefault(role, []).append(path)
    for role, paths in by_role.items():
        context = context_of(chromium, center, role, width, scheme)
        tab = context.new_page()

        def foreign(request: Request) -> None:
            if not request.url.startswith((center.url, "data:")):
                trouble.append(f"asked {request.url}")

        def said(message: ConsoleMessage) -> None:
            if message.type == "error" and "404" not in message.text:
                trouble.append(f"said {message.text[:160]}")

        tab.on("request", foreign)
        tab.on("console", said)
        for path in paths:
            answer = tab.goto(center.url + path)
            assert answer is not None
            if answer.status >= 500:
                trouble.append(f"{path} answered {answer.status}")
                continue
            result = Axe().run(tab)
            if result.violations_count:
                trouble.append(f"{path}: {result.generate_report()[:900]}")
            if tab.evaluate("document.documentElement.scrollWidth") > width:
                trouble.append(f"{path} scrolls sideways at {width}")
        context.close()
    assert trouble == []


def test_every_page_is_light_and_well_formed(center: Center) -> None:
    trouble: list[str] = []
    clients = {role: world.sign_in(center.app, role) for role in ORDER}
    nobody = center.app.test_client()
    for path, role in pages(center.app):
        answer = (clients[role] if role else nobody).get(path, follow_redirects=True)
        if answer.mimetype != "text/html":
            continue
        weight = len(gzip.compress(answer.data, 6))
        if weight > HTML_BUDGET:
            trouble.append(f"{path} weighs {weight} bytes")
        if answer.status_code >= 500:
            trouble.append(f"{path} answered {answer.status_code}")
        parser = html5lib.HTMLParser(strict=True)
        try:
            parser.parse(answer.get_data(as_text=True))
        except html5lib.html5parser.ParseError as wrong:
            trouble.append(f"{path}: {wrong}")
        for forbidden in (" style=", "<style", " onclick=", "javascript:"):
            if forbidden in answer.text:
                trouble.append(f"{path} holds {forbidden}")
    assert trouble == []
