"""The blueprint of the room, with the pages of its modules on it."""

from __future__ import annotations

from intake.release import consent_pages, copies
from intake.release.routes import bp

PAGES = (consent_pages, copies)

__all__ = ["PAGES", "bp"]
