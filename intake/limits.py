"""Rate limits: counted in the broker when there is one, in memory otherwise (rulings 21); keys are digests."""

from __future__ import annotations

import hashlib

from flask import Flask, request
from flask_limiter import Limiter


def _key() -> str:
    return hashlib.sha256((request.remote_addr or "").encode()).hexdigest()[:32]


limiter = Limiter(_key, headers_enabled=False, swallow_errors=True, in_memory_fallback_enabled=True)


def install(app: Flask, redis_url: str) -> None:
    """Attach the limiter; `redis_url` may be empty."""
    app.config["RATELIMIT_STORAGE_URI"] = redis_url or "memory://"
    limiter.init_app(app)
