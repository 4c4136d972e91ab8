"""Open hours are the person's own, in every zone and across every change of clocks from 2025 to 2035."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest

from intake.clinical.cadence import in_quiet_hours
from intake.messages.delivery import allowed_hours

BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
HALF_DAY = timedelta(hours=12)


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The hours in which a zone's offset changes."""
    place, found, at = ZoneInfo(zone), [], BEGIN
    while at < END:
        after = at + HALF_DAY
        if at.astimezone(place).utcoffset() != after.astimezone(place).utcoffset():
            found.append(at)
        at = after
    return tuple(found)


@pytest.mark.parametrize("letter", sorted({zone[0] for zone in available_timezones()}))
def test_d11_no_moment_that_the_gate_allows_is_quiet_and_every_open_moment_is_allowed(letter: str) -> None:
    for zone in sorted(z for z in available_timezones() if z[0] == letter and not z.startswith(("Etc/", "posix"))):
        moments = [change + timedelta(hours=h, minutes=1) for change in changes(zone) for h in range(0, 36, 2)]
        for now in moments or [BEGIN + timedelta(hours=h) for h in range(24)]:
            begin, end = allowed_hours(now, zone)
            open_now = begin <= now < end
            assert open_now is not in_quiet_hours(now, zone), (zone, now)
            assert not in_quiet_hours(begin, zone), (zone, now)
            assert not in_quiet_hours(end - timedelta(minutes=1), zone), (zone, now)
            assert end > now, "a mail that must wait has somewhere to wait for"
