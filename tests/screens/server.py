"""A tiny web server for the scripts' own tests: rendered pages, the static files, and answers a test can choose."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.screens.stage import STATIC

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

Answer = tuple[int, dict[str, str], str]
Fields = dict[str, list[str]]
View = Callable[[str, Fields], Answer]


def page(html: str, status: int = 200, **headers: str) -> Answer:
    """An HTML answer; header names are written with underscores."""
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, html


class Desk:
    """What the server says at which path, and what it was asked: (method, path, fields of query and body)."""

    def __init__(self) -> None:
        self.views: dict[str, View] = {}
        self.asked: list[tuple[str, str, Fields]] = []
        self.url = ""
        self.open = True

    def says(self, path: str, answer: Answer | View) -> None:
        """Answer at `path` from now on, with a fixed answer or a function of (method, fields)."""
        self.views[path] = answer if callable(answer) else lambda _method, _fields: answer

    def posts(self, path: str) -> list[Fields]:
        """The fields of every POST to `path` so far, oldest first."""
        return [fields for method, asked, fields in list(self.asked) if method == "POST" and asked == path]


class Handler(BaseHTTPRequestHandler):
    """Static files, then the views of the desk, then 404."""

    desk: Desk
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer("GET", "")

    def do_POST(self) -> None:
        self.answer("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def answer(self, method: str, body: str) -> None:
        parts = urlsplit(self.path)
        fields = parse_qs(parts.query, keep_blank_values=True) | parse_qs(body, keep_blank_values=True)
        file = STATIC / parts.path.removeprefix("/static/")
        if parts.path.startswith("/static/") and file.is_file():
            kind = mimetypes.guess_type(file.name)[0] or "text/plain"
            self.send(200, {"Content-Type": kind, "Cache-Control": "max-age=60"}, file.read_bytes())
            return
        self.desk.asked.append((method, parts.path, fields))
        if not self.desk.open:
            self.close_connection = True
            return
        view = self.desk.views.get(parts.path)
        status, headers, html = view(method, fields) if view else page("not here", 404)
        self.send(status, {"Content-Type": "text/html; charset=utf-8"} | headers, html.encode())

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Security-Policy": POLICY}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """A browser that closes a kept connection is no event."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the desk remembers what was asked."""


@contextmanager
def serving() -> Iterator[Desk]:
    """A desk with its server on a free port of the loopback address."""
    desk = Desk()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("DeskHandler", (Handler,), {"desk": desk}))
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
