"""All taper pages; importing them declares their routes."""

from __future__ import annotations

from intake.tapers import building, version_pages
from intake.tapers.routes import bp

PAGES = (building, version_pages)

__all__ = ["PAGES", "bp"]
