"""All pages of the accounts room."""

from __future__ import annotations

from intake.accounts import joining_pages, own_pages, signing_in, users
from intake.accounts.routes import bp

PAGES = (signing_in, joining_pages, own_pages, users)

__all__ = ["PAGES", "bp"]
