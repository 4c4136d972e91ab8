"""The time zones of a select: those of the United States, and whichever one is in use."""

from __future__ import annotations

import zoneinfo

ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "Pacific/Honolulu", "America/Puerto_Rico",
)  # fmt: skip


def is_known(zone: str) -> bool:
    """Whether there is such a zone."""
    return zone in zoneinfo.available_timezones()


def choices(in_use: str) -> list[tuple[str, str]]:
    """Value and words of each zone to pick from, with the one `in_use` when it is another."""
    zones = [*ZONES, *([in_use] if in_use not in ZONES and is_known(in_use) else [])]
    return [(zone, zone.replace("_", " ")) for zone in zones]
