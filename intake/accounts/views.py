"""All pages of the accounts room."""

from __future__ import annotations

from intake.accounts import joining_pages, own_pages, passkey_pages, signing_in, token_pages, users
from intake.accounts.routes import bp

PAGES = (signing_in, joining_pages, own_pages, passkey_pages, token_pages, users)

__all__ = ["PAGES", "bp"]
