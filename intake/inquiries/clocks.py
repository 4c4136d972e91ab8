"""When a conversation is due: the target of the priority or of the channel, counted in working hours where allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from intake.settings import queries as settings

# Emergencies and urgent requests never wait for the morning, whatever the hours say.
ALWAYS = 2
MOST_DAYS = 60
SATURDAY = 5


def due(site_id: int, *, acuity: int, channel: str, since: datetime) -> datetime:
    """The time by which somebody has spoken with them.

    The target in minutes is that of the acuity (1 to 4), or the channel's own when the center set a shorter one.
    Acuity 1 and 2 run by the wall clock, 3 and 4 inside the center's working hours.
    """
    minutes = settings.target_minutes(site_id, acuity)
    own = int(settings.value(site_id, "channel_minutes").get(channel, 0))
    minutes = min(minutes, own) if own else minutes
    if acuity <= ALWAYS:
        return since + timedelta(minutes=minutes)
    hours = settings.value(site_id, "working_hours")
    return after_working(
        since, minutes, zone=settings.zone(settings.site(site_id)), opens=int(hours["from"]), closes=int(hours["to"]),
        weekends=bool(settings.value(site_id, "works_weekends")),
    )  # fmt: skip


def after_working(
    since: datetime, minutes: int, *, zone: ZoneInfo, opens: int, closes: int, weekends: bool
) -> datetime:
    """The time when `minutes` of working time have passed since `since`; hours 0 to 24 in `zone`, DST kept."""
    if (opens == 0 and closes == 24 and weekends) or closes <= opens:
        return since + timedelta(minutes=minutes)
    left = timedelta(minutes=minutes)
    day = since.astimezone(zone).date()
    for _ in range(MOST_DAYS):
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        begin = max(since, (midnight + timedelta(hours=opens)).astimezone(UTC))
        # Wall time is added in the zone, so that a day with 23 or 25 hours opens and closes by the clock on the wall.
        end = (midnight + timedelta(hours=closes)).astimezone(UTC)
        if (weekends or day.weekday() < SATURDAY) and begin < end:
            if end - begin >= left:
                return begin + left
            left -= end - begin
        day += timedelta(days=1)
    return since + timedelta(minutes=minutes)
