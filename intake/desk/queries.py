"""What the desk's pages read."""

from __future__ import annotations

from dataclasses import dataclass, field

from intake.actor import Actor
from intake.settings import queries as settings


@dataclass
class Shell:
    """The frame of a staff page (docs/screens.md)."""

    center_name: str
    nav: str = ""
    nav_items: list[tuple[str, str, str, str, int | None]] = field(default_factory=list)
    beds: list[str] = field(default_factory=list)
    late_banner: str | None = None
    scoring_banner: str | None = None


def shell(actor: Actor) -> Shell:
    """The frame for one member of staff."""
    return Shell(center_name=settings.site(actor.site_id).name)
