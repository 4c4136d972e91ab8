"""The application object: what its log may say of a fault, and which proxies it believes."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, has_request_context, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger("intake")

# The state of PostgreSQL for the one of two transactions that it ended.
DEADLOCK = "40P01"
MOST_AGAIN = 2


class House(Flask):
    """The application, whose log names what broke and where, never what was in it."""

    _proxies: ProxyFix | None = None

    def trust(self, proxies: int) -> None:
        """Believe the address and scheme that this many reverse proxies forward; 0 believes nobody."""
        if proxies:
            self._proxies = ProxyFix(super().wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as the proxies in front saw it."""
        if self._proxies is not None:
            return self._proxies(environ, start_response)
        return super().wsgi_app(environ, start_response)

    def dispatch_request(self) -> ResponseReturnValue:
        """Answer it, and once more when two waited for each other and the database ended this one.

        Nothing of it was kept, and it is what the page that would follow offers: to send the same again.
        """
        for _ in range(MOST_AGAIN):
            try:
                return super().dispatch_request()
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", "") != DEADLOCK:
                    raise
                log.info("deadlock", endpoint=request.endpoint)
                for file in request.files.values():
                    file.stream.seek(0)
        return super().dispatch_request()

    def log_exception(self, exc_info: Any) -> None:
        """One line: the kind of error and the frames of our own code. A message may quote what somebody typed."""
        kind, _error, frames = exc_info
        where = [f"{f.filename.rpartition('/intake/')[2]}:{f.lineno}" for f in traceback.extract_tb(frames)]
        endpoint = request.endpoint if has_request_context() else ""
        log.error("fault", error=kind.__name__, endpoint=endpoint, where=where[-12:])
