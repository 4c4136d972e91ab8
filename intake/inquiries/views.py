"""All addresses of this room: public form, call, inquiry page."""

from __future__ import annotations

from intake.inquiries import public, sent
from intake.inquiries.routes import bp

__all__ = ["bp", "public", "sent"]
