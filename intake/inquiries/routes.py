"""The blueprint that the public pages, the call page and the inquiry page share."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("inquiries", __name__)
