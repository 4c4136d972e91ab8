"""What the forms about consents bring: a consent to write, a signature, an end."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from intake.consents import scope
from intake.consents.models import ConsentKind
from intake.consents.service import Signature
from intake.consents.wanted import Wanted
from intake.fields import Reader

LONGEST = 300


def wanted(r: Reader, *, today: date, zone: ZoneInfo, center: str) -> Wanted:
    """A consent as the form asks for it; the last day counts to its end in the center's zone.

    Raises:
        RuleBroken: with a sentence per field.
    """
    kind = r.choice("kind", [k.value for k in ConsentKind], required=_("Pick what is agreed to."))
    discloser = r.text("discloser", limit=LONGEST) or center
    recipient_kind = r.choice("recipient_kind", tuple(scope.RECIPIENTS), default="named")
    recipient = r.text("recipient", limit=LONGEST)
    parts = r.choices("parts", tuple(scope.PARTS))
    purpose = r.choice("purpose", tuple(scope.PURPOSES))
    purpose_words = r.text("purpose_words", limit=LONGEST)
    ends_on = r.day("ends_on", earliest=today, latest=today + timedelta(days=scope.MOST_DAYS))
    event = r.text("end_event", limit=LONGEST)
    bound = r.yes("bound")
    bound_on = r.day("bound_on", earliest=today, latest=today + timedelta(days=scope.MOST_DAYS))
    bound_event = r.text("bound_event", limit=LONGEST)
    language = r.choice("language", ("en", "es"), default="en")
    r.check()
    found = ConsentKind(kind)
    only = found is ConsentKind.DISCLOSURE
    return Wanted(
        kind=found, discloser=discloser, recipient=recipient if only and recipient_kind == "named" else "",
        recipient_kind=recipient_kind if only else "named", parts=parts if only else (),
        purpose=purpose if only else "", purpose_words=purpose_words if only and purpose == "other" else "",
        expires_at=end_of(ends_on, zone) if ends_on else None, end_event=event,
        bound=bound, bound_until=datetime.combine(bound_on, time(0), tzinfo=zone) if bound and bound_on else None,
        bound_event=bound_event if bound else "", language=language,
    )  # fmt: skip


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment after the last minute of a day in a zone."""
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)


def signature(r: Reader, *, now: datetime, zone: ZoneInfo) -> Signature:
    """How, by whom and when it was signed; today means now.

    Raises:
        RuleBroken: with a sentence per field.
    """
    today = now.astimezone(zone).date()
    how = r.choice("signed_how", tuple(scope.SIGNED), required=_("Say how it was signed."))
    name = r.text("signed_name", limit=200, required=_("Type the name as it was signed."))
    guardian = r.text("guardian", limit=200)
    day = r.day("signed_on", earliest=today - timedelta(days=366), latest=today)
    r.check()
    at = now if day is None or day == today else datetime.combine(day, time(12), tzinfo=zone)
    return Signature(how=how, name=name, at=at, guardian=guardian)
