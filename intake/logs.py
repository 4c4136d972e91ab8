"""One JSON object a line on standard error: time, level, event, request id, codes and counts; never a person."""

from __future__ import annotations

import sys

import structlog


def install() -> None:
    """Set the one log format of every process; JSON keeps whatever is logged on one line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        # Looked up at each line, since a server may put another stream in place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
