"""Two who wait for each other: the database ends one of them, which is then answered all the same."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, request
from sqlalchemy import text

from intake import house
from intake.db import db, transaction
from intake.guard import public

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")


def _crossing(app: Flask, *, always: bool = False) -> Counter[str]:
    """Let `/healthz` take two locks in the order it is asked for; returns how often each was begun."""
    begun: Counter[str] = Counter()
    both = threading.Barrier(2, timeout=20)

    @public()
    def view() -> str:
        order = request.args["order"]
        begun[order] += 1
        with transaction():
            db.session.execute(_LOCK, {"key": int(order[0])})
            if begun[order] == 1:
                both.wait()
            db.session.execute(_LOCK, {"key": int(order[1])})
            if always:
                db.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
        return order

    app.view_functions["ops.healthz"] = view
    return begun


def test_of_two_that_wait_for_each_other_both_are_answered(app: Flask) -> None:
    begun = _crossing(app)

    def ask(order: str) -> tuple[int, str]:
        answer = app.test_client().get(f"/healthz?order={order}")
        return answer.status_code, answer.text

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, ("12", "21"))) == [(200, "12"), (200, "21")]
    assert sum(begun.values()) == 3, "one of them was ended and begun again"


def test_one_that_is_ended_again_and_again_is_told_to_try_later(app: Flask) -> None:
    begun = _crossing(app, always=True)
    begun["34"] = 1
    answer = app.test_client().get("/healthz?order=34")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert begun["34"] == 1 + 1 + house.MOST_AGAIN
