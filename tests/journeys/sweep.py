"""Every page of the URL map with demo data: found by itself, opened as somebody who may, looked at by machine.

The short sweep of the test command and the wide one of `verify pages` share these pages and these looks.
"""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import html5lib
from axe_playwright_python.base import AXE_FILE_PATH
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import event, select
from werkzeug.serving import WSGIRequestHandler, make_server

from config import Config
from intake import create_app
from intake.actor import Role
from intake.db import db
from intake.guard import access_of
from intake.queues.models import QueueEntry
from tests import world

HTML_BUDGET = 20 * 1024
ORDER = (Role.PRESCRIBER, Role.CLINICIAN, Role.ADMISSIONS, Role.SUPERVISOR, Role.PRIVACY, Role.ADMIN)
# Mails are no pages: they carry their own inline styles, in a frame that runs no script, not even the one that looks.
NOT_PAGES = frozenset({"static", "messages.preview_mail", "ops.mail_body"})
# Switches that change the browser's own session and lead elsewhere.
SWITCHES = frozenset({"inquiries.leave", "inquiries.language"})

# Only what is wrong comes back: the whole answer of axe is a hundred times larger.
AXE = """async contrast => (await axe.run(document, {resultTypes: ['violations'], elementRef: false,
  rules: {'color-contrast': {enabled: contrast}}})).violations.map(
  v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 110)).join(' | ')}`)"""
SMALL = """() => {
  const inWords = 'p, li, dd, .vh, .menu .only-m, td .sub';
  const seen = n => n.getClientRects().length && !n.closest(inWords) && getComputedStyle(n).clipPath === 'none';
  const box = n => (n.closest('label.chip, .seg label, .opt, .chk') || n).getBoundingClientRect();
  return [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]
    .filter(n => seen(n) && box(n).width && (box(n).width < 23.9 || box(n).height < 23.9))
    .map(n => `${n.outerHTML.slice(0, 90)} ${Math.round(box(n).width)}x${Math.round(box(n).height)}`);
}"""
# What looks or acts like a control but no Tab reaches, and any order of Tab that is not that of the page.
OUT_OF_REACH = """() => {
  const acts = '[onclick], [role=button], [data-key], [data-hide], [data-print]';
  return [...document.querySelectorAll(`[tabindex], ${acts}`)]
    .filter(n => n.tabIndex > 0 || (n.matches(acts) && n.tabIndex < 0)).map(n => n.outerHTML.slice(0, 110));
}"""
WIDE = """() => document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll('main *')]
  .filter(n => n.getBoundingClientRect().right > innerWidth + 1).slice(-2).map(n => n.outerHTML.slice(0, 110)) : null"""

INLINE = re.compile(r"<[a-z][^>]*\s(?:style|on[a-z]+)=[^>]*|<style|<script(?![^>]* src=)[^>]*|javascript:", re.I)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Center:
    """The demo center, served."""

    app: Flask
    url: str
    cookies: dict[Role, str] = field(default_factory=dict)

    def cookie(self, role: Role) -> str:
        """The session cookie of somebody of this role, signed in once."""
        if role not in self.cookies:
            found = world.sign_in(self.app, role).get_cookie("desk", domain="localhost", path="/")
            assert found is not None
            self.cookies[role] = found.value
        return self.cookies[role]

    def window(self, browser: Browser, role: Role | None, **more: Any) -> BrowserContext:
        """A browser window of somebody."""
        context = browser.new_context(**more)
        context.set_default_timeout(15_000)
        if role is not None:
            context.add_cookies([{"name": "desk", "value": self.cookie(role), "url": self.url}])
        return context


@contextmanager
def served(shared: Path, folder: Path, **more: str) -> Iterator[Center]:
    """A copy of the demo center behind a real server in a thread; `more` are settings of its own."""
    app = create_app(Config.read(world.environment(world.copy(shared, folder), **more)))
    app.config["RATELIMIT_ENABLED"] = False
    with app.app_context():
        # This copy is thrown away; nothing has to reach the disk.
        event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        db.engine.dispose()
    server = make_server("localhost", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Center(app, f"http://localhost:{server.server_port}")
    finally:
        server.shutdown()
        thread.join(5)
        with app.app_context():
            db.engine.dispose()


def known(app: Flask) -> dict[str, list[Any]]:
    """Ids with something to show: a case that waits first, so that its page is full."""
    found = world.ids(app)
    with app.app_context():
        waiting = list(
            db.session.scalars(
                select(QueueEntry.case_id).where(QueueEntry.left_at.is_(None)).order_by(QueueEntry.id).limit(2)
            )
        )
        found["case_id"] = [*waiting, *found["case_id"]]
    return found


def pages(app: Flask) -> list[tuple[str, Role | None]]:
    """Addresses to open, each with a role that may; a signed one without its link shows that the link has ended."""
    ids = known(app)
    found: list[tuple[str, Role | None]] = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.rule):
        access = access_of(app, rule.endpoint)
        if access is None or "GET" not in (rule.methods or ()) or rule.endpoint in NOT_PAGES | SWITCHES:
            continue
        role = next((r for r in ORDER if r in access.roles), None) if access.kind == "roles" else None
        most = 5 if "part" in rule.arguments or "queue" in rule.arguments else 1
        found += [(path, role) for path in dict.fromkeys(world.addresses(app, rule, ids, most=most))]
    return found


