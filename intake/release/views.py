"""The blueprint of the room, with the pages of its modules on it."""

from __future__ import annotations

from intake.release import (
    consent_pages,
    contact_pages,
    copies,
    emergency_pages,
    legal_pages,
    privacy_pages,
    referrer_pages,
)
from intake.release.routes import bp

PAGES = (consent_pages, copies, contact_pages, emergency_pages, referrer_pages, legal_pages, privacy_pages)

__all__ = ["PAGES", "bp"]
