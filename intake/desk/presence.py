"""Who is looking at which case, kept in the broker for some seconds; without a broker there is no presence."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import cast

import redis
from flask import current_app

from config import Config
from intake.actor import Actor
from intake.db import id_text

SECONDS = 12
PATIENCE_SECONDS = 0.2


@lru_cache(maxsize=4)
def _broker(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS)


def _here() -> redis.Redis | None:
    config: Config = current_app.extensions["intake.config"]
    return _broker(config.redis_url) if config.redis_url else None


def _name(site_id: int, board: str) -> str:
    return f"intake:looking:{id_text(site_id)}:{board}"


def look(actor: Actor, board: str, row: str) -> None:
    """Note that an actor looks at a row of a board (its 13 letters); one row per actor and board."""
    broker = _here()
    if broker is None or len(row) != 13 or not row.isalnum():
        return
    try:
        with broker.pipeline(transaction=False) as pipe:
            pipe.hset(_name(actor.site_id, board), str(actor.id), f"{row}|{time.time():.1f}|{actor.name}")
            pipe.expire(_name(actor.site_id, board), SECONDS)
            pipe.execute()
    except redis.RedisError:
        return


def lookers(actor: Actor, board: str) -> dict[str, str]:
    """Row -> name of somebody else who looks at it now; empty without a broker."""
    broker = _here()
    if broker is None:
        return {}
    try:
        stored = cast("dict[bytes, bytes]", broker.hgetall(_name(actor.site_id, board)))
    except redis.RedisError:
        return {}
    found: dict[str, str] = {}
    for who, value in stored.items():
        row, at, name = value.decode().split("|", 2)
        if int(who) != actor.id and float(at) > time.time() - SECONDS:
            found[row] = name
    return found
