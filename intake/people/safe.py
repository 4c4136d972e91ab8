"""What is safe on a phone or address: one rule for every page that shows how to reach somebody.

Emails are checked by the gate of the outbox (`people.kinds.PersonMail`); calls, voice messages, texts and letters here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.people import queries as people
from intake.people.models import ContactKind
from intake.people.queries import ContactView
from intake.tasks import service as tasks

CHANNELS = ("call", "voicemail", "text", "email", "post")
HOURS: Mapping[str, LazyString] = {
    "any": _("Any time"),
    "morning": _("In the morning"),
    "afternoon": _("In the afternoon"),
    "evening": _("After 5 pm"),
}
_BETWEEN: Mapping[str, tuple[time, time]] = {
    "morning": (time(8), time(12)),
    "afternoon": (time(12), time(17)),
    "evening": (time(17), time(21)),
}
SCOPES: Mapping[str, LazyString] = {
    "all": _("Visits, the plan and check-ins"),
    "visits": _("Only visits"),
}
# How often somebody agreed to be written to; only a mail that could wait is ever spared (`tapers.sparing`).
OFTEN: Mapping[int, LazyString] = {
    0: _("Each one as it comes, at most one a day"),
    7: _("At most one a week, beside visits, changes and safety"),
    28: _("At most one in four weeks, beside visits, changes and safety"),
}
WHY: Mapping[str, LazyString] = {
    "stopped": _("stopped"),
    "bad": _("mail comes back"),
    "other_kind": _("not possible here"),
    "not_allowed": _("not allowed"),
    "not_now": _("not at this time of day"),
}
REVIEW = timedelta(hours=24)
# How a try that somebody logged used a contact point.
_USED: Mapping[tuple[str, str], str] = {("phone", "voicemail"): "voicemail", ("text", ""): "text", ("post", ""): "post"}


def why_not(point: ContactView, channel: str, *, now: datetime, zone: str) -> str:
    """Why a contact point must not be used in a way now: "" when it may, else a code of WHY.

    `channel` is one of CHANNELS; `now` aware; `zone` the person's time zone. A code of hours holds for calls, voice
    messages and texts; free words about hours are shown to staff and bind nobody but them.

    Raises:
        KeyError: an unknown channel.
    """
    allowed = {
        "call": (ContactKind.PHONE, point.may_call),
        "voicemail": (ContactKind.PHONE, point.may_call and point.may_voicemail),
        "text": (ContactKind.PHONE, point.may_text),
        "email": (ContactKind.EMAIL, point.may_email),
        "post": (ContactKind.POST, point.may_post),
    }
    kind, may = allowed[channel]
    if point.stopped_at is not None:
        return "stopped"
    if point.bad_since is not None:
        return "bad"
    if point.kind is not kind:
        return "other_kind"
    if not may:
        return "not_allowed"
    if channel in {"call", "voicemail", "text"} and point.hours in _BETWEEN:
        start, end = _BETWEEN[point.hours]
        if not start <= now.astimezone(ZoneInfo(zone)).time() < end:
            return "not_now"
    return ""


def to_call(points: Sequence[ContactView], *, now: datetime | None = None, zone: str = "UTC") -> ContactView | None:
    """The newest phone that may be called; with `now` also at this time of day."""
    for point in reversed(points):
        why = why_not(point, "call", now=now or _ANY_TIME, zone=zone)
        if why == "" or (why == "not_now" and now is None):
            return point
    return None


def allows(points: Sequence[ContactView], channel: str) -> bool:
    """Whether some contact point allows a channel, at whatever time of day."""
    return any(why_not(p, channel, now=_ANY_TIME, zone="UTC") in {"", "not_now"} for p in points)


_ANY_TIME = datetime.fromisoformat("2000-01-01T12:00:00+00:00")


def watch(
    person_ids: Collection[int],
    *,
    channel: str,
    outcome: str,
    site_id: int,
    actor: Actor,
    now: datetime,
    inquiry_id: int | None = None,
    case_id: int | None = None,
) -> bool:
    """Look at a try that somebody logged: a message left, text or letter that no contact point allowed is told on.

    The try stays logged, since it happened; an audit entry and a task for the privacy officer say that it was unsafe.
    Returns whether it was.
    """
    used = _USED.get((channel, outcome)) or _USED.get((channel, ""))
    if used is None:
        return False
    points = [p for found in people.contact_points_of(person_ids).values() for p in found]
    if allows(points, used):
        return False
    about = case_id or inquiry_id
    audit.record(
        actor=actor, verb="unsafe_contact", record="inquiry" if inquiry_id else "care_case", record_id=about,
        site_id=site_id, case_id=case_id, purpose=used, now=now,
    )  # fmt: skip
    tasks.owe(
        site_id=site_id, kind="unsafe_contact", key=f"unsafe_contact:{about}", role=Role.PRIVACY, due_at=now + REVIEW,
        cause=used, inquiry_id=inquiry_id, case_id=case_id, actor=actor, now=now,
    )  # fmt: skip
    return True
