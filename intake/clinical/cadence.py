"""Which days a plan is owed a message, and at which moment of such a day it may be sent.

Sources: clinical.md 6.1 to 6.5 (3 days and 1 day before a visit are a project choice; check-in delays follow the usual
onset of withdrawal); rulings 25 for the day of activation.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from intake.errors import RuleBroken

from .products import Release
from .taper import Plan

KINDS = (
    "APPT_3D",
    "APPT_1D",
    "STEP_EVE",
    "CHECKIN",
    "SAFETY_EDU",
    "REFILL",
    "PEG_WEEKLY",
    "AFTER_1M",
    "AFTER_3M",
    "AFTER_6M",
    "AFTER_12M",
    "AFTER_24M",
)
AFTER_MONTHS = (1, 3, 6, 12)
CHECKIN_DAYS = MappingProxyType({"ir": 2, "er": 3, "patch": 3, "methadone": 4})
EDUCATION_DAYS = 90
PAIN_DAYS = 7
PAIN_DAYS_AFTER_END = 28

DEFAULT_HOUR = 10
FIRST_HOUR, QUIET_HOUR = 8, 21
LATEST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """One day and what is owed on it; `kinds` in merge order, each once, go into one message."""

    date: date
    kinds: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values: date as ISO text, kinds."""
        return {"date": self.date.isoformat(), "kinds": list(self.kinds)}


@dataclass(frozen=True, slots=True)
class Window:
    """When a message is due and between which moments it may go out; aware UTC. Past `end` it is too late to send."""

    due_at: datetime
    start: datetime
    end: datetime


def touchpoints(
    plan: Plan,
    *,
    release: Release,
    activated: date,
    appointments: Sequence[date] = (),
    refill_days: int | None = None,
    cancelled_from: date | None = None,
    after_months: Sequence[int] = AFTER_MONTHS,
) -> tuple[Touchpoint, ...]:
    """Return the days on which a plan owes a message, ascending, each day once.

    Args:
        plan: a plan with at least one step.
        release: ir, er, patch or methadone: how long after a change the check-in waits.
        activated: nothing falls before this day.
        appointments: days of visits.
        refill_days: days one dispensing lasts, None for no refill reminder; periods do not follow pauses.
        cancelled_from: days from this one on are dropped.
        after_months: months after the stop; 24 may be added by setting.

    Raises:
        RuleBroken: PLAN_HAS_NO_STEPS; INPUT_NOT_VALID for a refill period below 1 day or months not in the list.

    Source: clinical.md 6.1, 6.2, 6.5.
    """
    if not plan.steps:
        raise RuleBroken("A plan without steps owes no messages.", code="PLAN_HAS_NO_STEPS")
    if refill_days is not None and (type(refill_days) is not int or refill_days < 1):
        raise _refused("refill_days", "A dispensing period takes at least 1 day.")
    if any(f"AFTER_{months}M" not in KINDS for months in after_months):
        raise _refused("after_months", "Choose 1, 3, 6, 12 or 24 months.")
    owed: dict[date, set[str]] = {}
    for day, kind in (
        *_of_steps(plan, CHECKIN_DAYS[release]),
        *_of_calendar(plan, activated, refill_days),
        *_of_visits(appointments),
        *_aftercare(plan, after_months),
    ):
        if day >= activated and (cancelled_from is None or day < cancelled_from):
            owed.setdefault(day, set()).add(kind)
    return tuple(Touchpoint(day, tuple(kind for kind in KINDS if kind in owed[day])) for day in sorted(owed))


def _of_steps(plan: Plan, delay: int) -> Iterator[tuple[date, str]]:
    """Yield the eve of each change and the check-in after it, unless the next change comes first."""
    changes = [step.start for step in plan.steps]
    if plan.stop_date is not None:
        changes.append(plan.stop_date)
    for day, following in zip(changes, [*changes[1:], None], strict=True):
        yield day - timedelta(days=1), "STEP_EVE"
        checkin = day + timedelta(days=delay)
        if following is None or following > checkin:
            yield checkin, "CHECKIN"


def _of_calendar(plan: Plan, activated: date, refill_days: int | None) -> Iterator[tuple[date, str]]:
    """Yield pain scores every week, refills two days ahead, and education every 90 days until the end."""
    first, end = plan.steps[0].start, plan.end_date
    for day in _every(PAIN_DAYS, first, end + timedelta(days=PAIN_DAYS_AFTER_END + 1)):
        yield day, "PEG_WEEKLY"
    if refill_days is not None:
        ahead = timedelta(days=2)
        for day in _every(refill_days, first - ahead, end - ahead):
            yield day, "REFILL"
    yield activated, "SAFETY_EDU"
    for day in _every(EDUCATION_DAYS, activated, end):
        yield day, "SAFETY_EDU"


