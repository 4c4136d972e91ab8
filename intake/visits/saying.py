"""How mails tell of visits: the words for when, and the calendar files that travel along."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from intake.messages.kinds import Recipient
from intake.messages.mime import File
from intake.messages.models import Message
from intake.messages.service import config
from intake.visits import calendar
from intake.visits.calendar import Between
from intake.visits.models import Appointment, AppointmentState


def when(visit: Appointment, locale: str) -> str:
    """The local time of a visit in words, in the zone where it takes place."""
    pattern = "EEEE d 'de' MMMM, H:mm" if locale.startswith("es") else "EEEE, MMMM d, h:mm a"
    place = "es" if locale.startswith("es") else "en"
    return format_datetime(visit.starts_at.astimezone(ZoneInfo(visit.zone)), pattern, locale=place).replace(
        "\u202f", " "
    )


def files(
    visits: Sequence[Appointment], message: Message, recipient: Recipient, *, from_name: str, from_address: str
) -> tuple[File, ...]:
    """One calendar file per visit; made from the message's own time, so that a resend carries the same bytes."""
    between = Between(from_name, from_address, recipient.address)
    found = []
    for n, visit in enumerate(visits, start=1):
        method = "CANCEL" if visit.state is AppointmentState.CANCELLED else "REQUEST"
        text = calendar.write(
            visit, domain=config().mail_domain, stamp=message.created_at, locale=recipient.locale, between=between
        )
        name = "visit.ics" if len(visits) == 1 else f"visit-{n}.ics"
        found.append(File(name, f'text/calendar; charset="utf-8"; method={method}', text))
    return tuple(found)
