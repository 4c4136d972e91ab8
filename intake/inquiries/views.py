"""All addresses of this room: public form, its confirmation, the call page, the page of one request."""

from __future__ import annotations

from intake.inquiries import api, calls, directory_page, page, public, referral_pages, sent
from intake.inquiries.routes import bp

__all__ = ["api", "bp", "calls", "directory_page", "page", "public", "referral_pages", "sent"]