def _every(days: int, first: date, before: date) -> Iterator[date]:
    """Yield first + days, first + 2 x days, ... while before `before`."""
    day = first + timedelta(days=days)
    while day < before:
        yield day
        day += timedelta(days=days)


def _of_visits(appointments: Sequence[date]) -> Iterator[tuple[date, str]]:
    for day in appointments:
        yield day - timedelta(days=3), "APPT_3D"
        yield day - timedelta(days=1), "APPT_1D"


def _aftercare(plan: Plan, after_months: Sequence[int]) -> Iterator[tuple[date, str]]:
    """Yield the months after a stop, clipped to the end of the month; a hold has none."""
    if plan.stop_date is not None:
        for months in after_months:
            yield months_after(plan.stop_date, months), f"AFTER_{months}M"


def months_after(day: date, months: int) -> date:
    """Return the same day `months` later, or the last day of that month where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def send_window(local_date: date, hour: int, minute: int, zone: str) -> Window:
    """Return when a message of one local day is due: at the chosen local time, in the person's zone.

    It stays at that local time across changes of the clock; a time the clock skips moves to the first minute that
    exists, of a time that comes twice the first counts. It may be sent for 12 hours and never in the quiet hours.

    Args:
        local_date: day in the person's zone. hour, minute: chosen local time, 8:00 to 20:59. zone: an IANA name.

    Raises:
        RuleBroken: QUIET_HOURS for a chosen time from 21:00 to 8:00; UNKNOWN_ZONE.

    Source: clinical.md 6.1; safety.md I8, E10.
    """
    if not (FIRST_HOUR <= hour < QUIET_HOUR and 0 <= minute <= 59):
        raise RuleBroken(
            f"Choose a time from {FIRST_HOUR}:00 to {QUIET_HOUR - 1}:59.",
            code="QUIET_HOURS",
            fields={"hour": "These are quiet hours."},
        )
    due = _allowed(local_instant(local_date, time(hour, minute), zone), zone)
    quiet_from = local_instant(due.astimezone(zone_of(zone)).date(), time(QUIET_HOUR), zone)
    return Window(due, due, min(due + LATEST, quiet_from))


def same_day(local_date: date, hour: int, minute: int, zone: str, now: datetime) -> Window:
    """Return the window of a touchpoint of the activation day.

    When its local time has passed, it is due at the next full minute outside the quiet hours, and the 12 hours are
    counted from there (so its window may reach over a night: quiet hours are to be checked when it is sent).

    Args:
        now: aware. Others: as in `send_window`.

    Raises:
        RuleBroken: QUIET_HOURS; UNKNOWN_ZONE.

    Source: rulings 25.
    """
    planned = send_window(local_date, hour, minute, zone)
    if now <= planned.due_at:
        return planned
    full = now.astimezone(UTC).replace(second=0, microsecond=0)
    due = _allowed(full if full == now else full + timedelta(minutes=1), zone)
    return Window(due, due, due + LATEST)


def in_quiet_hours(instant: datetime, zone: str) -> bool:
    """Tell whether an aware moment lies in the quiet hours, 21:00 to 8:00 local; UNKNOWN_ZONE for no zone."""
    return not FIRST_HOUR <= instant.astimezone(zone_of(zone)).hour < QUIET_HOUR


def zone_of(zone: str) -> ZoneInfo:
    """Return a time zone by its IANA name; RuleBroken UNKNOWN_ZONE for any other text."""
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError) as wrong:
        raise RuleBroken(
            "Choose a time zone from the list.", code="UNKNOWN_ZONE", fields={"zone": "Unknown."}
        ) from wrong


def local_instant(local_date: date, local_time: time, zone: str) -> datetime:
    """Return the aware UTC moment of a local time: gap, the first minute that exists after it; fold, the first one."""
    place = zone_of(zone)
    wall = datetime.combine(local_date, local_time)
    moment = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    if moment.astimezone(place).replace(tzinfo=None) == wall:
        return moment
    # Inside a gap fold 1 reads the clock after the change, which lies before it: walk up to the change.
    moment = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    while moment.astimezone(place).replace(tzinfo=None) < wall:
        moment += timedelta(minutes=1)
    return moment


def _allowed(moment: datetime, zone: str) -> datetime:
    """Return the moment itself, or the first one after it that is not in the quiet hours."""
    if not in_quiet_hours(moment, zone):
        return moment
    local = moment.astimezone(zone_of(zone))
    day = local.date() + timedelta(days=local.hour >= QUIET_HOUR)
    return local_instant(day, time(FIRST_HOUR), zone)


def _refused(field: str, sentence: str) -> RuleBroken:
    return RuleBroken(sentence, code="INPUT_NOT_VALID", fields={field: sentence})
