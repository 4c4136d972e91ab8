"""The blueprint of the taper pages, and the day it is at the center."""

from __future__ import annotations

from datetime import date

from flask import Blueprint

from intake.clock import utcnow
from intake.guard import current_actor
from intake.settings import queries as settings

bp = Blueprint("tapers", __name__)


def today() -> date:
    """The day it is at the center of whoever asks."""
    zone = settings.zone(settings.site(current_actor().site_id))
    return utcnow().astimezone(zone).date()
