"""The cast on a clean database, and browsers for visitors and staff."""

from __future__ import annotations

import pytest
from flask import Flask

from intake.db import transaction
from tests.inquiries.browser import Browser, signed_in
from tests.people import Cast, make_cast


@pytest.fixture
def cast(app: Flask) -> Cast:
    """Both sites and their staff, on each engine."""
    with app.app_context(), transaction():
        return make_cast()


@pytest.fixture
def cast_sqlite(app_sqlite: Flask) -> Cast:
    """Both sites and their staff, on SQLite."""
    with app_sqlite.app_context(), transaction():
        return make_cast()


@pytest.fixture
def visitor(app_sqlite: Flask, cast_sqlite: Cast) -> Browser:
    """Somebody who needs help, on SQLite."""
    return Browser(app_sqlite)


@pytest.fixture
def ada(app_sqlite: Flask, cast_sqlite: Cast) -> Browser:
    """Ada of admissions, signed in, on SQLite."""
    return signed_in(app_sqlite, cast_sqlite.staff["ada"])
