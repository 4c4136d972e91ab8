"""All addresses of this room: public form, its confirmation, the call page, the page of one request."""

from __future__ import annotations

from intake.inquiries import calls, page, public, sent
from intake.inquiries.routes import bp

__all__ = ["bp", "calls", "page", "public", "sent"]
