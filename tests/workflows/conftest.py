"""One center per workflow, on SQLite: the workflows are about people and clocks, not engines."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.workflows.steps import Center, open_center


@pytest.fixture
def center(app_sqlite: Flask) -> Center:
    """A center with its staff, empty otherwise."""
    return open_center(app_sqlite)
