"""The blueprint that the staff pages and the pages behind a mailed link share."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("screening", __name__)