def html_pages(center: Center) -> list[tuple[str, Role | None, str]]:
    """The pages among the addresses, each with its markup; what is no HTML, or leads elsewhere, is left out."""
    found = []
    clients = {role: center.app.test_client() for role in (*ORDER, None)}
    for role in ORDER:
        clients[role].set_cookie("desk", center.cookie(role), domain="localhost", path="/")
    for path, role in pages(center.app):
        answer = clients[role].get(path)
        leads_on = 300 <= answer.status_code < 400
        if not leads_on and answer.mimetype == "text/html" and "<html" in answer.text:
            found.append((path, role, f"{answer.status_code}\n{answer.text}"))
    return found


def one_of_each_kind(found: list[tuple[str, Role | None, str]]) -> list[tuple[str, Role | None]]:
    """One address of each kind: ids, parts and queues that lead to the same template count once."""
    kinds: dict[str, tuple[str, Role | None]] = {}
    for path, role, _page in found:
        kind = re.sub(r"/[0-9a-z]{13}(?=/|$)|/(?:detox|outpatient|callback)(?=/|$)|/\d+(?=/|$)", "/*", path)
        kind = re.sub(r"^/inquiries/\*/(routing|screening)", r"/cases/*/\1", kind)
        kinds.setdefault(kind, (path, role))
    return list(kinds.values())


def markup(path: str, page: str) -> list[str]:
    """What is wrong with the markup of one page: errors of a strict parser, weight, inline style and script."""
    status, html = page.split("\n", 1)
    trouble = [f"{path} answered {status}"] if status >= "500" else []
    weight = len(gzip.compress(html.encode(), 6))
    if weight > HTML_BUDGET:
        trouble.append(f"{path} weighs {weight} bytes")
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    trouble += [f"{path} is not well formed: {place} {code}" for place, code, _ in parser.errors[:3]]
    trouble += [f"{path} holds {bad[:80]}" for bad in INLINE.findall(html)]
    return trouble


class Tab:
    """One tab that notes what a page asks of others, what it complains of, and what is wrong with its looks."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.trouble: list[str] = []
        self.at = ""
        self.page: Page = context.new_page()
        # Once for all pages of the tab: sent with each page, it costs more than the look itself.
        self.page.add_init_script(path=AXE_FILE_PATH)
        self.page.on("request", lambda asked: self._foreign(asked.url))
        self.page.on("console", lambda said: self._said(said.type, said.text))

    def _foreign(self, asked: str) -> None:
        if not asked.startswith((self.url, "data:", "about:")):
            self.trouble.append(f"{self.at} asked {asked}")

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and "the server responded with a status" not in text:
            self.trouble.append(f"{self.at} said {text[:200]}")

    def open(self, path: str) -> None:
        """Go there."""
        self.at = path
        self.page.goto(self.url + path, wait_until="domcontentloaded")

    def look(self, width: int, scheme: Any, *, contrast: bool = True) -> None:
        """Axe, the size of targets and their reach, at one width and in one theme; contrast is most of the time."""
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.set_viewport_size({"width": width, "height": 900})
        where = f"{self.at} at {width} {scheme}"
        self.trouble += [f"{where}: {line}" for line in self.page.evaluate(AXE, contrast)]
        self.trouble += [f"{where}: small {line}" for line in self.page.evaluate(SMALL)]
        self.trouble += [f"{where}: no key reaches {line}" for line in self.page.evaluate(OUT_OF_REACH)]

    def reflow(self) -> None:
        """No sideways scrolling at 320 pixels."""
        self.page.set_viewport_size({"width": 320, "height": 700})
        wide = self.page.evaluate(WIDE)
        if wide is not None:
            self.trouble.append(f"{self.at} scrolls sideways at 320: {wide}")
