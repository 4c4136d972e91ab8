"""Every zone of the time-zone database, every day 2025 to 2035: no mail outside the hours, doubled or skipped.

`verify hours [--json] [--figures]`: for each zone and day the window of a reminder at 8:00, 10:00 and 20:59 is computed
as the product does it, and around every change of clocks the gate's open hours are asked minute by minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from intake.clinical.cadence import FIRST_HOUR, QUIET_HOUR, in_quiet_hours, send_window
from intake.messages.delivery import allowed_hours
from tests import figures

FIRST, LAST = date(2025, 1, 1), date(2035, 12, 31)
TIMES = ((FIRST_HOUR, 0), (10, 0), (QUIET_HOUR - 1, 59))
NAMES = ("zones", "days", "changes", "minutes", "outside", "doubled", "skipped", "other_day", "gate_wrong")
CHUNK = 25


@dataclass
class Count:
    """What was looked at, and what was wrong."""

    zones: int = 0
    days: int = 0
    changes: int = 0
    minutes: int = 0
    outside: int = 0
    doubled: int = 0
    skipped: int = 0
    other_day: int = 0
    gate_wrong: int = 0

    def add(self, other: Count) -> None:
        """Add another count."""
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def kept(self) -> bool:
        """Nothing was wrong."""
        return not (self.outside or self.doubled or self.skipped or self.other_day or self.gate_wrong)


def _days(zone: str, count: Count) -> list[datetime]:
    """Walk the days of a zone; returns the moments around which its clocks change."""
    place, changes, day = ZoneInfo(zone), [], FIRST
    last: dict[tuple[int, int], datetime] = {}
    offset = datetime(2025, 1, 1, tzinfo=UTC).astimezone(place).utcoffset()
    while day <= LAST:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        now = noon.astimezone(place).utcoffset()
        if now != offset:
            changes.append(noon)
            offset = now
        for hour, minute in TIMES:
            window = send_window(day, hour, minute, zone)
            count.days += 1
            local = window.due_at.astimezone(place)
            count.outside += in_quiet_hours(window.due_at, zone)
            count.outside += in_quiet_hours(window.end - timedelta(seconds=1), zone)
            # A whole day may not exist where a zone crossed the date line; its reminder comes on the next.
            count.other_day += local.date() != day and _exists(day, place)
            before = last.get((hour, minute))
            if before is not None:
                count.doubled += window.due_at <= before
                count.skipped += window.due_at - before > timedelta(hours=26)
            last[hour, minute] = window.due_at
        day += timedelta(days=1)
    return changes


def _exists(day: date, place: ZoneInfo) -> bool:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=place)
    return noon.astimezone(UTC).astimezone(place).date() == day


def _gate(zone: str, changes: list[datetime], count: Count) -> None:
    for change in changes:
        count.changes += 1
        moment = change - timedelta(hours=30)
        for _ in range(30 * 12 * 2):
            begin, end = allowed_hours(moment, zone)
            count.gate_wrong += (begin <= moment < end) is in_quiet_hours(moment, zone)
            count.minutes += 1
            moment += timedelta(minutes=5)


def some(zones: list[str]) -> Count:
    """Look at some zones."""
    count = Count()
    for zone in zones:
        count.zones += 1
        _gate(zone, _days(zone, count), count)
    return count


def main(arguments: list[str]) -> int:
    """Look at all zones; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="verify hours", description=__doc__)
    parser.add_argument("--zones", type=int, default=0, help="only every N-th zone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    given = parser.parse_args(arguments)
    zones = sorted(available_timezones())[:: max(1, given.zones)]
    total = Count()
    with ProcessPoolExecutor() as pool:
        for count in pool.map(some, [zones[i : i + CHUNK] for i in range(0, len(zones), CHUNK)]):
            total.add(count)
    rows: list[tuple[str, ...]] = [(name.replace("_", " "), f"{getattr(total, name):,}") for name in NAMES]
    if given.json:
        print(json.dumps({**vars(total), "kept": total.kept}))
    else:
        for name, value in rows:
            print(f"  {name:12} {value:>12}")
        print("  ok" if total.kept else "  NOT kept", file=sys.stdout)
    if given.figures:
        words = (
            f"Reminders at 8:00, 10:00 and 20:59 of every day from {FIRST} to {LAST}, in every zone; the gate every "
        )
        words += "five minutes around each change of clocks."
        figures.write("verify hours", f"{words}\n\n{figures.table(('what', 'count'), rows)}")
    return 0 if total.kept else 1
