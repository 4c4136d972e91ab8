"""The calendar file of a visit (RFC 5545, RFC 5546): says when and where, and nothing of why.

Written here because the few lines it takes cost a sender neither memory nor time. The zone travels along as it is
around the visit, so a calendar that knows no zone names shows the right time on both sides of a change of clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from intake import crypto
from intake.visits.models import Appointment, AppointmentState

LENGTH = "PT1H"
PRODUCT = "-//Appointments//EN"
CRLF = "\r\n"
MOST_OCTETS = 73
SUMMARY = {"en": "Appointment", "es": "Cita"}
_LOCAL = "%Y%m%dT%H%M%S"
_UTC = "%Y%m%dT%H%M%SZ"
Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


@dataclass(frozen=True, slots=True)
class Between:
    """Who asks whom: the center's neutral name and address, and the address of the person."""

    center: str
    center_address: str
    person_address: str


def uid(visit: Appointment, domain: str) -> str:
    """The name of a visit in calendars: the same for its whole life, and leading back to nobody."""
    return f"{crypto.keyed_digest('calendar', b'%d' % visit.id).hex()[:32]}@{domain}"


def write(
    visit: Appointment, *, domain: str, stamp: datetime, locale: str = "en", between: Between | None = None
) -> str:
    """The file of one visit as it stands now, lines ending in CR LF.

    A booked visit asks (REQUEST), one that was taken back withdraws (CANCEL); both need `between`, and without it the
    file only tells (PUBLISH). `stamp` is when the file was first made: the same visit then gives the same bytes.
    """
    gone = visit.state is AppointmentState.CANCELLED
    method: Method = "PUBLISH" if between is None else "CANCEL" if gone else "REQUEST"
    start = visit.starts_at.astimezone(ZoneInfo(visit.zone))
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        f"METHOD:{method}",
        *_zone(visit.zone, start.year),
        "BEGIN:VEVENT",
        f"UID:{uid(visit, domain)}",
        f"DTSTAMP:{stamp.astimezone(UTC).strftime(_UTC)}",
        f"SEQUENCE:{visit.sequence}",
        f"DTSTART;TZID={visit.zone}:{start.strftime(_LOCAL)}",
        f"DURATION:{LENGTH}",
        f"SUMMARY:{SUMMARY.get(locale[:2], SUMMARY['en'])}",
        f"LOCATION:{_text(visit.place_code)}",
        f"STATUS:{'CANCELLED' if gone else 'CONFIRMED'}",
        "CLASS:PRIVATE",
        "TRANSP:OPAQUE",
        *(_people(between) if between is not None else ()),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return CRLF.join(map(_fold, lines)) + CRLF


def _people(between: Between) -> tuple[str, str]:
    name = "".join(c for c in between.center if c.isprintable() and c not in '";:,')
    return (
        f'ORGANIZER;CN="{name}":mailto:{between.center_address}',
        f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:{between.person_address}",
    )


def _text(value: str) -> str:
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, written)
    return "".join(c for c in value if c.isprintable())


def _fold(line: str) -> str:
    """A line of at most 75 octets; what is longer goes on after a blank, never inside a letter."""
    if len(line.encode()) <= MOST_OCTETS + 2:
        return line
    pieces, piece = [], ""
    for letter in line:
        if len((piece + letter).encode()) > MOST_OCTETS:
            pieces.append(piece)
            piece = ""
        piece += letter
    return f"{CRLF} ".join((*pieces, piece))


@lru_cache(maxsize=64)
def _zone(name: str, year: int) -> tuple[str, ...]:
    """A zone from the year before until the year after: how it began, and every change of its clocks."""
    place = ZoneInfo(name)
    begin = datetime(year - 1, 1, 1, tzinfo=UTC)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}", *_observance(place, begin, begin)]
    for change in _changes(place, date(year - 1, 1, 1), date(year + 2, 1, 1)):
        lines += _observance(place, change - timedelta(minutes=1), change)
    return (*lines, "END:VTIMEZONE")


def _observance(place: ZoneInfo, before: datetime, at: datetime) -> tuple[str, ...]:
    old, new = before.astimezone(place), at.astimezone(place)
    kind = "DAYLIGHT" if new.dst() else "STANDARD"
    old_offset = old.utcoffset() or timedelta(0)
    return (
        f"BEGIN:{kind}",
        # The change is written in the time of the clock before it.
        f"DTSTART:{(at + old_offset).strftime(_LOCAL)}",
        f"TZOFFSETFROM:{_offset(old_offset)}",
        f"TZOFFSETTO:{_offset(new.utcoffset() or timedelta(0))}",
        f"TZNAME:{new.tzname()}",
        f"END:{kind}",
    )


def _offset(length: timedelta) -> str:
    minutes, seconds = divmod(abs(round(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if length < timedelta(0) else '+'}{hours:02}{minutes:02}{f'{seconds:02}' if seconds else ''}"


def _changes(place: ZoneInfo, first: date, until: date) -> list[datetime]:
    """The moments from which another offset (or name of it) holds, to the minute."""
    found = []
    at, end = datetime(*first.timetuple()[:3], tzinfo=UTC), datetime(*until.timetuple()[:3], tzinfo=UTC)
    while at < end:
        after = at + timedelta(hours=12)
        if _clock(place, at) != _clock(place, after):
            found.append(_when(place, at, after))
        at = after
    return found


def _clock(place: ZoneInfo, at: datetime) -> tuple[timedelta | None, str | None]:
    local = at.astimezone(place)
    return local.utcoffset(), local.tzname()


def _when(place: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _clock(place, low)
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=(high - low) // timedelta(minutes=2))
        low, high = (middle, high) if _clock(place, middle) == before else (low, middle)
    return high
